//! Why our record stays as it is.

use std::path::PathBuf;

use hangar_durable::WriteError;
use hangar_engine::StepError;
use hangar_roster::StoredError;
use hangar_roster::next::NextError;

use crate::carrier::CarrierError;

/// Why our record is as it was, or could not be shown to others.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The rules of the roster forbid it.
    #[error(transparent)]
    Next(#[from] NextError),
    /// The carrier failed. The record is kept at home and goes out with the next run.
    #[error(transparent)]
    Carrier(#[from] CarrierError),
    /// It could not be kept at home, so it was not shown to anybody.
    #[error("cannot keep the roster")]
    Keep(#[from] WriteError),
    /// What is kept at home cannot be read.
    #[error("cannot read the roster kept in `{}`", path.display())]
    Stored {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        err: StoredError,
    },
    /// What is kept at home cannot be opened.
    #[error("cannot open `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        err: std::io::Error,
    },
    /// A strategy named something that no record can hold.
    #[error("the strategy asked for what a record cannot say: {0}")]
    Strategy(String),
}

impl RecordError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Next(err) => err.cure(),
            Self::Stored { err, .. } => err.hint(),
            Self::Carrier(_) => Some("make the carrier reachable and run the same command again".into()),
            Self::Keep(_) | Self::Open { .. } => {
                Some("make room or allow access, then run the same command again".into())
            }
            Self::Strategy(_) => None,
        }
    }
}

/// A step that writes our record: what the rules forbid is a person's to decide, all else is of the outside.
impl From<RecordError> for StepError {
    fn from(err: RecordError) -> Self {
        let hint = err.hint();
        let step = match &err {
            RecordError::Next(_) => Self::person(err),
            _ => Self::outside(err),
        };
        match hint {
            Some(hint) => step.with_hint(hint),
            None => step,
        }
    }
}
