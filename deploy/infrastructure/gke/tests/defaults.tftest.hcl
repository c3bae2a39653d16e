# What the module makes of its least arguments. The provider is mocked: no credentials, no cloud.
mock_provider "google" {}

variables {
  name      = "uss1"
  project   = "dss-prod"
  region    = "europe-west4"
  zones     = ["europe-west4-a", "europe-west4-b", "europe-west4-c"]
  db_suffix = "db.dss.uss1.example.com"
  hostname  = "dss.uss1.example.com"
}

run "closed_by_default" {
  command = plan

  assert {
    condition     = google_container_cluster.this.private_cluster_config[0].enable_private_endpoint
    error_message = "Without ranges the API must be private."
  }

  assert {
    condition     = length(google_container_cluster.this.master_authorized_networks_config[0].cidr_blocks) == 0
    error_message = "Without ranges nobody must be let in."
  }

  assert {
    condition     = !google_container_cluster.this.master_auth[0].client_certificate_config[0].issue_client_certificate
    error_message = "There must be no client certificate."
  }

  assert {
    condition     = google_container_cluster.this.deletion_protection
    error_message = "The cluster must be protected."
  }

  assert {
    condition     = google_container_cluster.this.database_encryption[0].state == "ENCRYPTED"
    error_message = "Kubernetes Secrets must be encrypted with our key."
  }

  assert {
    condition     = one(google_compute_firewall.closed.deny).protocol == "all"
    error_message = "Nothing must reach the nodes but through load balancers."
  }
}

run "spread_and_reserved" {
  command = plan

  variables {
    db_nodes = 5
  }

  assert {
    condition     = google_container_cluster.this.location == "europe-west4" && length(google_container_node_pool.this.node_locations) == 3
    error_message = "The cluster must be regional and its nodes in three zones."
  }

  assert {
    condition     = [for address in google_compute_address.db : address.name] == [for index in range(5) : "uss1-db-${index}"]
    error_message = "Each database node must have an address of its own."
  }

  assert {
    condition     = length(google_dns_record_set.this) == 0
    error_message = "Without a zone no record must be made."
  }
}

run "let_in_and_named" {
  command = plan

  variables {
    api_allowed_cidrs   = ["203.0.113.0/24"]
    dns_managed_zone    = "dss"
    prometheus_hostname = "prometheus.uss1.example.com"
  }

  assert {
    condition     = !google_container_cluster.this.private_cluster_config[0].enable_private_endpoint
    error_message = "With a range the API must be reachable."
  }

  assert {
    condition     = sort(keys(google_dns_record_set.this)) == tolist(["0.db.dss.uss1.example.com", "1.db.dss.uss1.example.com", "2.db.dss.uss1.example.com", "dss.uss1.example.com", "prometheus.uss1.example.com"])
    error_message = "Every name must be made in the zone."
  }
}

run "an_existing_network_and_key_are_used" {
  command = plan

  variables {
    network = {
      network        = "projects/shared/global/networks/main"
      subnetwork     = "projects/shared/regions/europe-west4/subnetworks/dss"
      pods_range     = "pods"
      services_range = "services"
    }
    kms_key = "projects/shared/locations/europe-west4/keyRings/main/cryptoKeys/dss"
  }

  assert {
    condition     = length(google_compute_network.this) == 0 && length(google_compute_subnetwork.this) == 0
    error_message = "No network must be made beside the one that is given."
  }

  assert {
    condition     = google_container_cluster.this.network == "projects/shared/global/networks/main"
    error_message = "The cluster must stand in the given network."
  }

  assert {
    condition     = length(google_kms_key_ring.this) == 0 && google_container_cluster.this.database_encryption[0].key_name == "projects/shared/locations/europe-west4/keyRings/main/cryptoKeys/dss"
    error_message = "The given key must be used and none be made."
  }
}
