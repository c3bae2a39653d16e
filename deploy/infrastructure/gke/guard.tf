# Google's provider refuses to delete a cluster that is protected, but comes to it only after the nodes, the records and the addresses that
# partners were told. So this goes before all else, and while protection is on it does not go: `terraform destroy` then ends with nothing
# removed. It runs a command on the machine of who destroys. The plugin of `hangar` leaves this file out: it refuses by itself.
resource "terraform_data" "guard" {
  input = var.deletion_protection

  provisioner "local-exec" {
    when    = destroy
    command = self.input ? "echo Set deletion_protection to false and apply, then destroy. && exit 1" : "exit 0"
  }

  depends_on = [
    google_compute_address.db,
    google_compute_address.egress,
    google_compute_address.prometheus,
    google_compute_firewall.closed,
    google_compute_global_address.gateway,
    google_compute_managed_ssl_certificate.gateway,
    google_compute_network.this,
    google_compute_router.this,
    google_compute_router_nat.this,
    google_compute_ssl_policy.gateway,
    google_compute_subnetwork.this,
    google_container_cluster.this,
    google_container_node_pool.this,
    google_dns_record_set.this,
    google_kms_crypto_key.secrets,
    google_kms_crypto_key_iam_member.gke,
    google_kms_key_ring.this,
    google_project_iam_member.node,
    google_project_iam_member.secrets,
    google_project_service.this,
    google_service_account.node,
    google_service_account.secrets,
    google_service_account_iam_member.secrets,
  ]
}
