{{/* Where `footage: s3://…` is kept: {"endpoint", "host", "port", "cidrs"}; {} for a folder. */}}
{{- define "darkroom.store" -}}
{{- $bucket := include "darkroom.bucket" . -}}
{{- $store := .Values.store -}}
{{- $id := include "darkroom.id" . -}}
{{- if and $store.enabled $store.endpoint -}}
{{- fail "store: enabled and endpoint are both set. Keep the one that footage goes to" -}}
{{- end -}}
{{- if and (not $bucket) (or $store.enabled $store.endpoint) -}}
{{- fail (printf "store: domain.yaml does not use it. Write footage: s3://%s-footage there, or take store out of the values" $id) -}}
{{- end -}}
{{- if and $bucket (not $store.enabled) (not $store.endpoint) -}}
{{- fail (printf "store: domain.yaml says footage: s3://%s, and there is no store. Set store.enabled: true, or store.endpoint" $bucket) -}}
{{- end -}}
{{- if $store.enabled -}}
{{- dict "endpoint" (printf "http://%s-store.%s.svc:7070" $id .Release.Namespace) "edge" true "port" 7070 | toJson -}}
{{- else if $store.endpoint -}}
{{- $end := include "darkroom.endpoint" (list "store.endpoint" $store.endpoint) | fromJson -}}
{{- $cidrs := (include "darkroom.cidrs" (dict "field" "store.addresses" "cidrs" $store.addresses "host" $end.host) | fromJson).cidrs -}}
{{- dict "endpoint" $store.endpoint "edge" false "port" $end.port "cidrs" $cidrs | toJson -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* The environment of whoever reads and writes there; "" for a folder. */}}
{{- define "darkroom.storeEnvironment" -}}
{{- with (include "darkroom.store" . | fromJson).endpoint -}}
- {name: DARKROOM_S3_ENDPOINT, value: {{ . }}}
- name: DARKROOM_S3_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ include "darkroom.storeSecret" $ }}, key: access-key}}
- name: DARKROOM_S3_SECRET_KEY
  valueFrom: {secretKeyRef: {name: {{ include "darkroom.storeSecret" $ }}, key: secret-key}}
{{- end -}}
{{- end -}}
