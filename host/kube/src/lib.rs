//! The driver of the Kubernetes API.
//!
//! [`Cluster`] is one API server and who we are to it; every module is one kind of thing to do there. Writing is done by
//! server-side apply under a field manager of our own, so what others own stays theirs; every wait watches, has a deadline
//! and tells the last thing seen. Nothing here needs a kubeconfig, a tool, or an open port of a pod.

pub mod access;
pub mod cluster;
pub mod config_map;
mod deadline;
pub mod error;
mod event;
pub mod jobs;
pub mod kubeconfig;
mod mirror;
pub mod mounted;
pub mod namespace;
mod pem;
pub mod restart;
pub mod rollout;
pub mod secrets;
pub mod service;
mod tokens;
pub mod volumes;
pub mod workload;

pub use access::{Access, Credential};
pub use cluster::Cluster;
pub use error::KubeError;
pub use tokens::{MakeToken, TokenError, Tokens};

/// Field manager of everything that is applied here.
pub const FIELD_MANAGER: &str = "hangar";

/// Value of the label `app.kubernetes.io/managed-by` on everything that is made here.
pub const MANAGED_BY: &str = "hangar";

/// The fail points of this room, with what a kill there leaves behind.
pub const FAIL_POINTS: &[(&str, &str)] = &[
    ("kube.namespace.before", "no namespace"),
    ("kube.namespace.after", "the namespace, whose service account may not be there yet"),
    ("kube.secret.before", "the Secret as it was, or without files if it is new"),
    ("kube.secret.after", "the Secret with the new files"),
    ("kube.config-map.before", "no ConfigMap of this name"),
    ("kube.config-map.after", "the ConfigMap"),
    ("kube.job.before", "no Job"),
    ("kube.job.created", "a Job that is suspended and ends itself after its deadline once it is not"),
    ("kube.job.started", "a Job that runs to its end"),
    ("kube.job.ended", "an ended Job whose answer nobody has read"),
    ("kube.job.after", "no Job"),
    ("kube.restart.before", "a workload whose pods are still of its former template"),
    ("kube.restart.pod", "a workload with one more pod of its new template"),
];
