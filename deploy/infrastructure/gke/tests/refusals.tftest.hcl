# Arguments that the module refuses, each before anything is planned.
mock_provider "google" {}

variables {
  name      = "uss1"
  project   = "dss-prod"
  region    = "europe-west4"
  zones     = ["europe-west4-a", "europe-west4-b", "europe-west4-c"]
  db_suffix = "db.dss.uss1.example.com"
  hostname  = "dss.uss1.example.com"
}

run "a_zone_of_another_region" {
  command = plan
  variables {
    zones = ["europe-west4-a", "europe-west4-b", "us-east4-c"]
  }
  expect_failures = [var.zones]
}

run "two_zones" {
  command = plan
  variables {
    zones = ["europe-west4-a", "europe-west4-b"]
  }
  expect_failures = [var.zones]
}

run "a_zone_for_a_region" {
  command = plan
  variables {
    region = "europe-west4-a"
    zones  = ["europe-west4-a-a", "europe-west4-a-b", "europe-west4-a-c"]
  }
  expect_failures = [var.region]
}

run "counts_that_fall" {
  command = plan
  variables {
    node_count = { min = 4, max = 3 }
  }
  expect_failures = [var.node_count]
}

run "too_long_a_name" {
  command = plan
  variables {
    name = "a-name-of-more-than-two-and-twenty"
  }
  expect_failures = [var.name]
}

run "a_label_that_google_refuses" {
  command = plan
  variables {
    tags = { Owner = "ops" }
  }
  expect_failures = [var.tags]
}

run "a_control_plane_range_of_another_size" {
  command = plan
  variables {
    control_plane_cidr = "172.16.0.0/24"
  }
  expect_failures = [var.control_plane_cidr]
}

run "a_key_by_its_name_alone" {
  command = plan
  variables {
    kms_key = "dss"
  }
  expect_failures = [var.kms_key]
}
