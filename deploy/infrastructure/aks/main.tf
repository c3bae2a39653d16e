# Whose credentials these are: cluster and key vault belong to their tenant, and let them in.
data "azurerm_client_config" "this" {}

locals {
  tenant_id      = data.azurerm_client_config.this.tenant_id
  operators      = length(var.operators) > 0 ? var.operators : [data.azurerm_client_config.this.object_id]
  tags           = merge(var.tags, { "hangar.dev_instance" = var.name })
  resource_group = var.resource_group_id == "" ? azurerm_resource_group.this[0].name : basename(var.resource_group_id)
  group_scope    = var.resource_group_id == "" ? azurerm_resource_group.this[0].id : var.resource_group_id
}

resource "azurerm_resource_group" "this" {
  count = var.resource_group_id == "" ? 1 : 0

  name     = var.name
  location = var.location
  tags     = local.tags
}
