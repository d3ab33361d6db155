{{/* One NetworkPolicy, for both ways. Call: (dict "root" $ "name" … "namespace" … "pods" <labels> "ingress" <yaml> "egress" <yaml>) */}}
{{- define "darkroom.policy" }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels: {{ include "darkroom.labels" (list .root .name) | nindent 4 }}
spec:
  podSelector:
    {{- if .pods }}
    matchLabels: {{ .pods | nindent 6 }}
    {{- else }} {}
    {{- end }}
  policyTypes: [Ingress, Egress]
  {{- with .ingress }}
  ingress: {{ . | nindent 4 }}
  {{- end }}
  {{- with .egress }}
  egress: {{ . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Pods of a namespace as a peer. Call: (dict "namespace" … "pods" <labels>) */}}
{{- define "darkroom.peer" -}}
- namespaceSelector:
    matchLabels: {kubernetes.io/metadata.name: {{ .namespace }}}
  {{- with .pods }}
  podSelector:
    matchLabels: {{ . | nindent 6 }}
  {{- end }}
{{- end -}}

{{- define "darkroom.dns" -}}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: kube-system}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end -}}

{{/* The way to S3: our own server, or addresses outside. */}}
{{- define "darkroom.toStore" -}}
- to:
  {{- if .Values.store.enabled }}
    {{- include "darkroom.peer" (dict "namespace" .Values.namespaces.gateway "pods" (include "darkroom.selector" (list . "store"))) | nindent 4 }}
  ports: [{protocol: TCP, port: 7070}]
  {{- else }}
  {{- range .Values.store.external.cidrs }}
    - ipBlock: {cidr: {{ . | quote }}}
  {{- end }}
  ports: [{protocol: TCP, port: {{ .Values.store.external.port }}}]
  {{- end }}
{{- end -}}

{{/* The machines of the API server: ["address:port"]; the cluster is asked where it can be. */}}
{{- define "darkroom.apiServer" -}}
{{- $at := .Values.network.apiServer -}}
{{- if not $at -}}
{{- $at = list -}}
{{- $slice := lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "kubernetes" -}}
{{- $port := 6443 -}}
{{- range $slice.ports -}}{{- $port = int .port -}}{{- end -}}
{{- range $slice.endpoints -}}{{- range .addresses -}}
{{- $at = append $at (printf "%s:%d" . $port) -}}
{{- end -}}{{- end -}}
{{- end -}}
{{- if not $at -}}
{{- fail "network.apiServer: it is missing, and there is no cluster to ask. Set it to what `kubectl get endpointslices kubernetes` shows: [192.168.1.10:6443]" -}}
{{- end -}}
{{- dict "at" ($at | uniq | sortAlpha) | toJson -}}
{{- end -}}

{{/* The ways out of a notebook: to the public addresses of relay, MLflow and Hub; the internet if allowed. */}}
{{- define "darkroom.notebookEgress" -}}
{{ include "darkroom.dns" . }}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .Values.ingress.controllerNamespace }}}
  ports: {{ range .Values.ingress.controllerPorts }}
    - {protocol: TCP, port: {{ . }}}
  {{- end }}
{{- if eq .Values.relay.tls "own" }}
- to:
    {{- include "darkroom.peer" (dict "namespace" .Values.namespaces.gateway "pods" (include "darkroom.selector" (list . "relay"))) | nindent 4 }}
  ports: [{protocol: TCP, port: 8400}]
{{- end }}
{{- if .Values.network.publicAddresses }}
- to: {{ range .Values.network.publicAddresses }}
    - ipBlock: {cidr: {{ . | quote }}}
  {{- end }}
  ports: {{ range $name := ternary (list "relay" "mlflow" "hub") (list "relay") .Values.jupyterhub.enabled }}
    - {protocol: TCP, port: {{ (include "darkroom.address" (list $name (get $.Values $name).publicUrl) | fromJson).port }}}
  {{- end }}
{{- end }}
{{- if .Values.hub.internet }}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        # The neighbours' networks, and 169.254: where clouds hand out their keys.
        except: [10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
{{- end }}
{{- end -}}
