locals {
  labels = merge(var.tags, { hangar_instance = var.name })

  services = [
    "cloudkms.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "dns.googleapis.com",
    "iam.googleapis.com",
    "secretmanager.googleapis.com",
  ]
}

# An API that another instance of the project uses must not go with this one.
resource "google_project_service" "this" {
  for_each = toset(var.enable_services ? local.services : [])

  project            = var.project
  service            = each.key
  disable_on_destroy = false
}
