{{/* What the template of a job's pods has in common: (list . "component" component-values). */}}
{{- define "dss.job.spec" -}}
{{- $values := index . 1 -}}
backoffLimit: {{ int $values.backoffLimit }}
activeDeadlineSeconds: {{ int $values.activeDeadlineSeconds }}
{{- if not (kindIs "invalid" $values.ttlSecondsAfterFinished) }}
ttlSecondsAfterFinished: {{ int $values.ttlSecondsAfterFinished }}
{{- end }}
{{- end -}}

{{/* A container of db-manager: a dict of `root`, `component`, `values`, `name` and `args`, as YAML. */}}
{{- define "dss.db-manager" -}}
{{- $root := .root -}}
name: {{ .name }}
image: {{ include "dss.image" (list $root $root.Values.coreService.image) | quote }}
imagePullPolicy: {{ $root.Values.imagePullPolicy }}
command: [db-manager]
args:
  {{- .args | nindent 2 }}
  {{- include "dss.datastore.args" $root | nindent 2 }}
  {{- include "dss.args.more" .values.extraArgs | indent 2 }}
env:
  {{- include "dss.env" .values | nindent 2 }}
{{- include "dss.envFrom" .values }}
{{ include "dss.resources" (list $root .component .values.resources) }}
{{ include "dss.container.security" $root }}
volumeMounts:
  {{- include "dss.datastore.mount" $root | nindent 2 }}
  {{- include "dss.more" .values.extraVolumeMounts | nindent 2 }}
{{- end -}}
