//! A folder with a stack, and tools for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hangar_exec::ProcessId;
use hangar_terraform::{Backend, Event, Observer, Remote, Stack, StackName, TerraformError};
#[cfg(feature = "real-terraform")]
use hangar_terraform::{Driver, Environment, Terraform};

/// Far more than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Settings of the backend, where it is not a file.
const REMOTE: &str = "remote.json";

pub(crate) struct Site {
    pub(crate) dir: PathBuf,
    _owned: Option<tempfile::TempDir>,
    n_folders: AtomicU32,
}

impl Site {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir: dir.path().canonicalize().unwrap(), _owned: Some(dir), n_folders: AtomicU32::new(0) }
    }

    /// A site that somebody else owns.
    #[cfg(feature = "real-terraform")]
    pub(crate) fn at(dir: &Path) -> Self {
        Self { dir: dir.canonicalize().unwrap(), _owned: None, n_folders: AtomicU32::new(0) }
    }

    pub(crate) fn stack(&self) -> Stack {
        let name = StackName::new("infra").unwrap();
        let backend = match fs::read(self.dir.join(REMOTE)) {
            Ok(settings) => {
                Backend::Remote(Remote { kind: "s3".to_owned(), settings: serde_json::from_slice(&settings).unwrap() })
            }
            Err(_) => Backend::Local(self.state_file()),
        };
        Stack::new(name, self.dir.join("infra"), backend)
    }

    /// Keeps the state behind these settings of the backend `s3`, also for hosts that are started in this folder.
    #[cfg(feature = "real-terraform")]
    pub(crate) fn set_remote(&self, settings: &serde_json::Value) {
        fs::write(self.dir.join(REMOTE), settings.to_string()).unwrap();
    }

    pub(crate) fn state_file(&self) -> PathBuf {
        self.dir.join("state/infra/terraform.tfstate")
    }

    pub(crate) fn lay_down(&self, module: &str) {
        self.stack().lay_down(&[("main.tf".to_owned(), module.as_bytes().to_vec())]).unwrap();
    }

    /// A folder that was never used.
    pub(crate) fn folder(&self) -> PathBuf {
        let number = self.n_folders.fetch_add(1, Ordering::SeqCst);
        let folder = self.dir.join(format!("runs/{}-{number}", std::process::id()));
        hangar_durable::private_dir(&folder).unwrap();
        folder
    }

    pub(crate) fn cache(&self) -> PathBuf {
        let cache = self.dir.join("cache");
        hangar_durable::private_dir(&cache).unwrap();
        cache
    }

    /// The tool that `HANGAR_TERRAFORM` names, or else the one that the machine has. Built as the test `tofu`: that of `HANGAR_TOFU`.
    #[cfg(feature = "real-terraform")]
    #[expect(clippy::disallowed_methods, reason = "which tool is tested is said by who tests")]
    pub(crate) async fn real(&self) -> Driver {
        let is_tofu = env!("CARGO_CRATE_NAME") == "tofu";
        let named = std::env::var_os(if is_tofu { "HANGAR_TOFU" } else { "HANGAR_TERRAFORM" });
        assert!(named.is_some() || !is_tofu, "`HANGAR_TOFU` must name OpenTofu");
        let terraform = match named {
            Some(binary) => Terraform::at(Path::new(&binary), &self.cache()).await.unwrap(),
            None => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                Terraform::find(&hangar_exec::search_path(&path), &self.cache()).await.unwrap()
            }
        };
        // Nobody looks at them.
        let environment = Environment::new()
            .with_credential("AWS_ACCESS_KEY_ID", "unlooked-at".to_owned().into())
            .with_credential("AWS_SECRET_ACCESS_KEY", "unlooked-at".to_owned().into());
        Driver::new(terraform, self.stack(), environment)
    }
}

/// Keeps every event, and stops the run once one of them is as wanted.
#[derive(Default)]
pub(crate) struct Ears {
    pub(crate) heard: Mutex<Vec<Event>>,
    pub(crate) stop_at: Option<fn(&Event) -> bool>,
}

#[async_trait]
impl Observer for Ears {
    async fn events(&self, events: &[Event]) -> Result<(), TerraformError> {
        self.heard.lock().unwrap().extend_from_slice(events);
        Ok(())
    }

    async fn started(&self, _: &ProcessId, _: &Path) -> Result<(), TerraformError> {
        Ok(())
    }

    async fn stopped(&self) {
        let Some(stop_at) = self.stop_at else { return std::future::pending().await };
        while !self.heard.lock().unwrap().iter().any(stop_at) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[cfg(feature = "real-terraform")]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(std::time::Instant::now() < end, "waited {PATIENCE:?} for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Every file below a folder that holds a text.
pub(crate) fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.unwrap();
        let is_it = entry.file_type().is_file()
            && fs::read(entry.path()).unwrap().windows(text.len()).any(|part| part == text.as_bytes());
        if is_it {
            found.push(entry.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned());
        }
    }
    found
}
