variable "cluster_name" {
  description = "Name of the Kubernetes cluster: output `kube_cluster`."
  type        = string
}

variable "region" {
  description = "Region of the cluster."
  type        = string
}

variable "vpc_id" {
  description = "Network of the nodes: output `vpc_id`."
  type        = string
}

variable "workload_roles" {
  description = "Roles that the add-ons run as: output `workload_roles`."
  type        = map(string)

  validation {
    condition     = alltrue([for name in ["load-balancers", "volumes"] : contains(keys(var.workload_roles), name)])
    error_message = "The roles `load-balancers` and `volumes` are needed."
  }
}

variable "charts" {
  description = "Charts to use in place of those of their makers, by `load_balancers` and `volumes`, such as \"oci://registry.example.com/charts/aws-ebs-csi-driver@sha256:…\"."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, chart in var.charts : contains(["load_balancers", "volumes"], key) && startswith(chart, "oci://")])
    error_message = "A chart is an oci:// reference, for `load_balancers` or `volumes`."
  }
}
