# Partners are told these addresses: they are reserved before any Service exists, and Services ask for them by name. Each is
# there in all zones, so that losing one zone loses no address.
resource "azurerm_public_ip" "db" {
  count = var.db_nodes

  name                = "${var.name}-db-${count.index}"
  resource_group_name = local.resource_group
  location            = var.location
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = var.zones
  tags                = local.tags
}

resource "azurerm_public_ip" "gateway" {
  name                = "${var.name}-gateway"
  resource_group_name = local.resource_group
  location            = var.location
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = var.zones
  tags                = local.tags
}

resource "azurerm_public_ip" "prometheus" {
  count = module.common.has_prometheus ? 1 : 0

  name                = "${var.name}-prometheus"
  resource_group_name = local.resource_group
  location            = var.location
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = var.zones
  tags                = local.tags
}
