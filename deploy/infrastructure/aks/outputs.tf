output "kube_cluster" {
  description = "Name of the Kubernetes cluster."
  value       = azurerm_kubernetes_cluster.this.name
}

output "api_endpoint" {
  description = "URL of the Kubernetes API."
  value       = "https://${module.common.is_api_public ? azurerm_kubernetes_cluster.this.fqdn : azurerm_kubernetes_cluster.this.private_fqdn}:443"
}

output "api_ca" {
  description = "Certificate authority of the Kubernetes API, base64 of PEM. It is public; the provider marks all beside it as secret."
  value       = nonsensitive(azurerm_kubernetes_cluster.this.kube_config[0].cluster_ca_certificate)
}

output "resource_group" {
  description = "Resource group of the addresses; named by the Services that ask for them."
  value       = local.resource_group
}

output "db_addresses" {
  description = "Public addresses of the database nodes, by ordinal."
  value       = azurerm_public_ip.db[*].ip_address
}

output "db_address_names" {
  description = "Names of the database nodes' addresses, by ordinal; asked for by the nodes' Services."
  value       = azurerm_public_ip.db[*].name
}

output "gateway_address" {
  description = "Public address of the DSS API."
  value       = azurerm_public_ip.gateway.ip_address
}

output "gateway_address_name" {
  description = "Name of the DSS API's address."
  value       = azurerm_public_ip.gateway.name
}

output "prometheus_address" {
  description = "Public address of Prometheus; null where it has no name."
  value       = one(azurerm_public_ip.prometheus[*].ip_address)
}

output "egress_addresses" {
  description = "Addresses from which the nodes call other members."
  value       = local.egress_addresses
}

output "dns_records" {
  description = "Names and addresses that must exist; made here where a DNS zone was given."
  value       = module.common.records
}

output "storage_class" {
  description = "Storage class of the database volumes."
  value       = var.storage_class
}

output "vault_uri" {
  description = "URL of the key vault, where the secret store keeps what it keeps."
  value       = azurerm_key_vault.this.vault_uri
}

output "secrets_client_id" {
  description = "Client id of the identity that workloads use the secret store as."
  value       = azurerm_user_assigned_identity.secrets.client_id
}

output "certificates_client_id" {
  description = "Client id of the identity that proves names for the API's certificate; null where there is none."
  value       = one(azurerm_user_assigned_identity.certificates[*].client_id)
}

output "oidc_issuer" {
  description = "Token issuer of the cluster, for further identities."
  value       = azurerm_kubernetes_cluster.this.oidc_issuer_url
}
