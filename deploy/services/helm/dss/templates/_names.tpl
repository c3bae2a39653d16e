{{/* Names of objects follow from the release alone, so that certificates can be made before anything is installed. */}}
{{- define "dss.release" -}}
{{- if gt (len .Release.Name) 40 -}}
{{- fail (printf "release name `%s` has more than 40 characters: names of pods and Services would not fit" .Release.Name) -}}
{{- end -}}
{{- .Release.Name -}}
{{- end -}}

{{- define "dss.cockroachdb" -}}
{{- printf "%s-cockroachdb" (include "dss.release" .) -}}
{{- end -}}

{{- define "dss.cockroachdb.public" -}}
{{- printf "%s-public" (include "dss.cockroachdb" .) -}}
{{- end -}}

{{- define "dss.core-service" -}}
{{- printf "%s-core-service" (include "dss.release" .) -}}
{{- end -}}

{{- define "dss.gateway" -}}
{{- printf "%s-gateway" (include "dss.release" .) -}}
{{- end -}}

{{- define "dss.secret.node" -}}
{{- .Values.cockroachdb.secrets.node | default (printf "%s-node" (include "dss.cockroachdb" .)) -}}
{{- end -}}

{{- define "dss.secret.clientRoot" -}}
{{- .Values.cockroachdb.secrets.clientRoot | default (printf "%s-client-root" (include "dss.cockroachdb" .)) -}}
{{- end -}}

{{/* Host of a Service inside the cluster: (list . "name"). */}}
{{- define "dss.host" -}}
{{- $root := index . 0 -}}
{{- printf "%s.%s.svc.%s" (index . 1) $root.Release.Namespace $root.Values.clusterDomain -}}
{{- end -}}

{{/* A reference that has a tag or a digest stands; a bare repository takes the version as its tag. */}}
{{- define "dss.cockroachdb.image" -}}
{{- $image := .Values.cockroachdb.image -}}
{{- if or (contains "@" $image) (contains ":" (base $image)) -}}
{{- $image -}}
{{- else -}}
{{- printf "%s:%s" $image .Values.cockroachdb.version -}}
{{- end -}}
{{- end -}}

{{/* What runs, for people: the image's own tag where it has one. */}}
{{- define "dss.cockroachdb.version" -}}
{{- $tagged := base (first (splitList "@" .Values.cockroachdb.image)) -}}
{{- if contains ":" $tagged -}}
{{- last (splitList ":" $tagged) -}}
{{- else -}}
{{- .Values.cockroachdb.version -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change for a component, because selectors and volume claims hold them: (list . "component"). */}}
{{- define "dss.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- end -}}

{{/* (list . "component") */}}
{{- define "dss.labels" -}}
{{- $root := index . 0 -}}
{{ include "dss.selector" . }}
app.kubernetes.io/part-of: dss
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Labels of pods: what would differ by the chart's version alone stays out, or a new chart would restart databases. */}}
{{- define "dss.pod.labels" -}}
{{ include "dss.selector" . }}
app.kubernetes.io/part-of: dss
{{- end -}}
