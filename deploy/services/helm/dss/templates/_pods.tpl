{{/* What all pods of this chart have in common: (list . "component" component-values). No process needs a capability, a writable image,
     another user or a token for the Kubernetes API. */}}
{{- define "dss.pod.common" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
{{- $security := $root.Values.podSecurity -}}
serviceAccountName: {{ include "dss.account" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ int $security.runAsUser }}
  runAsGroup: {{ int $security.runAsGroup }}
  # The database takes a key only from its own user or, group-readable, from root: the mount is root's, with this group.
  fsGroup: {{ int $security.fsGroup }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    {{- toYaml $security.seccompProfile | nindent 4 }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
terminationGracePeriodSeconds: {{ int $values.terminationGracePeriodSeconds }}
{{- range $key := list "nodeSelector" "tolerations" "hostAliases" "dnsConfig" }}
{{- with index $values $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- range $key := list "priorityClassName" "runtimeClassName" "schedulerName" }}
{{- with index $values $key }}
{{ $key }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- include "dss.pod.affinity" . }}
{{- with $values.extraInitContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Where a pod runs. Spread is wished for, not demanded, by default: small clusters exist. Jobs need none. */}}
{{- define "dss.pod.affinity" -}}
{{- $values := index . 2 -}}
{{- $selector := include "dss.selector" (list (index . 0) (index . 1)) | fromYaml -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" $selector) -}}
{{- $apart := $values.antiAffinity | default "none" -}}
{{- if $values.affinity }}
affinity:
  {{- toYaml $values.affinity | nindent 2 }}
{{- else if eq $apart "required" }}
affinity:
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - {{ toYaml $term | nindent 8 | trim }}
{{- else if eq $apart "preferred" }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          {{- toYaml $term | nindent 10 }}
{{- end }}
{{- with $values.topologySpread }}
{{- if ne . "none" }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: {{ . }}
    labelSelector:
      matchLabels:
        {{- toYaml $selector | nindent 8 }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "dss.container.security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Environment of a main container: component-values. */}}
{{- define "dss.env" -}}
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- with .extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "dss.envFrom" -}}
{{- with .extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A list that is added to another in the same place. */}}
{{- define "dss.more" -}}
{{- with . }}
{{- toYaml . }}
{{- end }}
{{- end -}}

{{- define "dss.args.more" -}}
{{- range . }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Seconds of a probe, and how it asks: (list probe "path" "scheme"). */}}
{{- define "dss.probe" -}}
{{- $probe := index . 0 -}}
httpGet:
  path: {{ index . 1 }}
  port: http
  scheme: {{ index . 2 }}
initialDelaySeconds: {{ int ($probe.initialDelaySeconds | default 0) }}
periodSeconds: {{ int $probe.periodSeconds }}
timeoutSeconds: {{ int $probe.timeoutSeconds }}
failureThreshold: {{ int $probe.failureThreshold }}
{{- end -}}

{{/* A budget of a component: (list . "component" component-values "policy"). */}}
{{- define "dss.disruptionBudget" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- with (index . 2).disruptionBudget }}
{{- if .enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
{{ include "dss.metadata" (list $root $component (include "dss.name" (list $root $component))) }}
spec:
  maxUnavailable: {{ int .maxUnavailable }}
  selector:
    matchLabels:
      {{- include "dss.selector" (list $root $component) | nindent 6 }}
{{- end }}
{{- end }}
{{- end -}}
