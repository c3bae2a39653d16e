{{/* Flags of both processes. Nothing here goes through a shell. */}}
{{- define "dss.yugabytedb.flags" -}}
{{- $root := index . 0 -}}
{{- $db := $root.Values.yugabytedb -}}
{{- $name := printf "$(ORDINAL).%s" (required "yugabytedb.advertise.suffix is needed: node 0 is 0.SUFFIX" $db.advertise.suffix) -}}
- --fs_data_dirs=/mnt/disk0
- --rpc_bind_addresses=$(POD_IP):{{ index . 1 }}
- --server_broadcast_addresses={{ $name }}:{{ index . 1 }}
- --webserver_interface=$(POD_IP)
- --placement_cloud={{ $db.placement.cloud }}
- --placement_region={{ required "yugabytedb.placement.region is needed: it names this organisation" $db.placement.region }}
- --placement_zone={{ $db.placement.zone }}
- --use_private_ip=never
- --certs_dir=/opt/certs/yugabyte
- --cert_node_filename={{ $name }}
- --use_node_to_node_encryption=true
- --node_to_node_encryption_use_client_certificates=true
- --allow_insecure_connections=false
- --logtostderr=true
{{- end -}}

{{- define "dss.yugabytedb.masters" -}}
{{- if not .Values.yugabytedb.masters -}}
{{- fail "yugabytedb.masters is needed: all masters of the pool, own ones included" -}}
{{- end -}}
{{- join "," .Values.yugabytedb.masters -}}
{{- end -}}

{{/* One process of a node: a dict of `root`, `process`, `flags`, `ports`, `ready` (a probe as YAML), `resources` and `more`. */}}
{{- define "dss.yugabytedb.container" -}}
{{- $root := .root -}}
{{- $db := $root.Values.yugabytedb -}}
name: {{ .process }}
image: {{ include "dss.image.versioned" (list $root $db.image $db.version) | quote }}
imagePullPolicy: {{ $root.Values.imagePullPolicy }}
command: [/home/yugabyte/bin/yb-{{ .process }}]
args:
  {{- .flags | nindent 2 }}
  {{- range $name, $value := index $db.flags .process }}
  - --{{ $name }}={{ $value }}
  {{- end }}
  {{- include "dss.args.more" (eq .process "tserver" | ternary $db.extraArgs list) | indent 2 }}
env:
  - name: ORDINAL
    valueFrom:
      fieldRef:
        fieldPath: metadata.labels['apps.kubernetes.io/pod-index']
  {{- include "dss.env" $db | nindent 2 }}
{{- include "dss.envFrom" $db }}
ports:
  {{- range $name, $port := .ports }}
  - name: {{ $name }}
    containerPort: {{ $port }}
  {{- end }}
startupProbe:
  {{- include "dss.yugabytedb.probe" (list $db.probes.startup .process) | nindent 2 }}
livenessProbe:
  {{- include "dss.yugabytedb.probe" (list $db.probes.liveness .process) | nindent 2 }}
readinessProbe:
  {{- include "dss.yugabytedb.probe" (list $db.probes.readiness .ready) | nindent 2 }}
{{ include "dss.resources" (list $root (printf "yugabytedb-%s" .process) .resources) }}
{{ include "dss.container.security" $root }}
volumeMounts:
  - name: datadir
    mountPath: /mnt/disk0
    subPath: {{ .process }}
  - name: certs
    mountPath: /opt/certs/yugabyte
    readOnly: true
  - name: tmp
    mountPath: /tmp
  {{- include "dss.more" $db.extraVolumeMounts | nindent 2 }}
{{- end -}}

{{/* Whether a port is served: (list probe "port"). */}}
{{- define "dss.yugabytedb.probe" -}}
{{- $probe := index . 0 -}}
tcpSocket:
  port: {{ index . 1 }}-{{ eq (index . 1) "ysql" | ternary "sql" "web" }}
initialDelaySeconds: {{ int ($probe.initialDelaySeconds | default 0) }}
periodSeconds: {{ int $probe.periodSeconds }}
timeoutSeconds: {{ int $probe.timeoutSeconds }}
failureThreshold: {{ int $probe.failureThreshold }}
{{- end -}}

{{- define "dss.yugabytedb.master" -}}
{{- $db := .Values.yugabytedb -}}
{{- $flags := include "dss.yugabytedb.flags" (list . 7100) -}}
{{- $flags = printf "%s\n- --master_addresses=%s\n- --replication_factor=%d" $flags (include "dss.yugabytedb.masters" .) (int $db.replicationFactor) -}}
{{- $ports := dict "master-rpc" 7100 "master-web" 7000 -}}
{{- include "dss.yugabytedb.container" (dict "root" . "process" "master" "flags" $flags "ports" $ports "ready" "master" "resources" $db.masterResources) -}}
{{- end -}}

{{- define "dss.yugabytedb.tserver" -}}
{{- $db := .Values.yugabytedb -}}
{{- $flags := include "dss.yugabytedb.flags" (list . 9100) -}}
{{- $flags = printf "%s\n- --tserver_master_addrs=%s" $flags (include "dss.yugabytedb.masters" .) -}}
{{- $flags = printf "%s\n- --use_client_to_server_encryption=true\n- --certs_for_client_dir=/opt/certs/yugabyte" $flags -}}
{{- $flags = printf "%s\n- --enable_ysql=true\n- --pgsql_proxy_bind_address=$(POD_IP):5433" $flags -}}
{{- $flags = printf "%s\n- --ysql_hba_conf_csv=hostssl all all 0.0.0.0/0 cert,hostssl all all ::0/0 cert" $flags -}}
{{- $ports := dict "tserver-rpc" 9100 "tserver-web" 9000 "ysql-sql" 5433 "ysql-web" 13000 -}}
{{- include "dss.yugabytedb.container" (dict "root" . "process" "tserver" "flags" $flags "ports" $ports "ready" "ysql" "resources" $db.resources) -}}
{{- end -}}

{{- define "dss.yugabytedb.pod" -}}
{{- $db := .Values.yugabytedb -}}
{{- $labelled := deepCopy $db -}}
{{- $_ := set $labelled "podLabels" (mergeOverwrite (dict "app.kubernetes.io/version" (include "dss.version" (list $db.image $db.version))) $db.podLabels) -}}
{{ include "dss.pod.metadata" (list . "yugabytedb" $labelled) }}
spec:
  {{- include "dss.pod.common" (list . "yugabytedb" $db) | nindent 2 }}
  containers:
    - {{ include "dss.yugabytedb.master" . | nindent 6 | trim }}
    - {{ include "dss.yugabytedb.tserver" . | nindent 6 | trim }}
    {{- if .Values.reload.enabled }}
    # Its processes read changed files when they are told over RPC, which this one does not do: it says what is mounted, and which
    # copies are missing.
    - {{ include "dss.reload" (list . "" "/opt/certs/yugabyte" "7000") | nindent 6 | trim }}
    {{- end }}
    {{- include "dss.more" $db.extraContainers | nindent 4 }}
  volumes:
    # Mounted whole, never by subPath: a changed Secret reaches the running pod.
    - name: certs
      secret:
        secretName: {{ include "dss.secret.yugabyteNode" . | quote }}
        defaultMode: {{ 0440 }}
    - name: tmp
      emptyDir: {}
    {{- include "dss.more" $db.extraVolumes | nindent 4 }}
{{- end -}}
