//! The chart: what it renders, and that the real API server takes it.

mod alerts;
mod api;
#[path = "../../../../host/kube/tests/real_cluster/control_plane.rs"]
mod control_plane;
mod core_service;
mod database;
mod exposed;
mod habits;
mod jobs;
mod monitoring;
mod refused;
mod upstream;
mod values;
