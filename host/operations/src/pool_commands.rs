//! What the commands of a pool have in common, and the first of them: `pool create | request | invite | accept | join`.

use std::sync::Arc;

use hangar_engine::Engine;
use hangar_pool::OwnRecord;
use hangar_roster::{Change, ChangeId, KeyFingerprint, MemberId, Phase, Roster};
use serde::Serialize;

use crate::failure::{Cause, Failure};
use crate::goal::Goal;
use crate::means::Means;
use crate::pooling::Membership;
use crate::session::Session;
use crate::vault::Vault;

mod entry;
mod first_record;
mod well;

/// Who we are to the others: compared by voice.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Identity {
    /// Member.
    pub member: String,
    /// Pool.
    pub pool: String,
    /// Full fingerprint of the organisation key.
    pub fingerprint: String,
    /// Its first half as twelve words.
    pub words: Vec<String>,
}

impl Identity {
    pub(crate) fn of(own: &OwnRecord) -> Self {
        let roster = own.roster();
        let fingerprint = roster.own_record().record().key.fingerprint();
        Self {
            member: roster.own().to_string(),
            pool: roster.pool().to_string(),
            fingerprint: fingerprint.to_string(),
            words: fingerprint.words().as_slice().iter().map(|word| (*word).to_owned()).collect(),
        }
    }
}

impl Session {
    /// Our place in a pool, whether we are a member by now or only ask.
    pub(crate) async fn in_pool(&self, vault: &Vault) -> Result<Membership, Failure> {
        self.membership(vault).await?.ok_or_else(in_none)
    }

    pub(crate) async fn active_member(&self, vault: &Vault) -> Result<Membership, Failure> {
        self.membership(vault).await?.filter(Membership::is_active).ok_or_else(only_members)
    }

    /// Stays, where the change that our vote was for is over, until the others have seen that: only then is there room for
    /// another vote. Returns whom that change was about.
    pub(crate) async fn free_slot(
        &self,
        engine: &Engine,
        means: &Means,
        own: &Arc<OwnRecord>,
    ) -> Result<Option<MemberId>, Failure> {
        let over = over(&own.roster());
        if over.is_some() {
            self.drive(engine, means, Membership { own: Arc::clone(own) }, Goal::Settle).await?;
        }
        Ok(over)
    }
}

/// Whom a change was about that is over, while our vote still names it.
pub(crate) fn over(roster: &Roster) -> Option<MemberId> {
    let vote = roster.own_record().record().vote.as_ref()?;
    matches!(vote.phase, Phase::Done | Phase::Dropped).then(|| vote.change.subject.clone())
}

/// The change about this member that is still to be dealt with. What is over stays in a slot until the others have seen that.
pub(crate) fn proposed(roster: &Roster, subject: &MemberId) -> Option<ChangeId> {
    let is_it = |change: &&Change| change.subject == *subject && roster.is_alive(change);
    roster.changes().into_iter().find(is_it).map(|change| change.id)
}

pub(crate) fn in_none() -> Failure {
    Failure::refused("this instance is in no pool").hint_is("`hangar pool create` or `hangar pool request`")
}

pub(crate) fn only_members() -> Failure {
    Failure::refused("only a member of the pool can do that")
        .hint_is("`hangar pool create` or `hangar pool join` first")
}

pub(crate) fn fingerprint(text: &str) -> Result<KeyFingerprint, Failure> {
    text.trim().parse().map_err(|err| {
        Failure::of(Cause::Refused, format!("`{text}` is no fingerprint"), err)
            .hint_is("`hangar pool request` and `hangar pool create` print it: 64 hexadecimal digits")
    })
}
