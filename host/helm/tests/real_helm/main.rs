//! The driver with the real Helm. Those that need a cluster run against the real control plane.

mod adoption;
mod bad_input;
#[path = "../../../kube/tests/real_cluster/control_plane.rs"]
mod control_plane;
mod example;
mod hindrances;
mod previews;
mod refusals;
mod releases;
mod stage;
mod tool;
