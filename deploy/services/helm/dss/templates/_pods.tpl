{{/* No process of this chart needs a capability, a writable image, another user or a token for the Kubernetes API. */}}
{{- define "dss.pod.security" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  # The database takes a key only from its own user or, group-readable, from root: the mount is root's, with this group.
  fsGroup: 1000
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
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

{{- define "dss.env.podIP" -}}
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- end -}}

{{/* Where a pod runs: (list . component-values "component"). Spread is wished for, not demanded: small clusters exist. */}}
{{- define "dss.pod.placement" -}}
{{- $root := index . 0 -}}
{{- $values := index . 1 -}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "dss.selector" (list $root (index . 2)) | nindent 14 }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "dss.selector" (list $root (index . 2)) | nindent 8 }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* How core-service and db-manager reach the database: the flags are the same. */}}
{{- define "dss.datastore.args" -}}
- --datastore_host={{ include "dss.host" (list . (include "dss.cockroachdb.public" .)) }}
- --datastore_port=26257
- --datastore_user=root
- --datastore_ssl_mode=verify-full
- --datastore_ssl_dir=/cockroach/cockroach-certs
{{- end -}}

{{- define "dss.datastore.mount" -}}
- name: client-root
  mountPath: /cockroach/cockroach-certs
  readOnly: true
{{- end -}}

{{- define "dss.datastore.volume" -}}
- name: client-root
  secret:
    secretName: {{ include "dss.secret.clientRoot" . | quote }}
    defaultMode: 0440
{{- end -}}
