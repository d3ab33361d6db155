{{/*
domain.yaml, the only place where cameras, datasets and workers are written. The node reads it
strictly, with file and line; here only what the chart itself needs is looked at.
*/}}
{{- define "darkroom.domain" -}}
{{- if not .Values.domain -}}
{{- fail "domain: domain.yaml is missing. Add --set-file domain=domains/<id>/domain.yaml" -}}
{{- end -}}
{{- $read := .Values.domain | fromYaml -}}
{{- if hasKey $read "Error" -}}
{{- fail (printf "domain: domain.yaml is not YAML (%s). Mend the file; `darkroom node init` names the line" $read.Error) -}}
{{- end -}}
{{- $id := $read.domain | default "" -}}
{{- if not (and (kindIs "string" $id) (regexMatch "^[a-z]([a-z0-9-]{0,22}[a-z0-9])?$" $id)) -}}
{{- fail (printf "domain.yaml: domain: %v cannot name objects of a cluster. Use 1 to 24 of a-z, 0-9 and '-', a letter first" $id) -}}
{{- end -}}
{{- if ne $id .Release.Name -}}
{{- fail (printf "domain.yaml: domain: it names %s, the release is called %s. Give both one name: helm install %s …" $id .Release.Name $id) -}}
{{- end -}}
{{- if not (kindIs "map" $read.environments) -}}
{{- fail "domain.yaml: environments: it is missing. Write it as environments: {tflite: litert}" -}}
{{- end -}}
{{- $read | toJson -}}
{{- end -}}

{{/* The bucket of `footage: s3://…`, or "". */}}
{{- define "darkroom.bucket" -}}
{{- $footage := (include "darkroom.domain" . | fromJson).footage | default "folder" -}}
{{- if hasPrefix "s3://" $footage -}}{{- trimPrefix "s3://" $footage -}}{{- end -}}
{{- end -}}
