# What does not depend on the cloud: names, and what is refused.
module "common" {
  source = "../common"

  kubernetes_version  = var.kubernetes_version
  api_allowed_cidrs   = var.api_allowed_cidrs
  db_nodes            = var.db_nodes
  db_suffix           = var.db_suffix
  hostname            = var.hostname
  prometheus_hostname = var.prometheus_hostname

  addresses = {
    db         = google_compute_address.db[*].address
    gateway    = google_compute_global_address.gateway.address
    prometheus = one(google_compute_address.prometheus[*].address)
  }
}

resource "google_dns_record_set" "this" {
  for_each = var.dns_managed_zone == "" ? [] : module.common.names

  project      = var.project
  managed_zone = var.dns_managed_zone
  name         = "${each.key}."
  type         = "A"
  ttl          = module.common.record_ttl
  rrdatas      = [module.common.records[each.key]]
}
