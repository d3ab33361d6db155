{{/* An image by its digest. Call: (list $ "images.node" {repository, tag, digest} true-if-a-tag-may-do) */}}
{{- define "darkroom.image" -}}
{{- $images := (index . 0).Values.images -}}{{- $field := index . 1 -}}{{- $image := index . 2 -}}
{{- $name := $image.repository | default "" -}}
{{- if not $name -}}
{{- fail (printf "%s.repository: it is missing. Name the image's repository" $field) -}}
{{- end -}}
{{- if and $images.registry (not (regexMatch "^[^/]+[.:][^/]*/" $name)) -}}
{{- $name = printf "%s/%s" (trimSuffix "/" $images.registry) $name -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else if and $images.allowTags $image.tag (index . 3) -}}
{{- printf "%s:%s" $name $image.tag -}}
{{- else -}}
{{- $way := ternary "; to try things out: images.allowTags: true, and a tag" ". What jobs run in always has one" (index . 3) -}}
{{- fail (printf "%s.digest: it is missing, and what a tag names may be another image tomorrow. Add -f images.yaml with the digests (docs/helm-domain.md, Images)%s" $field $way) -}}
{{- end -}}
{{- end -}}

{{/* Environment of domain.yaml -> {"image", "interpreter"}, as JSON. The image goes by what the
lock goes by: the interpreter, or the name where there is none. */}}
{{- define "darkroom.environments" -}}
{{- $found := dict -}}
{{- range $name, $interpreter := (include "darkroom.domain" . | fromJson).environments -}}
{{- $which := $interpreter | default $name -}}
{{- $image := get $.Values.images.runtime $which -}}
{{- if not $image -}}
{{- fail (printf "images.runtime.%s: it is missing, and domain.yaml offers the environment %s. Add the image" $which $name) -}}
{{- end -}}
{{- $_ := set $found $name (dict "image" (include "darkroom.image" (list $ (printf "images.runtime.%s" $which) $image false)) "interpreter" $interpreter) -}}
{{- end -}}
{{- $found | toJson -}}
{{- end -}}
