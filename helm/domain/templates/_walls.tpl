{{/* The command of the pod that `helm test` puts in the place of a job; the admission policy lets
no other one in. A JSON list. */}}
{{- define "darkroom.walls" -}}
{{- $canaries := (include "darkroom.sandbox" . | fromYaml).canaries -}}
{{- concat (list "/opt/darkroom/venv/bin/python" "-I" "-c" (include "darkroom.wallsProgram" .)) $canaries | toRawJson -}}
{{- end -}}

{{- define "darkroom.wallsProgram" -}}
import sys
from darkroom.walls.canary import still_reachable

places = [place.rpartition(":") for place in sys.argv[1:]]
left = still_reachable([(host.strip("[]"), int(port)) for host, _, port in places])
if left:
    sys.exit(
        f"NetworkPolicies are not enforced: a job's pod reaches {left}. No job will run. "
        "k3s: start it without --disable-network-policy; MicroK8s: keep its Calico. "
        "See docs/helm-domain.md, Network."
    )
print("a job's pod reaches neither the API server nor the gateway")
{{- end -}}
