# Partners are told these addresses: they are reserved before any Service exists, and Services ask for them.
resource "google_compute_address" "db" {
  count = var.db_nodes

  project     = var.project
  region      = var.region
  name        = "${var.name}-db-${count.index}"
  description = module.common.db_names[count.index]
  labels      = local.labels

  depends_on = [google_project_service.this]
}

# The API is served by a global load balancer, which terminates TLS with the managed certificate.
resource "google_compute_global_address" "gateway" {
  project     = var.project
  name        = "${var.name}-gateway"
  description = var.hostname
  labels      = local.labels

  depends_on = [google_project_service.this]
}

resource "google_compute_address" "prometheus" {
  count = module.common.has_prometheus ? 1 : 0

  project     = var.project
  region      = var.region
  name        = "${var.name}-prometheus"
  description = var.prometheus_hostname
  labels      = local.labels

  depends_on = [google_project_service.this]
}
