use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::block::BLOCKS;
use crate::images::ImageError;

/// Why a world did not come up, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A program the world is made of is not on this machine.
    #[error("no `{tool}`: set {variable} to its path")]
    MissingTool { tool: &'static str, variable: &'static str },
    /// A path that was given for a program leads to no file.
    #[error("`{tool}` is not at `{}`", path.display())]
    ToolNotThere { tool: &'static str, path: PathBuf },
    /// The options cannot make a world.
    #[error("cannot make a world: {0}")]
    Options(String),
    /// All address blocks are taken by other worlds on this machine.
    #[error("no free address block: {BLOCKS} worlds run on this machine")]
    NoFreeBlock,
    /// No run of consecutive free ports for a control plane.
    #[error("no {wanted} consecutive free ports for the control plane of `{organisation}`")]
    NoFreePorts { organisation: String, wanted: u16 },
    /// A file or folder of the world.
    #[error("cannot {doing} `{}`", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        err: io::Error,
    },
    /// A listening socket of the world.
    #[error("cannot listen on {address} for {what}")]
    Listen {
        what: &'static str,
        address: String,
        #[source]
        err: io::Error,
    },
    /// A program never started.
    #[error("cannot start `{}`", program.display())]
    Spawn {
        program: PathBuf,
        #[source]
        err: io::Error,
    },
    /// A program ended when it should have gone on.
    #[error("`{program}` of `{organisation}` ended with {status}; last words: {last_words}")]
    Ended { program: &'static str, organisation: String, status: ExitStatus, last_words: String },
    /// A program did not get ready in time.
    #[error("`{program}` of `{organisation}` was not ready after {seconds} s: {last_seen}")]
    NotReady { program: &'static str, organisation: String, seconds: u64, last_seen: String },
    /// Certificates of the world.
    #[error("cannot make the certificates of `{organisation}`")]
    Pki {
        organisation: String,
        #[source]
        err: rcgen::Error,
    },
    /// The Kubernetes API answered with an error.
    #[error("the Kubernetes API of `{organisation}` refused to {doing}")]
    Kube {
        organisation: String,
        doing: &'static str,
        #[source]
        err: Box<kube::Error>,
    },
    /// A TLS set-up of the world.
    #[error("cannot set up TLS for {what}")]
    Tls {
        what: &'static str,
        #[source]
        err: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The cloud of an organisation.
    #[error("no cloud for `{organisation}`")]
    Cloud {
        organisation: String,
        #[source]
        err: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Images for the world's registry.
    #[error("cannot put images into the world's registry")]
    Image(#[from] ImageError),
    /// This machine lets no container be made: neither as root nor in a user namespace.
    #[error("this machine allows no containers: {0}")]
    NoContainers(String),
    /// The thread of the world ended without saying why.
    #[error("the world's own thread ended early")]
    ThreadGone,
}

impl WorldError {
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |err| Self::File { doing, path, err }
    }

    pub(crate) fn cloud(organisation: &str) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> Self {
        let organisation = organisation.to_owned();
        move |err| Self::Cloud { organisation, err }
    }

    pub(crate) fn kube(organisation: &str, doing: &'static str) -> impl FnOnce(kube::Error) -> Self {
        let organisation = organisation.to_owned();
        move |err| Self::Kube { organisation, doing, err: Box::new(err) }
    }
}
