{{/* Jobs of Prometheus are named as its operator names them after a PodMonitor, so that one set of rules holds for both. */}}
{{- define "dss.monitoring.job" -}}
{{- $root := index . 0 -}}
{{- printf "%s/%s" $root.Release.Namespace (include "dss.name" (list $root (index . 1))) -}}
{{- end -}}

{{/* One alert: a dict of `root`, `name`, `expr`, `for`, `severity` and `text`. */}}
{{- define "dss.alert" -}}
- alert: {{ .name }}
  expr: {{ .expr | quote }}
  for: {{ .for }}
  labels:
    {{- toYaml (mergeOverwrite (dict "severity" .severity "instance_name" .root.Values.coreService.locality) .root.Values.monitoring.rules.severityLabels) | nindent 4 }}
  annotations:
    summary: {{ .text | quote }}
{{- end -}}

{{- define "dss.rules.cockroachdb" -}}
{{- $rules := .Values.monitoring.rules -}}
{{- $job := printf "job=%q" (include "dss.monitoring.job" (list . "cockroachdb")) -}}
{{- $text := "No node of ours is live, or none is read: the database has no quorum, or is gone here. Reads and writes stall in every organisation that lost it too." }}
{{ include "dss.alert" (dict "root" . "name" "DssDatabaseNoQuorum" "expr" (printf "max(liveness_livenodes{%s}) == 0 or absent(liveness_livenodes{%s})" $job $job) "for" "2m" "severity" "critical" "text" $text) }}
{{ include "dss.alert" (dict "root" . "name" "DssDatabaseRangesUnavailable" "expr" (printf "sum(ranges_unavailable{%s}) > 0" $job) "for" "2m" "severity" "critical" "text" "Some data has lost its majority of replicas and cannot be used.") }}
{{ include "dss.alert" (dict "root" . "name" "DssDatabaseUnderReplicated" "expr" (printf "sum(ranges_underreplicated{%s}) > 0" $job) "for" (printf "%dm" (int $rules.underReplicatedMinutes)) "severity" "warning" "text" "Some data has fewer replicas than it should: no member may take a node away now.") }}
{{ include "dss.alert" (dict "root" . "name" "DssDatabaseNodeDown" "expr" (printf "up{%s} == 0" $job) "for" "5m" "severity" "warning" "text" "A database node of ours does not answer.") }}
{{ include "dss.alert" (dict "root" . "name" "DssDatabaseNodesMissing" "expr" (printf "count(up{%s}) < %d" $job (int .Values.cockroachdb.nodes)) "for" "10m" "severity" "warning" "text" "Fewer database nodes are read than there should be: pods of ours do not run.") }}
{{ include "dss.alert" (dict "root" . "name" "DssDatabaseClockOffset" "expr" (printf "abs(clock_offset_meannanos{%s}) > %d" $job (mul 1000000 (int $rules.clockOffsetMilliseconds))) "for" "5m" "severity" "critical" "text" "A node's clock is off. At 400 ms the database ends the node.") }}
{{- end -}}

{{/* The end of every certificate that is mounted, each authority of the bundle included: the database itself tells of the first alone. */}}
{{- define "dss.rules.certificates" -}}
{{- $job := printf "job=%q" (include "dss.monitoring.job" (list . (printf "%s-certificates" .Values.datastore))) -}}
{{- $left := printf "(hangar_certificate_not_after_seconds{%s} - time())" $job -}}
{{ include "dss.alert" (dict "root" . "name" "DssCertificateEnds" "expr" (printf "%s < %d" $left (mul 86400 (int .Values.monitoring.rules.certificateDays))) "for" "1h" "severity" "warning" "text" "A certificate that a database node uses, or an authority that it trusts, ends soon.") }}
{{ include "dss.alert" (dict "root" . "name" "DssCertificateEndsAtOnce" "expr" (printf "%s < %d" $left (mul 86400 3)) "for" "10m" "severity" "critical" "text" "A certificate that a database node uses, or an authority that it trusts, ends within three days.") }}
{{- if eq .Values.datastore "cockroachdb" }}
{{ include "dss.alert" (dict "root" . "name" "DssCertificatesNotLoaded" "expr" (printf "hangar_certificates_pending{%s} == 1" $job) "for" "15m" "severity" "warning" "text" "A database node was not told of its mounted certificates.") }}
{{- end }}
{{ include "dss.alert" (dict "root" . "name" "DssCertificatesBroken" "expr" (printf "hangar_certificates_broken{%s} == 1" $job) "for" "5m" "severity" "critical" "text" "Mounted certificates and keys do not belong together: a restart of this node would fail.") }}
{{- end -}}

{{- define "dss.rules.eviction" -}}
{{- $seconds := mul 3600 (int .Values.monitoring.rules.evictionHours) -}}
{{- range $kind := list "rid" "scd" }}
{{- if (index $.Values.evict $kind).enabled }}
{{- $metric := printf "kube_cronjob_status_last_successful_time{namespace=%q,cronjob=%q}" $.Release.Namespace (include "dss.name" (list $ (printf "evict-%s" $kind))) }}
{{ include "dss.alert" (dict "root" $ "name" (printf "DssEvictionNotRunning%s" (title $kind)) "expr" (printf "time() - %s > %d" $metric $seconds) "for" "15m" "severity" "warning" "text" "Expired rows are not removed.") }}
{{ include "dss.alert" (dict "root" $ "name" (printf "DssEvictionUnseen%s" (title $kind)) "expr" (printf "absent(%s)" $metric) "for" (printf "%ds" $seconds) "severity" "info" "text" "Nobody sees whether expired rows are removed: it never was, or kube-state-metrics is not read.") }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "dss.rules.yugabytedb" -}}
{{- $rules := .Values.monitoring.rules -}}
{{- $master := printf "job=%q" (include "dss.monitoring.job" (list . "yugabytedb-master")) -}}
{{- $server := printf "job=%q" (include "dss.monitoring.job" (list . "yugabytedb-tserver")) -}}
{{- $masters := printf "up{%s}" $master -}}
{{- $servers := printf "up{%s}" $server -}}
{{- /* Its own metrics say nothing of leaders and copies: the sidecar hands on what the leading master says of them. */ -}}
{{- $lacking := printf "hangar_database_under_replicated_tablets{job=%q}" (include "dss.monitoring.job" (list . "yugabytedb-certificates")) -}}
{{- if .Values.reload.enabled }}
{{ include "dss.alert" (dict "root" . "name" "DssDatabaseNoQuorum" "expr" (printf "absent(%s)" $lacking) "for" "3m" "severity" "critical" "text" "No master of ours hears from one that leads: the pool's masters have no majority, or ours do not reach them.") }}
{{ include "dss.alert" (dict "root" . "name" "DssDatabaseUnderReplicated" "expr" (printf "max(%s) > 0" $lacking) "for" (printf "%dm" (int $rules.underReplicatedMinutes)) "severity" "warning" "text" "Some data has fewer copies than it should: no member may take a node away now.") }}
{{- else }}
{{ include "dss.alert" (dict "root" . "name" "DssDatabaseNoQuorum" "expr" (printf "sum(%s) * 2 <= count(%s) or absent(%s)" $masters $masters $masters) "for" "2m" "severity" "critical" "text" "Half of our masters or more do not answer, or none is read.") }}
{{- end }}
{{ include "dss.alert" (dict "root" . "name" "DssDatabaseNodeDown" "expr" (printf "%s == 0 or %s == 0" $masters $servers) "for" "5m" "severity" "warning" "text" "A master or tablet server of ours does not answer.") }}
{{ include "dss.alert" (dict "root" . "name" "DssDatabaseNodesMissing" "expr" (printf "count(%s) < %d or count(%s) < %d" $masters (int .Values.yugabytedb.nodes) $servers (int .Values.yugabytedb.nodes)) "for" "10m" "severity" "warning" "text" "Fewer masters or tablet servers are read than there should be: pods of ours do not run.") }}
{{ include "dss.alert" (dict "root" . "name" "DssDatabaseClockOffset" "expr" (printf "abs(hybrid_clock_skew{%s}) > %d" $server (mul 1000 (int $rules.clockOffsetMilliseconds))) "for" "5m" "severity" "critical" "text" "A node's clock is off. Beyond 500 ms the database's promises end.") }}
{{- end -}}

{{- define "dss.rules.core-service" -}}
{{- if and .Values.coreService.enabled .Values.coreService.metrics.enabled }}
{{ include "dss.alert" (dict "root" . "name" "DssApiDown" "expr" (printf "sum(up{job=%q}) == 0 or absent(up{job=%q})" (include "dss.monitoring.job" (list . "core-service")) (include "dss.monitoring.job" (list . "core-service"))) "for" "2m" "severity" "critical" "text" "No pod of core-service answers.") }}
{{- end }}
{{- end -}}

{{- define "dss.rules" -}}
groups:
  - name: {{ include "dss.release" . }}
    rules:
      {{- if eq .Values.datastore "cockroachdb" }}
      {{- include "dss.rules.cockroachdb" . | nindent 6 }}
      {{- else }}
      {{- include "dss.rules.yugabytedb" . | nindent 6 }}
      {{- end }}
      {{- if .Values.reload.enabled }}
      {{- include "dss.rules.certificates" . | nindent 6 }}
      {{- end }}
      {{- include "dss.rules.core-service" . | nindent 6 }}
      {{- if include "dss.evict.any" . }}
      {{- include "dss.rules.eviction" . | nindent 6 }}
      {{- end }}
{{- end -}}
