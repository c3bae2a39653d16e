variable "name" {
  description = "Name of the Kubernetes cluster and prefix of everything beside it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,38}[a-z0-9]$", var.name))
    error_message = "A name is 2 to 40 lower-case letters, digits and dashes, from a letter to a letter or digit."
  }
}

variable "kubernetes_version" {
  description = "Kubernetes version of the control plane and the nodes, such as \"1.34\"."
  type        = string
  default     = "1.34"

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "A version is quoted and has two parts, such as \"1.34\"."
  }
}

variable "availability_zones" {
  description = "Zones the nodes are spread over, three of one region, such as [\"us-east-1a\", \"us-east-1b\", \"us-east-1c\"]."
  type        = list(string)

  validation {
    condition     = length(var.availability_zones) == 3 && length(distinct(var.availability_zones)) == 3
    error_message = "Name three different zones."
  }
}

variable "vpc_cidr" {
  description = "Address range of the network."
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 8, 0))
    error_message = "A range is such as 10.20.0.0/16, of 16 to 24 bits less eight."
  }
}

variable "api_allowed_cidrs" {
  description = "Ranges that may reach the Kubernetes API from outside the network. Empty keeps the API private."
  type        = list(string)
  default     = []
}

variable "instance_type" {
  description = "Machine type of the nodes."
  type        = string
  default     = "m6i.xlarge"
}

variable "node_count" {
  description = "Nodes of the cluster: wanted at first, and the bounds an autoscaler may use."
  type        = object({ min = number, desired = number, max = number })
  default     = { min = 3, desired = 3, max = 6 }

  validation {
    condition     = var.node_count.min >= 1 && var.node_count.min <= var.node_count.desired && var.node_count.desired <= var.node_count.max
    error_message = "Node counts must rise: 1 <= min <= desired <= max."
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
}

variable "hostname" {
  description = "Public name of the DSS API."
  type        = string
}

variable "route53_zone_id" {
  description = "Hosted zone in which the names are made. Empty makes none: output `dns_records` lists what to make by hand."
  type        = string
  default     = ""
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
