variable "name" {
  description = "Name of the Kubernetes cluster and prefix of everything beside it."
  type        = string

  validation {
    # A service account takes 30 characters, and the longest suffix of ours is `-secrets`.
    condition     = can(regex("^[a-z][a-z0-9-]{0,20}[a-z0-9]$", var.name))
    error_message = "A name is 2 to 22 lower-case letters, digits and dashes, from a letter to a letter or digit."
  }
}

variable "project" {
  description = "Id of the Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^([a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project id is 6 to 30 lower-case letters, digits and dashes; it is not the project's name or number."
  }
}

variable "region" {
  description = "Region of everything, such as \"europe-west4\"."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region is such as europe-west4; europe-west4-a is a zone."
  }
}

variable "zones" {
  description = "Zones the nodes are spread over, three of the region, such as [\"europe-west4-a\", \"europe-west4-b\", \"europe-west4-c\"]."
  type        = list(string)

  validation {
    condition     = length(var.zones) == 3 && length(distinct(var.zones)) == 3
    error_message = "Name three different zones."
  }

  validation {
    condition     = alltrue([for zone in var.zones : startswith(zone, "${var.region}-")])
    error_message = "Every zone must be of the region, such as ${var.region}-b."
  }
}

variable "kubernetes_version" {
  description = "Kubernetes version of the control plane and the nodes, such as \"1.34\"."
  type        = string
  default     = "1.34"
}

variable "release_channel" {
  description = "Channel of GKE from which control plane and nodes take patches: RAPID, REGULAR, STABLE or EXTENDED."
  type        = string
  default     = "REGULAR"

  validation {
    condition     = contains(["RAPID", "REGULAR", "STABLE", "EXTENDED"], var.release_channel)
    error_message = "A channel is RAPID, REGULAR, STABLE or EXTENDED."
  }
}

variable "maintenance_start" {
  description = "Time of day, UTC, from which GKE may upgrade for four hours, such as \"03:00\"."
  type        = string
  default     = "03:00"

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", var.maintenance_start))
    error_message = "A time is such as 03:00."
  }
}

variable "network" {
  description = "An existing network to stand in, by its self link or id, and a subnetwork of it with secondary ranges for pods and services. Null makes new ones."
  type = object({
    network        = string
    subnetwork     = string
    pods_range     = string
    services_range = string
  })
  default = null
}

variable "nodes_cidr" {
  description = "Address range of the nodes, in a new network."
  type        = string
  default     = "10.20.0.0/20"

  validation {
    condition     = can(cidrnetmask(var.nodes_cidr))
    error_message = "A range is such as 10.20.0.0/20."
  }
}

variable "pods_cidr" {
  description = "Address range of the pods, in a new network."
  type        = string
  default     = "10.24.0.0/14"

  validation {
    condition     = can(cidrnetmask(var.pods_cidr))
    error_message = "A range is such as 10.24.0.0/14."
  }
}

variable "services_cidr" {
  description = "Address range of the Kubernetes services, in a new network."
  type        = string
  default     = "10.28.0.0/20"

  validation {
    condition     = can(cidrnetmask(var.services_cidr))
    error_message = "A range is such as 10.28.0.0/20."
  }
}

variable "control_plane_cidr" {
  description = "Address range of the control plane, 28 bits, that nothing else uses."
  type        = string
  default     = "172.16.0.0/28"

  validation {
    condition     = can(cidrnetmask(var.control_plane_cidr)) && endswith(var.control_plane_cidr, "/28")
    error_message = "The control plane takes a range of exactly 28 bits, such as 172.16.0.0/28."
  }
}

variable "api_allowed_cidrs" {
  description = "Ranges that may reach the Kubernetes API from outside the network. Empty keeps the API private."
  type        = list(string)
  default     = []
}

variable "machine_type" {
  description = "Machine type of the nodes."
  type        = string
  default     = "n2-standard-4"
}

variable "disk_size_gb" {
  description = "Size of each node's boot disk in GiB; images and logs are on it, databases are not."
  type        = number
  default     = 50

  validation {
    condition     = var.disk_size_gb >= 25 && floor(var.disk_size_gb) == var.disk_size_gb
    error_message = "Less than 25 GiB fills up with images."
  }
}

variable "node_count" {
  description = "Nodes of the cluster over all zones: the bounds of the autoscaler."
  type        = object({ min = number, max = number })
  default     = { min = 3, max = 6 }

  validation {
    condition     = var.node_count.min >= 1 && var.node_count.min <= var.node_count.max
    error_message = "Node counts must rise: 1 <= min <= max."
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

variable "prometheus_hostname" {
  description = "Public name of Prometheus. Empty gives it neither address nor name."
  type        = string
  default     = ""
}

variable "dns_managed_zone" {
  description = "Name of the Cloud DNS zone in which the names are made. Empty makes none: output `dns_records` lists what to make by hand."
  type        = string
  default     = ""
}

variable "namespace" {
  description = "Kubernetes namespace of the instance; workload identities are bound to it."
  type        = string
  default     = "dss"
}

variable "secrets_service_account" {
  description = "Kubernetes service account that may use the secrets, by workload identity. Empty lets none."
  type        = string
  default     = "hangar"
}

variable "secrets_prefix" {
  description = "Prefix of the instance's secrets in Secret Manager; access is limited to it. Empty takes the cluster's name."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{0,200}$", var.secrets_prefix))
    error_message = "A prefix is letters, digits, dashes and underscores."
  }
}

variable "kms_key" {
  description = "Id of an existing key of Cloud KMS that encrypts Kubernetes Secrets. Empty makes one, which Google keeps for ever once made."
  type        = string
  default     = ""

  validation {
    condition     = var.kms_key == "" || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "A key is projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY."
  }
}

variable "deletion_protection" {
  description = "Refuse `terraform destroy`, before anything is removed, and any other deletion of the cluster, and so of its volumes. Switch it off, apply, then destroy."
  type        = bool
  default     = true
}

variable "enable_services" {
  description = "Enable the Google APIs that all of this needs. They stay enabled when it is destroyed."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Labels of every resource that takes some."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.tags : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "Labels of Google are lower-case letters, digits, dashes and underscores, 63 at most; a key starts with a letter."
  }
}
