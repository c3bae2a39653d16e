{{/* Names of objects follow from the release alone, so that certificates can be made before anything is installed. */}}
{{- define "dss.release" -}}
{{- if gt (len .Release.Name) 40 -}}
{{- fail (printf "release name `%s` has more than 40 characters: names of pods and Services would not fit" .Release.Name) -}}
{{- end -}}
{{- .Release.Name -}}
{{- end -}}

{{/* Name of a component's objects: (list . "component"). */}}
{{- define "dss.name" -}}
{{- printf "%s-%s" (include "dss.release" (index . 0)) (index . 1) -}}
{{- end -}}

{{/* An instance that is older than this chart keeps its names: volumes are found by them, and certificates made for them. */}}
{{- define "dss.cockroachdb" -}}
{{- .Values.cockroachdb.names.nodes | default (include "dss.name" (list . "cockroachdb")) -}}
{{- end -}}

{{- define "dss.cockroachdb.public" -}}
{{- .Values.cockroachdb.names.clients | default (printf "%s-public" (include "dss.cockroachdb" .)) -}}
{{- end -}}

{{- define "dss.cockroachdb.external" -}}
{{- .Values.cockroachdb.names.external | default (printf "%s-node" (include "dss.cockroachdb" .)) -}}
{{- end -}}

{{/* Name of a database's StatefulSet, and of the Service that names its pods: (list . "component"). */}}
{{- define "dss.workload" -}}
{{- if eq (index . 1) "cockroachdb" -}}
{{- include "dss.cockroachdb" (index . 0) -}}
{{- else -}}
{{- include "dss.name" . -}}
{{- end -}}
{{- end -}}

{{- define "dss.core-service" -}}
{{- include "dss.name" (list . "core-service") -}}
{{- end -}}

{{- define "dss.gateway" -}}
{{- include "dss.name" (list . "gateway") -}}
{{- end -}}

{{- define "dss.secret.node" -}}
{{- .Values.cockroachdb.secrets.node | default (include "dss.name" (list . "cockroachdb-node")) -}}
{{- end -}}

{{- define "dss.secret.clientRoot" -}}
{{- .Values.cockroachdb.secrets.clientRoot | default (include "dss.name" (list . "cockroachdb-client-root")) -}}
{{- end -}}

{{/* Host of a Service inside the cluster: (list . "name"). */}}
{{- define "dss.host" -}}
{{- $root := index . 0 -}}
{{- printf "%s.%s.svc.%s" (index . 1) $root.Release.Namespace $root.Values.clusterDomain -}}
{{- end -}}

{{/* Account of a component's pods: (list . "component" component-values). */}}
{{- define "dss.account" -}}
{{- $account := (index . 2).serviceAccount -}}
{{- if $account.name -}}
{{- $account.name -}}
{{- else if $account.create -}}
{{- include "dss.name" (list (index . 0) (index . 1)) -}}
{{- else -}}
default
{{- end -}}
{{- end -}}
