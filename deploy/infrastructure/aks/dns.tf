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
    db         = azurerm_public_ip.db[*].ip_address
    gateway    = azurerm_public_ip.gateway.ip_address
    prometheus = one(azurerm_public_ip.prometheus[*].ip_address)
  }
}

locals {
  # "", subscriptions, UUID, resourceGroups, NAME, providers, Microsoft.Network, dnsZones, ZONE.
  zone_parts = split("/", var.dns_zone_id)
  zone_group = var.dns_zone_id == "" ? "" : local.zone_parts[4]
  zone_name  = var.dns_zone_id == "" ? "" : local.zone_parts[8]
}

resource "azurerm_dns_a_record" "this" {
  for_each = var.dns_zone_id == "" ? [] : module.common.names

  name                = trimsuffix(each.key, ".${local.zone_name}")
  zone_name           = local.zone_name
  resource_group_name = local.zone_group
  ttl                 = module.common.record_ttl
  records             = [module.common.records[each.key]]
  tags                = local.tags
}
