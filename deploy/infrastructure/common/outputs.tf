output "db_names" {
  description = "Public names of the database nodes, by ordinal."
  value       = local.db_names
}

output "names" {
  description = "All public names, known before anything is made, so that records can be made by name."
  value       = toset(local.names)

  precondition {
    condition     = length(distinct(local.names)) == length(local.names)
    error_message = "`hostname`, `prometheus_hostname` and the database nodes must have different names."
  }
}

output "records" {
  description = "Address of each name: what partners are told, and what must be in DNS whoever makes it."
  value = tomap(merge(
    { for index, name in local.db_names : name => var.addresses.db[index] },
    { (var.hostname) = var.addresses.gateway },
    var.prometheus_hostname == "" ? {} : { (var.prometheus_hostname) = var.addresses.prometheus },
  ))
}

output "record_ttl" {
  description = "Seconds that a record may be remembered. An address moves once in a disaster, and partners should then wait no longer."
  value       = 300
}

output "has_prometheus" {
  description = "Whether Prometheus has a name, and so an address."
  value       = var.prometheus_hostname != ""
}

output "is_api_public" {
  description = "Whether the Kubernetes API can be reached from outside the network."
  value       = length(var.api_allowed_cidrs) > 0
}
