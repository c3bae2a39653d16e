//! `pool rotate-certs | rotate-ca`.

use hangar_engine::{Journal, OperationState};
use hangar_pki::{AuthorityRequest, Certificate, Fingerprint};
use hangar_pool::{Heeds, OwnRecord};
use hangar_roster::next::{self, NextError};
use hangar_roster::{Kind, Presence, Roster};

use crate::clock::now_ms;
use crate::failure::Failure;
use crate::goal::Goal;
use crate::infrastructure::unkept;
use crate::means::Means;
use crate::organisation;
use crate::pool_adopt::refuse_untaken;
use crate::pool_changes::{has_proposed, propose};
use crate::pooling::{Connected, Membership};
use crate::session::{Outcome, Session};
use crate::vault::Vault;

impl Session {
    /// Issues new leaves under the authority we have, and lets every node load them.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_rotate_certs(&self) -> Result<Outcome, Failure> {
        let (engine, means) = self.begin("pool rotate-certs").await?;
        refuse_untaken(&means.journal).await?;
        let membership = self.active_member(&means.vault).await?;
        // What a run that did not end has issued by now is new enough. Certificates are dated in whole seconds.
        let begun = unended(&means.journal, "pool rotate-certs").await?;
        let goal = Goal::RotateCerts { before_ms: begun.unwrap_or_else(now_ms) / 1000 * 1000 };
        self.catch_up(&membership, &goal.heeds())?;
        if begun.is_none() {
            self.refuse_pending(&means, &membership).await?;
        }
        if !self.approve_change(&means, &membership, &goal).await? {
            return Ok(Outcome::Declined);
        }
        self.drive(&engine, &means, membership, goal).await?;
        Ok(Outcome::Done)
    }

    /// Goes over to a new authority together with all other members; no node is refused meanwhile.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_rotate_ca(&self) -> Result<Outcome, Failure> {
        let (engine, means) = self.begin("pool rotate-ca").await?;
        refuse_untaken(&means.journal).await?;
        let membership = self.active_member(&means.vault).await?;
        self.catch_up(&membership, &Heeds::All)?;
        let is_proposed = has_proposed(&membership.own.roster(), Kind::RotateCa);
        let n_named = named(&membership).len();
        let newest = newest_named(&means.vault, &membership).await?;
        let is_under_way = is_proposed
            || n_named > 1
            || (newest.is_some() && unended(&means.journal, "pool rotate-ca").await?.is_some());
        if !is_under_way {
            self.refuse_pending(&means, &membership).await?;
        }
        let plan = Goal::RotateCa { authority: String::new() };
        if !is_under_way && !self.approve_change(&means, &membership, &plan).await? {
            return Ok(Outcome::Declined);
        }
        if !is_under_way {
            self.free_slot(&engine, &means, &membership.own).await?;
        }
        let new = match newest.filter(|_| is_under_way) {
            Some(newest) => newest,
            None => self.next_authority(&means, &membership).await?,
        };
        if !is_under_way {
            propose(&membership.own, Kind::RotateCa)?;
        }
        let goal = Goal::RotateCa { authority: new.fingerprint().to_string() };
        let pem = new.to_pem();
        let attend = |own: &OwnRecord| {
            let moved = own.step(|roster| overlapped(roster, &pem, now_ms()));
            if let Err(err) = moved {
                tracing::debug!(%err, "the authorities of our record stay for now");
            }
        };
        self.drive_attended(&engine, &means, membership, goal, &attend).await?;
        Ok(Outcome::Done)
    }

    /// New certificates reach the API with the release: whatever else the workspace would change by that is shown and brought in
    /// first.
    async fn refuse_pending(&self, means: &Means, membership: &Membership) -> Result<(), Failure> {
        let first = match self.pending(means, membership).await {
            Ok(None) => return Ok(()),
            Ok(Some(first)) => first,
            Err(failure) => {
                // Leaves that are over are renewed also where nothing else can be told.
                tracing::debug!(%failure, "what the workspace would change is not known");
                return Ok(());
            }
        };
        let what = format!("the workspace says what was not brought in yet, and would come along: {first}");
        Err(Failure::person(what).hint_is("`hangar up`, then the same command again"))
    }

    /// The first thing that the release would change beyond the certificate of the API, in words.
    async fn pending(&self, means: &Means, membership: &Membership) -> Result<Option<String>, Failure> {
        let (Connected { hands, .. }, owed) = self.owed(means, membership).await?;
        for overlay in &owed.releases {
            let pending = hands.services.pending(overlay).await?;
            if pending.is_some() {
                return Ok(pending);
            }
        }
        Ok(None)
    }

    async fn next_authority(&self, means: &Means, membership: &Membership) -> Result<Certificate, Failure> {
        let Connected { pooling, .. } = self.connected(means, Some(&membership.own)).await?;
        let policy = pooling.certificates().await?;
        let request = AuthorityRequest {
            organisation: self.site.workspace.instance.name.as_str(),
            pool: &pooling.intent.pool.name,
            algorithm: policy.authority_algorithm,
            lifetime_hours: policy.authority_lifetime_hours,
        };
        let made = organisation::make_next_authority(&means.vault, &named(membership), request).await?;
        Ok(made.certificate().clone())
    }
}

/// The authorities that our record names.
fn named(membership: &Membership) -> Vec<Fingerprint> {
    let roster = membership.own.roster();
    let named = roster.own_record().record().presence.fingerprints();
    named.iter().filter_map(|one| one.to_string().parse().ok()).collect()
}

/// Our newest authority, if it was made for a rotation and our record names it: beside the old one, or alone since.
async fn newest_named(vault: &Vault, membership: &Membership) -> Result<Option<Certificate>, Failure> {
    let mut all = organisation::read_authorities(vault).await?;
    let (n_all, newest) = (all.len(), all.pop());
    let newest = newest.map(|newest| newest.certificate().clone()).filter(|_| n_all > 1);
    Ok(newest.filter(|newest| named(membership).contains(&newest.fingerprint())))
}

/// When the last operation began, in milliseconds since 1970, if it was one of this command and did not end.
async fn unended(journal: &Journal, command: &str) -> Result<Option<u64>, Failure> {
    let last = journal.last_operation().await.map_err(unkept)?;
    Ok(last.filter(|last| last.command == command && last.state == OperationState::Open).map(|last| last.started_ms))
}

/// Our next record with the authorities that come next: the new one beside the old, then the new one alone. Nothing where the
/// others are not that far.
fn overlapped(roster: &Roster, new: &str, now_ms: u64) -> Result<Option<hangar_roster::Record>, NextError> {
    let held = roster.own_record().record().presence.clone();
    let authorities = match held.authorities.as_slice() {
        [one] if one != new => vec![one.clone(), new.to_owned()],
        [_, newest] if newest == new => vec![new.to_owned()],
        _ => return Ok(None),
    };
    // An authority of ours alone has a subject of its own.
    let adopted = held.adopted && authorities != [new];
    match next::presence(roster, Presence { authorities, adopted, ..held }, now_ms) {
        Err(NextError::Unvoted) => Ok(None),
        made => made,
    }
}
