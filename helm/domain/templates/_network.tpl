{{/* {"host", "port"} of an http(s) address. Call: (list "field" "https://…") */}}
{{- define "darkroom.endpoint" -}}
{{- $field := index . 0 -}}{{- $url := index . 1 -}}
{{- if not (regexMatch "^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$" $url) -}}
{{- fail (printf "%s: %q is no address. Write it as https://host[:port]" $field $url) -}}
{{- end -}}
{{- $parts := urlParse $url -}}
{{- $port := regexFind ":[0-9]+$" $parts.host | trimPrefix ":" | default (ternary "443" "80" (eq $parts.scheme "https")) -}}
{{- dict "host" (regexReplaceAll ":[0-9]+$" $parts.host "") "port" (int $port) | toJson -}}
{{- end -}}

{{/* CIDRs of an endpoint: those of the values, or the host where it is an address.
Call: (dict "field" "gateway.addresses" "cidrs" [] "host" "…") */}}
{{- define "darkroom.cidrs" -}}
{{- $cidrs := .cidrs -}}
{{- if and (not $cidrs) (regexMatch "^[0-9]{1,3}(\\.[0-9]{1,3}){3}$" .host) -}}
{{- $cidrs = list (printf "%s/32" .host) -}}
{{- end -}}
{{- if not $cidrs -}}
{{- fail (printf "%s: a NetworkPolicy knows addresses, not names. List those of %s as CIDRs (`getent ahosts %s` shows them): [203.0.113.10/32]" .field .host .host) -}}
{{- end -}}
{{- dict "cidrs" $cidrs | toJson -}}
{{- end -}}

{{/* The gateway: {"url", "host", "port", "cidrs"}. */}}
{{- define "darkroom.gateway" -}}
{{- $url := .Values.gateway.url -}}
{{- if not $url -}}
{{- fail "gateway.url: it is missing. Set it to the address of your gateway: https://gateway.example.org" -}}
{{- end -}}
{{- $end := include "darkroom.endpoint" (list "gateway.url" $url) | fromJson -}}
{{- $cidrs := (include "darkroom.cidrs" (dict "field" "gateway.addresses" "cidrs" .Values.gateway.addresses "host" $end.host) | fromJson).cidrs -}}
{{- dict "url" $url "host" $end.host "port" $end.port "cidrs" $cidrs | toJson -}}
{{- end -}}

{{/* The machines of the API server: {"at": ["address:port"]}; the cluster is asked where it can be. */}}
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

{{/* One egress rule. Call: (dict "cidrs" [...] "port" n) */}}
{{- define "darkroom.egress" -}}
- to: {{ range .cidrs }}
    - ipBlock: {cidr: {{ . | quote }}}
  {{- end }}
  ports:
    - {protocol: TCP, port: {{ .port }}}
{{- end -}}

{{/* Names of the cluster's DNS, the same in k3s and MicroK8s. */}}
{{- define "darkroom.dns" -}}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: kube-system}
      podSelector:
        matchLabels: {k8s-app: kube-dns}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end -}}
