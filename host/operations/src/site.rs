//! One workspace, opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hangar_config::{ConfigError, Environment, Lock, Paths, Workspace};
use hangar_engine::{Cancel, Engine, Journal, Options, Progress};
use hangar_pki::envelope::InstallationKey;
use hangar_plan::hint::Hint as _;
use hangar_runtime::Redactor;

use crate::failure::{Cause, Failure};
use crate::kept::Kept;

/// Name of the key that seals what this installation keeps.
const INSTALLATION_KEY: &str = "installation.key";

/// What every command on a workspace starts with.
pub struct Site {
    /// The workspace file, validated.
    pub workspace: Workspace,
    /// The environment.
    pub environment: Arc<Environment>,
    /// Where things lie.
    pub paths: Paths,
    /// What must never be shown.
    pub redactor: Redactor,
    /// Asks whatever runs to stop.
    pub cancel: Cancel,
    pub(crate) kept: Kept,
}

/// A workspace file that is not as it should be: shown with its lines and carets.
#[derive(Debug, thiserror::Error)]
#[error("the workspace file is refused")]
pub struct Refused(#[source] pub ConfigError);

impl Site {
    /// Reads and checks the workspace file of a folder.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file, at once.
    pub fn open(folder: &Path, environment: Arc<Environment>) -> Result<Self, Failure> {
        let folder = std::path::absolute(folder)
            .map_err(|err| Failure::of(Cause::Refused, format!("cannot use folder `{}`", folder.display()), err))?;
        let paths = Paths::new(&environment, &folder)
            .map_err(|err| Failure::of(Cause::Refused, "cannot tell where to keep things", err))?;
        let workspace = Workspace::load(&paths.file()).map_err(|err| {
            let hint = matches!(err, ConfigError::Read { .. })
                .then(|| "`hangar init` writes one, or name its folder with --workspace".to_owned());
            Failure::of(Cause::Refused, "cannot take up the workspace", Refused(err)).hint_maybe(hint)
        })?;
        Ok(Self {
            workspace,
            environment,
            paths,
            redactor: Redactor::default(),
            cancel: Cancel::default(),
            kept: Kept::default(),
        })
    }

    /// The key of this installation; made with the first use.
    pub(crate) fn installation_key(&self) -> Result<InstallationKey, Failure> {
        let path = self.paths.config.join(INSTALLATION_KEY);
        InstallationKey::load_or_create(&path)
            .map_err(|err| Failure::of(Cause::Refused, format!("cannot use key `{}`", path.display()), err))
    }

    /// The engine of this workspace: its lock is ours from here on.
    pub(crate) fn engine(&self, command: &str, progress: Arc<dyn Progress>) -> Result<Engine, Failure> {
        let mut options = Options::new(command);
        options.redactor = Arc::new(ShowNothing(self.redactor.clone()));
        options.progress = progress;
        options.cancel = self.cancel.clone();
        let engine = Engine::open(&self.paths.state(), options).map_err(|err| {
            let hint = err.hint();
            Failure::of(Cause::Outside, "cannot take up the journal of this workspace", err).hint_maybe(hint)
        })?;
        // What a killed command has left may hold secrets.
        self.sweep_scratch()?;
        Ok(engine)
    }

    /// The journal, to read it while another command may be writing.
    pub(crate) fn journal(&self) -> Result<Journal, Failure> {
        let path = Engine::journal_path(&self.paths.state());
        if !path.exists() {
            return Err(no_infrastructure());
        }
        Journal::open_to_read(&path, Arc::new(ShowNothing(self.redactor.clone())))
            .map_err(|err| Failure::of(Cause::Outside, "cannot read the journal of this workspace", err))
    }

    /// The lock of the plugins.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        Lock::load(&self.paths.lock()).map_err(|err| {
            let hint = err.hint();
            Failure::of(Cause::Refused, "cannot read the lock of the plugins", err).hint_maybe(hint)
        })
    }

    /// Where the roster of a pool is kept.
    pub(crate) fn roster_path(&self, pool: &str) -> PathBuf {
        self.paths.state().join("roster").join(format!("{pool}.json"))
    }
}

/// Nothing was ever laid down from this workspace.
pub(crate) fn no_infrastructure() -> Failure {
    Failure::refused("this instance has no infrastructure yet").hint_is("`hangar up` lays it down")
}

/// What must never be shown is not written to the journal either.
pub(crate) struct ShowNothing(pub(crate) Redactor);

impl hangar_engine::Redactor for ShowNothing {
    fn redact<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        self.0.redact(text)
    }
}
