//! `pool leave | evict | reject | rotate-certs | rotate-ca`.

use std::sync::Arc;

use hangar_engine::Engine;
use hangar_pki::{AuthorityRequest, Fingerprint};
use hangar_plan::plan::{Envelope, Part, Plan};
use hangar_plan::strategy::decision::Decision;
use hangar_plan::strategy::observation::Facts;
use hangar_pool::{OwnRecord, PoolError, Strategy as _};
use hangar_roster::next::{self, NextError};
use hangar_roster::{Kind, MemberId, Phase, Presence, Roster, State};
use hangar_runtime::Runtime;

use crate::clock::now_ms;
use crate::failure::{Cause, Failure};
use crate::goal::Goal;
use crate::organisation;
use crate::pool_adopt::refuse_untaken;
use crate::pool_commands::only_members;
use crate::pooling::{Connected, Membership, pool, record, strategy};
use crate::session::{Outcome, Session};
use crate::vault::Vault;

/// How long others have to accept a change of ours.
const PROPOSAL_MS: u64 = 7 * 24 * 3_600_000;

impl Session {
    /// Leaves the pool: nodes out of the cluster, then our record gone. The pods stay until `down`.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_leave(&self, lose_tolerance: bool) -> Result<Outcome, Failure> {
        let (engine, runtime, vault) = self.begin("pool leave").await?;
        refuse_untaken(&engine).await?;
        let membership = self.in_pool(&vault).await?;
        let is_gone = membership.own.roster().own_record().record().state == State::Gone;
        if is_gone {
            // A run that was killed may have kept that record and not have shown it, and the others wait for it.
            membership.own.refresh().map_err(record)?;
            return Ok(Outcome::Unchanged);
        }
        let goal = Goal::Leave { consent: lose_tolerance };
        self.catch_up(&membership)?;
        if !membership.is_active() {
            return Err(only_members());
        }
        let is_proposed = has_proposed(&membership.own.roster(), Kind::Leave);
        if !is_proposed {
            if !self.approve_change(&engine, &vault, &runtime, &membership, &goal).await? {
                return Ok(Outcome::Declined);
            }
            self.free_slot(&engine, &vault, &runtime, &membership.own).await?;
            propose(&membership.own, Kind::Leave)?;
        }
        self.drive(&engine, &vault, &runtime, membership, goal).await?;
        Ok(Outcome::Done)
    }

    /// Puts a dead member out, with the votes of the others, and stays until it is out.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_evict(&self, subject: &str, alone: bool) -> Result<Outcome, Failure> {
        let subject = member_id(subject)?;
        let (engine, runtime, vault) = self.begin("pool evict").await?;
        let membership = self.active_member(&vault).await?;
        self.catch_up(&membership)?;
        let own = Arc::clone(&membership.own);
        if is_out(&own.roster(), &subject) {
            // What is left of an earlier run is done all the same.
            self.drive(&engine, &vault, &runtime, membership, Goal::Settle).await?;
            return Ok(Outcome::Unchanged);
        }
        let goal = Goal::Witness { member: subject.to_string() };
        if !self.approve_change(&engine, &vault, &runtime, &membership, &goal).await? {
            return Ok(Outcome::Declined);
        }
        self.drive(&engine, &vault, &runtime, membership, goal).await?;
        loop {
            own.refresh().map_err(record)?;
            own.step(|roster| eviction_vote(roster, &subject, alone, now_ms())).map_err(record)?;
            let settled =
                self.drive(&engine, &vault, &runtime, Membership { own: Arc::clone(&own) }, Goal::Settle).await;
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
        let (engine, runtime, vault) = self.begin("pool reject").await?;
        let membership = self.active_member(&vault).await?;
        self.catch_up(&membership)?;
        let own = Arc::clone(&membership.own);
        let changed = own.step(|roster| rejection(roster, &subject, now_ms())).map_err(record)?;
        self.catch_up(&membership)?;
        // An open change is given up together with the others, and its authority taken back.
        let is_given_up = {
            let roster = own.roster();
            roster.own_record().record().vote.as_ref().is_some_and(|vote| vote.phase == Phase::Abandoned)
        };
        if is_given_up {
            self.drive(&engine, &vault, &runtime, membership, Goal::Settle).await?;
        }
        Ok(if changed { Outcome::Done } else { Outcome::Unchanged })
    }

    /// Issues new leaves under the authority we have, and lets every node load them.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_rotate_certs(&self) -> Result<Outcome, Failure> {
        let (engine, runtime, vault) = self.begin("pool rotate-certs").await?;
        refuse_untaken(&engine).await?;
        let membership = self.active_member(&vault).await?;
        self.catch_up(&membership)?;
        // Certificates are dated in whole seconds.
        let goal = Goal::RotateCerts { before_ms: now_ms() / 1000 * 1000 };
        if !self.approve_change(&engine, &vault, &runtime, &membership, &goal).await? {
            return Ok(Outcome::Declined);
        }
        self.drive(&engine, &vault, &runtime, membership, goal).await?;
        Ok(Outcome::Done)
    }

    /// Goes over to a new authority together with all other members; no node is refused meanwhile.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_rotate_ca(&self) -> Result<Outcome, Failure> {
        let (engine, runtime, vault) = self.begin("pool rotate-ca").await?;
        refuse_untaken(&engine).await?;
        let membership = self.active_member(&vault).await?;
        self.catch_up(&membership)?;
        let is_proposed = has_proposed(&membership.own.roster(), Kind::RotateCa);
        let named = membership.own.roster().own_record().record().presence.fingerprints().len();
        let is_under_way = is_proposed || named > 1;
        let plan = Goal::RotateCa { authority: String::new() };
        if !is_under_way && !self.approve_change(&engine, &vault, &runtime, &membership, &plan).await? {
            return Ok(Outcome::Declined);
        }
        if !is_under_way {
            self.free_slot(&engine, &vault, &runtime, &membership.own).await?;
        }
        let new = self.next_authority(&engine, &vault, &runtime, &membership, is_under_way).await?;
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
        self.drive_attended(&engine, &vault, &runtime, membership, goal, &attend).await?;
        Ok(Outcome::Done)
    }

    async fn next_authority(
        &self,
        engine: &Engine,
        vault: &Arc<Vault>,
        runtime: &Runtime,
        membership: &Membership,
        is_under_way: bool,
    ) -> Result<hangar_pki::Certificate, Failure> {
        let named: Vec<Fingerprint> = {
            let roster = membership.own.roster();
            let named = roster.own_record().record().presence.fingerprints();
            named.iter().filter_map(|one| one.to_string().parse().ok()).collect()
        };
        let mut all = organisation::read_authorities(vault).await?;
        let (n_all, newest) = (all.len(), all.pop());
        // Made for this rotation: our record names it beside the old one, or has dropped the old one already.
        let is_this = |newest: &hangar_pki::Authority| named.contains(&newest.certificate().fingerprint());
        if let Some(newest) = newest.filter(|newest| is_under_way && n_all > 1 && is_this(newest)) {
            return Ok(newest.certificate().clone());
        }
        let Connected { pooling, .. } = self.connected(engine.journal(), vault, runtime, Some(&membership.own)).await?;
        let policy = pooling.certificates().await?;
        let request = AuthorityRequest {
            organisation: self.site.workspace.instance.name.as_str(),
            pool: &pooling.intent.pool.name,
            algorithm: policy.authority_algorithm,
            lifetime_hours: policy.authority_lifetime_hours,
        };
        let made = organisation::make_next_authority(vault, &named, request).await?;
        Ok(made.certificate().clone())
    }

    /// Takes in what the others have said, and does what is due.
    pub(crate) fn catch_up(&self, membership: &Membership) -> Result<(), Failure> {
        membership.own.refresh().map_err(record)?;
        membership.own.duties(now_ms()).map_err(record)
    }

    /// Shows the envelope of a goal, and first asks the strategy whether it refuses outright.
    async fn approve_change(
        &self,
        engine: &Engine,
        vault: &Arc<Vault>,
        runtime: &Runtime,
        membership: &Membership,
        goal: &Goal,
    ) -> Result<bool, Failure> {
        let Connected { pooling, .. } = self.connected(engine.journal(), vault, runtime, Some(&membership.own)).await?;
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
        if let Decision::Blocked(findings) = first
            && !matches!(goal, Goal::RotateCa { .. })
        {
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

fn has_proposed(roster: &Roster, kind: Kind) -> bool {
    let vote = roster.own_record().record().vote.as_ref();
    vote.is_some_and(|vote| vote.change.kind == kind && vote.change.subject == *roster.own())
}

fn propose(own: &OwnRecord, kind: Kind) -> Result<(), Failure> {
    own.step(|roster| next::propose(roster, kind, now_ms() + PROPOSAL_MS, now_ms())).map(drop).map_err(record)
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

/// Our vote on putting a member out: for what another member proposes, else a proposal of ours.
fn eviction_vote(
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
    // What is over stays in a slot until the others have seen that.
    let change = roster.changes().into_iter().find(|change| change.subject == *subject && roster.is_alive(change));
    match change {
        Some(change) => next::reject(roster, change.id, now_ms),
        None => Err(NextError::NothingProposed { member: subject.clone() }),
    }
}
