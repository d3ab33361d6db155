{{/* Labels of every object. Call: (list $ "component") */}}
{{- define "darkroom.labels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/part-of: darkroom
app.kubernetes.io/name: darkroom-gateway
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

{{/* Labels of zero-to-jupyterhub's pods. Call: (list $ "singleuser-server") */}}
{{- define "darkroom.hubSelector" -}}
app: jupyterhub
release: {{ (index . 0).Release.Name }}
component: {{ index . 1 }}
{{- end -}}

{{/* An image by its digest. Call: (list $ "gateway") */}}
{{- define "darkroom.image" -}}
{{- $images := (index . 0).Values.images -}}{{- $field := index . 1 -}}{{- $image := get $images $field -}}
{{- $name := $image.repository -}}
{{- if and $images.registry (not (regexMatch "^[^/]+[.:][^/]*/" $name)) -}}
{{- $name = printf "%s/%s" (trimSuffix "/" $images.registry) $name -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else if and $images.allowTags $image.tag -}}
{{- printf "%s:%s" $name $image.tag -}}
{{- else -}}
{{- $cure := "Add -f images.yaml, which the build of the images writes" -}}
{{- if eq $field "store" -}}
{{- $cure = printf "`docker buildx imagetools inspect %s:%s` shows it" $name $image.tag -}}
{{- end -}}
{{- fail (printf "images.%s.digest: it is missing, and what a tag names may be another image tomorrow. %s; to try things out: images.allowTags: true, and a tag" $field $cure) -}}
{{- end -}}
{{- end -}}

{{/* {"host", "port"} of an https address. Call: (list "field" "https://…") */}}
{{- define "darkroom.address" -}}
{{- $field := index . 0 -}}{{- $url := index . 1 -}}
{{- if not $url -}}
{{- fail (printf "%s: it is missing. Set it to what people will open: https://name.example.org" $field) -}}
{{- end -}}
{{- if not (regexMatch "^https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$" $url) -}}
{{- fail (printf "%s: %q is no address. Write it as https://name.example.org, without a path" $field $url) -}}
{{- end -}}
{{- $at := (urlParse $url).host -}}
{{- dict "host" (regexReplaceAll ":[0-9]+$" $at "") "port" (regexFind ":[0-9]+$" $at | trimPrefix ":" | default "443" | int) | toJson -}}
{{- end -}}

{{/* Where S3 is, for relay and MLflow: {"url", "region", "relayBucket", "mlflowBucket"}. */}}
{{- define "darkroom.store" -}}
{{- if .Values.store.enabled -}}
{{- dict "url" (printf "http://store.%s.svc:7070" .Values.namespaces.gateway) "region" "us-east-1" "relayBucket" "relay" "mlflowBucket" "mlflow" | toJson -}}
{{- else -}}
{{- $s3 := .Values.store.external -}}
{{- dict "url" $s3.endpoint "region" $s3.region "relayBucket" $s3.relayBucket "mlflowBucket" $s3.mlflowBucket | toJson -}}
{{- end -}}
{{- end -}}
