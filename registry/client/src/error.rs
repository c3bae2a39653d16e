//! Why an artifact did not get from there to here, or from here to there.

use std::{fmt, io, path::PathBuf, time::Duration};

use registry_reference::{ByteSize, Digest};

/// A task that failed, what it left behind, and (as its source) the [`Failure`].
#[derive(Debug, thiserror::Error)]
#[error("cannot {task}; {}", task.left())]
pub struct RegistryError {
    /// What was tried.
    pub task: Task,
    /// What stopped it.
    #[source]
    pub failure: Box<Failure>,
}

/// What was tried, with the reference it was tried for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Finding the digest behind a tag.
    Resolve(String),
    /// Bringing an artifact into the store.
    Pull(String),
    /// Sending an artifact to a registry.
    Push(String),
    /// Reading the tags of a repository.
    ListTags(String),
    /// Opening the store.
    OpenStore(PathBuf),
}

/// What stopped a task.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nothing answered at the registry's address.
    #[error("registry `{host}` cannot be reached")]
    Unreachable {
        host: String,
        #[source]
        err: reqwest::Error,
    },
    /// The registry accepted the connection and then went silent, or took longer than the caller's patience.
    #[error("registry `{host}` did not finish within {after:?}")]
    TimedOut { host: String, after: Duration },
    /// The registry, or the server that signs in for it, refused us.
    #[error("registry `{host}` refused access {account}: {said}")]
    Unauthorised { host: String, account: Account, said: String },
    /// The registry does not have the thing.
    #[error("registry `{host}` has no {what}")]
    NotFound { host: String, what: String },
    /// The registry served other bytes than the digest asks for.
    #[error("{origin} served other bytes as {what}: wanted {wanted}, got {got}")]
    WrongDigest { origin: String, what: String, wanted: Digest, got: Digest },
    /// The bytes stopped early.
    #[error("{origin} broke off {what} after {got} of {wanted}")]
    Truncated { origin: String, what: String, wanted: ByteSize, got: ByteSize },
    /// Larger than the caller allows or than the manifest declares.
    #[error("{what} is larger than allowed: {got}, the limit is {limit}")]
    TooLarge { what: String, limit: ByteSize, got: ByteSize },
    /// An artifact of some other kind.
    #[error("this is no {wanted}: {found}")]
    WrongKind { wanted: &'static str, found: String },
    /// More layers than the kind of artifact may have. Reserved by the CNCF guidance for a later format.
    #[error("a {wanted} has exactly one layer, this artifact has {n_layers}")]
    Layers { wanted: &'static str, n_layers: usize },
    /// A reference that names a repository and nothing in it.
    #[error("`{reference}` has neither a tag nor a digest")]
    NoVersion { reference: String },
    /// The registry sends us, or our credentials, over a connection that others can read.
    #[error("registry `{host}` points to `{url}`, which is not https")]
    UnsafeAddress { host: String, url: String },
    /// An answer that no registry gives.
    #[error("`{host}` does not answer as a registry: {said}")]
    Protocol { host: String, said: String },
    /// The registry says that it is in trouble itself, or that we ask too much.
    #[error("registry `{host}` answered with status {status}: {said}")]
    Server { host: String, status: u16, said: String },
    /// An identity token is stored for the registry, and the registry does not take it.
    #[error("registry `{host}` did not exchange the stored identity token for an access token: {said}")]
    IdentityToken { host: String, said: String },
    /// A file of credentials that cannot be used.
    #[error("cannot read credentials for `{host}` from `{}`: {said}", file.display())]
    Credentials { host: String, file: PathBuf, said: String },
    /// A file or folder of the store, or of a layout or component on disk.
    #[error("cannot {doing} `{}`", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        err: io::Error,
    },
    /// A folder that is not the OCI image layout it should be.
    #[error("`{}` is no OCI image layout: {said}", path.display())]
    Layout { path: PathBuf, said: String },
    /// The layout does not hold what was asked for, or the question fits several.
    #[error("layout `{}` {said}", path.display())]
    NotInLayout { path: PathBuf, said: String },
    /// The TLS set-up of this machine is unusable.
    #[error("cannot set up the https client")]
    Https {
        #[source]
        err: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// As whom a registry was asked. Never carries the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// Nobody: no credentials are configured for this registry.
    Anonymous,
    /// A user with a password or an access token.
    User(String),
    /// The holder of an identity token.
    Token,
}

impl RegistryError {
    pub(crate) fn new(task: Task, failure: Failure) -> Self {
        Self { task, failure: Box::new(failure) }
    }

    /// Tells whether the fault lies outside, so that the same request may succeed later.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        self.failure.is_transient() || matches!(*self.failure, Failure::NotFound { .. } | Failure::Unauthorised { .. })
    }

    /// What to do about it, if anything is known to help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.failure.hint()
    }
}

impl Failure {
    /// Tells whether trying again at once may help.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Truncated { .. } => true,
            Self::Server { status, .. } => *status == 429 || *status >= 500,
            // The patience is spent as it is.
            _ => false,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreachable { host, .. } => {
                format!("check the name `{host}` and the network; what was pulled before is used without a network")
            }
            Self::Unauthorised { host, account: Account::Anonymous, .. } => format!(
                "no credentials for `{host}` were found; sign in with `docker login {host}` or `podman login {host}`"
            ),
            Self::Unauthorised { host, .. } => {
                format!("sign in again with `docker login {host}`, or ask for access to the repository")
            }
            Self::WrongDigest { .. } => {
                "do not use this artifact; tell whoever runs the registry, and compare the digest with its author"
                    .into()
            }
            Self::TooLarge { .. } => "ask the author for a smaller artifact, or raise the limit if you trust it".into(),
            Self::IdentityToken { host, .. } => {
                format!("store a user name and password or access token for `{host}` instead")
            }
            Self::UnsafeAddress { .. } => "plain http is only for a registry on this machine, with `dev = true`".into(),
            Self::NoVersion { reference } => format!("add a tag, such as `{reference}:0.1`"),
            _ => return None,
        })
    }
}

impl Task {
    fn left(&self) -> &'static str {
        match self {
            Self::Pull(_) => "nothing new was named in the store",
            Self::Push(_) => "no tag was moved",
            Self::Resolve(_) | Self::ListTags(_) | Self::OpenStore(_) => "nothing was changed",
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(reference) => write!(f, "resolve `{reference}`"),
            Self::Pull(reference) => write!(f, "pull `{reference}`"),
            Self::Push(reference) => write!(f, "push `{reference}`"),
            Self::ListTags(repository) => write!(f, "list the tags of `{repository}`"),
            Self::OpenStore(path) => write!(f, "open the store `{}`", path.display()),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("without credentials"),
            Self::User(user) => write!(f, "to user `{user}`"),
            Self::Token => f.write_str("with the stored identity token"),
        }
    }
}
