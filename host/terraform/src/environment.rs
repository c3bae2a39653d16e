//! What the tool finds around itself.

use std::path::{Path, PathBuf};

use hangar_exec::Command;
use secrecy::SecretString;

use crate::error::TerraformError;
use crate::hcl::quoted;

/// Enough for what a provider may call; the operator's own is not passed on.
const PATH: &str = "/usr/bin:/bin";

/// What the tool finds around itself: built from nothing, with an empty home and a CLI configuration of its own.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    credentials: Vec<(String, SecretString)>,
    variables: Vec<(String, String)>,
    mirror: Option<PathBuf>,
    plugin_cache: Option<PathBuf>,
}

impl Environment {
    /// Nothing but what the tool itself needs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a credential under the name that a provider reads.
    #[must_use]
    pub fn with_credential(mut self, name: impl Into<String>, value: SecretString) -> Self {
        self.credentials.push((name.into(), value));
        self
    }

    /// Adds a variable that is no secret, such as a proxy.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Takes providers from this folder and from nowhere else.
    #[must_use]
    pub fn with_mirror(mut self, folder: impl Into<PathBuf>) -> Self {
        self.mirror = Some(folder.into());
        self
    }

    /// Keeps downloaded providers in this folder, for other stacks too.
    #[must_use]
    pub fn with_plugin_cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.plugin_cache = Some(folder.into());
        self
    }

    pub(crate) fn mirror(&self) -> Option<&Path> {
        self.mirror.as_deref()
    }

    /// Prepares a run whose own files lie in `folder`.
    pub(crate) fn command(&self, binary: &Path, folder: &Path) -> Result<Command, TerraformError> {
        let (home, config) = (folder.join("home"), folder.join("cli.tfrc"));
        hangar_durable::private_dir(&home)?;
        if let Some(cache) = &self.plugin_cache {
            // The tools refuse one that is not there.
            hangar_durable::private_dir(cache)?;
        }
        // Each run writes its own, so that nobody misses it after a power cut.
        hangar_durable::write_unsynced(&config, self.config().as_bytes())?;
        let mut command = Command::new(binary)
            .env("HOME", home)
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .env("TF_CLI_CONFIG_FILE", config)
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0")
            .env("CHECKPOINT_DISABLE", "1");
        for (name, value) in &self.variables {
            command = command.env(name, value);
        }
        for (name, value) in &self.credentials {
            command = command.secret_env(name, value.clone());
        }
        Ok(command)
    }

    fn config(&self) -> String {
        let mirror = self.mirror.as_ref().map(|folder| {
            let folder = quoted(&folder.to_string_lossy());
            format!("provider_installation {{\n  filesystem_mirror {{\n    path = {folder}\n  }}\n}}\n")
        });
        let cache = self.plugin_cache.as_ref().map(|folder| {
            let folder = quoted(&folder.to_string_lossy());
            // The lock file has the hashes of this platform at least; without the second line the cache is not used.
            format!("plugin_cache_dir = {folder}\nplugin_cache_may_break_dependency_lock_file = true\n")
        });
        format!("disable_checkpoint = true\n{}{}", cache.unwrap_or_default(), mirror.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_the_only_source() {
        insta::assert_snapshot!(Environment::new().with_mirror("/opt/mirror").config(), @r#"
        disable_checkpoint = true
        provider_installation {
          filesystem_mirror {
            path = "/opt/mirror"
          }
        }
        "#);
    }

    #[test]
    fn downloaded_providers_are_kept_where_the_operator_says() {
        insta::assert_snapshot!(Environment::new().with_plugin_cache("/var/cache/tf").config(), @r#"
        disable_checkpoint = true
        plugin_cache_dir = "/var/cache/tf"
        plugin_cache_may_break_dependency_lock_file = true
        "#);
    }

    #[test]
    fn credentials_are_not_shown() {
        let environment = Environment::new().with_credential("AWS_SECRET_ACCESS_KEY", SecretString::from("canary"));
        assert!(!format!("{environment:?}").contains("canary"));
    }
}
