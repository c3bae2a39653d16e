locals {
  protected = merge(
    { cluster = azurerm_kubernetes_cluster.this.id, gateway = azurerm_public_ip.gateway.id, vault = azurerm_key_vault.this.id },
    { for index in range(var.db_nodes) : "db-${index}" => azurerm_public_ip.db[index].id },
    local.new_network ? { egress = azurerm_public_ip.egress[0].id } : {},
  )
  protected_names = concat(
    ["cluster", "gateway", "vault"],
    [for index in range(var.db_nodes) : "db-${index}"],
    local.new_network ? ["egress"] : [],
  )
}

# Held by Azure itself, against every hand but terraform's own: this module takes the locks away before what they hold.
resource "azurerm_management_lock" "this" {
  for_each = var.deletion_protection ? toset(local.protected_names) : toset([])

  name       = "${var.name}-${each.key}"
  scope      = local.protected[each.key]
  lock_level = "CanNotDelete"
  notes      = "Partners or data depend on it. Set deletion_protection to false to lift it."
}
