{{/* Labels that never change for a component, because selectors and volume claims hold them: (list . "component"). */}}
{{- define "dss.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- end -}}

{{/* (list . "component") */}}
{{- define "dss.labels" -}}
{{- $root := index . 0 -}}
{{- $own := include "dss.selector" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "dss" -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_") -}}
{{- toYaml (mergeOverwrite (deepCopy $root.Values.labels) $own) -}}
{{- end -}}

{{/* All of an object's metadata: (list . "component" "name"), and annotations of its own as a fourth. */}}
{{- define "dss.metadata" -}}
{{- $root := index . 0 -}}
{{- $own := dict -}}
{{- if gt (len .) 3 -}}
{{- $own = index . 3 -}}
{{- end -}}
metadata:
  name: {{ index . 2 }}
  labels:
    {{- include "dss.labels" (list $root (index . 1)) | nindent 4 }}
  {{- with mergeOverwrite (deepCopy $root.Values.annotations) $own }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Metadata of pods: (list . "component" component-values), and annotations of the chart's own as a fourth. What would differ by the chart's
     version alone stays out, or a new chart would restart databases. */}}
{{- define "dss.pod.metadata" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
{{- $labels := include "dss.selector" (list $root (index . 1)) | fromYaml -}}
{{- $_ := set $labels "app.kubernetes.io/part-of" "dss" -}}
{{- $own := dict -}}
{{- if gt (len .) 3 -}}
{{- $own = index . 3 -}}
{{- end -}}
metadata:
  labels:
    {{- toYaml (mergeOverwrite (deepCopy $values.podLabels) $labels) | nindent 4 }}
  {{- with mergeOverwrite (deepCopy $own) $values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
