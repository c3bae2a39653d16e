# Partners are told these addresses: they are reserved before any Service exists, and Services ask for them by id.
resource "aws_eip" "db" {
  count = var.db_nodes

  domain = "vpc"
  tags   = merge(local.tags, { Name = "${var.name}-db-${count.index}" })
}

resource "aws_eip" "gateway" {
  domain = "vpc"
  tags   = merge(local.tags, { Name = "${var.name}-gateway" })
}

resource "aws_eip" "prometheus" {
  count = module.common.has_prometheus ? 1 : 0

  domain = "vpc"
  tags   = merge(local.tags, { Name = "${var.name}-prometheus" })
}
