locals {
  is_own_network = var.existing_network == null
  # Known before anything is made, so that resources can be made by zone.
  zone_names      = local.is_own_network ? toset(var.availability_zones) : toset(keys(var.existing_network.private_subnets))
  zones           = { for index, zone in var.availability_zones : zone => index }
  vpc_id          = local.is_own_network ? aws_vpc.this[0].id : var.existing_network.vpc_id
  public_subnets  = local.is_own_network ? { for zone, subnet in aws_subnet.public : zone => subnet.id } : var.existing_network.public_subnets
  private_subnets = local.is_own_network ? { for zone, subnet in aws_subnet.private : zone => subnet.id } : var.existing_network.private_subnets
  egress_cidrs    = local.is_own_network ? [for address in aws_eip.egress : "${address.public_ip}/32"] : var.existing_network.egress_cidrs

  tags = merge(var.tags, { "hangar.dev/instance" = var.name })
}

resource "aws_vpc" "this" {
  count = local.is_own_network ? 1 : 0

  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = merge(local.tags, { Name = var.name })
}

resource "aws_internet_gateway" "this" {
  count = local.is_own_network ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = merge(local.tags, { Name = var.name })
}

# Load balancers stand in the public subnets, nodes in the private ones.
resource "aws_subnet" "public" {
  for_each = local.zones

  vpc_id            = aws_vpc.this[0].id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, each.value)

  tags = merge(local.tags, {
    Name                     = "${var.name}-public-${each.key}"
    "kubernetes.io/role/elb" = "1"
  })
}

resource "aws_subnet" "private" {
  for_each = local.zones

  vpc_id            = aws_vpc.this[0].id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, 8 + each.value)

  tags = merge(local.tags, {
    Name                              = "${var.name}-private-${each.key}"
    "kubernetes.io/role/internal-elb" = "1"
  })
}

# One stable address from which the nodes call other members: partners let exactly this in.
resource "aws_eip" "egress" {
  count = local.is_own_network ? 1 : 0

  domain = "vpc"
  tags   = merge(local.tags, { Name = "${var.name}-egress" })
}

resource "aws_nat_gateway" "this" {
  count = local.is_own_network ? 1 : 0

  allocation_id = aws_eip.egress[0].id
  subnet_id     = aws_subnet.public[var.availability_zones[0]].id
  tags          = merge(local.tags, { Name = var.name })

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route_table" "public" {
  count = local.is_own_network ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = merge(local.tags, { Name = "${var.name}-public" })

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this[0].id
  }
}

resource "aws_route_table" "private" {
  count = local.is_own_network ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = merge(local.tags, { Name = "${var.name}-private" })

  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = aws_nat_gateway.this[0].id
  }
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[0].id
}
