locals {
  records = merge(
    { for index in range(var.db_nodes) : "${index}.${var.db_suffix}" => aws_eip.db[index].public_ip },
    { (var.hostname) = aws_eip.gateway.public_ip },
  )
  names = concat([for index in range(var.db_nodes) : "${index}.${var.db_suffix}"], [var.hostname])
}

resource "aws_route53_record" "this" {
  for_each = var.route53_zone_id == "" ? toset([]) : toset(local.names)

  zone_id = var.route53_zone_id
  name    = each.key
  type    = "A"
  ttl     = 300
  records = [local.records[each.key]]
}
