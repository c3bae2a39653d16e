locals {
  new_network      = var.existing_network == null
  subnet_id        = local.new_network ? azurerm_subnet.nodes[0].id : var.existing_network.subnet_id
  outbound_type    = local.new_network ? "userAssignedNATGateway" : var.existing_network.outbound_type
  egress_addresses = local.new_network ? azurerm_public_ip.egress[*].ip_address : var.existing_network.egress_addresses
}

resource "azurerm_virtual_network" "this" {
  count = local.new_network ? 1 : 0

  name                = var.name
  resource_group_name = local.resource_group
  location            = var.location
  address_space       = [var.vnet_cidr]
  tags                = local.tags
}

# Nodes have no addresses of their own on the internet, and no way out but the one below.
resource "azurerm_subnet" "nodes" {
  count = local.new_network ? 1 : 0

  name                            = "nodes"
  resource_group_name             = local.resource_group
  virtual_network_name            = azurerm_virtual_network.this[0].name
  address_prefixes                = [cidrsubnet(var.vnet_cidr, 2, 0)]
  default_outbound_access_enabled = false
}

# One stable address from which the nodes call other members: partners let exactly this in.
resource "azurerm_public_ip" "egress" {
  count = local.new_network ? 1 : 0

  name                = "${var.name}-egress"
  resource_group_name = local.resource_group
  location            = var.location
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = var.zones
  tags                = local.tags
}

resource "azurerm_nat_gateway" "this" {
  count = local.new_network ? 1 : 0

  name                    = var.name
  resource_group_name     = local.resource_group
  location                = var.location
  sku_name                = "Standard"
  idle_timeout_in_minutes = 10
  tags                    = local.tags
}

resource "azurerm_nat_gateway_public_ip_association" "this" {
  count = local.new_network ? 1 : 0

  nat_gateway_id       = azurerm_nat_gateway.this[0].id
  public_ip_address_id = azurerm_public_ip.egress[0].id
}

resource "azurerm_subnet_nat_gateway_association" "nodes" {
  count = local.new_network ? 1 : 0

  subnet_id      = azurerm_subnet.nodes[0].id
  nat_gateway_id = azurerm_nat_gateway.this[0].id
}

# What comes from the internet reaches the nodes at the reserved addresses and their ports only, that is, through a load
# balancer; whose source ranges the Services hold. Everything else is refused by the group's own last rule.
resource "azurerm_network_security_group" "nodes" {
  count = local.new_network ? 1 : 0

  name                = "${var.name}-nodes"
  resource_group_name = local.resource_group
  location            = var.location
  tags                = local.tags
}

locals {
  entrances = {
    database = { priority = 200, port = "26257", addresses = azurerm_public_ip.db[*].ip_address }
    gateway  = { priority = 210, port = "443", addresses = concat([azurerm_public_ip.gateway.ip_address], azurerm_public_ip.prometheus[*].ip_address) }
  }
}

resource "azurerm_network_security_rule" "entrance" {
  for_each = local.new_network ? local.entrances : {}

  name                         = "allow-${each.key}"
  resource_group_name          = local.resource_group
  network_security_group_name  = azurerm_network_security_group.nodes[0].name
  priority                     = each.value.priority
  direction                    = "Inbound"
  access                       = "Allow"
  protocol                     = "Tcp"
  source_port_range            = "*"
  source_address_prefix        = "Internet"
  destination_port_range       = each.value.port
  destination_address_prefixes = each.value.addresses
}

resource "azurerm_subnet_network_security_group_association" "nodes" {
  count = local.new_network ? 1 : 0

  subnet_id                 = azurerm_subnet.nodes[0].id
  network_security_group_id = azurerm_network_security_group.nodes[0].id
}
