# Run with `terraform test`: no cloud, no provider.
variables {
  db_suffix = "db.dss.uss1.example.com"
  hostname  = "dss.uss1.example.com"
  addresses = { db = ["192.0.2.1", "192.0.2.2", "192.0.2.3"], gateway = "192.0.2.4" }
}

run "every_node_and_the_api_have_a_name_and_its_address" {
  command = plan

  assert {
    condition = output.records == tomap({
      "0.db.dss.uss1.example.com" = "192.0.2.1"
      "1.db.dss.uss1.example.com" = "192.0.2.2"
      "2.db.dss.uss1.example.com" = "192.0.2.3"
      "dss.uss1.example.com"      = "192.0.2.4"
    })
    error_message = "A name has no address, or another's."
  }
  assert {
    condition     = output.names == toset(keys(output.records)) && output.db_names[2] == "2.db.dss.uss1.example.com"
    error_message = "Names and records are not of the same."
  }
  assert {
    condition     = !output.is_api_public && !output.has_prometheus
    error_message = "Something is open or named that nobody asked for."
  }
}

run "prometheus_has_a_name_if_it_is_wanted" {
  command = plan

  variables {
    prometheus_hostname = "prometheus.uss1.example.com"
    addresses           = { db = ["192.0.2.1", "192.0.2.2", "192.0.2.3"], gateway = "192.0.2.4", prometheus = "192.0.2.5" }
    api_allowed_cidrs   = ["203.0.113.0/24"]
  }
  assert {
    condition     = output.records["prometheus.uss1.example.com"] == "192.0.2.5" && output.has_prometheus && output.is_api_public
    error_message = "Prometheus is not reached by its name, or the API by nobody."
  }
}

run "bad_input_is_refused_all_at_once" {
  command = plan

  variables {
    kubernetes_version  = "1.3"
    api_allowed_cidrs   = ["anybody"]
    db_nodes            = 0
    db_suffix           = "example"
    hostname            = "dss.uss1.example.com."
    prometheus_hostname = "Prometheus.example.com"
  }
  expect_failures = [
    var.kubernetes_version, var.api_allowed_cidrs, var.db_nodes, var.db_suffix, var.hostname, var.prometheus_hostname,
  ]
}

run "a_kubernetes_that_the_services_do_not_take_is_refused" {
  command = plan

  variables {
    kubernetes_version = "1.28"
  }
  expect_failures = [var.kubernetes_version]
}

run "two_things_of_one_name_are_refused" {
  command = plan

  variables {
    hostname = "1.db.dss.uss1.example.com"
  }
  expect_failures = [output.names]
}

run "a_name_that_is_too_long_for_its_certificate_is_refused" {
  command = plan

  variables {
    hostname = "a-name-of-the-api.that-no-certificate.could-ever-hold-since.it-is-too-long.example.com"
  }
  expect_failures = [var.hostname]
}
