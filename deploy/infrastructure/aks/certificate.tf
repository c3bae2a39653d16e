# Azure has no certificate for a load balancer that passes TCP through: cert-manager has one made, and proves the names by
# records of the zone, as this identity.
locals {
  proves_names = var.dns_zone_id != "" && var.gateway_certificate != false
}

resource "azurerm_user_assigned_identity" "certificates" {
  count = local.proves_names ? 1 : 0

  name                = "${var.name}-certificates"
  resource_group_name = local.resource_group
  location            = var.location
  tags                = local.tags
}

resource "azurerm_federated_identity_credential" "certificates" {
  count = local.proves_names ? 1 : 0

  name                = "cert-manager"
  resource_group_name = local.resource_group
  parent_id           = azurerm_user_assigned_identity.certificates[0].id
  issuer              = azurerm_kubernetes_cluster.this.oidc_issuer_url
  audience            = ["api://AzureADTokenExchange"]
  subject             = "system:serviceaccount:cert-manager:cert-manager"
}

resource "azurerm_role_assignment" "certificates" {
  count = local.proves_names ? 1 : 0

  scope                = var.dns_zone_id
  role_definition_name = "DNS Zone Contributor"
  principal_id         = azurerm_user_assigned_identity.certificates[0].principal_id
  principal_type       = "ServicePrincipal"
}
