//! `hangar:host/sealed-file`.

use std::sync::Arc;

use hangar_plan::grant::Kind;

use crate::bindings::host::hangar::host::sealed_file::{Content, Error, Host};
use crate::call::Call;
use crate::sealed_file::{MAX_BYTES, SealedError, SealedStore};

impl Host for Call {
    async fn read(&mut self) -> wasmtime::Result<Result<Option<Content>, Error>> {
        let file = match self.granted_file("read its sealed file") {
            Ok(file) => file,
            Err(err) => return Ok(Err(err)),
        };
        let content = file.read().await.map_err(Error::from);
        Ok(content.map(|content| content.map(|found| Content { version: found.version, bytes: found.bytes })))
    }

    async fn replace(&mut self, expected: u64, bytes: Vec<u8>) -> wasmtime::Result<Result<u64, Error>> {
        let file = match self.granted_file("replace its sealed file") {
            Ok(file) => file,
            Err(err) => return Ok(Err(err)),
        };
        Ok(file.replace(expected, &bytes).await.map_err(Error::from))
    }
}

impl Call {
    fn granted_file(&self, what: &str) -> Result<Arc<dyn SealedStore>, Error> {
        if let Some(reason) = self.impure(what) {
            return Err(Error::Denied(reason));
        }
        if !self.sealed_file || self.kind != Kind::SecretStore {
            return Err(Error::Denied(format!("`sealed-file` is not granted to `{}` as {}", self.plugin, self.kind)));
        }
        let file = self.services.sealed_file.clone();
        file.ok_or_else(|| Error::Denied("this instance has no sealed file".into()))
    }
}

impl From<SealedError> for Error {
    fn from(err: SealedError) -> Self {
        match err {
            SealedError::Conflict(version) => Self::Conflict(version),
            SealedError::TooLarge => Self::TooLarge(MAX_BYTES),
            SealedError::Sealed { .. } | SealedError::KeyReadable(_) => Self::Sealed(err.to_string()),
            SealedError::Io { .. } => Self::Other(err.to_string()),
        }
    }
}
