//! Why the agent could not do its work at all.

use std::io;
use std::path::PathBuf;

/// Why the agent could not do its work at all. That a look at the world fails is not among these: it is an answer.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A file cannot be read or written.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What failed.
        #[source]
        err: io::Error,
    },
    /// The specification is not one.
    #[error("`{}` is not a specification", path.display())]
    Spec {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        #[source]
        err: serde_json::Error,
    },
    /// The specification is of a later version.
    #[error("specification has version {found}, and only {known} is known here")]
    Version {
        /// Found.
        found: u32,
        /// Known.
        known: u32,
    },
    /// A bundle cannot be read.
    #[error("cannot use the bundle `{name}`")]
    Bundle {
        /// Which.
        name: String,
        /// What is wrong with it.
        #[source]
        err: hangar_pki::PkiError,
    },
    /// There is no bundle of authorities at all.
    #[error("no bundle of certificate authorities: neither in the specification nor as `ca.crt`")]
    NoBundle,
    /// A certificate and its key cannot be used.
    #[error("cannot use the certificate and key in `{}`", path.display())]
    Identity {
        /// The folder.
        path: PathBuf,
        /// What is wrong with them.
        #[source]
        err: rustls::Error,
    },
    /// Somebody cannot be called, or breaks off.
    #[error("no answer from `{host}`")]
    Unreachable {
        /// Who.
        host: String,
        /// What failed.
        #[source]
        err: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database refuses.
    #[error("the database at `{host}` refuses")]
    Sql {
        /// Where.
        host: String,
        /// What it says.
        #[source]
        err: tokio_postgres::Error,
    },
    /// An answer that is not what it should be.
    #[error("{what} gives `{answer}`")]
    Answer {
        /// Who was asked for what.
        what: String,
        /// The answer.
        answer: String,
    },
    /// The sidecar cannot listen.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// What failed.
        #[source]
        err: io::Error,
    },
}

impl AgentError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |err| Self::File { path, err }
    }

    pub(crate) fn sql(host: &str) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let host = host.to_owned();
        move |err| Self::Sql { host, err }
    }

    /// The code by which a database refuses.
    pub(crate) fn sql_state(&self) -> Option<&tokio_postgres::error::SqlState> {
        let Self::Sql { err, .. } = self else { return None };
        err.code()
    }

    /// Whether it may be otherwise in a moment: nobody answers yet, or the database is busy with something else.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Sql { .. })
    }
}
