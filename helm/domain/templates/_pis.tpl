{{/*
What the machines have, what node and cameras take of it, and how many jobs fit into the rest.

Every number in MiB. Requests are measured use and some more: docs/helm-domain.md.
*/}}
{{- define "darkroom.sizes" -}}
profiles:
  pi4: {memory: 3700, job: 2048}
  pi5: {memory: 7900, job: 3200}
system: 1024        # the operating system and Kubernetes itself
node: {request: 88, limit: 512}
ingest: {request: 56, limit: 160}
camera: {request: 80, limit: 160}
store: {request: 96, limit: 384}
{{- end -}}

{{/* The most that one worker may have. */}}
{{- define "darkroom.jobMemory" -}}
{{- $profiles := (include "darkroom.sizes" . | fromYaml).profiles -}}
{{- $most := int .Values.jobs.memoryMiB -}}
{{- if not $most -}}
{{- range $index, $pi := .Values.pis -}}
{{- if eq $pi.profile "custom" -}}
{{- fail (printf "pis[%d] (%s): profile custom does not say what a job may have. Set jobs.memoryMiB" $index $pi.name) -}}
{{- end -}}
{{- $of := int (get $profiles $pi.profile).job -}}
{{- $most = ternary (min $most $of | int) $of (gt $most 0) -}}
{{- end -}}
{{- end -}}
{{- $most -}}
{{- end -}}

{{/* {"all": [ids], "live": {id: {id, url, device, folder, credentials, index, dataset}}}: live are
those of a dataset with `record`. */}}
{{- define "darkroom.live" -}}
{{- $domain := include "darkroom.domain" . | fromJson -}}
{{- $seen := list -}}{{- $live := dict -}}{{- $sources := dict -}}
{{- range $index, $camera := $domain.cameras -}}
{{- if has $camera.id $seen -}}
{{- fail (printf "domain.yaml: cameras[%d].id: %s is the name of another camera, too. Rename one of them" $index $camera.id) -}}
{{- end -}}
{{- $seen = append $seen $camera.id -}}
{{- if or $camera.url $camera.device $camera.folder -}}
{{- $_ := set $sources $camera.id (set $camera "index" $index) -}}
{{- end -}}
{{- end -}}
{{- range $dataset := $domain.datasets -}}
{{- if kindIs "map" $dataset.record -}}
{{- range $dataset.cameras | default $seen -}}
{{- if hasKey $sources . -}}
{{- $_ := set $live . (set (get $sources .) "dataset" $dataset.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- dict "all" $seen "live" $live | toJson -}}
{{- end -}}

{{/* {"pis": [{name, host, cameras: [live ones], room, jobs}], "job": MiB, "workers": n}. */}}
{{- define "darkroom.pis" -}}
{{- if not .Values.pis -}}
{{- fail "pis: no machine is listed. Write pis: [{name: pi-a, profile: pi5}]" -}}
{{- end -}}
{{- $sizes := include "darkroom.sizes" . | fromYaml -}}
{{- $job := int (include "darkroom.jobMemory" .) -}}
{{- $cameras := include "darkroom.live" . | fromJson -}}
{{- $names := list -}}{{- $hosts := list -}}{{- $placed := dict -}}{{- $recorded := dict -}}{{- $found := list -}}{{- $slots := 0 -}}
{{- range $index, $pi := .Values.pis -}}
{{- $host := $pi.host | default $pi.name -}}
{{- if has $pi.name $names -}}
{{- fail (printf "pis[%d].name: there are two Pis of the name %s. Rename one of them" $index $pi.name) -}}
{{- end -}}
{{- if has $host $hosts -}}
{{- fail (printf "pis[%d].host: %s is listed twice. One entry for each machine" $index $host) -}}
{{- end -}}
{{- $names = append $names $pi.name -}}{{- $hosts = append $hosts $host -}}
{{- $mine := list -}}
{{- range $pi.cameras | default (ternary $cameras.all list (eq 1 (len $.Values.pis))) -}}
{{- if not (has . $cameras.all) -}}
{{- fail (printf "pis[%d].cameras: domain.yaml has no camera %s. It has: %s" $index . (join ", " $cameras.all | default "none")) -}}
{{- end -}}
{{- if hasKey $placed . -}}
{{- fail (printf "pis[%d].cameras: %s is recorded at %s already. Leave it at one of them" $index . (get $placed .)) -}}
{{- end -}}
{{- $_ := set $placed . $pi.name -}}
{{- if hasKey $cameras.live . -}}
{{- $mine = append $mine . -}}
{{- $dataset := (get $cameras.live .).dataset -}}
{{- if ne $pi.name (get $recorded $dataset | default $pi.name) -}}
{{- fail (printf "pis[%d].cameras: the dataset %s is recorded at %s and %s, and a version lies on one of them. Make a dataset for each Pi" $index $dataset (get $recorded $dataset) $pi.name) -}}
{{- end -}}
{{- $_ := set $recorded $dataset $pi.name -}}
{{- end -}}
{{- end -}}
{{- $memory := int $pi.memoryMiB -}}
{{- if ne $pi.profile "custom" -}}
{{- $memory = int (get $sizes.profiles $pi.profile).memory -}}
{{- end -}}
{{- $taken := int $sizes.system -}}
{{- if eq 0 $index -}}
{{- $taken = add $taken $sizes.node.request (ternary $sizes.store.request 0 $.Values.store.enabled) -}}
{{- end -}}
{{- if $mine -}}
{{- $taken = add $taken $sizes.ingest.request (mul (len $mine) $sizes.camera.request) -}}
{{- end -}}
{{- $room := sub $memory $taken -}}
{{- if lt $room (int64 $job) -}}
{{- fail (printf "pis[%d] (%s, %s): of its %d MiB, system, node and %d cameras take %d. One job may have %d, and %d are left: lower jobs.memoryMiB, move cameras, or take a larger Pi" $index $pi.name $pi.profile $memory (len $mine) $taken $job (max 0 $room)) -}}
{{- end -}}
{{- $fit := div $room $job -}}
{{- $slots = add $slots $fit -}}
{{- $found = append $found (dict "name" $pi.name "host" $host "cameras" $mine "room" $room "jobs" $fit) -}}
{{- end -}}
{{- range $id, $camera := $cameras.live -}}
{{- if not (hasKey $placed $id) -}}
{{- fail (printf "domain.yaml: cameras[%d]: no Pi records %s. List it under pis[].cameras of one" (int $camera.index) $id) -}}
{{- end -}}
{{- end -}}
{{- $workers := int ((include "darkroom.domain" . | fromJson).workers | default 1) -}}
{{- if gt (int64 $workers) (int64 $slots) -}}
{{- fail (printf "domain.yaml: workers: %d do not fit, the Pis have room for %d jobs of %d MiB. Lower workers or jobs.memoryMiB, or add a Pi" $workers $slots $job) -}}
{{- end -}}
{{- dict "pis" $found "job" $job "workers" $workers | toJson -}}
{{- end -}}

{{/* What the ingest of one Pi needs of its cameras: {rtsp: [{cidr…}], devices, folders, secret}.
Call: (list $ pi) */}}
{{- define "darkroom.cameras" -}}
{{- $root := index . 0 -}}{{- $pi := index . 1 -}}
{{- $live := (include "darkroom.live" $root | fromJson).live -}}
{{- $streams := list -}}{{- $devices := list -}}{{- $folders := list -}}{{- $secret := false -}}{{- $named := false -}}
{{- range $pi.cameras -}}
{{- $camera := get $live . -}}
{{- $field := printf "domain.yaml: cameras[%d]" (int $camera.index) -}}
{{- if $camera.url -}}
{{- $authority := regexFind "^rtsp://[^/]+" $camera.url | trimPrefix "rtsp://" -}}
{{- $port := regexFind ":[0-9]+$" $authority | trimPrefix ":" | default "554" -}}
{{- $host := regexReplaceAll ":[0-9]+$" $authority "" | trimPrefix "[" | trimSuffix "]" -}}
{{- $cidrs := $root.Values.cameras.addresses -}}
{{- if regexMatch "^[0-9]{1,3}([.][0-9]{1,3}){3}$" $host -}}
{{- $cidrs = list (printf "%s/32" $host) -}}
{{- else if contains ":" $host -}}
{{- $cidrs = list (printf "%s/128" $host) -}}
{{- else -}}
{{- $named = true -}}
{{- if not $cidrs -}}
{{- fail (printf "cameras.addresses: %s.url holds the name %s, and a NetworkPolicy knows addresses only. List the cameras' as CIDRs: [192.168.1.0/28]; or write the address into the url" $field $host) -}}
{{- end -}}
{{- end -}}
{{- $streams = append $streams (dict "cidrs" $cidrs "port" (int $port)) -}}
{{- if $camera.credentials -}}{{- $secret = true -}}{{- end -}}
{{- else if $camera.device -}}
{{- $devices = append $devices $camera.device -}}
{{- else if not (hasPrefix "/spool/" $camera.folder) -}}
{{- fail (printf "%s.folder: the ingest pod sees %s/spool of its Pi as /spool. Write it as /spool/%s" $field (include "darkroom.path" $root) .) -}}
{{- else -}}
{{- $folders = append $folders $camera.folder -}}
{{- end -}}
{{- end -}}
{{- if and $devices (not $root.Values.cameras.device) -}}
{{- fail (printf "cameras.device: %s is lent to a pod by a device plugin. Install one, and name its resource here: squat.ai/video" (first $devices)) -}}
{{- end -}}
{{- if and $secret (not $root.Values.cameras.secret) -}}
{{- fail (printf "cameras.secret: domain.yaml names credentials of cameras at %s. Make the Secret (kubectl create secret generic %s-cameras --from-file=…) and name it here" $pi.name (include "darkroom.id" $root)) -}}
{{- end -}}
{{- dict "streams" ($streams | uniq) "devices" (len $devices) "folders" (len $folders) "secret" $secret "named" $named | toJson -}}
{{- end -}}
