{{/* What things are called. The id is the domain's name; the release has to have the same one. */}}

{{- define "darkroom.id" -}}
{{- (include "darkroom.domain" . | fromJson).domain -}}
{{- end -}}

{{- define "darkroom.jobsNamespace" -}}
darkroom-{{ include "darkroom.id" . }}-jobs
{{- end -}}

{{- define "darkroom.storeSecret" -}}
{{- .Values.store.secret | default (printf "%s-store" (include "darkroom.id" .)) -}}
{{- end -}}

{{/* Labels of every object. Call: (list $ "component") */}}
{{- define "darkroom.labels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/part-of: darkroom
app.kubernetes.io/name: darkroom-domain
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Labels that select pods; they never change. Call: (list $ "component") */}}
{{- define "darkroom.selector" -}}
app.kubernetes.io/part-of: darkroom
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}
