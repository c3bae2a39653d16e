//! `pool invite | accept | join`: how a newcomer comes in.

use hangar_pool::{Heeds, OwnRecord};
use hangar_roster::{
    ChangeId, Invitation, KeyFingerprint, Kind, MemberId, Roster, SignedInvitation, SignedRecord, State, next,
};

use super::{fingerprint, over, proposed};
use crate::clock::now_ms;
use crate::failure::{Cause, Failure};
use crate::goal::Goal;
use crate::pooling::record;
use crate::session::{Outcome, Session};

/// How long an invitation is good for.
const INVITATION_MS: u64 = 24 * 3_600_000;

impl Session {
    /// Invites the joiner with this key once the pool is well, votes for it, and stays until the change is closed. Inviting a
    /// member changes nothing, so that the command can be given again.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_invite(&self, to: &str) -> Result<(), Failure> {
        let audience = fingerprint(to)?;
        let (engine, means) = self.begin("pool invite").await?;
        let membership = self.active_member(&means.vault).await?;
        let own = &membership.own;
        own.change(|roster| roster.expect_joiner(audience)).map_err(record)?;
        let found = own.refresh().map_err(record)?;
        // A vote that was taken back is over once the others have seen that.
        own.duties(now_ms()).map_err(record)?;
        let asks = |roster: &Roster| {
            let mut records = roster.records().map(SignedRecord::record);
            records.find(|record| record.key.fingerprint() == audience).map(|record| record.member.clone())
        };
        let joiner = asks(&own.roster());
        let Some(joiner) = joiner else {
            let about: Vec<String> = found.iter().map(|finding| finding.problem.to_string()).collect();
            let seen = if about.is_empty() { String::new() } else { format!(" ({})", about.join("; ")) };
            return Err(Failure::refused(format!("the carrier shows no request signed with the key {audience}{seen}"))
                .hint_is("the joiner runs `hangar pool request`, and both compare the fingerprint by voice"));
        };
        self.free_slot(&engine, &means, own).await?;
        let is_voted =
            own.roster().own_record().record().vote.as_ref().is_some_and(|vote| vote.change.subject == joiner);
        if !is_voted && !is_active(&own.roster(), &joiner) {
            self.until_well(&means, &membership).await?;
            self.invite(own, &joiner)?;
        }
        own.show_invitation(&joiner).map_err(record)?;
        self.drive(&engine, &means, membership, Goal::Settle).await
    }

    /// Votes for the change about this member, where that lets somebody in once the pool is well, and stays until it is closed.
    /// If it is a member and nothing is proposed about it, changes nothing, so that the command can be given again.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_accept(&self, subject: &str) -> Result<Outcome, Failure> {
        let subject: MemberId =
            subject.parse().map_err(|err| Failure::of(Cause::Refused, "cannot accept that", err))?;
        let (engine, means) = self.begin("pool accept").await?;
        let membership = self.active_member(&means.vault).await?;
        let own = &membership.own;
        self.catch_up(&membership, &Heeds::All)?;
        if !may_accept(&own.roster(), &subject) {
            // Told at once: the wait for an earlier change may last for days.
            return Err(nothing_proposed(&subject));
        }
        let settled = self.free_slot(&engine, &means, own).await?;
        let Some(id) = proposed(&own.roster(), &subject) else {
            if own.roster().evictions().iter().any(|change| change.subject == subject) {
                return Err(Failure::person(format!(
                    "it is proposed to put `{subject}` out, which needs what each has seen of it"
                ))
                .hint_is(format!("`hangar pool evict {subject}` looks, and votes")));
            }
            if settled == Some(subject.clone()) {
                return Ok(Outcome::Unchanged);
            }
            if is_active(&own.roster(), &subject) {
                self.drive(&engine, &means, membership, Goal::Settle).await?;
                return Ok(Outcome::Unchanged);
            }
            return Err(nothing_proposed(&subject));
        };
        if lets_in(&own.roster(), &id) {
            self.until_well(&means, &membership).await?;
        }
        own.step(|roster| next::accept(roster, id, now_ms())).map_err(record)?;
        self.drive(&engine, &means, membership, Goal::Settle).await?;
        Ok(Outcome::Done)
    }

    /// Enters the pool by the invitation of the member with this key. Never initialises.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_join(&self, inviter: &str) -> Result<(), Failure> {
        let inviter = fingerprint(inviter)?;
        let (engine, means) = self.begin("pool join").await?;
        let membership = self.membership(&means.vault).await?.ok_or_else(|| {
            Failure::refused("this instance has not asked to join").hint_is("`hangar pool request` asks")
        })?;
        let own = &membership.own;
        if own.roster().own_record().record().state == State::Asking {
            own.refresh().map_err(record)?;
            enter(own, inviter)?;
            own.refresh().map_err(record)?;
        }
        self.drive(&engine, &means, membership, Goal::Join).await
    }

    fn invite(&self, own: &OwnRecord, joiner: &MemberId) -> Result<(), Failure> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)
            .map_err(|err| Failure::of(Cause::Outside, "this machine gives no randomness", err.to_string()))?;
        let now = now_ms();
        let invitation = Invitation::new(&own.roster(), joiner, nonce, now + INVITATION_MS);
        let signed =
            invitation.ok_or_else(|| Failure::refused("not every member's record is held yet"))?.sign(own.key());
        own.invite(joiner, &signed, now).map_err(record)
    }
}

/// Takes up the invitation that the carrier shows. Whoever was invited once more may have entered by the former one, and goes on
/// by that as long as it is in force.
fn enter(own: &OwnRecord, inviter: KeyFingerprint) -> Result<(), Failure> {
    let shown = own.invitation().map_err(record)?;
    let entered = match shown.as_deref().map(SignedInvitation::parse).transpose() {
        Ok(Some(signed)) => {
            own.change(|roster| roster.enter(&signed, inviter, now_ms())).map_err(record)?.map(|()| true)
        }
        Ok(None) => Ok(false),
        Err(err) => Err(err),
    };
    match entered {
        Ok(true) => Ok(()),
        _ if own.roster().has_entered() => Ok(()),
        Ok(false) => Err(Failure::new(Cause::Outside, "the carrier shows no invitation for us")
            .hint_is("a member runs `hangar pool invite --to OUR-FINGERPRINT`")),
        Err(err) => {
            let cure = err.cure();
            Err(Failure::of(Cause::Person, "the invitation is refused", err).hint_is(cure))
        }
    }
}

/// Whether there is, or was just now, anything about this member to say yes to.
fn may_accept(roster: &Roster, subject: &MemberId) -> bool {
    proposed(roster, subject).is_some()
        || is_active(roster, subject)
        || over(roster).as_ref() == Some(subject)
        || roster.evictions().iter().any(|change| change.subject == *subject)
}

/// Whether a proposal of others would let somebody in.
fn lets_in(roster: &Roster, id: &ChangeId) -> bool {
    roster.changes().iter().any(|change| change.id == *id && change.kind == Kind::Join)
}

fn nothing_proposed(subject: &MemberId) -> Failure {
    Failure::refused(format!("no member proposes anything about `{subject}`"))
        .hint_is("`hangar pool status` shows what is proposed")
}

fn is_active(roster: &Roster, member: &MemberId) -> bool {
    roster.record(member).is_some_and(|record| record.state == State::Active)
}
