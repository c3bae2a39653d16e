//! The Helms that one step has started, in this life of the host and in earlier ones.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hangar_exec::{Child, Command, Exit, Found, Spool, Stream, find};

use crate::error::HelmError;
use crate::refusal;

/// How long an interrupted Helm has to write down that it was.
const GRACE: Duration = Duration::from_secs(20);

/// The Helms of one step. Each attempt has an output of its own below the step's folder, so what any of them said is kept.
pub(crate) struct Attempts {
    folder: PathBuf,
    deadline: Duration,
}

/// Waits for a Helm that an earlier life of this host has started in this folder of a step, and that still runs; changes
/// nothing else. What it did is then told by looking.
///
/// # Errors
///
/// [`HelmError::Deadline`] if it does not end; it is then interrupted. [`HelmError::Exec`] if nothing can be found out.
pub async fn settle(folder: &Path, deadline: Duration) -> Result<(), HelmError> {
    Attempts::new(folder, deadline).outlive().await
}

/// How one Helm ended.
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    /// What it wrote to its standard error.
    pub(crate) stderr: String,
}

impl Attempts {
    pub(crate) fn new(folder: &Path, deadline: Duration) -> Self {
        Self { folder: folder.to_owned(), deadline }
    }

    /// Waits for a Helm that an earlier life of this host has started, and that still runs.
    pub(crate) async fn outlive(&self) -> Result<(), HelmError> {
        for spool in self.spools() {
            match find(&spool)? {
                Found::Never => break,
                Found::Ended(_) => {}
                Found::Living(mut child) => {
                    tracing::info!(spool = %spool.dir().display(), "waiting for the helm of an earlier run");
                    self.end(&mut child).await?;
                }
            }
        }
        Ok(())
    }

    /// Starts one more.
    pub(crate) async fn start(&self, command: Command) -> Result<Child, HelmError> {
        for spool in self.spools() {
            if matches!(find(&spool)?, Found::Never) {
                return Ok(command.spawn(&spool).await?);
            }
        }
        unreachable!("attempts are numbered without end")
    }

    /// Waits for the end of one; one that does not end is interrupted. Helm's own time-out comes first and tells more.
    pub(crate) async fn end(&self, child: &mut Child) -> Result<Ended, HelmError> {
        let ended = tokio::time::timeout(self.deadline + GRACE, child.wait()).await;
        let spool = child.spool().clone();
        if let Ok(exit) = ended {
            return Ok(Ended { exit, stderr: stderr(&spool) });
        }
        child.stop(GRACE).await;
        Err(HelmError::Deadline { after: self.deadline, detail: refusal::last_line(&stderr(&spool)) })
    }

    fn spools(&self) -> impl Iterator<Item = Spool> + use<'_> {
        (1_u32..).map(|attempt| Spool::new(self.folder.join(format!("helm-{attempt}"))))
    }
}

fn stderr(spool: &Spool) -> String {
    let read = std::fs::read(spool.path(Stream::Stderr));
    read.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
