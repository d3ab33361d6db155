{{/* The folder of the models that domain.yaml registers, or "" where it registers none. A
relative path is one of /opt/darkroom in the image, where the node looks for it. */}}
{{- define "darkroom.models" -}}
{{- $folders := list -}}{{- $files := list -}}
{{- range $name, $path := (include "darkroom.domain" . | fromJson).models -}}
{{- $whole := ternary $path (printf "/opt/darkroom/%s" $path) (hasPrefix "/" $path) -}}
{{- $folders = append $folders (dir $whole) | uniq -}}
{{- $files = append $files $path -}}
{{- end -}}
{{- if gt (len $folders) 1 -}}
{{- fail (printf "domain.yaml: models: their files lie in %d folders, and a pod sees one. Put them into one folder: %s" (len $folders) (join ", " $files)) -}}
{{- end -}}
{{- if and $folders (not .Values.models.configMap) -}}
{{- $id := include "darkroom.id" . -}}
{{- fail (printf "models.configMap: domain.yaml registers %s, and no image has them. Make a ConfigMap (kubectl create configmap %s-models -n %s --from-file=%s) and name it here" (join ", " $files) $id .Release.Namespace (join " --from-file=" $files)) -}}
{{- end -}}
{{- first $folders | default "" -}}
{{- end -}}
