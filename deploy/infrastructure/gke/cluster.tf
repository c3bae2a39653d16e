resource "google_container_cluster" "this" {
  project             = var.project
  name                = var.name
  location            = var.region
  node_locations      = var.zones
  network             = local.network
  subnetwork          = local.subnetwork
  networking_mode     = "VPC_NATIVE"
  datapath_provider   = "ADVANCED_DATAPATH"
  min_master_version  = var.kubernetes_version
  deletion_protection = var.deletion_protection
  resource_labels     = local.labels

  # The pool below is the only one.
  remove_default_node_pool = true
  initial_node_count       = 1

  # GKE refuses to be without a node pool at first; the one that goes takes no account with rights along.
  node_config {
    service_account = google_service_account.node.email
    machine_type    = "e2-small"
  }

  release_channel {
    channel = var.release_channel
  }

  maintenance_policy {
    daily_maintenance_window {
      start_time = var.maintenance_start
    }
  }

  ip_allocation_policy {
    cluster_secondary_range_name  = local.pods_range
    services_secondary_range_name = local.svc_range
  }

  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = !module.common.is_api_public
    master_ipv4_cidr_block  = var.control_plane_cidr
  }

  # An empty block lets nobody in from outside; without a block everybody would be.
  master_authorized_networks_config {
    gcp_public_cidrs_access_enabled = false

    dynamic "cidr_blocks" {
      for_each = toset(var.api_allowed_cidrs)

      content {
        cidr_block = cidr_blocks.key
      }
    }
  }

  # A client certificate cannot be revoked, and its key would stand in the state.
  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }

  database_encryption {
    state    = "ENCRYPTED"
    key_name = local.kms_key
  }

  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }

  addons_config {
    gce_persistent_disk_csi_driver_config {
      enabled = true
    }

    http_load_balancing {
      disabled = false
    }
  }

  lifecycle {
    # Of the pool that is removed at once; a change of it would be a new cluster.
    ignore_changes = [node_config]
  }

  depends_on = [google_kms_crypto_key_iam_member.gke, google_project_iam_member.node]
}

resource "google_container_node_pool" "this" {
  project        = var.project
  name           = "${var.name}-dss"
  cluster        = google_container_cluster.this.name
  location       = var.region
  node_locations = var.zones
  version        = google_container_cluster.this.master_version

  # Bounds over all zones, held in balance: losing one leaves the others' count as it was.
  autoscaling {
    total_min_node_count = var.node_count.min
    total_max_node_count = var.node_count.max
    location_policy      = "BALANCED"
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  # One node more while upgrading, never one less.
  upgrade_settings {
    max_surge       = 1
    max_unavailable = 0
  }

  node_config {
    machine_type    = var.machine_type
    disk_size_gb    = var.disk_size_gb
    disk_type       = "pd-balanced"
    image_type      = "COS_CONTAINERD"
    service_account = google_service_account.node.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    tags            = [local.node_tag]
    resource_labels = local.labels

    metadata = {
      disable-legacy-endpoints = "true"
    }

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }

  lifecycle {
    # The channel moves the patch version; GKE itself writes labels of its own.
    ignore_changes = [version, node_config[0].resource_labels["goog-gke-node-pool-provisioning-model"]]
  }
}
