{{- define "modelyard.name" -}}
{{- if contains "modelyard" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-modelyard" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "modelyard.selector" -}}
app.kubernetes.io/name: modelyard-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Not `managed-by: modelyard`: that marks what the operator made. */}}
{{- define "modelyard.labels" -}}
{{ include "modelyard.selector" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: modelyard
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "modelyard.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "modelyard.name" .) }}
{{- end }}

{{/* (dict "image" IMAGE "version" DEFAULT-TAG) */}}
{{- define "modelyard.image" -}}
{{- if .image.digest }}{{ .image.repository }}@{{ .image.digest }}{{ else }}{{ .image.repository }}:{{ .image.tag | default .version }}{{ end }}
{{- end }}

{{/* What the operator may do where it looks after models and jobs. */}}
{{- define "modelyard.rules" -}}
- apiGroups: [modelyard.dev]
  resources: [modeldeployments]
  verbs: [get, list, watch]
# Jobs that are over go when spec.runPolicy.ttlSecondsAfterFinished says so.
- apiGroups: [modelyard.dev]
  resources: [trainingjobs]
  verbs: [get, list, watch, delete]
- apiGroups: [modelyard.dev]
  resources: [modeldeployments/status, trainingjobs/status]
  verbs: [patch]
# For owner references that block the owner's deletion, where the API server enforces that permission.
- apiGroups: [modelyard.dev]
  resources: [modeldeployments/finalizers, trainingjobs/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: ['']
  resources: [services, serviceaccounts, configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
# Those of jobs; the pods of deployments are made by their controller.
- apiGroups: ['']
  resources: [pods]
  verbs: [get, list, watch, create, delete]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* The port that a URL names or implies. */}}
{{- define "modelyard.urlPort" -}}
{{- $url := urlParse . }}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- end }}
