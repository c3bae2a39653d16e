{{/* Fails where a setting would leave the API open, or make core-service end at its start. */}}
{{- define "dss.core-service.check" -}}
{{- $core := .Values.coreService -}}
{{- $auth := $core.authorization -}}
{{- $keys := or $auth.publicKeys $auth.publicKeysSecret.name -}}
{{- if not (or $auth.jwksEndpoint $keys) -}}
{{- fail "coreService.authorization needs jwksEndpoint or publicKeys: without either the API would take every request" -}}
{{- end -}}
{{- if and $auth.jwksEndpoint $keys -}}
{{- fail "coreService.authorization takes jwksEndpoint or publicKeys, not both: core-service would ignore the former" -}}
{{- end -}}
{{- if and $auth.publicKeys $auth.publicKeysSecret.name -}}
{{- fail "coreService.authorization takes publicKeys or publicKeysSecret, not both" -}}
{{- end -}}
{{- if and $auth.publicKeysSecret.name (not $auth.publicKeysSecret.files) -}}
{{- fail "coreService.authorization.publicKeysSecret.files is needed: without one the API would take every request" -}}
{{- end -}}
{{- if gt (len (compact (list $core.scd.globalLock $core.scd.hashLock $core.timeBasedNotificationIndex))) 1 -}}
{{- fail "coreService: one of scd.globalLock, scd.hashLock and timeBasedNotificationIndex may be on, not more" -}}
{{- end -}}
{{- end -}}

{{- define "dss.core-service.authorization" -}}
{{- $core := .Values.coreService -}}
{{- with $core.authorization -}}
- --accepted_jwt_audiences={{ join "," (prepend .audiences $core.hostname) }}
{{- if .jwksEndpoint }}
- --jwks_endpoint={{ .jwksEndpoint }}
{{- with .jwksKeyIds }}
- --jwks_key_ids={{ join "," . }}
{{- end }}
{{- end }}
{{- with .jwksRefreshInterval }}
- --jwks_refresh_interval={{ . }}
{{- end }}
{{- with .jwksKeyTtl }}
- --jwks_key_ttl={{ . }}
{{- end }}
{{- $files := .publicKeysSecret.files }}
{{- range $index, $key := .publicKeys }}
{{- $files = append $files (printf "%d.pem" $index) }}
{{- end }}
{{- with $files }}
- --public_key_files=/public-keys/{{ join ",/public-keys/" . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "dss.core-service.args" -}}
{{- include "dss.core-service.check" . -}}
{{- $core := .Values.coreService -}}
{{- $hostname := required "coreService.hostname is needed: the public name of the API" $core.hostname -}}
- --addr=$(POD_IP):8080
- --public_endpoint={{ $core.publicEndpoint | default (printf "https://%s" $hostname) }}
- --locality={{ required "coreService.locality is needed: the instance's name in the pool's records" $core.locality }}
{{ include "dss.core-service.authorization" . }}
- --enable_scd={{ $core.scd.enabled }}
- --enable_scd_global_lock={{ $core.scd.globalLock }}
- --enable_scd_hash_lock={{ $core.scd.hashLock }}
- --enable_time_based_notification_index={{ $core.timeBasedNotificationIndex }}
- --allow_http_base_urls={{ $core.allowHttpBaseUrls }}
- --dump_requests={{ $core.dumpRequests }}
{{- with $core.serverTimeout }}
- --server_timeout={{ . }}
{{- end }}
- --log_format={{ $core.logFormat }}
- --log_level={{ $core.logLevel }}
{{- with $core.profiler }}
- --gcp_prof_service_name={{ . }}
{{- end }}
{{- if $core.metrics.enabled }}
- --enable_metrics=true
- --metrics_addr=$(POD_IP):{{ int $core.metrics.port }}
{{- end }}
{{- if $core.tracing.enabled }}
- --enable_tracing=true
{{- end }}
- --datastore_max_open_conns={{ int $core.datastoreMaxOpenConns }}
- --datastore_max_conn_idle_secs={{ int $core.datastoreMaxConnIdleSecs }}
- --datastore_max_retries={{ int $core.datastoreMaxRetries }}
- --datastore_application_name={{ $core.datastoreApplicationName }}
{{ include "dss.datastore.args" . }}
{{- include "dss.args.more" $core.extraArgs }}
{{- end -}}

{{/* Where traces go, in the variables of OpenTelemetry. */}}
{{- define "dss.core-service.tracing" -}}
{{- with .Values.coreService.tracing }}
{{- if .enabled }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ required "coreService.tracing.endpoint is needed: where traces go" .endpoint | quote }}
- name: OTEL_EXPORTER_OTLP_PROTOCOL
  value: {{ .protocol | quote }}
- name: OTEL_SERVICE_NAME
  value: core-service
- name: OTEL_TRACES_SAMPLER
  value: {{ .sampler | quote }}
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ .samplerArgument | quote }}
{{- $attributes := list (printf "service.instance.id=%s" $.Values.coreService.locality) }}
{{- range $key, $value := .attributes }}
{{- $attributes = append $attributes (printf "%s=%s" $key $value) }}
{{- end }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ join "," $attributes | quote }}
{{- with .headersSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef:
      name: {{ . | quote }}
      key: headers
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "dss.core-service.container" -}}
{{- $core := .Values.coreService -}}
{{- $auth := $core.authorization -}}
name: core-service
image: {{ include "dss.image" (list . $core.image) | quote }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
command: [core-service]
args:
  {{- include "dss.core-service.args" . | nindent 2 }}
env:
  {{- include "dss.env" $core | nindent 2 }}
  {{- include "dss.core-service.tracing" . | nindent 2 }}
{{- include "dss.envFrom" $core }}
ports:
  - name: http
    containerPort: 8080
  {{- if $core.metrics.enabled }}
  - name: metrics
    containerPort: {{ int $core.metrics.port }}
  {{- end }}
# The port opens only once the database was reached and its schemas are known.
startupProbe:
  {{- include "dss.probe" (list $core.probes.startup "/healthy" "HTTP") | nindent 2 }}
livenessProbe:
  {{- include "dss.probe" (list $core.probes.liveness "/healthy" "HTTP") | nindent 2 }}
readinessProbe:
  {{- include "dss.probe" (list $core.probes.readiness "/healthy" "HTTP") | nindent 2 }}
{{ include "dss.resources" (list . "core-service" $core.resources) }}
{{ include "dss.container.security" . }}
volumeMounts:
  {{- include "dss.datastore.mount" . | nindent 2 }}
  {{- if or $auth.publicKeys $auth.publicKeysSecret.name }}
  - name: public-keys
    mountPath: /public-keys
    readOnly: true
  {{- end }}
  {{- include "dss.more" $core.extraVolumeMounts | nindent 2 }}
{{- end -}}

{{- define "dss.core-service.pod" -}}
{{- $core := .Values.coreService -}}
{{- $own := dict -}}
{{- with $core.authorization.publicKeys -}}
{{- /* Key files are read once, so other keys are another pod. */ -}}
{{- $_ := set $own "hangar.dev/public-keys" (toJson . | sha256sum) -}}
{{- end -}}
{{- with $core.datastoreCertificate -}}
{{- /* So are the certificate and whom it trusts: the pods that replace these read what is in the Secret by then. */ -}}
{{- $_ := set $own "hangar.dev/datastore-certificate" . -}}
{{- end -}}
{{ include "dss.pod.metadata" (list . "core-service" $core $own) }}
spec:
  {{- include "dss.pod.common" (list . "core-service" $core) | nindent 2 }}
  containers:
    - {{ include "dss.core-service.container" . | nindent 6 | trim }}
    {{- include "dss.more" $core.extraContainers | nindent 4 }}
  volumes:
    {{- include "dss.datastore.volume" . | nindent 4 }}
    {{- if $core.authorization.publicKeys }}
    - name: public-keys
      configMap:
        name: {{ include "dss.core-service" . }}-public-keys
    {{- else }}
    {{- with $core.authorization.publicKeysSecret.name }}
    - name: public-keys
      secret:
        secretName: {{ . | quote }}
        defaultMode: {{ 0440 }}
    {{- end }}
    {{- end }}
    {{- include "dss.more" $core.extraVolumes | nindent 4 }}
{{- end -}}
