variable "name" {
  description = "Name of the Kubernetes cluster and prefix of everything beside it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,38}[a-z0-9]$", var.name))
    error_message = "A name is 2 to 40 lower-case letters, digits and dashes, from a letter to a letter or digit."
  }
}

variable "location" {
  description = "Azure region of everything, such as \"westeurope\"; one with three availability zones."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+[0-9]?$", var.location))
    error_message = "A region is its short name in lower case, such as \"westeurope\" or \"eastus2\"."
  }
}

variable "operators" {
  description = "Object ids of the principals that deploy and administer the cluster and the key vault. Empty is whose credentials these are; name all of them where several take turns."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.operators : can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", id))])
    error_message = "A principal is named by its object id, a UUID in lower case."
  }
}

variable "admin_groups" {
  description = "Object ids of Entra groups whose members administer the cluster."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.admin_groups : can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", id))])
    error_message = "A group is named by its object id, a UUID in lower case."
  }
}

variable "resource_group_id" {
  description = "Id of the resource group of everything. Empty makes one."
  type        = string
  default     = ""

  validation {
    condition     = var.resource_group_id == "" || can(regex("^/subscriptions/[0-9a-f-]{36}/resourceGroups/[A-Za-z0-9._()-]{1,90}$", var.resource_group_id))
    error_message = "A resource group's id is such as /subscriptions/UUID/resourceGroups/NAME."
  }
}

variable "kubernetes_version" {
  description = "Kubernetes version of the control plane and the nodes, such as \"1.34\"."
  type        = string
  default     = "1.34"
}

variable "zones" {
  description = "Availability zones of the region that the nodes are spread over."
  type        = list(string)
  default     = ["1", "2", "3"]

  validation {
    condition     = length(var.zones) == 3 && toset(var.zones) == toset(["1", "2", "3"])
    error_message = "A region has the zones \"1\", \"2\" and \"3\": name all three."
  }
}

variable "vnet_cidr" {
  description = "Address range of the network that is made; of no use beside `existing_network`."
  type        = string
  default     = "10.30.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.vnet_cidr, 4, 0)) && can(regex("/(1[0-9]|20)$", var.vnet_cidr))
    error_message = "A range is such as 10.30.0.0/16, of 10 to 20 bits."
  }
}

variable "existing_network" {
  description = "A subnet that is there already, instead of a new network: its id, how its nodes reach the internet (`userAssignedNATGateway` or `userDefinedRouting`), and the addresses they are then seen at."
  type = object({
    subnet_id        = string
    outbound_type    = optional(string, "userAssignedNATGateway")
    egress_addresses = list(string)
  })
  default = null

  validation {
    condition     = var.existing_network == null || can(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.Network/virtualNetworks/[^/]+/subnets/[^/]+$", var.existing_network.subnet_id))
    error_message = "A subnet's id is such as /subscriptions/UUID/resourceGroups/NAME/providers/Microsoft.Network/virtualNetworks/NAME/subnets/NAME."
  }

  validation {
    condition     = var.existing_network == null || try(contains(["userAssignedNATGateway", "userDefinedRouting"], var.existing_network.outbound_type), false)
    error_message = "The way out is `userAssignedNATGateway` or `userDefinedRouting`."
  }

  validation {
    condition     = var.existing_network == null || try(length(var.existing_network.egress_addresses) > 0 && alltrue([for address in var.existing_network.egress_addresses : can(cidrhost("${address}/32", 0))]), false)
    error_message = "Name the addresses that the network's nodes are seen at: partners let exactly these in."
  }
}

variable "pod_cidr" {
  description = "Range of the pods, known inside the cluster only."
  type        = string
  default     = "10.244.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.pod_cidr, 8, 0))
    error_message = "A range is such as 10.244.0.0/16."
  }
}

variable "service_cidr" {
  description = "Range of the Services, known inside the cluster only; its tenth address is the cluster's DNS."
  type        = string
  default     = "10.245.0.0/16"

  validation {
    condition     = can(cidrhost(var.service_cidr, 10))
    error_message = "A range is such as 10.245.0.0/16."
  }

  # Two ranges overlap if they are one by the shorter of their lengths.
  validation {
    condition = try(length(distinct([
      for range in [var.pod_cidr, var.service_cidr] :
      cidrhost("${cidrhost(range, 0)}/${min(split("/", var.pod_cidr)[1], split("/", var.service_cidr)[1])}", 0)
    ])) == 2, false)
    error_message = "The ranges of pods and Services overlap."
  }
}

variable "api_allowed_cidrs" {
  description = "Ranges that may reach the Kubernetes API from outside the network. Empty keeps the API private."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.api_allowed_cidrs : !endswith(range, "/0")])
    error_message = "Azure opens an API to ranges, and the whole internet is none."
  }
}

variable "vm_size" {
  description = "Machine type of the nodes, one that all three zones have."
  type        = string
  default     = "Standard_D4s_v5"

  validation {
    condition     = startswith(var.vm_size, "Standard_")
    error_message = "A machine type is such as \"Standard_D4s_v5\"."
  }
}

variable "os_disk_size_gb" {
  description = "Disk of a node, in GB."
  type        = number
  default     = 64

  validation {
    condition     = var.os_disk_size_gb >= 30 && var.os_disk_size_gb <= 2048 && floor(var.os_disk_size_gb) == var.os_disk_size_gb
    error_message = "A node's disk has 30 to 2048 GB."
  }
}

variable "node_count" {
  description = "Nodes of the cluster: wanted at first, and the bounds an autoscaler may use."
  type        = object({ min = number, desired = number, max = number })
  default     = { min = 3, desired = 3, max = 6 }

  validation {
    condition     = var.node_count.min >= 1 && var.node_count.min <= var.node_count.desired && var.node_count.desired <= var.node_count.max && var.node_count.max <= 1000
    error_message = "Node counts must rise: 1 <= min <= desired <= max <= 1000."
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

variable "dns_zone_id" {
  description = "Azure DNS zone in which the names are made. Empty makes none: output `dns_records` lists what to make by hand."
  type        = string
  default     = ""

  validation {
    condition     = var.dns_zone_id == "" || can(regex("^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.Network/dns[zZ]ones/[^/]+$", var.dns_zone_id))
    error_message = "A zone's id is such as /subscriptions/UUID/resourceGroups/NAME/providers/Microsoft.Network/dnsZones/example.com."
  }

  validation {
    condition = var.dns_zone_id == "" || alltrue([
      for name in compact([var.db_suffix, var.hostname, var.prometheus_hostname]) : endswith(name, ".${basename(var.dns_zone_id)}")
    ])
    error_message = "Every public name must end with the name of the DNS zone."
  }
}

variable "gateway_certificate" {
  description = "Whether an identity is made by which the cluster's certificate manager proves the names of the DNS zone, for the HTTPS certificate of the API. By default it is where a zone is given."
  type        = bool
  default     = null

  validation {
    condition     = var.gateway_certificate != true || var.dns_zone_id != ""
    error_message = "Names are proved in a DNS zone: give `dns_zone_id` too."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the services, whose workloads may use the secret store."
  type        = string
  default     = "dss"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "A namespace is a DNS label."
  }
}

variable "secrets_service_account" {
  description = "Kubernetes service account that may use the secret store without a password."
  type        = string
  default     = "hangar"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", var.secrets_service_account))
    error_message = "A service account is a DNS name."
  }
}

variable "key_vault_name" {
  description = "Name of the key vault, unique in all of Azure. Empty derives one."
  type        = string
  default     = ""

  validation {
    condition     = var.key_vault_name == "" || can(regex("^[a-zA-Z](-?[a-zA-Z0-9]){2,23}$", var.key_vault_name)) && length(var.key_vault_name) <= 24
    error_message = "A key vault has 3 to 24 letters, digits and single dashes, from a letter to a letter or digit."
  }
}

variable "storage_class" {
  description = "Storage class of the database volumes. Those of Azure with `Retain` are made by the cluster's operator."
  type        = string
  default     = "managed-csi-premium"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", var.storage_class))
    error_message = "A storage class is a DNS name."
  }
}

variable "deletion_protection" {
  description = "Refuse `terraform destroy`, before anything is removed, and lock the cluster, the addresses and the key vault against any other deletion. Switch it off, apply, then destroy or rotate the nodes."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.tags) <= 45
    error_message = "Azure takes 50 tags, of which some are set here: give at most 45."
  }
}
