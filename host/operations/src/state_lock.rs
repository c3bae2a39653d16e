//! The lock of terraform's state: explained, and broken only if a killed tool of ours holds it.

use std::path::Path;

use hangar_engine::{ChildEntry, Engine};
use hangar_terraform::{Driver, StateLock, TerraformError};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::infrastructure::{self, explained, tool, unkept};
use crate::prepared::OpenStack;
use crate::session::Session;
use crate::watch::Watch;

/// What became of a lock.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "lock", rename_all = "kebab-case")]
pub enum Unlocked {
    /// Nobody held it.
    Free,
    /// A tool of ours had held it, which was killed.
    Broken(StateLock),
}

impl Session {
    /// Breaks the lock of the state if a tool that this workspace has started, and that was killed, provably holds it.
    ///
    /// # Errors
    ///
    /// [`Failure`] that says who holds it otherwise; it is then left alone.
    pub async fn unlock(&self) -> Result<Unlocked, Failure> {
        let runtime = self.site.runtime(self.program.clone())?;
        let OpenStack { engine, provider, driver, scratch, .. } = self.open_stack("unlock", &runtime).await?;
        let watch = Watch { cancel: &self.site.cancel, waiting: &*self.waiting };
        let look = async {
            driver.init(&scratch.path().join("init"), &watch).await?;
            driver.lock(&scratch.path().join("look"), &watch).await
        };
        let lock = match look.await {
            Ok(None) => return Ok(Unlocked::Free),
            Ok(Some(lock)) => lock,
            Err(err) => return Err(explained(err, &provider).await),
        };
        if break_if_ours(&engine, &driver, &lock, &scratch.path().join("break")).await.map_err(tool)? {
            return Ok(Unlocked::Broken(lock));
        }
        Err(left_alone(&driver, &lock))
    }
}

/// Breaks the lock if it is provably of a tool that this workspace has started; says whether it did.
pub(crate) async fn break_if_ours(
    engine: &Engine,
    driver: &Driver,
    lock: &StateLock,
    folder: &Path,
) -> Result<bool, TerraformError> {
    let children: Vec<ChildEntry> = engine.journal().children().await?;
    driver.unlock_if_ours(lock, &children, folder).await
}

fn left_alone(driver: &Driver, lock: &StateLock) -> Failure {
    let (binary, dir) = (driver.terraform().binary().display(), driver.stack().dir().display());
    Failure::person(format!("the state is locked by {lock}, which is not provably a run of this workspace")).hint_is(
        format!("ask them; once you are sure that it is dead: `{binary} -chdir={dir} force-unlock {}`", lock.id),
    )
}

/// Which state this workspace has applied to, kept beside what stands.
const LINEAGE: &str = "state-lineage";

/// Refuses a state that is not the one this workspace has applied to.
pub(crate) async fn check_lineage(engine: &Engine, plan: &hangar_terraform::StackPlan) -> Result<(), Failure> {
    let kept = engine.journal().fact(infrastructure::SCOPE, LINEAGE).await.map_err(unkept)?;
    let Some(kept) = kept else { return Ok(()) };
    let ours = String::from_utf8_lossy(&kept.value).into_owned();
    match &plan.state {
        Some(state) if state.lineage == ours => Ok(()),
        Some(state) => Err(Failure::person(format!(
            "the state is of another workspace: its lineage is `{}`, this workspace has applied to `{ours}`",
            state.lineage
        ))
        .hint_is("put this workspace's own state back, or let its `state` block point to it; nothing was changed")),
        None => Err(Failure::person(format!("the state that this workspace has applied to, `{ours}`, is gone"))
            .hint_is("put it back, or let the `state` block point to it: without it everything would be made twice")),
    }
}

/// Remembers which state was applied to; none once all is destroyed.
pub(crate) async fn keep_lineage(engine: &Engine, lineage: Option<&str>) -> Result<(), Failure> {
    let lineage = lineage.map(str::as_bytes);
    engine.journal().set_fact(infrastructure::SCOPE, LINEAGE, lineage).await.map_err(unkept)
}
