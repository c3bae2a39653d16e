{{/* Annotations by which `cloud.provider` makes the load balancer that is meant, as YAML: a dict of `root`, and perhaps `allocation`, `subnet`,
     `address`, `certificate`, `tlsPolicy` and `port`. */}}
{{- define "dss.cloud.annotations" -}}
{{- $cloud := .root.Values.cloud -}}
{{- $given := dict -}}
{{- if eq $cloud.provider "aws" -}}
{{- $key := "service.beta.kubernetes.io/aws-load-balancer" -}}
{{- $_ := set $given (printf "%s-scheme" $key) ($cloud.internal | ternary "internal" "internet-facing") -}}
{{- $_ := set $given (printf "%s-nlb-target-type" $key) "ip" -}}
{{- with .allocation -}}{{- $_ := set $given (printf "%s-eip-allocations" $key) . -}}{{- end -}}
{{- with .subnet -}}{{- $_ := set $given (printf "%s-subnets" $key) . -}}{{- end -}}
{{- if .certificate -}}
{{- $_ := set $given (printf "%s-ssl-cert" $key) .certificate -}}
{{- $_ := set $given (printf "%s-ssl-ports" $key) (printf "%d" (int .port)) -}}
{{- with .tlsPolicy -}}{{- $_ := set $given (printf "%s-ssl-negotiation-policy" $key) . -}}{{- end -}}
{{- end -}}
{{- else if eq $cloud.provider "google" -}}
{{- if $cloud.internal -}}
{{- $_ := set $given "networking.gke.io/load-balancer-type" "Internal" -}}
{{- with .subnet -}}{{- $_ := set $given "networking.gke.io/internal-load-balancer-subnet" . -}}{{- end -}}
{{- else -}}
{{- $_ := set $given "cloud.google.com/l4-rbs" "enabled" -}}
{{- end -}}
{{- with .allocation -}}{{- $_ := set $given "networking.gke.io/load-balancer-ip-addresses" . -}}{{- end -}}
{{- else if eq $cloud.provider "azure" -}}
{{- $key := "service.beta.kubernetes.io/azure" -}}
{{- $_ := set $given (printf "%s-load-balancer-internal" $key) (toString $cloud.internal) -}}
{{- with .allocation -}}{{- $_ := set $given (printf "%s-pip-name" $key) . -}}{{- end -}}
{{- with .address -}}{{- $_ := set $given (printf "%s-load-balancer-ipv4" $key) . -}}{{- end -}}
{{- with .subnet -}}{{- $_ := set $given (printf "%s-load-balancer-internal-subnet" $key) . -}}{{- end -}}
{{- with $cloud.resourceGroup -}}{{- $_ := set $given (printf "%s-load-balancer-resource-group" $key) . -}}{{- end -}}
{{- else if eq $cloud.provider "metallb" -}}
{{- with .address -}}{{- $_ := set $given "metallb.io/loadBalancerIPs" . -}}{{- end -}}
{{- with $cloud.addressPool -}}{{- $_ := set $given "metallb.io/address-pool" . -}}{{- end -}}
{{- else if eq $cloud.provider "kubevip" -}}
{{- with .address -}}{{- $_ := set $given "kube-vip.io/loadbalancerIPs" . -}}{{- end -}}
{{- end -}}
{{- toYaml $given -}}
{{- end -}}

{{/* Class of a load balancer: (list . "class"). */}}
{{- define "dss.cloud.class" -}}
{{- $class := index . 1 | default (eq (index . 0).Values.cloud.provider "aws" | ternary "service.k8s.aws/nlb" "") -}}
{{- with $class }}
loadBalancerClass: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* The one public address of each database node: a dict of `root`, `component`, `workload`, `external`, `nodes`, `suffixes`, `service`, `sourceRanges` and
     `ports`, a list of name, port and target. */}}
{{- define "dss.nodeServices" -}}
{{- $ := . -}}
{{- $service := .service -}}
{{- range $ordinal := until (int .nodes) }}
{{- $at := dict "root" $.root }}
{{- range $key, $list := dict "allocation" $service.allocations "address" $service.loadBalancerIPs }}
{{- if gt (len $list) $ordinal }}
{{- $_ := set $at $key (index $list $ordinal) }}
{{- end }}
{{- end }}
{{- with $service.subnets }}
{{- $_ := set $at "subnet" (index . (mod $ordinal (len .))) }}
{{- end }}
{{- $names := list }}
{{- range $.suffixes }}
{{- $names = append $names (printf "%d.%s" $ordinal .) }}
{{- end }}
{{- $annotations := dict "external-dns.alpha.kubernetes.io/hostname" (join "," $names) }}
{{- $annotations = mergeOverwrite $annotations (include "dss.cloud.annotations" $at | fromYaml) $service.annotations }}
{{- if gt (len $service.nodeAnnotations) $ordinal }}
{{- $annotations = mergeOverwrite $annotations (index $service.nodeAnnotations $ordinal) }}
{{- end }}
---
# Other members reach exactly this node: an address that spread over several would name the wrong one.
apiVersion: v1
kind: Service
{{ include "dss.metadata" (list $.root $.component (printf "%s-%d" $.external $ordinal) $annotations) }}
spec:
  type: LoadBalancer
  publishNotReadyAddresses: true
  externalTrafficPolicy: {{ $service.externalTrafficPolicy }}
  {{- include "dss.cloud.class" (list $.root $service.loadBalancerClass) | indent 2 }}
  {{- with $at.address }}
  loadBalancerIP: {{ . | quote }}
  {{- end }}
  loadBalancerSourceRanges:
    {{- range $.sourceRanges }}
    - {{ . | quote }}
    {{- else }}
    # Kubernetes takes an empty list for everybody; this address is nobody's.
    - 255.255.255.255/32
    {{- end }}
  selector:
    {{- include "dss.selector" (list $.root $.component) | nindent 4 }}
    statefulset.kubernetes.io/pod-name: {{ $.workload }}-{{ $ordinal }}
  ports:
    {{- range $.ports }}
    - name: {{ .name }}
      port: {{ int .port }}
      targetPort: {{ .target | default .name }}
    {{- end }}
{{- end }}
{{- end -}}
