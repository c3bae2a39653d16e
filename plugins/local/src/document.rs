//! All secrets as one document.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hangar_sdk::sealed_file;
use hangar_sdk::secret_store::Error;
use serde::{Deserialize, Serialize};

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// Version of this format.
    version: u32,
    /// By name.
    pub(crate) secrets: BTreeMap<String, Vec<Version>>,
}

/// One version of a secret. Versions are numbered from 1, oldest first, and never renumbered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    pub(crate) number: u64,
    pub(crate) created_ms: u64,
    /// In base64; none once it was destroyed.
    value: Option<String>,
}

const FORMAT: u32 = 1;
/// Tries against other writers of the file. Each try follows a change of another.
const TRIES: usize = 8;

impl Default for Document {
    fn default() -> Self {
        Self { version: FORMAT, secrets: BTreeMap::new() }
    }
}

impl Document {
    /// Reads the document, and the number of the write that it is of.
    pub(crate) fn read() -> Result<(Self, u64), Error> {
        let Some(content) = sealed_file::read().map_err(failed)? else { return Ok((Self::default(), 0)) };
        // What does not fit may hold a secret, so no word of it gets into the error.
        let document: Self = serde_json::from_slice(&content.bytes)
            .map_err(|_| Error::Other("the sealed file holds something else".into()))?;
        if document.version != FORMAT {
            return Err(Error::Other(format!("the sealed file has format {}, not {FORMAT}", document.version)));
        }
        Ok((document, content.version))
    }

    /// Changes the document. `change` may run several times, each time on what another writer left.
    pub(crate) fn update<T>(mut change: impl FnMut(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        for _ in 0..TRIES {
            let (before, version) = Self::read()?;
            let mut document = before.clone();
            let result = change(&mut document)?;
            if document == before {
                return Ok(result);
            }
            let bytes = serde_json::to_vec(&document).expect("a document has a JSON form");
            match sealed_file::replace(version, &bytes) {
                Ok(_) => return Ok(result),
                Err(sealed_file::Error::Conflict(_)) => {}
                Err(err) => return Err(failed(err)),
            }
        }
        Err(Error::Unavailable(Some(100)))
    }

    /// The version that is current: the newest with a value.
    pub(crate) fn current(&self, name: &str) -> Option<&Version> {
        self.secrets.get(name)?.iter().rev().find(|version| version.value.is_some())
    }
}

impl Version {
    pub(crate) fn new(number: u64, created_ms: u64, value: &[u8]) -> Self {
        Self { number, created_ms, value: Some(STANDARD.encode(value)) }
    }

    pub(crate) fn value(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.value.as_ref()?).ok()
    }

    pub(crate) fn is_destroyed(&self) -> bool {
        self.value.is_none()
    }

    pub(crate) fn destroy(&mut self) {
        self.value = None;
    }
}

fn failed(err: sealed_file::Error) -> Error {
    match err {
        sealed_file::Error::Denied(what) => Error::Denied(what),
        sealed_file::Error::TooLarge(bound) => Error::TooLarge(bound),
        sealed_file::Error::Conflict(_) => Error::Unavailable(None),
        sealed_file::Error::Sealed(what) | sealed_file::Error::Other(what) => Error::Other(what),
    }
}
