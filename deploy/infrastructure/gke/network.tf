locals {
  network    = var.network == null ? google_compute_network.this[0].id : var.network.network
  subnetwork = var.network == null ? google_compute_subnetwork.this[0].id : var.network.subnetwork
  pods_range = var.network == null ? "${var.name}-pods" : var.network.pods_range
  svc_range  = var.network == null ? "${var.name}-services" : var.network.services_range
  node_tag   = "${var.name}-node"
}

resource "google_compute_network" "this" {
  count = var.network == null ? 1 : 0

  project                 = var.project
  name                    = var.name
  auto_create_subnetworks = false

  depends_on = [google_project_service.this]
}

resource "google_compute_subnetwork" "this" {
  count = var.network == null ? 1 : 0

  project                  = var.project
  region                   = var.region
  name                     = var.name
  network                  = google_compute_network.this[0].id
  ip_cidr_range            = var.nodes_cidr
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = local.pods_range
    ip_cidr_range = var.pods_cidr
  }

  secondary_ip_range {
    range_name    = local.svc_range
    ip_cidr_range = var.services_cidr
  }
}

# One stable address from which the nodes call other members: partners let exactly this in.
resource "google_compute_address" "egress" {
  project = var.project
  region  = var.region
  name    = "${var.name}-egress"
  labels  = local.labels

  depends_on = [google_project_service.this]
}

resource "google_compute_router" "this" {
  project = var.project
  region  = var.region
  name    = var.name
  network = local.network
}

resource "google_compute_router_nat" "this" {
  project                            = var.project
  region                             = var.region
  name                               = var.name
  router                             = google_compute_router.this.name
  nat_ip_allocate_option             = "MANUAL_ONLY"
  nat_ips                            = [google_compute_address.egress.self_link]
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"

  subnetwork {
    name                    = local.subnetwork
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

# Nothing reaches a node from outside. For each load balancer GKE opens what the source ranges of its Service say, at the
# priority 1000, which is stronger than this: so the ranges stand in one place, and a join needs no run of terraform.
resource "google_compute_firewall" "closed" {
  project       = var.project
  name          = "${var.name}-closed"
  network       = local.network
  direction     = "INGRESS"
  priority      = 65000
  source_ranges = ["0.0.0.0/0"]
  target_tags   = [local.node_tag]

  deny {
    protocol = "all"
  }
}
