//! The few values that a plugin keeps: in the journal of the instance, each plugin's apart.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use hangar_engine::{Journal, JournalError, Redactor};
use hangar_runtime::StateStore;
use tokio::sync::OnceCell;

/// Facts of the journal, which is opened when a plugin first asks.
///
/// Its own connection, so that a command that takes no lock can be asked too: each change is one transaction, and one that
/// another process got before is tried again with what that one has left. The runtime holds sizes and numbers to their caps.
pub(crate) struct PluginState {
    path: PathBuf,
    redactor: Arc<dyn Redactor>,
    journal: OnceCell<Journal>,
}

impl PluginState {
    pub(crate) fn new(path: PathBuf, redactor: Arc<dyn Redactor>) -> Self {
        Self { path, redactor, journal: OnceCell::new() }
    }

    async fn journal(&self) -> Result<&Journal, String> {
        let open = || async {
            if let Some(folder) = self.path.parent() {
                hangar_durable::private_dir(folder).map_err(|err| err.to_string())?;
            }
            Journal::open(&self.path, Arc::clone(&self.redactor)).map_err(|err| err.to_string())
        };
        self.journal.get_or_try_init(open).await
    }
}

#[async_trait]
impl StateStore for PluginState {
    async fn get(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, String> {
        let found = self.journal().await?.fact(&scope(plugin), key).await;
        Ok(found.map_err(|err| err.to_string())?.map(|fact| fact.value))
    }

    async fn set(&self, plugin: &str, key: &str, value: Option<&[u8]>) -> Result<(), String> {
        let (journal, scope) = (self.journal().await?, scope(plugin));
        loop {
            match journal.set_fact(&scope, key, value).await {
                // Somebody got through, so this ends.
                Err(JournalError::Conflict { .. }) => {}
                ended => return ended.map_err(|err| err.to_string()),
            }
        }
    }

    async fn count(&self, plugin: &str) -> Result<usize, String> {
        let facts = self.journal().await?.facts(&scope(plugin)).await;
        Ok(facts.map_err(|err| err.to_string())?.len())
    }
}

/// No plugin's name has a slash, so none can name what the host keeps.
fn scope(plugin: &str) -> String {
    format!("plugin/{plugin}")
}

#[cfg(test)]
mod tests {
    use hangar_engine::NoSecrets;

    use super::*;

    fn state(folder: &std::path::Path) -> PluginState {
        PluginState::new(folder.join("state/journal.db"), Arc::new(NoSecrets))
    }

    #[tokio::test]
    async fn what_a_plugin_keeps_is_there_in_the_next_command_and_no_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = state(folder.path());
        assert_eq!(first.get("aws", "quota").await, Ok(None));
        first.set("aws", "quota", Some(b"5")).await.expect("kept");
        first.set("aws", "zone", Some(b"a")).await.expect("kept");
        let second = state(folder.path());
        assert_eq!(second.get("aws", "quota").await, Ok(Some(b"5".to_vec())));
        assert_eq!(second.get("gcp", "quota").await, Ok(None));
        assert_eq!((second.count("aws").await, second.count("gcp").await), (Ok(2), Ok(0)));
        second.set("aws", "quota", Some(b"6")).await.expect("changed");
        second.set("aws", "zone", None).await.expect("forgotten");
        second.set("aws", "zone", None).await.expect("forgotten twice");
        assert_eq!(first.get("aws", "quota").await, Ok(Some(b"6".to_vec())));
        assert_eq!(first.count("aws").await, Ok(1));
    }

    #[tokio::test]
    async fn writers_at_once_lose_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other) = (state(folder.path()), state(folder.path()));
        let write = async |state: &PluginState, own: &str| {
            state.set("aws", "shared", Some(own.as_bytes())).await?;
            state.set("aws", own, Some(b"1")).await
        };
        tokio::try_join!(write(&one, "a"), write(&other, "b"), write(&one, "c")).expect("all are kept");
        assert_eq!(other.count("aws").await, Ok(4));
    }

    #[tokio::test]
    async fn a_journal_that_cannot_be_opened_is_told_in_words() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("state"), "a file, and no folder").expect("written");
        let told = state(folder.path()).get("aws", "quota").await.expect_err("nothing to read");
        assert!(told.contains("state"), "{told}");
    }
}
