use std::io;
use std::path::PathBuf;

/// Why images could not be read, built or pushed.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file of an image layout.
    #[error("cannot {doing} `{}`", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        err: io::Error,
    },
    /// A file of an image layout is not what it should be.
    #[error("`{}` is no image layout: {why}", path.display())]
    Layout { path: PathBuf, why: String },
    /// An image name that cannot be.
    #[error("`{0}` is no image name")]
    Reference(String),
    /// The registry did not answer.
    #[error("cannot reach the registry at {registry}")]
    Unreachable {
        registry: String,
        #[source]
        err: reqwest::Error,
    },
    /// The registry refused what we sent.
    #[error("the registry answered {status} to {request}: {body}")]
    Refused { request: String, status: u16, body: String },
}

impl ImageError {
    pub(super) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |err| Self::File { doing, path, err }
    }
}
