output "kube_cluster" {
  description = "Name of the Kubernetes cluster."
  value       = google_container_cluster.this.name
}

output "api_endpoint" {
  description = "URL of the Kubernetes API; inside the network alone where no range is let in."
  value       = "https://${module.common.is_api_public ? google_container_cluster.this.endpoint : google_container_cluster.this.private_cluster_config[0].private_endpoint}"
}

output "api_ca" {
  description = "Certificate authority of the Kubernetes API, base64 of PEM."
  value       = google_container_cluster.this.master_auth[0].cluster_ca_certificate
}

output "db_addresses" {
  description = "Public addresses of the database nodes, by ordinal; asked for by the nodes' Services."
  value       = google_compute_address.db[*].address
}

output "db_address_names" {
  description = "Names of the database nodes' reserved addresses, by ordinal."
  value       = google_compute_address.db[*].name
}

output "gateway_address" {
  description = "Public address of the DSS API."
  value       = google_compute_global_address.gateway.address
}

output "gateway_address_name" {
  description = "Name of the DSS API's reserved address."
  value       = google_compute_global_address.gateway.name
}

output "gateway_certificate" {
  description = "Name of the DSS API's managed certificate. It is issued once the name leads to the address: 10 to 45 minutes."
  value       = google_compute_managed_ssl_certificate.gateway.name
}

output "gateway_ssl_policy" {
  description = "Name of the TLS policy of the DSS API's load balancer."
  value       = google_compute_ssl_policy.gateway.name
}

output "prometheus_address" {
  description = "Public address of Prometheus; null without a name for it."
  value       = one(google_compute_address.prometheus[*].address)
}

output "egress_addresses" {
  description = "Addresses from which the nodes call other members."
  value       = [google_compute_address.egress.address]
}

output "dns_records" {
  description = "Names and addresses that must exist; made here where a managed zone was given."
  value       = module.common.records
}

output "storage_class" {
  description = "Storage class that GKE offers for database volumes."
  value       = "premium-rwo"
}

output "secrets" {
  description = "Project and prefix of the secrets, and the account that may use them."
  value = {
    project         = var.project
    prefix          = "${local.secrets_prefix}-"
    service_account = google_service_account.secrets.email
  }
}

output "kms_key" {
  description = "Key that encrypts Kubernetes Secrets; give it as `kms_key` to build the instance again under the same name."
  value       = local.kms_key
}
