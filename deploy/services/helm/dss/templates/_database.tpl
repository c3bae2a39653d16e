{{/* The nodes of a database: a dict of `root`, `component`, `values` and `pod`. */}}
{{- define "dss.database.set" -}}
{{- $root := .root -}}
{{- $db := .values -}}
{{- $name := include "dss.workload" (list $root .component) -}}
apiVersion: apps/v1
kind: StatefulSet
{{ include "dss.metadata" (list $root .component $name (dict "hangar.dev/configuration" (sha256sum .pod))) }}
spec:
  replicas: {{ int $db.nodes }}
  serviceName: {{ $name }}
  # A pool's nodes find each other in any order; one that waits for init or for a join must not hold back the rest.
  podManagementPolicy: Parallel
  # Who restarts a node has to look at the pool's health first, which Kubernetes cannot.
  updateStrategy:
    type: OnDelete
  persistentVolumeClaimRetentionPolicy:
    whenDeleted: {{ $db.storage.whenDeleted }}
    whenScaled: {{ $db.storage.whenScaled }}
  selector:
    matchLabels:
      {{- include "dss.selector" (list $root .component) | nindent 6 }}
  template:
    {{- .pod | nindent 4 }}
  volumeClaimTemplates:
    - metadata:
        name: datadir
        labels:
          {{- include "dss.selector" (list $root .component) | nindent 10 }}
        {{- with $db.storage.annotations }}
        annotations:
          {{- toYaml . | nindent 10 }}
        {{- end }}
      spec:
        accessModes:
          {{- toYaml $db.storage.accessModes | nindent 10 }}
        {{- with $db.storage.storageClass | default $root.Values.storageClass }}
        storageClassName: {{ . | quote }}
        {{- end }}
        resources:
          requests:
            storage: {{ $db.storage.size | quote }}
{{ include "dss.disruptionBudget" (list $root .component $db) }}
{{- end -}}
