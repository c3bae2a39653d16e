{{- define "dss.core-service.args" -}}
{{- $core := .Values.coreService -}}
{{- $hostname := required "coreService.hostname is needed: the public name of the API" $core.hostname -}}
{{- $auth := $core.authorization -}}
{{- if not (or $auth.jwksEndpoint $auth.publicKeys) -}}
{{- fail "coreService.authorization needs jwksEndpoint or publicKeys: without either the API would take every request" -}}
{{- end -}}
{{- if and $auth.jwksEndpoint $auth.publicKeys -}}
{{- fail "coreService.authorization takes jwksEndpoint or publicKeys, not both: core-service would ignore the former" -}}
{{- end -}}
- --addr=$(POD_IP):8080
- --accepted_jwt_audiences={{ $hostname }}
- --public_endpoint={{ $core.publicEndpoint | default (printf "https://%s" $hostname) }}
- --locality={{ required "coreService.locality is needed: the instance's name in the pool's records" $core.locality }}
{{- with $auth.jwksEndpoint }}
- --jwks_endpoint={{ . }}
{{- end }}
{{- with $auth.jwksKeyIds }}
- --jwks_key_ids={{ join "," . }}
{{- end }}
{{- with $auth.publicKeys }}
{{- $files := list }}
{{- range $index, $key := . }}
{{- $files = append $files (printf "/public-keys/%d.pem" $index) }}
{{- end }}
- --public_key_files={{ join "," $files }}
{{- end }}
- --enable_scd={{ $core.scd.enabled }}
- --enable_scd_global_lock={{ $core.scd.globalLock }}
- --log_format={{ $core.logFormat }}
- --log_level={{ $core.logLevel }}
- --datastore_max_open_conns={{ int $core.datastoreMaxOpenConns }}
{{ include "dss.datastore.args" . }}
{{- end -}}

{{- define "dss.core-service.pod" -}}
{{- $core := .Values.coreService -}}
metadata:
  labels:
    {{- include "dss.pod.labels" (list . "core-service") | nindent 4 }}
  {{- if or $core.podAnnotations $core.authorization.publicKeys }}
  annotations:
    {{- with $core.authorization.publicKeys }}
    # Key files are read once, so other keys are another pod.
    hangar.dev/public-keys: {{ toJson . | sha256sum }}
    {{- end }}
    {{- with $core.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
spec:
  {{- include "dss.pod.security" . | nindent 2 }}
  {{- include "dss.pod.placement" (list . $core "core-service") | nindent 2 }}
  containers:
    - name: core-service
      image: {{ $core.image | quote }}
      imagePullPolicy: {{ .Values.imagePullPolicy }}
      command: [core-service]
      args:
        {{- include "dss.core-service.args" . | nindent 8 }}
      env:
        {{- include "dss.env.podIP" . | nindent 8 }}
      ports:
        - name: http
          containerPort: 8080
      livenessProbe:
        httpGet:
          path: /healthy
          port: http
        initialDelaySeconds: 30
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet:
          path: /healthy
          port: http
        initialDelaySeconds: 1
        periodSeconds: 3
        timeoutSeconds: 3
        failureThreshold: 2
      resources:
        {{- toYaml $core.resources | nindent 8 }}
      {{- include "dss.container.security" . | nindent 6 }}
      volumeMounts:
        {{- include "dss.datastore.mount" . | nindent 8 }}
        {{- with $core.authorization.publicKeys }}
        - name: public-keys
          mountPath: /public-keys
          readOnly: true
        {{- end }}
  volumes:
    {{- include "dss.datastore.volume" . | nindent 4 }}
    {{- with $core.authorization.publicKeys }}
    - name: public-keys
      configMap:
        name: {{ include "dss.core-service" $ }}-public-keys
    {{- end }}
{{- end -}}
