//! `hangar:host/state`.

use std::sync::Arc;

use hangar_plan::grant::Kind;

use crate::bindings::host::hangar::host::state::{Error, Host};
use crate::call::Call;
use crate::services::StateStore;

const MAX_KEY: usize = 256;
const MAX_VALUE: usize = 64 * 1024;
const MAX_KEYS: usize = 256;

impl Host for Call {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let store = match self.granted_state("read its state") {
            Ok(store) => store,
            Err(err) => return Ok(Err(err)),
        };
        Ok(store.get(&self.plugin, &key).await.map_err(Error::Other))
    }

    async fn set(&mut self, key: String, value: Option<Vec<u8>>) -> wasmtime::Result<Result<(), Error>> {
        let store = match self.granted_state("keep state") {
            Ok(store) => store,
            Err(err) => return Ok(Err(err)),
        };
        Ok(keep(&*store, &self.plugin, &key, value.as_deref()).await)
    }
}

async fn keep(store: &dyn StateStore, plugin: &str, key: &str, value: Option<&[u8]>) -> Result<(), Error> {
    if key.len() > MAX_KEY {
        return Err(Error::TooLarge(MAX_KEY as u64));
    }
    if value.is_some_and(|value| value.len() > MAX_VALUE) {
        return Err(Error::TooLarge(MAX_VALUE as u64));
    }
    if value.is_some() {
        let is_new = store.get(plugin, key).await.map_err(Error::Other)?.is_none();
        if is_new && store.count(plugin).await.map_err(Error::Other)? >= MAX_KEYS {
            return Err(Error::TooLarge(MAX_KEYS as u64));
        }
    }
    store.set(plugin, key, value).await.map_err(Error::Other)
}

impl Call {
    fn granted_state(&self, what: &str) -> Result<Arc<dyn StateStore>, Error> {
        if let Some(reason) = self.impure(what) {
            return Err(Error::Denied(reason));
        }
        if !self.state || self.kind != Kind::InfraProvider {
            return Err(Error::Denied(format!("`state` is not granted to `{}` as {}", self.plugin, self.kind)));
        }
        let store = self.services.state.clone();
        store.ok_or_else(|| Error::Denied("this instance keeps no state for plugins".into()))
    }
}
