# What does not depend on the cloud: names, and what is refused.
module "common" {
  source = "../common"

  kubernetes_version  = var.kubernetes_version
  api_allowed_cidrs   = var.api_allowed_cidrs
  db_nodes            = var.db_nodes
  db_suffix           = var.db_suffix
  hostname            = var.hostname
  prometheus_hostname = var.prometheus_hostname

  addresses = {
    db         = aws_eip.db[*].public_ip
    gateway    = aws_eip.gateway.public_ip
    prometheus = one(aws_eip.prometheus[*].public_ip)
  }
}

locals {
  is_managed_dns = var.route53_zone_id != ""
}

resource "aws_route53_record" "this" {
  for_each = local.is_managed_dns ? module.common.names : []

  zone_id = var.route53_zone_id
  name    = each.key
  type    = "A"
  ttl     = module.common.record_ttl
  records = [module.common.records[each.key]]
}
