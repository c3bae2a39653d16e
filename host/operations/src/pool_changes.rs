//! `pool leave | evict | reject`, and how a change of ours is approved and proposed.

use std::sync::Arc;

use hangar_plan::plan::{Envelope, Part, Plan};
use hangar_plan::strategy::decision::Decision;
use hangar_plan::strategy::observation::Facts;
use hangar_pool::{Heeds, OwnRecord, PoolError, Strategy as _};
use hangar_roster::next::{self, NextError};
use hangar_roster::{Kind, MemberId, Phase, Roster, State};

use crate::clock::now_ms;
use crate::failure::{Cause, Failure};
use crate::goal::Goal;
use crate::means::Means;
use crate::pool_adopt::refuse_untaken;
use crate::pool_commands::{only_members, proposed};
use crate::pooling::{Connected, Membership, pool, record, strategy};
use crate::session::{Outcome, Session};

/// How long others have to accept a change of ours.
pub(crate) const PROPOSAL_MS: u64 = 7 * 24 * 3_600_000;

impl Session {
    /// Leaves the pool: nodes out of the cluster, then our record gone. The pods stay until `down`.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_leave(&self, lose_tolerance: bool) -> Result<Outcome, Failure> {
        let (engine, means) = self.begin("pool leave").await?;
        refuse_untaken(&means.journal).await?;
        let membership = self.in_pool(&means.vault).await?;
        let is_gone = membership.own.roster().own_record().record().state == State::Gone;
        if is_gone {
            // A run that was killed may have kept that record and not have shown it, and the others wait for it.
            membership.own.refresh().map_err(record)?;
            return Ok(Outcome::Unchanged);
        }
        let goal = Goal::Leave { consent: lose_tolerance };
        self.catch_up(&membership, &goal.heeds())?;
        if !membership.is_active() {
            return Err(only_members());
        }
        let is_proposed = has_proposed(&membership.own.roster(), Kind::Leave);
        if !is_proposed {
            if !self.approve_change(&means, &membership, &goal).await? {
                return Ok(Outcome::Declined);
            }
            self.free_slot(&engine, &means, &membership.own).await?;
            propose(&membership.own, Kind::Leave)?;
        }
        self.drive(&engine, &means, membership, goal).await?;
        Ok(Outcome::Done)
    }

    /// Puts a dead member out, with the votes of the others, and stays until it is out.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_evict(&self, subject: &str, alone: bool) -> Result<Outcome, Failure> {
        let subject = member_id(subject)?;
        let (engine, means) = self.begin("pool evict").await?;
        let membership = self.active_member(&means.vault).await?;
        let goal = Goal::Witness { member: subject.to_string() };
        self.catch_up(&membership, &goal.heeds())?;
        let own = Arc::clone(&membership.own);
        if is_out(&own.roster(), &subject) {
            // What is left of an earlier run is done all the same.
            self.drive(&engine, &means, membership, Goal::Settle).await?;
            return Ok(Outcome::Unchanged);
        }
        if !self.approve_change(&means, &membership, &goal).await? {
            return Ok(Outcome::Declined);
        }
        self.drive(&engine, &means, membership, goal).await?;
        loop {
            own.refresh().map_err(record)?;
            own.step(|roster| eviction_vote(roster, &subject, alone, now_ms())).map_err(record)?;
            let settled = self.drive(&engine, &means, Membership { own: Arc::clone(&own) }, Goal::Settle).await;
            match settled {
                Err(failure) if failure.cause() != Cause::Person || !is_evicted_by_another(&own.roster(), &subject) => {
                    return Err(failure);
                }
                // Two have proposed it at once, and ours gave way: our vote is for the other one now.
                Err(_) => {}
                Ok(()) => return Ok(Outcome::Done),
            }
        }
    }

    /// Says no to what is proposed about a member; takes our own proposal back; or gives up a joiner that vanished.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_reject(&self, subject: &str) -> Result<Outcome, Failure> {
        let subject = member_id(subject)?;
        let (engine, means) = self.begin("pool reject").await?;
        let membership = self.active_member(&means.vault).await?;
        let heeds = Heeds::AllBut(subject.clone());
        self.catch_up(&membership, &heeds)?;
        let own = Arc::clone(&membership.own);
        let changed = own.step(|roster| rejection(roster, &subject, now_ms())).map_err(record)?;
        self.catch_up(&membership, &heeds)?;
        // An open change is given up together with the others, and its authority taken back.
        let is_given_up = {
            let roster = own.roster();
            roster.own_record().record().vote.as_ref().is_some_and(|vote| vote.phase == Phase::Abandoned)
        };
        if is_given_up {
            self.drive(&engine, &means, membership, Goal::Settle).await?;
        }
        Ok(if changed { Outcome::Done } else { Outcome::Unchanged })
    }

    /// Takes in what the others have said, and does what is due.
    pub(crate) fn catch_up(&self, membership: &Membership, heeds: &Heeds) -> Result<(), Failure> {
        if let Some(err) = heeds.hear(&membership.own, now_ms()).map_err(pool)? {
            (self.waiting)(&format!("nobody else is needed for this, so it goes on with the records held here: {err}"));
        }
        Ok(())
    }

    /// Shows the envelope of a goal, and first asks the strategy whether it refuses outright.
    pub(crate) async fn approve_change(
        &self,
        means: &Means,
        membership: &Membership,
        goal: &Goal,
    ) -> Result<bool, Failure> {
        let Connected { pooling, .. } = self.connected(means, Some(&membership.own)).await?;
        let roster = membership.own.view();
        let mut intent = pooling.intent.clone();
        intent.goal = goal.of_strategy();
        intent.pool.facts.extend(goal.facts());
        let facts = Facts {
            now_ms: now_ms(),
            observations: Vec::new(),
            in_doubt: Vec::new(),
            done: Vec::new(),
            issued: Vec::new(),
        };
        let first = pooling.strategy.decide(&intent, &roster, &facts).await.map_err(strategy)?;
        if let Decision::Blocked(findings) = first {
            return Err(pool(PoolError::Blocked(findings)));
        }
        let phases = pooling.strategy.outline(&intent, &roster).await.map_err(strategy)?;
        let mut plan = Plan::new(intent.instance.name.clone());
        plan.parts.push(Part::Pool(Envelope { pool: pooling.pool_name(), goal: goal.name().into(), phases }));
        (self.approve)(&plan)
    }
}

pub(crate) fn member_id(text: &str) -> Result<MemberId, Failure> {
    text.parse().map_err(|err| Failure::of(Cause::Refused, format!("`{text}` is no member"), err))
}

pub(crate) fn has_proposed(roster: &Roster, kind: Kind) -> bool {
    let vote = roster.own_record().record().vote.as_ref();
    vote.is_some_and(|vote| vote.change.kind == kind && vote.change.subject == *roster.own())
}

pub(crate) fn propose(own: &OwnRecord, kind: Kind) -> Result<(), Failure> {
    own.step(|roster| next::propose(roster, kind, now_ms() + PROPOSAL_MS, now_ms())).map(drop).map_err(record)
}

/// Our vote on putting a member out: for what another member proposes, else a proposal of ours.
pub(crate) fn eviction_vote(
    roster: &Roster,
    subject: &MemberId,
    alone: bool,
    now_ms: u64,
) -> Result<Option<hangar_roster::Record>, NextError> {
    match next::accept_eviction(roster, subject, now_ms) {
        Err(NextError::NoEviction { .. }) => next::evict(roster, subject, alone, now_ms + 4 * PROPOSAL_MS, now_ms),
        voted => voted,
    }
}

fn is_out(roster: &Roster, member: &MemberId) -> bool {
    roster.state(member) == Some(State::Gone)
}

/// Whether another member still proposes to put this one out, and ours is no vote for that.
fn is_evicted_by_another(roster: &Roster, subject: &MemberId) -> bool {
    let own = roster.own_record().record().eviction.as_ref().map(|vote| vote.change.id);
    let mut others = roster.evictions().into_iter().filter(|change| change.subject == *subject);
    !is_out(roster, subject)
        && others.any(|change| Some(change.id) != own && roster.is_alive(change) && !roster.has_answered(change))
}

fn rejection(roster: &Roster, subject: &MemberId, now_ms: u64) -> Result<Option<hangar_roster::Record>, NextError> {
    let own = roster.own_record().record();
    if own.eviction.as_ref().is_some_and(|vote| vote.change.subject == *subject) {
        return next::withdraw_eviction(roster, now_ms);
    }
    if let Some(vote) = own.vote.as_ref().filter(|vote| vote.change.subject == *subject) {
        return match vote.phase {
            Phase::Voted if vote.change.proposer == own.member => next::withdraw(roster, now_ms),
            Phase::Withdrawn => Ok(None),
            // A vote is a promise to the others, who may have acted on it: its proposer alone takes it back.
            Phase::Voted => Err(NextError::VoteGiven { kind: vote.change.kind, subject: subject.clone() }),
            Phase::Open | Phase::Done | Phase::Abandoned | Phase::Dropped => next::abandon(roster, now_ms),
        };
    }
    match proposed(roster, subject) {
        Some(id) => next::reject(roster, id, now_ms),
        None => Err(NextError::NothingProposed { member: subject.clone() }),
    }
}
