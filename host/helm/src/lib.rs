//! The driver of Helm.
//!
//! What a deploy would change in the cluster is tried on the server first ([`Preview`]), object by object, so what the API
//! server refuses, and what others own, is known before anything is done. Then it goes forward only: a release is
//! installed or upgraded by one call of `helm upgrade --install` with server-side apply under Helm's own field manager,
//! so `helm` by hand owns the same fields; one that a killed host left pending is marked failed and upgraded; somebody
//! else's is explained and left alone, or adopted where that was asked for.
//! Nothing here rolls back, and only [`Releases::uninstall`] takes a release away. Helm is never asked to wait: readiness is
//! watched by whoever drives the Kubernetes API, for the objects that [`Manifest`] names.
//!
//! What Helm prints is read in one place (`refusal`), what it stores in another ([`Record`]); tests hold both to the real tool.

mod access;
mod attempts;
mod beside;
mod chart;
mod deploy;
mod dialect;
mod difference;
mod enlarge;
mod error;
mod live;
mod manifest;
mod ownership;
mod preview;
mod record;
mod refusal;
mod release;
mod releases;
mod remake;
mod render;
mod tool;
mod uninstall;
mod values;

pub use access::{ClusterAccess, GiveToken};
pub use attempts::settle;
pub use beside::{Neighbour, Twin};
pub use chart::Chart;
pub use deploy::{Deploy, Deployed};
pub use difference::Field;
pub use error::HelmError;
pub use live::Owned;
pub use manifest::{Change, ChangeKind, Manifest, Object};
pub use preview::{Effect, ObjectChange, Preview};
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
    ("helm.remake.enlarged", "a StatefulSet whose claims ask for more than its template says"),
    ("helm.remake.labelled", "a StatefulSet of others whose pods have the labels of the new one"),
    ("helm.remake.orphaned", "pods and volumes without their StatefulSet, which the next run makes anew around them"),
    ("helm.remake.removed", "no Deployment of others, whose pods go, and none of the release yet"),
    ("helm.upgrade.before", "the release as it was"),
    ("helm.upgrade.started", "a helm that runs on and ends the upgrade, or a pending release if it is killed too"),
    ("helm.upgrade.after", "the release as asked for"),
    ("helm.uninstall.before", "the release as it was"),
    ("helm.uninstall.after", "no release"),
];
