{{/* What the node is told of its sandbox. */}}
{{- define "darkroom.sandbox" -}}
{{- $id := include "darkroom.id" . -}}
{{- $exchange := .Values.storage.exchange.claim | default (printf "%s-exchange" $id) -}}
{{- $gateway := include "darkroom.gateway" . | fromJson -}}
namespace: {{ include "darkroom.jobsNamespace" . }}
template: /etc/darkroom/sandbox/job.yaml
exchange: /exchange
environments:
{{- range $name, $runtime := include "darkroom.environments" . | fromJson }}
  {{ $name }}: {{ $runtime | toJson }}
{{- end }}
mounts:
  - {path: /exchange, claim: {{ $exchange }}}
{{- range (include "darkroom.pis" . | fromJson).pis }}
  - {path: /footage/{{ .name }}, claim: {{ $id }}-footage-{{ .name }}}
{{- end }}
canaries:
{{- range (include "darkroom.apiServer" . | fromJson).at }}
  - {{ . | quote }}
{{- end }}
  - {{ printf "%s:%d" $gateway.host (int $gateway.port) | quote }}
{{- end -}}

{{/* files/job.yaml with what this domain decides; nothing else of it can be changed here. */}}
{{- define "darkroom.job" -}}
{{- $sizes := include "darkroom.pis" . | fromJson -}}
{{- $job := .Files.Get "files/job.yaml" | fromYaml -}}
{{- $_ := set $job.metadata "namespace" (include "darkroom.jobsNamespace" .) -}}
{{- $_ := set $job.spec "activeDeadlineSeconds" (int .Values.jobs.deadlineSeconds) -}}
{{- $pod := $job.spec.template.spec -}}
{{- with .Values.jobs.runtimeClassName -}}{{- $_ := set $pod "runtimeClassName" . -}}{{- end -}}
{{- with .Values.images.pullSecrets -}}
{{- $names := list -}}{{- range . -}}{{- $names = append $names (dict "name" .) -}}{{- end -}}
{{- $_ := set $pod "imagePullSecrets" $names -}}
{{- end -}}
{{- $work := index $pod.initContainers 0 -}}
{{- range list "requests" "limits" -}}
{{- $_ := set (get $work.resources .) "memory" (printf "%dMi" (int $sizes.job)) -}}
{{- end -}}
{{- $job | toYaml -}}
{{- end -}}
