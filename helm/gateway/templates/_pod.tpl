{{/* The walls around every pod and container of ours; zero-to-jupyterhub's stand in values.yaml. */}}

{{/* Call: (dict "root" $ "uid" 64010) */}}
{{- define "darkroom.pod" -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: {{ .uid }}
  fsGroup: {{ .uid }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets: {{ range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with .node }}
nodeSelector: {{ toJson . }}
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

{{/* A volume that stays when the release goes. Call: (dict "root" $ "name" "relay" "namespace" … "state" …) */}}
{{- define "darkroom.claim" -}}
{{- if not .state.claim }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ .name }}-state
  namespace: {{ .namespace }}
  annotations: {helm.sh/resource-policy: keep}
  labels: {{ include "darkroom.labels" (list .root .name) | nindent 4 }}
spec:
  accessModes: [ReadWriteOnce]
  {{- with .state.storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests: {storage: {{ .state.size }}}
{{- end }}
{{- end -}}
