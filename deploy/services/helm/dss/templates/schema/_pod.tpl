{{/* Databases, the folder of their steps in the image, and the versions that this chart was made for. */}}
{{- define "dss.schemas" -}}
{{- if eq .Values.datastore "yugabytedb" -}}
rid: {folder: yugabyte/rid, version: 1.0.1}
scd: {folder: yugabyte/scd, version: 1.1.1}
aux: {folder: yugabyte/aux_, version: 1.1.0}
{{- else -}}
rid: {folder: rid, version: 4.1.0}
scd: {folder: scd, version: 3.4.1}
aux: {folder: aux_, version: 1.1.0}
{{- end -}}
{{- end -}}

{{/* The agent before and after the migration: a dict of `root` and `verb`. */}}
{{- define "dss.schema.agent" -}}
{{- $root := .root -}}
{{- $schema := $root.Values.schema -}}
name: {{ .verb }}
image: {{ include "dss.agent" (list $root "the schema job takes the pool's lock with it") | quote }}
imagePullPolicy: {{ $root.Values.imagePullPolicy }}
command: [/usr/bin/hangar-agent, schema, {{ .verb }}]
args:
  {{- include "dss.schema.database" $root | nindent 2 }}
  - --owner={{ $root.Values.coreService.locality }}/$(NAMESPACE)/$(JOB)
  - --lease-seconds={{ add (int $schema.activeDeadlineSeconds) 60 }}
  {{- range $database, $schema := include "dss.schemas" $root | fromYaml }}
  {{- $asked := index $root.Values.schema.versions $database }}
  - --schema={{ $database }}={{ $asked | default $schema.version }}{{ $asked | empty | ternary "" ",asked" }}
  {{- end }}
  {{- if $schema.allowDowngrade }}
  - --allow-downgrade
  {{- end }}
env:
  - name: NAMESPACE
    valueFrom:
      fieldRef:
        fieldPath: metadata.namespace
  - name: JOB
    valueFrom:
      fieldRef:
        fieldPath: metadata.labels['batch.kubernetes.io/job-name']
  {{- include "dss.env" $schema | nindent 2 }}
{{- include "dss.envFrom" $schema }}
{{ include "dss.resources" (list $root "schema" $schema.resources) }}
{{ include "dss.container.security" $root }}
volumeMounts:
  {{- include "dss.datastore.mount" $root | nindent 2 }}
{{- end -}}

{{/* Where the agent finds the database and who it is there. */}}
{{- define "dss.schema.database" -}}
{{- if eq .Values.datastore "yugabytedb" -}}
- --host={{ include "dss.host" (list . (include "dss.yugabytedb.public" .)) }}
- --port=5433
- --user=yugabyte
- --database=yugabyte
- --client=/opt/yugabyte-certs
- --certificate=client.yugabyte
{{- else -}}
- --host={{ include "dss.host" (list . (include "dss.cockroachdb.public" .)) }}
- --port=26257
- --user=root
- --database=defaultdb
- --client=/cockroach/cockroach-certs
- --certificate=client.root
{{- end -}}
{{- end -}}

{{- define "dss.schema.args" -}}
{{- $asked := index .root.Values.schema.versions .database -}}
- migrate
- --schemas_dir=/db-schemas/{{ .schema.folder }}
- --db_version={{ $asked | default .schema.version }}
- --timeout={{ .root.Values.schema.timeout }}
{{- end -}}

{{/* First the lock, then one database after the other, then the lock again. */}}
{{- define "dss.schema.pod" -}}
{{- $schema := .Values.schema -}}
{{- $own := deepCopy $schema -}}
{{- $_ := unset $own "extraInitContainers" -}}
{{ include "dss.pod.metadata" (list . "schema" $schema) }}
spec:
  restartPolicy: Never
  {{- include "dss.pod.common" (list . "schema" $own) | nindent 2 }}
  initContainers:
    {{- include "dss.more" $schema.extraInitContainers | nindent 4 }}
    - {{ include "dss.schema.agent" (dict "root" . "verb" "lock") | nindent 6 | trim }}
    {{- range $database, $steps := include "dss.schemas" . | fromYaml }}
    - {{ include "dss.db-manager" (dict "root" $ "component" "schema" "values" $schema "name" $database
        "args" (include "dss.schema.args" (dict "root" $ "database" $database "schema" $steps))) | nindent 6 | trim }}
    {{- end }}
  containers:
    - {{ include "dss.schema.agent" (dict "root" . "verb" "unlock") | nindent 6 | trim }}
    {{- include "dss.more" $schema.extraContainers | nindent 4 }}
  volumes:
    {{- include "dss.datastore.volume" . | nindent 4 }}
    {{- include "dss.more" $schema.extraVolumes | nindent 4 }}
{{- end -}}
