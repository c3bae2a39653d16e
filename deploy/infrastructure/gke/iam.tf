# Nodes run as an account of their own: the project's default one may do almost everything.
resource "google_service_account" "node" {
  project      = var.project
  account_id   = "${var.name}-node"
  display_name = "Nodes of ${var.name}"

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "node" {
  for_each = toset(["roles/container.defaultNodeServiceAccount", "roles/artifactregistry.reader"])

  project = var.project
  role    = each.key
  member  = google_service_account.node.member
}

locals {
  secrets_prefix = var.secrets_prefix == "" ? var.name : var.secrets_prefix
}

# The account of the secret store, for the workload that keeps the instance's secrets.
resource "google_service_account" "secrets" {
  project      = var.project
  account_id   = "${var.name}-secrets"
  display_name = "Secrets of ${var.name}"

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "secrets" {
  project = var.project
  role    = "roles/secretmanager.admin"
  member  = google_service_account.secrets.member

  condition {
    title = "${var.name}-secrets"
    # A secret that is to be made is asked for of the project itself.
    expression = "resource.type == \"cloudresourcemanager.googleapis.com/Project\" || resource.name.startsWith(\"projects/${data.google_project.this.number}/secrets/${local.secrets_prefix}-\")"
  }
}

resource "google_service_account_iam_member" "secrets" {
  count = var.secrets_service_account == "" ? 0 : 1

  service_account_id = google_service_account.secrets.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[${var.namespace}/${var.secrets_service_account}]"

  # The pool of workload identities exists once a cluster of the project has it.
  depends_on = [google_container_cluster.this]
}
