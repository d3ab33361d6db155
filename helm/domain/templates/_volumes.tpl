{{/* Where the folders of this domain lie on a Pi: another domain there has its own. */}}
{{- define "darkroom.path" -}}
{{ trimSuffix "/" .Values.storage.path }}/{{ include "darkroom.id" . }}
{{- end -}}

{{/*
A volume of a Pi, or of the NFS server, and the claim on it. Two namespaces never share a claim:
the node's and the jobs' each get their own, onto the same folder.

Call: (dict "root" $ "name" claim "namespace" … "component" … "size" … "mode" ReadWriteOnce
            "folder" of the domain on that Pi "host" of the Pi, or "" for NFS, "keep" true)
*/}}
{{- define "darkroom.volume" -}}
{{- $values := .root.Values -}}
{{- $volume := printf "%s%s" .name (ternary "" "-jobs" (eq .namespace .root.Release.Namespace)) -}}
apiVersion: v1
kind: PersistentVolume
metadata:
  name: darkroom-{{ $volume }}
  labels: {{- include "darkroom.labels" (list .root .component) | nindent 4 }}
  {{- if .keep }}
  annotations: {helm.sh/resource-policy: keep}
  {{- end }}
spec:
  capacity: {storage: {{ .size }}}
  accessModes: [{{ .mode }}]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: ""
  volumeMode: Filesystem
  claimRef:  # for nobody else
    apiVersion: v1
    kind: PersistentVolumeClaim
    namespace: {{ .namespace }}
    name: {{ .name }}
  {{- if .host }}
  local: {path: {{ printf "%s/%s" (include "darkroom.path" .root) .folder }}}
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions:
            - {key: kubernetes.io/hostname, operator: In, values: [{{ .host }}]}
  {{- else }}
  nfs: {server: {{ $values.storage.nfs.server }}, path: {{ $values.storage.nfs.path }}}
  mountOptions: [nosuid, nodev, noexec]
  {{- end }}
---
{{ include "darkroom.claim" (set (set . "volume" (printf "darkroom-%s" $volume)) "class" "") }}
{{- end -}}

{{/* A claim on a volume by name, or on whatever a storage class makes. Call as above, with
"volume" or "class". */}}
{{- define "darkroom.claim" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels: {{- include "darkroom.labels" (list .root .component) | nindent 4 }}
  {{- if .keep }}
  annotations: {helm.sh/resource-policy: keep}
  {{- end }}
spec:
  accessModes: [{{ .mode }}]
  storageClassName: {{ .class | quote }}
  volumeMode: Filesystem
  {{- with .volume }}
  volumeName: {{ . }}
  {{- end }}
  resources: {requests: {storage: {{ .size }}}}
{{- end -}}
