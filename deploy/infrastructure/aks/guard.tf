# The locks of `protection.tf` hold against every hand but terraform's own, which takes them away first. So this goes before all else, and while protection is on it does not go: `terraform destroy` then ends with nothing
# removed. It runs a command on the machine of who destroys. The plugin of `hangar` leaves this file out: it refuses by itself.
resource "terraform_data" "guard" {
  input = var.deletion_protection

  provisioner "local-exec" {
    when    = destroy
    command = self.input ? "echo Set deletion_protection to false and apply, then destroy. && exit 1" : "exit 0"
  }

  depends_on = [
    azurerm_dns_a_record.this,
    azurerm_federated_identity_credential.certificates,
    azurerm_federated_identity_credential.secrets,
    azurerm_key_vault.this,
    azurerm_key_vault_key.secrets,
    azurerm_kubernetes_cluster.this,
    azurerm_management_lock.this,
    azurerm_nat_gateway.this,
    azurerm_nat_gateway_public_ip_association.this,
    azurerm_network_security_group.nodes,
    azurerm_network_security_rule.entrance,
    azurerm_public_ip.db,
    azurerm_public_ip.egress,
    azurerm_public_ip.gateway,
    azurerm_public_ip.prometheus,
    azurerm_resource_group.this,
    azurerm_role_assignment.certificates,
    azurerm_role_assignment.cluster,
    azurerm_role_assignment.operator,
    azurerm_role_assignment.secrets,
    azurerm_role_assignment.vault,
    azurerm_subnet.nodes,
    azurerm_subnet_nat_gateway_association.nodes,
    azurerm_subnet_network_security_group_association.nodes,
    azurerm_user_assigned_identity.certificates,
    azurerm_user_assigned_identity.cluster,
    azurerm_user_assigned_identity.secrets,
    azurerm_virtual_network.this,
  ]
}
