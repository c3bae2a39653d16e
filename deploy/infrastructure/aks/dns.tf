locals {
  db_names = [for index in range(var.db_nodes) : "${index}.${var.db_suffix}"]
  names    = concat(local.db_names, [var.hostname], compact([var.prometheus_hostname]))
  records = merge(
    { for index, name in local.db_names : name => azurerm_public_ip.db[index].ip_address },
    { (var.hostname) = azurerm_public_ip.gateway.ip_address },
    var.prometheus_hostname == "" ? {} : { (var.prometheus_hostname) = azurerm_public_ip.prometheus[0].ip_address },
  )

  # "", subscriptions, UUID, resourceGroups, NAME, providers, Microsoft.Network, dnsZones, ZONE.
  zone_parts = split("/", var.dns_zone_id)
  zone_group = var.dns_zone_id == "" ? "" : local.zone_parts[4]
  zone_name  = var.dns_zone_id == "" ? "" : local.zone_parts[8]
}

resource "azurerm_dns_a_record" "this" {
  for_each = var.dns_zone_id == "" ? toset([]) : toset(local.names)

  name                = trimsuffix(each.key, ".${local.zone_name}")
  zone_name           = local.zone_name
  resource_group_name = local.zone_group
  ttl                 = 300
  records             = [local.records[each.key]]
  tags                = local.tags
}
