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
{{- include "dss.certificates.volume" (list . "client" (include "dss.datastore.secret" .) (list "client.root.crt" "client.root.key")) -}}
{{- end -}}

{{/* The Secret with the authorities of all members, where it is not that of the certificates. */}}
{{- define "dss.secret.authorities" -}}
{{- .Values.cockroachdb.secrets.authorities | default (include "dss.secret.clientRoot" .) -}}
{{- end -}}

{{/* A volume of certificates, authorities included: (list . "volume" "secret" (list "file" "file")). */}}
{{- define "dss.certificates.volume" -}}
{{- $root := index . 0 -}}
{{- $authorities := eq $root.Values.datastore "cockroachdb" | ternary $root.Values.cockroachdb.secrets.authorities "" -}}
- name: {{ index . 1 }}
{{- if $authorities }}
  projected:
    defaultMode: {{ 0440 }}
    sources:
      - secret:
          name: {{ index . 2 | quote }}
          items:
            {{- range index . 3 }}
            - {key: {{ . }}, path: {{ . }}}
            {{- end }}
      - secret:
          name: {{ $authorities | quote }}
          items: [{key: ca.crt, path: ca.crt}]
{{- else }}
  secret:
    secretName: {{ index . 2 | quote }}
    defaultMode: {{ 0440 }}
{{- end }}
{{- end -}}
