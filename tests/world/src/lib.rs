//! The offline world: real Kubernetes control planes, and a kubelet, a load balancer, DNS and an image
//! registry around them, all on loopback addresses of this machine.
//!
//! [`World::start`] brings up one control plane for each organisation and keeps everything alive until the
//! [`World`] is dropped, stopped, or its time to live is over. Nothing here depends on the host: what the
//! host gets wrong, the world must be able to refuse.
//!
//! Each container is a process with a mount namespace of its own, so starting one means running a second
//! copy of the `hangar-world` binary. [`Options::runner`] says where it is.

#![expect(
    clippy::disallowed_methods,
    reason = "the world starts its own processes and may not use the host's room for it"
)]

mod address;
pub mod aws;
pub mod azure;
mod bearers;
mod block;
mod bound;
mod cloud;
mod control_plane;
mod delegations;
mod dns;
mod error;
mod exchanges;
mod firewall;
mod first_objects;
pub mod google;
pub mod images;
mod jwt;
mod kubelet;
mod load_balancer;
mod loopback;
mod nat;
mod network_view;
mod options;
mod organisation;
mod pki;
mod port_block;
mod registry_server;
mod resizer;
pub mod rsa;
#[doc(hidden)]
pub mod runtime;
mod tls_server;
mod world;
mod world_file;
mod world_folder;

pub use cloud::Cloud;
pub use error::WorldError;
pub use options::{Options, find_runner};
pub use world::World;
pub use world_file::{CloudFile, OrganisationFile, WorldFile};
