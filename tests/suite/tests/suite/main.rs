//! The program `hangar` as operators run it: real processes, a real Kubernetes API for each organisation, real helm,
//! terraform and registry.
//!
//! What the cases need is named by variables of the environment, which `cargo xtask test` sets. Cases that need no world come
//! first in each file and take seconds; those with one take turns, since a world fills a small machine.

mod add_ons;
mod adopted;
mod aks;
mod api;
mod authority;
#[cfg(feature = "real-aws")]
mod aws;
mod azure;
mod bad_input;
mod by_hand;
mod changes;
mod charts;
mod cluster;
mod disks;
mod doctor;
#[cfg(feature = "real-aws")]
mod eks;
mod entra;
mod evict;
mod existing;
mod expired;
mod faults;
mod full_disk;
mod gcp;
mod gke;
mod google;
mod helm_test;
mod infra;
mod init;
mod keys;
mod killed;
mod kubeconfig;
mod leave;
mod life;
mod links;
mod module;
mod moved;
mod plan;
mod pool;
mod pooled;
mod post;
#[cfg(feature = "real-aws")]
mod processes;
mod published;
mod renders;
mod rights;
mod secrets;
mod standin;
mod starts;
mod state;
mod traffic;
mod up;
mod upgrade;
mod upstream;
mod yugabyte;
