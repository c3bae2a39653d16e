# `terraform test`: what is planned, and what is refused. Nothing is made.

provider "azurerm" {
  subscription_id = "00000000-0000-0000-0000-000000000001"
  features {}
}

variables {
  name      = "uss1"
  location  = "westeurope"
  db_suffix = "db.dss.uss1.example.com"
  hostname  = "dss.uss1.example.com"
}

run "the_api_is_private_by_default" {
  command = plan

  assert {
    condition     = azurerm_kubernetes_cluster.this.private_cluster_enabled
    error_message = "without ranges the API must be private"
  }
  assert {
    condition     = azurerm_kubernetes_cluster.this.local_account_disabled
    error_message = "local accounts must be off"
  }
  assert {
    condition     = length(azurerm_kubernetes_cluster.this.key_management_service) == 1
    error_message = "Secrets must be encrypted with a key of our own"
  }
  assert {
    condition     = toset(azurerm_kubernetes_cluster.this.default_node_pool[0].zones) == toset(["1", "2", "3"])
    error_message = "nodes must be spread over three zones"
  }
}

run "each_node_has_an_address_of_its_own" {
  command = plan

  variables {
    db_nodes            = 5
    prometheus_hostname = "prometheus.uss1.example.com"
  }

  assert {
    condition     = length(azurerm_public_ip.db) == 5 && length(azurerm_public_ip.prometheus) == 1
    error_message = "every node and Prometheus must have an address"
  }
  assert {
    condition     = alltrue([for address in azurerm_public_ip.db : address.allocation_method == "Static" && address.sku == "Standard"])
    error_message = "addresses must be reserved"
  }
  assert {
    condition     = length(azurerm_management_lock.this) == 5 + 4
    error_message = "the cluster, the vault and every address must be locked"
  }
}

run "names_are_made_in_a_zone_that_is_given" {
  command = plan

  variables {
    dns_zone_id = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/dns/providers/Microsoft.Network/dnsZones/uss1.example.com"
  }

  assert {
    condition     = azurerm_dns_a_record.this["0.db.dss.uss1.example.com"].name == "0.db.dss"
    error_message = "a record's name is relative to its zone"
  }
  assert {
    condition     = length(azurerm_user_assigned_identity.certificates) == 1
    error_message = "with a zone there is an identity that proves its names"
  }
}

run "an_existing_network_is_used_as_it_is" {
  command = plan

  variables {
    existing_network = {
      subnet_id        = "/subscriptions/s/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub/subnets/dss"
      outbound_type    = "userDefinedRouting"
      egress_addresses = ["198.51.100.7"]
    }
    api_allowed_cidrs = ["203.0.113.0/24"]
  }

  assert {
    condition     = length(azurerm_virtual_network.this) + length(azurerm_nat_gateway.this) + length(azurerm_network_security_group.nodes) == 0
    error_message = "nothing of a network may be made"
  }
  assert {
    condition     = output.egress_addresses == tolist(["198.51.100.7"])
    error_message = "partners must be told the network's own addresses"
  }
  assert {
    condition     = contains(azurerm_kubernetes_cluster.this.api_server_access_profile[0].authorized_ip_ranges, "198.51.100.7/32")
    error_message = "the nodes must be able to reach a public API"
  }
}

run "a_name_out_of_the_zone_is_refused" {
  command = plan

  variables {
    dns_zone_id = "/subscriptions/s/resourceGroups/dns/providers/Microsoft.Network/dnsZones/other.example.com"
  }

  expect_failures = [var.dns_zone_id]
}

run "an_open_api_is_refused" {
  command = plan

  variables {
    api_allowed_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.api_allowed_cidrs]
}

run "counts_that_do_not_rise_are_refused" {
  command = plan

  variables {
    node_count = { min = 3, desired = 2, max = 6 }
  }

  expect_failures = [var.node_count]
}

run "ranges_that_overlap_are_refused" {
  command = plan

  variables {
    pod_cidr     = "10.244.0.0/16"
    service_cidr = "10.244.128.0/20"
  }

  expect_failures = [var.service_cidr]
}

run "a_certificate_needs_a_zone" {
  command = plan

  variables {
    gateway_certificate = true
  }

  expect_failures = [var.gateway_certificate]
}
