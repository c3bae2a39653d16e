//! Why Helm, or a release, did not do what was asked.

use std::path::PathBuf;
use std::time::Duration;

use hangar_exec::ExecError;
use hangar_plan::hint::Hint;

/// Why Helm, or a release, did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum HelmError {
    /// There is no Helm.
    #[error("no `helm` found in {}", list(searched))]
    Missing {
        /// Where it was looked for.
        searched: Vec<PathBuf>,
    },
    /// Helm is there, in a version this driver does not know.
    #[error("`{}` is Helm {found}, wanted {wanted}", path.display())]
    Version {
        /// The program.
        path: PathBuf,
        /// Its version, as it says.
        found: String,
        /// What would do.
        wanted: &'static str,
    },
    /// The token by which Helm would be known has aged, and no other can be made.
    #[error("no token for the Kubernetes API")]
    NoToken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Helm could not be started or followed.
    #[error("cannot run helm")]
    Exec(#[from] ExecError),
    /// A file of ours could not be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        err: hangar_durable::WriteError,
    },
    /// The chart cannot be read.
    #[error("cannot read chart `{}`: {detail}", path.display())]
    Chart {
        /// Folder or archive.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The values are no JSON object.
    #[error("chart values are not an object")]
    ValuesShape,
    /// The values hold something that looks like a secret; releases are stored readable by many.
    #[error("value `{pointer}` looks like {what}")]
    SecretInValues {
        /// JSON pointer.
        pointer: String,
        /// What it looks like.
        what: &'static str,
    },
    /// The chart's schema refuses the values; all findings at once.
    #[error("chart values refused: {}", findings.join("; "))]
    ValuesRefused {
        /// One text a finding, each with its place.
        findings: Vec<String>,
    },
    /// The chart does not render with these values, or renders something that is no manifest.
    #[error("the chart does not render: {detail}")]
    Template {
        /// What Helm said.
        detail: String,
    },
    /// The chart is for other versions of Kubernetes.
    #[error("{detail}")]
    KubeVersion {
        /// What Helm said.
        detail: String,
    },
    /// The release would not fit into the Secret that Helm keeps it in.
    #[error("the release would take {size} bytes, more than the {limit} that Kubernetes stores")]
    TooLarge {
        /// As stored.
        size: usize,
        /// What fits.
        limit: usize,
    },
    /// The release is in the hands of another Helm, or was left so by one that was not ours.
    #[error("release `{release}` is {status} at revision {revision} since {since}, by {by}")]
    Pending {
        /// The release.
        release: String,
        /// Its status.
        status: String,
        /// Its revision.
        revision: u32,
        /// Since when.
        since: String,
        /// Who did it, as far as is known.
        by: String,
    },
    /// Helm cannot reach the Kubernetes API.
    #[error("helm cannot reach the Kubernetes API: {detail}")]
    Unreachable {
        /// What Helm said.
        detail: String,
    },
    /// The Kubernetes API does not know who we are.
    #[error("the Kubernetes API refused helm's credential")]
    CredentialRefused,
    /// The Kubernetes API does not let us.
    #[error("helm is not allowed to: {detail}")]
    Forbidden {
        /// What Helm said.
        detail: String,
    },
    /// Somebody else owns fields that the chart sets.
    #[error("somebody else changed what the chart sets: {detail}")]
    FieldConflict {
        /// What Helm said, with the field manager.
        detail: String,
    },
    /// An object that the chart makes is there and belongs to no release, or to another.
    #[error("an object of the chart is there already: {detail}")]
    NotOurs {
        /// What Helm said.
        detail: String,
    },
    /// The Kubernetes API refuses an object, such as a field that cannot change.
    #[error("an object of the chart is refused: {detail}")]
    Refused {
        /// What Helm said.
        detail: String,
    },
    /// A policy of the cluster does not let an object be.
    #[error("a policy of the cluster refuses an object of the chart: {detail}")]
    Denied {
        /// What the API server said, with the policy.
        detail: String,
    },
    /// An object is going, and whatever is applied to it goes along.
    #[error("{object} is being deleted{}", held(held_by))]
    BeingDeleted {
        /// The object.
        object: String,
        /// Finalizers that hold it.
        held_by: Vec<String>,
    },
    /// A hook of the chart did not end well.
    #[error("{} failed: {detail}", hooks_of(hooks))]
    HookFailed {
        /// Hooks that the chart runs.
        hooks: Vec<String>,
        /// What Helm said.
        detail: String,
    },
    /// The cluster does not know the kind of an object.
    #[error("the cluster serves no kind of `{api_version}` for {object}")]
    NoKind {
        /// The object.
        object: String,
        /// Group and version of its kind.
        api_version: String,
    },
    /// The namespace may not hold so much.
    #[error("the namespace's quota is used up: {detail}")]
    Quota {
        /// What the API server said.
        detail: String,
    },
    /// A webhook that has to agree does not answer.
    #[error("an admission webhook does not answer: {detail}")]
    WebhookDown {
        /// What the API server said.
        detail: String,
    },
    /// The release is there, made by others.
    #[error("release `{release}` is there already, made by {by}")]
    Foreign {
        /// The release.
        release: String,
        /// Who made it, as far as is known.
        by: String,
    },
    /// Adopting a workload would cost its volumes.
    #[error("{object} cannot be adopted with its volumes: {reason}")]
    VolumesLost {
        /// The workload.
        object: String,
        /// Why.
        reason: String,
    },
    /// The release would make a workload with empty volumes beside one of others that has the data.
    #[error(
        "{object}, made by {by}, runs `{program}` on volumes of its own, and the chart would make {made} beside it, with empty ones"
    )]
    Twin {
        /// The workload that stands.
        object: String,
        /// Who made it, as far as is known.
        by: String,
        /// What it runs.
        program: String,
        /// The workload that would come.
        made: String,
    },
    /// Helm did not end in time; it was interrupted.
    #[error("helm did not end within {} s: {detail}", after.as_secs())]
    Deadline {
        /// How long it had.
        after: Duration,
        /// The last thing it said.
        detail: String,
    },
    /// Helm ended without saying why, such as by a signal.
    #[error("helm ended with {exit}: {detail}")]
    Ended {
        /// How.
        exit: String,
        /// The last thing it said.
        detail: String,
    },
    /// What Helm stores could not be read or changed.
    #[error("cannot {action}")]
    Storage {
        /// What was tried.
        action: String,
        /// What the Kubernetes API said.
        #[source]
        err: Box<kube::Error>,
    },
    /// What Helm stores makes no sense to us.
    #[error("revision {revision} of release `{release}` cannot be read: {detail}")]
    Unreadable {
        /// The release.
        release: String,
        /// The revision.
        revision: u32,
        /// Why.
        detail: String,
    },
}

impl HelmError {
    pub(crate) fn storage(action: impl Into<String>, err: kube::Error) -> Self {
        match &err {
            kube::Error::Api(status) if status.code == 401 => Self::CredentialRefused,
            kube::Error::Api(status) if status.code == 403 => Self::Forbidden { detail: status.message.clone() },
            _ => Self::Storage { action: action.into(), err: Box::new(err) },
        }
    }
}

impl Hint for HelmError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { .. } => "install Helm 4, or let `hangar doctor --fix` fetch it",
            Self::Version { .. } => "install Helm 4 in front of it on PATH",
            Self::NoToken(_) => "sign in to the cloud again, then run the same command again: it goes on",
            Self::Exec(_) | Self::Storage { .. } => "see the cause above, then run the same command again",
            Self::Write { .. } => "make room and check the folder's permissions",
            Self::Chart { .. } => "check `services { chart }` in the workspace file",
            Self::ValuesShape => "write keys and values at the top of the values file",
            Self::SecretInValues { .. } => {
                "keep it in the secret store and name the Kubernetes Secret in the values instead"
            }
            Self::ValuesRefused { .. } | Self::Template { .. } => {
                "correct the values file; the chart's README lists every key"
            }
            Self::KubeVersion { .. } => "upgrade the cluster, or take a chart that is made for its version",
            Self::TooLarge { .. } => "shorten the values: large files belong into ConfigMaps of their own",
            Self::Pending { release, .. } => {
                return Some(format!(
                    "wait for them; if that run is dead, they repair it, or run `helm rollback {release}` in agreement with them"
                ));
            }
            Self::Unreachable { .. } => "check the network path to the endpoint, then run the same command again",
            Self::CredentialRefused => "sign in to the cloud again, then run the same command again",
            Self::Forbidden { .. } => "give the identity this permission, then run the same command again",
            Self::FieldConflict { .. } => {
                "put the same value into the values file, or have that manager give the field up, then run the same command again"
            }
            Self::NotOurs { .. } => {
                "look at it with `hangar plan`; `hangar up --adopt` takes it over, or remove it, or choose another release name"
            }
            Self::Foreign { .. } => {
                "look at what would change with `hangar plan`; `hangar up --adopt` takes it over, or choose another release name"
            }
            Self::VolumesLost { .. } => {
                "give the chart the names and the number that stand, or move the data first; what Helm is to leave alone has the annotation `helm.sh/resource-policy: keep`"
            }
            Self::Twin { .. } => {
                "give the chart the names that stand (`names` in its values; its README has those of other tools), or remove what stands, or choose another namespace"
            }
            Self::NoKind { .. } => {
                "install what defines that kind first, or switch off what needs it in the values file, or take a chart that is made for its version"
            }
            Self::Denied { .. } => {
                "give the object what the policy asks for in the values file, or talk to whoever keeps that policy"
            }
            Self::BeingDeleted { .. } => {
                "wait until it is gone, or have whoever set the finalizer finish; then run the same command again"
            }
            Self::HookFailed { .. } => {
                "read its end with `kubectl logs job/NAME`, cure that, then run the same command again: it goes forward"
            }
            Self::Quota { .. } => "raise the quota of the namespace, or lower the requests in the values file",
            Self::WebhookDown { .. } => {
                "bring up the service behind that webhook or remove the webhook, then run the same command again"
            }
            Self::Refused { detail } if is_fixed(detail) => {
                "some fields are fixed once an object is made; change the value back"
            }
            Self::Refused { .. } => "correct what it names in the values file, or in the chart",
            Self::Deadline { .. } | Self::Ended { .. } => {
                "run the same command again: it repairs what was left and goes on"
            }
            Self::Unreadable { .. } => "see what is stored with `helm get metadata`; a newer Helm may have written it",
        };
        Some(hint.to_owned())
    }
}

/// Whether the API server says that a field cannot change, in any of its ways.
fn is_fixed(detail: &str) -> bool {
    [
        "immutable",
        "updates to statefulset",
        "can only be set when it is made",
        "can not be less than",
        "may not be changed",
    ]
    .iter()
    .any(|said| detail.contains(said))
}

fn held(held_by: &[String]) -> String {
    let names: Vec<_> = held_by.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { String::new() } else { format!(", and {} holds it", names.join(", ")) }
}

fn hooks_of(hooks: &[String]) -> String {
    match hooks {
        [] => "a hook of the chart".to_owned(),
        [one] => format!("hook {one}"),
        several => format!("one of the hooks {}", several.join(", ")),
    }
}

fn list(folders: &[PathBuf]) -> String {
    let names: Vec<_> = folders.iter().map(|folder| format!("`{}`", folder.display())).collect();
    if names.is_empty() { "no folder at all".to_owned() } else { names.join(", ") }
}
