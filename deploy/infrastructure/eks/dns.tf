locals {
  is_managed_dns = var.route53_zone_id != ""
  records = merge(
    { for index in range(var.db_nodes) : "${index}.${var.db_suffix}" => aws_eip.db[index].public_ip },
    { (var.hostname) = aws_eip.gateway.public_ip },
    { for address in aws_eip.prometheus : var.prometheus_hostname => address.public_ip },
  )
  names = concat(
    [for index in range(var.db_nodes) : "${index}.${var.db_suffix}"],
    [var.hostname],
    var.prometheus_hostname == "" ? [] : [var.prometheus_hostname],
  )
}

resource "aws_route53_record" "this" {
  for_each = local.is_managed_dns ? toset(local.names) : toset([])

  zone_id = var.route53_zone_id
  name    = each.key
  type    = "A"
  ttl     = 300
  records = [local.records[each.key]]
}
