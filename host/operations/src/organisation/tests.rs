use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use hangar_pki::envelope::InstallationKey;
use hangar_plan::secret::{Secret, StoreError};

use super::*;
use crate::vault::{Store, StoreFailure};

/// A store that outlives an installation.
#[derive(Default)]
struct Shelf(Mutex<BTreeMap<String, Vec<Vec<u8>>>>);

#[async_trait]
impl Store for Shelf {
    async fn get(&self, name: &str) -> Result<Option<Secret>, StoreFailure> {
        let all = self.0.lock().expect("no panic");
        let versions = all.get(name).map(Vec::as_slice).unwrap_or_default();
        Ok(versions.last().map(|value| Secret { version: versions.len().to_string(), value: value.clone() }))
    }

    async fn put(&self, name: &str, value: &[u8], expected: Option<&str>) -> Result<String, StoreFailure> {
        let mut all = self.0.lock().expect("no panic");
        let versions = all.entry(name.to_owned()).or_default();
        let current = (!versions.is_empty()).then(|| versions.len().to_string());
        if current.as_deref() != expected {
            return Err(StoreFailure::Refused(StoreError::Conflict(current.unwrap_or_default())));
        }
        versions.push(value.to_vec());
        Ok(versions.len().to_string())
    }
}

/// A key of an installation of its own, kept in this file.
fn vault(shelf: &Arc<Shelf>, file: &Path) -> Result<Vault> {
    Ok(Vault::new(Arc::clone(shelf) as Arc<dyn Store>, InstallationKey::load_or_create(file)?))
}

#[tokio::test]
async fn a_key_that_no_installation_can_open_is_replaced_like_a_lost_one() -> Result<()> {
    let (site, shelf) = (tempfile::tempdir()?, Arc::new(Shelf::default()));
    let former = vault(&shelf, &site.path().join("former.key"))?;
    let lost = make_key(&former).await?.public();
    make_next_key(&former).await?;

    let anew = vault(&shelf, &site.path().join("anew.key"))?;
    let refused = read_key(&anew).await.err().context("it is sealed to another installation")?;
    ensure!(refused.cause() == Cause::Person, "{refused:?}");
    ensure!(refused.hint().is_some_and(|hint| hint.contains("installation.key")), "{:?}", refused.hint());
    ensure!(read_key_if_opened(&anew).await?.is_none());
    let next = make_next_key(&anew).await?.public();
    ensure!(next != lost && make_next_key(&anew).await?.public() == next, "the same for the same rotation");
    take_next_key(&anew).await?;
    ensure!(read_key(&anew).await?.context("it is kept")?.public() == next);
    ensure!(read_key_if_opened(&anew).await?.is_some());
    Ok(())
}
