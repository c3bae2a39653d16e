{{/* What is read, as YAML: name of the job, component whose pods they are, name and number of the port, path, whether over TLS. */}}
{{- define "dss.targets" -}}
{{- if eq .Values.datastore "cockroachdb" }}
- {job: cockroachdb, component: cockroachdb, port: http, number: 8080, path: /_status/vars, tls: true}
{{- else }}
- {job: yugabytedb-master, component: yugabytedb, port: master-web, number: 7000, path: /prometheus-metrics, tls: false}
- {job: yugabytedb-tserver, component: yugabytedb, port: tserver-web, number: 9000, path: /prometheus-metrics, tls: false}
- {job: yugabytedb-ysql, component: yugabytedb, port: ysql-web, number: 13000, path: /prometheus-metrics, tls: false}
{{- end }}
{{- if .Values.reload.enabled }}
- {job: {{ .Values.datastore }}-certificates, component: {{ .Values.datastore }}, port: reload, number: 8090, path: /metrics, tls: false}
{{- end }}
{{- if and .Values.coreService.enabled .Values.coreService.metrics.enabled }}
- {job: core-service, component: core-service, port: metrics, number: {{ int .Values.coreService.metrics.port }}, path: /metrics, tls: false}
{{- end }}
{{- end -}}
