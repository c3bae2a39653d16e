locals {
  db_names = [for index in range(var.db_nodes) : "${index}.${var.db_suffix}"]
  names    = concat(local.db_names, [var.hostname], compact([var.prometheus_hostname]))
}
