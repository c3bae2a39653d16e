# The cluster's own identity is made first, since the key of its Secrets must be open to it before it exists.
resource "azurerm_user_assigned_identity" "cluster" {
  name                = "${var.name}-cluster"
  resource_group_name = local.resource_group
  location            = var.location
  tags                = local.tags
}

locals {
  cluster_roles = {
    subnet    = { scope = local.subnet_id, role = "Network Contributor" }
    addresses = { scope = local.group_scope, role = "Network Contributor" }
    key       = { scope = azurerm_key_vault.this.id, role = "Key Vault Crypto Service Encryption User" }
  }
}

# Services ask for addresses of this resource group, not of the one that the cluster makes for its nodes.
resource "azurerm_role_assignment" "cluster" {
  for_each = toset(["subnet", "addresses", "key"])

  scope                = local.cluster_roles[each.key].scope
  role_definition_name = local.cluster_roles[each.key].role
  principal_id         = azurerm_user_assigned_identity.cluster.principal_id
  principal_type       = "ServicePrincipal"
}

# The cluster has no local accounts: whoever administers it is known to Entra.
resource "azurerm_role_assignment" "operator" {
  for_each = toset(local.operators)

  scope                = azurerm_kubernetes_cluster.this.id
  role_definition_name = "Azure Kubernetes Service RBAC Cluster Admin"
  principal_id         = each.key
}

# Workloads of the namespace take this identity through the cluster's own token issuer, without a password.
resource "azurerm_user_assigned_identity" "secrets" {
  name                = "${var.name}-secrets"
  resource_group_name = local.resource_group
  location            = var.location
  tags                = local.tags
}

resource "azurerm_federated_identity_credential" "secrets" {
  name                = "${var.namespace}-${var.secrets_service_account}"
  resource_group_name = local.resource_group
  parent_id           = azurerm_user_assigned_identity.secrets.id
  issuer              = azurerm_kubernetes_cluster.this.oidc_issuer_url
  audience            = ["api://AzureADTokenExchange"]
  subject             = "system:serviceaccount:${var.namespace}:${var.secrets_service_account}"
}

resource "azurerm_role_assignment" "secrets" {
  scope                = azurerm_key_vault.this.id
  role_definition_name = "Key Vault Secrets Officer"
  principal_id         = azurerm_user_assigned_identity.secrets.principal_id
  principal_type       = "ServicePrincipal"
}
