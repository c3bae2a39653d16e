//! The driver against the real control plane. Containers are played by a stand-in; everything else is Kubernetes itself.

mod control_plane;
mod jobs;
mod kubelet;
mod logs;
mod machine;
mod objects;
mod readiness;
mod troubles;
mod workloads;
