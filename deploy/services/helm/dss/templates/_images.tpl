{{/* An image, from the operator's own registry if there is one: (list . "image"). */}}
{{- define "dss.image" -}}
{{- $image := index . 1 -}}
{{- with (index . 0).Values.imageRegistry -}}
{{- $parts := splitList "/" $image -}}
{{- $host := first $parts -}}
{{- if and (gt (len $parts) 1) (or (contains "." $host) (contains ":" $host) (eq $host "localhost")) -}}
{{- $parts = rest $parts -}}
{{- end -}}
{{- $image = printf "%s/%s" . (join "/" $parts) -}}
{{- end -}}
{{- $image -}}
{{- end -}}

{{/* A reference that has a tag or a digest stands; a bare repository takes a version as its tag: (list . "image" "version"). */}}
{{- define "dss.image.versioned" -}}
{{- $image := index . 1 -}}
{{- if not (or (contains "@" $image) (contains ":" (base $image))) -}}
{{- $image = printf "%s:%s" $image (index . 2) -}}
{{- end -}}
{{- include "dss.image" (list (index . 0) $image) -}}
{{- end -}}

{{/* What runs, for people: the image's own tag where it has one: (list "image" "version"). */}}
{{- define "dss.version" -}}
{{- $tagged := base (first (splitList "@" (index . 0))) -}}
{{- if contains ":" $tagged -}}
{{- last (splitList ":" $tagged) -}}
{{- else -}}
{{- index . 1 -}}
{{- end -}}
{{- end -}}

{{/* The image of hangar: (list . "who needs it"). */}}
{{- define "dss.agent" -}}
{{- $root := index . 0 -}}
{{- include "dss.image" (list $root (required (printf "agent.image is needed: %s" (index . 1)) $root.Values.agent.image)) -}}
{{- end -}}
