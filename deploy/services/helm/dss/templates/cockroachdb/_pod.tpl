{{/* What every node is started with. Nothing here goes through a shell. */}}
{{- define "dss.cockroachdb.args" -}}
{{- $db := .Values.cockroachdb -}}
{{- if not $db.locality -}}
{{- fail "cockroachdb.locality is needed: the tiers that place this organisation's nodes" -}}
{{- end -}}
{{- if not $db.join -}}
{{- fail "cockroachdb.join is needed: own nodes and other members' nodes" -}}
{{- end -}}
{{- $tiers := list -}}
{{- range $db.locality -}}
{{- $tiers = append $tiers (printf "%s=%s" .key .value) -}}
{{- end -}}
{{- $suffix := required "cockroachdb.advertise.suffix is needed: node 0 advertises 0.SUFFIX" $db.advertise.suffix -}}
- --logtostderr
- --certs-dir=/cockroach/cockroach-certs
- --store=path=/cockroach/cockroach-data{{ with $db.storage.limit }},size={{ . }}{{ end }}
- --listen-addr=$(POD_IP):26257
- --http-addr=$(POD_IP):8080
- --advertise-addr=$(ORDINAL).{{ $suffix }}:{{ int $db.advertise.port }}
- --locality={{ join "," $tiers }}
# Nodes of this organisation reach each other without leaving the cluster.
- --locality-advertise-addr={{ last $tiers }}@$(POD_NAME).{{ include "dss.host" (list . (include "dss.cockroachdb" .)) }}:26257
- --join={{ join "," $db.join }}
{{- with $db.clusterName }}
- --cluster-name={{ . }}
{{- end }}
{{- if $db.disableClusterNameVerification }}
- --disable-cluster-name-verification
{{- end }}
- --cache={{ $db.cache }}
- --max-sql-memory={{ $db.maxSqlMemory }}
{{- with $db.maxOffset }}
- --max-offset={{ . }}
{{- end }}
{{- with $db.attributes }}
- --attrs={{ join ":" . }}
{{- end }}
{{- with $db.certPrincipalMap }}
- --cert-principal-map={{ join "," . }}
{{- end }}
{{- include "dss.args.more" $db.extraArgs }}
{{- end -}}

{{- define "dss.cockroachdb.container" -}}
{{- $db := .Values.cockroachdb -}}
name: cockroachdb
image: {{ include "dss.image.versioned" (list . $db.image $db.version) | quote }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
command: [/cockroach/cockroach, start]
args:
  {{- include "dss.cockroachdb.args" . | nindent 2 }}
env:
  - name: POD_NAME
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  - name: ORDINAL
    valueFrom:
      fieldRef:
        fieldPath: metadata.labels['apps.kubernetes.io/pod-index']
  {{- include "dss.env" $db | nindent 2 }}
{{- include "dss.envFrom" $db }}
ports:
  - name: rpc
    containerPort: 26257
  - name: http
    containerPort: 8080
# Answers as soon as the process serves HTTP, waiting for a cluster or not.
startupProbe:
  {{- include "dss.probe" (list $db.probes.startup "/health" "HTTPS") | nindent 2 }}
livenessProbe:
  {{- include "dss.probe" (list $db.probes.liveness "/health" "HTTPS") | nindent 2 }}
# Holds only once the node is part of a cluster and takes SQL.
readinessProbe:
  {{- include "dss.probe" (list $db.probes.readiness "/health?ready=1" "HTTPS") | nindent 2 }}
{{ include "dss.resources" (list . "cockroachdb" $db.resources) }}
{{ include "dss.container.security" . }}
volumeMounts:
  - name: datadir
    mountPath: /cockroach/cockroach-data
  - name: certs
    mountPath: /cockroach/cockroach-certs
    readOnly: true
  - name: tmp
    mountPath: /tmp
  {{- include "dss.more" $db.extraVolumeMounts | nindent 2 }}
{{- end -}}

{{/* The sidecar that tells a database of changed certificates and says what is mounted: (list . "process" "folder"); without a process
     it tells nobody. A third says which port of the pod tells of the database's health. */}}
{{- define "dss.reload" -}}
{{- $root := index . 0 -}}
name: reload
image: {{ include "dss.agent" (list $root "the reload sidecar runs it (or set reload.enabled to false)") | quote }}
imagePullPolicy: {{ $root.Values.imagePullPolicy }}
command:
  - /usr/bin/hangar-agent
  - reload
  - --certs-dir={{ index . 2 }}
  {{- with index . 1 }}
  - --process={{ . }}
  {{- end }}
  - --listen=$(POD_IP):8090
  {{- if gt (len .) 3 }}
  - --health=$(POD_IP):{{ index . 3 }}
  {{- end }}
env:
  {{- include "dss.env" dict | nindent 2 }}
ports:
  - name: reload
    containerPort: 8090
{{ include "dss.resources" (list $root "reload" $root.Values.reload.resources) }}
{{ include "dss.container.security" $root }}
volumeMounts:
  - name: certs
    mountPath: {{ index . 2 }}
    readOnly: true
{{- end -}}

{{- define "dss.cockroachdb.pod" -}}
{{- $db := .Values.cockroachdb -}}
{{- $labelled := deepCopy $db -}}
{{- $_ := set $labelled "podLabels" (mergeOverwrite (dict "app.kubernetes.io/version" (include "dss.version" (list $db.image $db.version))) $db.podLabels) -}}
{{ include "dss.pod.metadata" (list . "cockroachdb" $labelled) }}
spec:
  {{- include "dss.pod.common" (list . "cockroachdb" $db) | nindent 2 }}
  {{- if .Values.reload.enabled }}
  # The sidecar sends the database SIGHUP, so it has to see its process.
  shareProcessNamespace: true
  {{- end }}
  containers:
    - {{ include "dss.cockroachdb.container" . | nindent 6 | trim }}
    {{- if .Values.reload.enabled }}
    - {{ include "dss.reload" (list . "cockroach" "/cockroach/cockroach-certs") | nindent 6 | trim }}
    {{- end }}
    {{- include "dss.more" $db.extraContainers | nindent 4 }}
  volumes:
    # Mounted whole, never by subPath: a changed Secret reaches the running pod.
    {{- include "dss.certificates.volume" (list . "certs" (include "dss.secret.node" .) (list "node.crt" "node.key")) | nindent 4 }}
    - name: tmp
      emptyDir: {}
    {{- include "dss.more" $db.extraVolumes | nindent 4 }}
{{- end -}}
