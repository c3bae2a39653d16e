{{/* Requests and limits by preset and component. */}}
{{- define "dss.presets" -}}
production:
  cockroachdb: {requests: {cpu: "2", memory: 8Gi}, limits: {memory: 8Gi}}
  yugabytedb-master: {requests: {cpu: 500m, memory: 1Gi}, limits: {memory: 2Gi}}
  yugabytedb-tserver: {requests: {cpu: "1", memory: 4Gi}, limits: {memory: 6Gi}}
  core-service: {requests: {cpu: 500m, memory: 256Mi}, limits: {memory: 1Gi}}
  reload: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
  schema: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 256Mi}}
  evict: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 256Mi}}
  tests: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
  prometheus: {requests: {cpu: 250m, memory: 1Gi}, limits: {memory: 2Gi}}
  grafana: {requests: {cpu: 100m, memory: 256Mi}, limits: {memory: 512Mi}}
small:
  cockroachdb: {requests: {cpu: 250m, memory: 1Gi}, limits: {memory: 2Gi}}
  yugabytedb-master: {requests: {cpu: 100m, memory: 512Mi}, limits: {memory: 1Gi}}
  yugabytedb-tserver: {requests: {cpu: 250m, memory: 1Gi}, limits: {memory: 2Gi}}
  core-service: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 256Mi}}
  reload: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
  schema: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 128Mi}}
  evict: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 128Mi}}
  tests: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
  prometheus: {requests: {cpu: 50m, memory: 256Mi}, limits: {memory: 512Mi}}
  grafana: {requests: {cpu: 20m, memory: 128Mi}, limits: {memory: 256Mi}}
none: {}
{{- end -}}

{{/* Resources of a container: (list . "component" resources). What is given beats the preset. */}}
{{- define "dss.resources" -}}
{{- $presets := include "dss.presets" . | fromYaml -}}
{{- $preset := index $presets (index . 0).Values.preset | default dict -}}
{{- $resources := mergeOverwrite (index $preset (index . 1) | default dict) (deepCopy (index . 2)) -}}
resources:
  {{- toYaml $resources | nindent 2 }}
{{- end -}}
