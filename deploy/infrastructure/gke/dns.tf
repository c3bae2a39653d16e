locals {
  records = merge(
    { for index in range(var.db_nodes) : "${index}.${var.db_suffix}" => google_compute_address.db[index].address },
    { (var.hostname) = google_compute_global_address.gateway.address },
    var.prometheus_hostname == "" ? {} : { (var.prometheus_hostname) = google_compute_address.prometheus[0].address },
  )
  names = concat(
    [for index in range(var.db_nodes) : "${index}.${var.db_suffix}"],
    [var.hostname],
    var.prometheus_hostname == "" ? [] : [var.prometheus_hostname],
  )
}

resource "google_dns_record_set" "this" {
  for_each = toset(var.dns_managed_zone == "" ? [] : local.names)

  project      = var.project
  managed_zone = var.dns_managed_zone
  name         = "${each.key}."
  type         = "A"
  ttl          = 300
  rrdatas      = [local.records[each.key]]
}
