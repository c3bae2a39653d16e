resource "azurerm_kubernetes_cluster" "this" {
  name                = var.name
  resource_group_name = local.resource_group
  location            = var.location
  dns_prefix          = var.name
  kubernetes_version  = var.kubernetes_version
  sku_tier            = "Standard"
  tags                = local.tags

  # No certificate or password opens the cluster, so that none can lie in a state or on a disk.
  local_account_disabled            = true
  role_based_access_control_enabled = true
  run_command_enabled               = false

  # Workloads take identities through the cluster's token issuer.
  oidc_issuer_enabled       = true
  workload_identity_enabled = true

  # Nodes restart when somebody says so: a member's maintenance is agreed upon in its pool.
  node_os_upgrade_channel = "None"

  private_cluster_enabled = !module.common.is_api_public

  azure_active_directory_role_based_access_control {
    azure_rbac_enabled     = true
    tenant_id              = local.tenant_id
    admin_group_object_ids = var.admin_groups
  }

  # The nodes come to a public endpoint from the address they have outside.
  dynamic "api_server_access_profile" {
    for_each = module.common.is_api_public ? [true] : []

    content {
      authorized_ip_ranges = concat(var.api_allowed_cidrs, [for address in local.egress_addresses : "${address}/32"])
    }
  }

  default_node_pool {
    name                        = "system"
    temporary_name_for_rotation = "rotating"
    vm_size                     = var.vm_size
    os_disk_size_gb             = var.os_disk_size_gb
    orchestrator_version        = var.kubernetes_version
    vnet_subnet_id              = local.subnet_id
    zones                       = var.zones
    auto_scaling_enabled        = true
    min_count                   = var.node_count.min
    node_count                  = var.node_count.desired
    max_count                   = var.node_count.max
    node_public_ip_enabled      = false
    tags                        = local.tags

    upgrade_settings {
      max_surge                = "1"
      drain_timeout_in_minutes = 30
    }
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.cluster.id]
  }

  # Kubernetes Secrets are encrypted with a key of the organisation's own.
  key_management_service {
    key_vault_key_id         = azurerm_key_vault_key.secrets.id
    key_vault_network_access = "Public"
  }

  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    network_data_plane  = "cilium"
    network_policy      = "cilium"
    load_balancer_sku   = "standard"
    outbound_type       = local.outbound_type
    pod_cidr            = var.pod_cidr
    service_cidr        = var.service_cidr
    dns_service_ip      = cidrhost(var.service_cidr, 10)
  }

  # Balances the zones, so that losing one leaves the others' count as it was.
  auto_scaler_profile {
    balance_similar_node_groups = true
    # A volume is bound to its zone, and its node with it.
    skip_nodes_with_local_storage = true
  }

  lifecycle {
    # An autoscaler moves the wanted size.
    ignore_changes = [default_node_pool[0].node_count]
  }

  depends_on = [
    azurerm_nat_gateway_public_ip_association.this,
    azurerm_role_assignment.cluster,
    azurerm_subnet_nat_gateway_association.nodes,
    azurerm_subnet_network_security_group_association.nodes,
  ]
}
