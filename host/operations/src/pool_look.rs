//! `pool status`: the pool looked at, once or until it is whole.

use std::time::{Duration, Instant};

use hangar_plan::diagnostic::Severity;
use hangar_plan::strategy::decision::Finding;
use hangar_plan::strategy::observation::Fact;
use hangar_pool::{Hands as _, OwnRecord, RecordError, Strategy as _};

use crate::certificates::{CertificateEntry, Certificates, held};
use crate::failure::{Cause, Failure, chain};
use crate::means::Means;
use crate::pool_commands::{in_none, only_members};
use crate::pool_status::{PoolStatus, Proposal, Tally, as_known};
use crate::pooling::{Connected, Membership, findings, record, strategy};
use crate::session::Session;

/// Subject of the finding that the carrier does not answer.
const CARRIER: &str = "carrier";
/// Pause between two looks at a pool that is not well, or not whole.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl Session {
    /// The pool as we see it, from our own nodes, and what of it is not whole.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn pool_status(&self) -> Result<PoolStatus, Failure> {
        self.unless_stopped(self.look_at_pool(|_| Ok(()))).await
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
            let looked = self.unless_stopped(self.look_at_pool(is_member)).await;
            let is_late = since.elapsed() >= patience;
            match looked {
                Ok(status) => {
                    let tally = Tally::of(&status);
                    if last.as_ref() != Some(&tally) {
                        tell(&tally);
                    }
                    let hears_others = status.findings.iter().all(|finding| finding.subject != CARRIER);
                    if tally.is_full() && status.is_whole() && hears_others {
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
            self.pause_between_looks().await?;
        }
    }

    /// Lets a moment pass.
    ///
    /// # Errors
    ///
    /// [`Cause::Interrupted`] once we are asked to stop.
    pub(crate) async fn pause_between_looks(&self) -> Result<(), Failure> {
        let pause = async {
            tokio::time::sleep(LOOK_AGAIN).await;
            Ok(())
        };
        self.unless_stopped(pause).await
    }

    async fn look_at_pool(&self, check: impl Fn(&Membership) -> Result<(), Failure>) -> Result<PoolStatus, Failure> {
        let Look { means, membership } = self.look().await?;
        check(&membership)?;
        let connected = self.connected(&means, Some(&membership.own)).await?;
        let mut status = status_of(&membership, &connected).await?;
        let ends = if membership.is_active() { held(&membership, &connected).await? } else { Certificates::default() };
        status.is_over = ends.all.iter().any(CertificateEntry::is_own_over);
        status.findings.extend(status.gaps());
        status.findings.extend(ends.findings());
        Ok(status)
    }
}

/// What a command needs that only looks at a pool. It takes no lock: another command may be at work on the workspace, and wait for
/// days.
pub(crate) struct Look {
    pub(crate) means: Means,
    pub(crate) membership: Membership,
}

impl Session {
    /// Opens everything for reading.
    pub(crate) async fn look(&self) -> Result<Look, Failure> {
        let runtime = self.site.runtime(self.program.clone())?;
        let vault = self.vault(&runtime).await?;
        let membership = Membership::look(&self.site, &vault).await?.ok_or_else(in_none)?;
        Ok(Look { means: Means { journal: self.site.journal()?, runtime, vault }, membership })
    }

    /// The same, for what only a member has something to look at for.
    pub(crate) async fn look_as_member(&self) -> Result<Look, Failure> {
        let look = self.look().await?;
        if look.membership.is_active() { Ok(look) } else { Err(only_members()) }
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
    let found = heard(&membership.own)?;
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
    Ok((PoolStatus::new(&pooling.pool_name(), &roster, proposed, &facts, found), facts))
}

/// What is amiss with the records of the others. Where the carrier does not answer, those that are held here are told of.
fn heard(own: &OwnRecord) -> Result<Vec<Finding>, Failure> {
    let (mut found, unheard) = match own.refresh() {
        Ok(found) => (found, None),
        Err(err @ RecordError::Carrier(_)) => {
            let (cure, whose) = (err.hint(), None);
            let message = format!("it does not answer, so this is by the records that are held here: {}", chain(&err));
            (Vec::new(), Some(Finding { severity: Severity::Error, subject: CARRIER.into(), message, cure, whose }))
        }
        Err(err) => return Err(record(err)),
    };
    // What a carrier shows no more is proved all the same.
    let forks: Vec<_> = own.roster().forks().iter().filter(|fork| !found.contains(fork)).cloned().collect();
    found.extend(forks);
    Ok(unheard.into_iter().chain(findings(&found)).collect())
}

fn not_whole(status: &PoolStatus, tally: &Tally, patience: Duration) -> Failure {
    let message = format!("the pool is not whole after {} s: {tally}", patience.as_secs());
    let gaps = status.gaps();
    let first = gaps.iter().find(|gap| gap.severity == Severity::Error).or(gaps.first());
    let failure = Failure::new(Cause::Outside, message);
    match first {
        Some(gap) => failure.hint_of(gap),
        None => failure,
    }
}
