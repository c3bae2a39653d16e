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
- --store=path=/cockroach/cockroach-data
- --listen-addr=$(POD_IP):26257
- --http-addr=$(POD_IP):8080
- --advertise-addr=$(ORDINAL).{{ $suffix }}:26257
- --locality={{ join "," $tiers }}
# Nodes of this organisation reach each other without leaving the cluster.
- --locality-advertise-addr={{ last $tiers }}@$(POD_NAME).{{ include "dss.host" (list . (include "dss.cockroachdb" .)) }}:26257
- --join={{ join "," $db.join }}
{{- with $db.clusterName }}
- --cluster-name={{ . }}
{{- end }}
- --cache={{ $db.cache }}
- --max-sql-memory={{ $db.maxSqlMemory }}
{{- end -}}

{{- define "dss.cockroachdb.container" -}}
name: cockroachdb
image: {{ include "dss.cockroachdb.image" . | quote }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
command: [/cockroach/cockroach, start]
args:
  {{- include "dss.cockroachdb.args" . | nindent 2 }}
env:
  {{- include "dss.env.podIP" . | nindent 2 }}
  - name: POD_NAME
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  - name: ORDINAL
    valueFrom:
      fieldRef:
        fieldPath: metadata.labels['apps.kubernetes.io/pod-index']
ports:
  - name: rpc
    containerPort: 26257
  - name: http
    containerPort: 8080
# Answers as soon as the process serves HTTP, waiting for a cluster or not.
livenessProbe:
  httpGet:
    path: /health
    port: http
    scheme: HTTPS
  initialDelaySeconds: 30
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
# Holds only once the node is part of a cluster and takes SQL.
readinessProbe:
  httpGet:
    path: /health?ready=1
    port: http
    scheme: HTTPS
  initialDelaySeconds: 2
  periodSeconds: 3
  timeoutSeconds: 3
  failureThreshold: 2
resources:
  {{- toYaml .Values.cockroachdb.resources | nindent 2 }}
{{ include "dss.container.security" . }}
volumeMounts:
  - name: datadir
    mountPath: /cockroach/cockroach-data
  - name: certs
    mountPath: /cockroach/cockroach-certs
    readOnly: true
  - name: tmp
    mountPath: /tmp
{{- end -}}

{{- define "dss.cockroachdb.reload" -}}
name: reload
image: {{ required "agent.image is needed: the reload sidecar runs it (or set reload.enabled to false)" .Values.agent.image | quote }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
command:
  - /usr/bin/hangar-agent
  - reload
  - --certs-dir=/cockroach/cockroach-certs
  - --process=cockroach
  - --listen=$(POD_IP):8090
env:
  {{- include "dss.env.podIP" . | nindent 2 }}
ports:
  - name: reload
    containerPort: 8090
resources:
  {{- toYaml .Values.reload.resources | nindent 2 }}
{{ include "dss.container.security" . }}
volumeMounts:
  - name: certs
    mountPath: /cockroach/cockroach-certs
    readOnly: true
{{- end -}}

{{- define "dss.cockroachdb.pod" -}}
metadata:
  labels:
    {{- include "dss.pod.labels" (list . "cockroachdb") | nindent 4 }}
    app.kubernetes.io/version: {{ include "dss.cockroachdb.version" . | quote }}
  {{- with .Values.cockroachdb.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "dss.pod.security" . | nindent 2 }}
  {{- include "dss.pod.placement" (list . .Values.cockroachdb "cockroachdb") | nindent 2 }}
  terminationGracePeriodSeconds: {{ int .Values.cockroachdb.terminationGracePeriodSeconds }}
  {{- if .Values.reload.enabled }}
  # The sidecar sends the database SIGHUP, so it has to see its process.
  shareProcessNamespace: true
  {{- end }}
  containers:
    - {{ include "dss.cockroachdb.container" . | nindent 6 | trim }}
    {{- if .Values.reload.enabled }}
    - {{ include "dss.cockroachdb.reload" . | nindent 6 | trim }}
    {{- end }}
  volumes:
    # Mounted whole, never by subPath: a changed Secret reaches the running pod.
    - name: certs
      secret:
        secretName: {{ include "dss.secret.node" . | quote }}
        defaultMode: 0440
    - name: tmp
      emptyDir: {}
{{- end -}}
