# What `hangar` installs with Helm, for who has terraform alone: the same list and the same values.
locals {
  facts = {
    cluster             = var.cluster_name
    region              = var.region
    vpc                 = var.vpc_id
    load_balancers_role = var.workload_roles["load-balancers"]
    volumes_role        = var.workload_roles["volumes"]
  }
  add_ons = { for add_on in jsondecode(templatefile("${path.module}/add-ons.json", local.facts)) : add_on.key => add_on }
}

resource "helm_release" "this" {
  for_each = local.add_ons

  name      = each.value.release
  namespace = each.value.namespace
  values    = [jsonencode(each.value.values)]

  # A copy in a registry of one's own names all of it by itself.
  chart      = lookup(var.charts, each.key, each.value.chart)
  repository = contains(keys(var.charts), each.key) ? null : each.value.repository
  version    = contains(keys(var.charts), each.key) ? null : each.value.version
}
