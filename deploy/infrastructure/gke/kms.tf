locals {
  kms_key = var.kms_key == "" ? google_kms_crypto_key.secrets[0].id : var.kms_key
}

# Kubernetes Secrets are encrypted with a key of the organisation's own. Google never deletes rings and keys: an instance
# that is built again under the same name takes its former key by `kms_key`.
resource "google_kms_key_ring" "this" {
  count = var.kms_key == "" ? 1 : 0

  project  = var.project
  location = var.region
  name     = var.name

  depends_on = [google_project_service.this]
}

resource "google_kms_crypto_key" "secrets" {
  count = var.kms_key == "" ? 1 : 0

  name            = "${var.name}-secrets"
  key_ring        = google_kms_key_ring.this[0].id
  purpose         = "ENCRYPT_DECRYPT"
  rotation_period = "7776000s"
  labels          = local.labels
}

data "google_project" "this" {
  project_id = var.project
}

# GKE's own agent encrypts with the key; no other member of the project gets it by this.
resource "google_kms_crypto_key_iam_member" "gke" {
  crypto_key_id = local.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:service-${data.google_project.this.number}@container-engine-robot.iam.gserviceaccount.com"
}
