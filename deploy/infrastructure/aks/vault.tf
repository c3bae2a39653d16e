locals {
  derived_vault = "${substr(replace(var.name, "-", ""), 0, 12)}${substr(sha256("${local.group_scope}/${var.name}"), 0, 8)}"
}

# Holds the key of the Kubernetes Secrets, and what the secret store keeps. Access is by roles; what is deleted can be had
# back for 90 days and by nobody be purged before, since without the key the cluster's Secrets are lost.
resource "azurerm_key_vault" "this" {
  name                       = var.key_vault_name == "" ? local.derived_vault : var.key_vault_name
  resource_group_name        = local.resource_group
  location                   = var.location
  tenant_id                  = local.tenant_id
  sku_name                   = "standard"
  rbac_authorization_enabled = true
  purge_protection_enabled   = true
  soft_delete_retention_days = 90
  tags                       = local.tags
}

locals {
  vault_roles = merge([
    for id in local.operators : {
      "${id}/keys"    = { principal = id, role = "Key Vault Crypto Officer" }
      "${id}/secrets" = { principal = id, role = "Key Vault Secrets Officer" }
    }
  ]...)
}

resource "azurerm_role_assignment" "vault" {
  for_each = local.vault_roles

  scope                = azurerm_key_vault.this.id
  role_definition_name = each.value.role
  principal_id         = each.value.principal
}

# The vault makes it and keeps its private half. It is not rotated by itself: the cluster names one version, and takes the
# next by a change of a plan.
resource "azurerm_key_vault_key" "secrets" {
  name         = "${var.name}-secrets"
  key_vault_id = azurerm_key_vault.this.id
  key_type     = "RSA"
  key_size     = 3072
  key_opts     = ["decrypt", "encrypt", "unwrapKey", "wrapKey"]
  tags         = local.tags

  depends_on = [azurerm_role_assignment.vault]
}
