//! `pool status`: the pool looked at, once or until it is whole.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hangar_engine::{Journal, Level};
use hangar_plan::diagnostic::Severity;
use hangar_plan::strategy::observation::Fact;
use hangar_pool::{Hands as _, Strategy as _};
use hangar_runtime::Runtime;

use crate::certificates::{CertificateEntry, held};
use crate::failure::{Cause, Failure};
use crate::pool_commands::{in_none, only_members};
use crate::pool_status::{PoolStatus, Proposal, Tally, as_known};
use crate::pooling::{Connected, Membership, findings, record, strategy};
use crate::session::Session;
use crate::vault::Vault;

/// Pause between two looks at a pool that is not whole.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl Session {
    /// The pool as we see it, from our own nodes, and what of it is not whole.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn pool_status(&self) -> Result<PoolStatus, Failure> {
        self.look_at_pool(|_| Ok(())).await
    }

    /// Looks again and again until the pool is whole and no change is under way, and tells the counts whenever they have
    /// changed. Changes nothing, and leaves the workspace free, so that what is waited for can be done.
    ///
    /// # Errors
    ///
    /// [`Failure`]; [`Cause::Outside`] once `patience` is over, with the first thing that is amiss and whose it is.
    pub async fn pool_wait(
        &self,
        patience: Duration,
        tell: &(dyn Fn(&Tally) + Send + Sync),
    ) -> Result<PoolStatus, Failure> {
        let since = Instant::now();
        let mut last = None;
        loop {
            // Who only asks has no node that could look.
            let is_member = |membership: &Membership| if membership.is_active() { Ok(()) } else { Err(only_members()) };
            let looked = self.look_at_pool(is_member).await;
            let is_late = since.elapsed() >= patience;
            match looked {
                Ok(status) => {
                    let tally = Tally::of(&status);
                    if last.as_ref() != Some(&tally) {
                        tell(&tally);
                    }
                    if tally.is_full() && status.is_whole() {
                        return Ok(status);
                    }
                    if is_late {
                        return Err(not_whole(&status, &tally, patience));
                    }
                    last = Some(tally);
                }
                // The cluster or the carrier did not answer for now.
                Err(failure) if failure.cause() == Cause::Outside && !is_late => (self.waiting)(&failure.to_string()),
                Err(failure) => return Err(failure),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = self.site.cancel.reached(Level::Draining) => {
                    return Err(Failure::new(Cause::Interrupted, "stopped when asked; nothing was changed"));
                }
            }
        }
    }

    async fn look_at_pool(&self, check: impl Fn(&Membership) -> Result<(), Failure>) -> Result<PoolStatus, Failure> {
        let Look { journal, runtime, vault, membership } = self.look().await?;
        check(&membership)?;
        let connected = self.connected(&journal, &vault, &runtime, Some(&membership.own)).await?;
        let mut status = status_of(&membership, &connected).await?;
        let ends = if membership.is_active() { held(&membership, &connected).await? } else { Vec::new() };
        status.is_over = ends.iter().any(CertificateEntry::is_own_over);
        status.findings.extend(status.gaps());
        status.findings.extend(ends.iter().filter_map(CertificateEntry::finding));
        Ok(status)
    }
}

/// What a command needs that only looks at a pool. It takes no lock: another command may be at work on the workspace, and wait for
/// days.
pub(crate) struct Look {
    pub(crate) journal: Journal,
    pub(crate) runtime: Runtime,
    pub(crate) vault: Arc<Vault>,
    pub(crate) membership: Membership,
}

impl Session {
    /// Opens everything for reading.
    pub(crate) async fn look(&self) -> Result<Look, Failure> {
        let runtime = self.site.runtime(self.program.clone())?;
        let vault = self.vault(&runtime).await?;
        let membership = Membership::look(&self.site, &vault).await?.ok_or_else(in_none)?;
        let journal = self.site.journal()?;
        Ok(Look { journal, runtime, vault, membership })
    }
}

/// The pool as our own nodes show it.
pub(crate) async fn status_of(membership: &Membership, connected: &Connected) -> Result<PoolStatus, Failure> {
    Ok(facts_of(membership, connected).await?.0)
}

/// The same, with what was seen.
pub(crate) async fn facts_of(
    membership: &Membership,
    connected: &Connected,
) -> Result<(PoolStatus, Vec<Fact>), Failure> {
    let Connected { hands, pooling, .. } = connected;
    let found = membership.own.refresh().map_err(record)?;
    hands.trust(&membership.own);
    let roster = membership.own.view();
    let facts = if membership.is_active() {
        let probes = pooling.strategy.status_probes(&pooling.intent, &roster).await.map_err(strategy)?;
        hands.look(&probes).await?
    } else {
        Vec::new()
    };
    let roster = as_known(roster, &pooling.intent.instance.nodes, &facts);
    let proposed = Proposal::all(&membership.own.roster());
    Ok((PoolStatus::new(&pooling.pool_name(), &roster, proposed, &facts, findings(&found)), facts))
}

fn not_whole(status: &PoolStatus, tally: &Tally, patience: Duration) -> Failure {
    let message = format!("the pool is not whole after {} s: {tally}", patience.as_secs());
    let gaps = status.gaps();
    let first = gaps.iter().find(|gap| gap.severity == Severity::Error).or(gaps.first());
    let hint = first.and_then(|gap| Some(format!("{}: {}", gap.whose.as_deref()?, gap.cure.as_deref()?)));
    Failure::new(Cause::Outside, message).hint_maybe(hint)
}
