{{- define "dss.yugabytedb" -}}
{{- include "dss.name" (list . "yugabytedb") -}}
{{- end -}}

{{- define "dss.yugabytedb.public" -}}
{{- printf "%s-public" (include "dss.yugabytedb" .) -}}
{{- end -}}

{{- define "dss.secret.yugabyteNode" -}}
{{- .Values.yugabytedb.secrets.node | default (printf "%s-node" (include "dss.yugabytedb" .)) -}}
{{- end -}}

{{- define "dss.secret.yugabyteClient" -}}
{{- .Values.yugabytedb.secrets.client | default (printf "%s-client" (include "dss.yugabytedb" .)) -}}
{{- end -}}
