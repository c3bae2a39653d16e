# Certificates cannot be changed in place, and a load balancer keeps the old one until it has the new: hence the name.
resource "google_compute_managed_ssl_certificate" "gateway" {
  project = var.project
  name    = "${var.name}-${substr(sha256(var.hostname), 0, 8)}"

  managed {
    domains = [var.hostname]
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_project_service.this]
}

resource "google_compute_ssl_policy" "gateway" {
  project         = var.project
  name            = "${var.name}-gateway"
  profile         = "RESTRICTED"
  min_tls_version = "TLS_1_2"

  depends_on = [google_project_service.this]
}
