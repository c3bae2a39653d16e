variable "kubernetes_version" {
  description = "Kubernetes version of the control plane and the nodes, such as \"1.34\"."
  type        = string
  default     = "1.34"

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "A version is quoted and has two parts, such as \"1.34\"."
  }
  validation {
    condition     = try(tonumber(split(".", var.kubernetes_version)[1]) >= 29, false)
    error_message = "The services need Kubernetes 1.29 or newer."
  }
}

variable "api_allowed_cidrs" {
  description = "Ranges that may reach the Kubernetes API from outside the network. Empty keeps the API private."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.api_allowed_cidrs : can(cidrhost(range, 0))])
    error_message = "A range is such as 203.0.113.0/24."
  }
}

variable "db_nodes" {
  description = "Database nodes; each gets an address and a name of its own, before any Service exists."
  type        = number
  default     = 3

  validation {
    condition     = var.db_nodes >= 1 && var.db_nodes <= 9 && floor(var.db_nodes) == var.db_nodes
    error_message = "An instance has 1 to 9 database nodes."
  }
}

variable "db_suffix" {
  description = "Suffix of the database nodes' public names: node 0 is \"0.SUFFIX\"."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.db_suffix)) && length(var.db_suffix) <= 251
    error_message = "A suffix is a name of DNS in lower case, without a final dot, of at most 251 characters."
  }
}

variable "hostname" {
  description = "Public name of the DSS API."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.hostname)) && length(var.hostname) <= 64
    error_message = "A name of DNS in lower case, without a final dot, of at most 64 characters: it is the certificate's."
  }
}

variable "prometheus_hostname" {
  description = "Public name of Prometheus. Empty gives it neither address nor name."
  type        = string
  default     = ""

  validation {
    condition     = var.prometheus_hostname == "" || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.prometheus_hostname))
    error_message = "A name of DNS in lower case, without a final dot."
  }
}

variable "addresses" {
  description = "Addresses that were reserved: of the database nodes by ordinal, of the API, and of Prometheus, empty where it has none."
  type = object({
    db         = list(string)
    gateway    = string
    prometheus = optional(string, "")
  })
}
