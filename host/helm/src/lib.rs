//! The driver of Helm.
//!
//! It goes forward only: a release is installed or upgraded by one call of `helm upgrade --install` with server-side
//! apply; one that a killed host left pending is marked failed and upgraded; somebody else's is explained and left alone.
//! Nothing here rolls back, and only [`Releases::uninstall`] takes a release away. Helm is never asked to wait: readiness is
//! watched by whoever drives the Kubernetes API, for the objects that [`Manifest`] names.
//!
//! What Helm prints is read in one place (`refusal`), what it stores in another ([`Record`]); tests hold both to the real tool.

mod access;
mod attempts;
mod chart;
mod deploy;
mod error;
mod manifest;
mod record;
mod refusal;
mod release;
mod releases;
mod render;
mod tool;
mod uninstall;
mod values;

pub use access::ClusterAccess;
pub use attempts::settle;
pub use chart::Chart;
pub use deploy::{Deploy, Deployed};
pub use error::HelmError;
pub use manifest::{Change, ChangeKind, Manifest, Object};
pub use record::Record;
pub use release::{InvalidName, Marks, ReleaseName, Status};
pub use releases::Releases;
pub use render::Render;
pub use tool::{Helm, Version};
pub use values::Values;

/// The fail points of this room, with what a kill there leaves behind.
pub const FAIL_POINTS: &[(&str, &str)] = &[
    ("helm.render.before", "no manifest in the cache"),
    ("helm.repair.before", "a release of ours that is pending"),
    ("helm.repair.after", "a release of ours that has failed"),
    ("helm.upgrade.before", "the release as it was"),
    ("helm.upgrade.started", "a helm that runs on and ends the upgrade, or a pending release if it is killed too"),
    ("helm.upgrade.after", "the release as asked for"),
    ("helm.uninstall.before", "the release as it was"),
    ("helm.uninstall.after", "no release"),
];
