{{/* The walls around every pod and container of ours. Job pods have theirs in files/job.yaml. */}}

{{- define "darkroom.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: 64000
  fsGroup: 64000
  fsGroupChangePolicy: OnRootMismatch
  {{- with .groups }}
  supplementalGroups: {{ toJson . }}
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- with .pull }}
imagePullSecrets: {{ range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "darkroom.container" -}}
imagePullPolicy: IfNotPresent
securityContext:
  runAsNonRoot: true
  privileged: false
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* Probes of the operations port, named `operations`. Call with failureThreshold of the start. */}}
{{- define "darkroom.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: operations}
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: {{ . }}
livenessProbe:
  httpGet: {path: /healthz, port: operations}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: operations}
  periodSeconds: 10
  timeoutSeconds: 5
{{- end -}}

{{/* "true" where the cluster knows ValidatingAdmissionPolicy; `helm template` knows its version only. */}}
{{- define "darkroom.admission" -}}
{{- or (.Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy") (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
