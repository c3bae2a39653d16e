{{/* How core-service and db-manager reach the database: the flags are the same. */}}
{{- define "dss.datastore.args" -}}
{{- if eq .Values.datastore "yugabytedb" -}}
- --datastore_host={{ include "dss.host" (list . (include "dss.yugabytedb.public" .)) }}
- --datastore_port=5433
- --datastore_user=yugabyte
{{- else -}}
- --datastore_host={{ include "dss.host" (list . (include "dss.cockroachdb.public" .)) }}
- --datastore_port=26257
- --datastore_user=root
{{- end }}
- --datastore_ssl_mode=verify-full
- --datastore_ssl_dir={{ include "dss.datastore.folder" . }}
{{- end -}}

{{- define "dss.datastore.folder" -}}
{{- eq .Values.datastore "yugabytedb" | ternary "/opt/yugabyte-certs" "/cockroach/cockroach-certs" -}}
{{- end -}}

{{- define "dss.datastore.secret" -}}
{{- if eq .Values.datastore "yugabytedb" -}}
{{- include "dss.secret.yugabyteClient" . -}}
{{- else -}}
{{- include "dss.secret.clientRoot" . -}}
{{- end -}}
{{- end -}}

{{- define "dss.datastore.mount" -}}
- name: client
  mountPath: {{ include "dss.datastore.folder" . }}
  readOnly: true
{{- end -}}

{{- define "dss.datastore.volume" -}}
- name: client
  secret:
    secretName: {{ include "dss.datastore.secret" . | quote }}
    defaultMode: {{ 0440 }}
{{- end -}}
