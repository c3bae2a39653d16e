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
}

variable "availability_zones" {
  description = "Zones the nodes are spread over, three of one region, such as [\"us-east-1a\", \"us-east-1b\", \"us-east-1c\"]. Left out with an existing network, whose subnets say them."
  type        = list(string)
  default     = []

  validation {
    condition     = var.existing_network != null ? length(var.availability_zones) == 0 : length(distinct(var.availability_zones)) == 3 && length(var.availability_zones) == 3
    error_message = "Name three different zones, or none with an existing network."
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

variable "existing_network" {
  description = "A network to use in place of a new one: subnets by zone, three of each kind, and the ranges from which its nodes reach others. Subnets need the tags by which load balancers find them."
  type = object({
    vpc_id          = string
    public_subnets  = map(string)
    private_subnets = map(string)
    egress_cidrs    = list(string)
  })
  default = null

  validation {
    condition     = var.existing_network == null ? true : length(var.existing_network.private_subnets) == 3 && keys(var.existing_network.public_subnets) == keys(var.existing_network.private_subnets)
    error_message = "Name a public and a private subnet in each of three zones."
  }
  validation {
    condition     = var.existing_network == null ? true : length(var.existing_network.egress_cidrs) > 0 && alltrue([for range in var.existing_network.egress_cidrs : can(cidrhost(range, 0))])
    error_message = "Partners have to let somebody in: name the ranges, such as 203.0.113.7/32."
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

variable "prometheus_hostname" {
  description = "Public name of Prometheus. Empty gives it neither address nor name."
  type        = string
  default     = ""
}

variable "secrets_prefix" {
  description = "Prefix of the secrets in Secrets Manager that the secret store's workload may use. Empty lets it use none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9_+=.@-]+(/[A-Za-z0-9_+=.@-]+)*)?$", var.secrets_prefix))
    error_message = "A prefix is such as dss/uss1, without a slash at either end."
  }
}

variable "secrets_service_account" {
  description = "The Kubernetes service account that may use those secrets."
  type        = object({ namespace = string, name = string })
  default     = { namespace = "dss", name = "hangar" }
}

variable "iam_permissions_boundary" {
  description = "ARN of a policy that bounds every role made here. Empty for none."
  type        = string
  default     = ""
}

variable "deletion_protection" {
  description = "Refuse `terraform destroy`, before anything is removed. Switch it off, apply, then destroy."
  type        = bool
  default     = true
}

variable "protected_from" {
  description = "Names of IAM roles, of people and of pipelines, that are denied to delete the cluster and its nodes, to release its addresses and to delete the key of its Secrets. Terraform's own role must not be among them. Empty denies it to nobody."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for role in var.protected_from : can(regex("^[A-Za-z0-9_+=,.@-]{1,64}$", role))])
    error_message = "A role is named without its path and not by its ARN."
  }
}

variable "key_deletion_days" {
  description = "Days that the key of Kubernetes Secrets can be brought back after its deletion."
  type        = number
  default     = 30

  validation {
    condition     = var.key_deletion_days >= 7 && var.key_deletion_days <= 30
    error_message = "KMS waits 7 to 30 days."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
