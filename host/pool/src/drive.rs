//! Going round until a goal is reached.

use std::sync::Arc;
use std::time::Duration;

use hangar_engine::{Cancel, Level, Operation, Steps};
use hangar_plan::step::StepKey;
use hangar_plan::strategy::action::Step;
use hangar_plan::strategy::decision::{Decision, Finding, Phase, Waiting};
use hangar_plan::strategy::intent::Intent;
use hangar_plan::strategy::observation::Facts;
use hangar_plan::strategy::probe::Probe;
use hangar_roster::next::{self, NextError};
use hangar_roster::{Kind, Phase as VotePhase, Roster, Standing, Vote};
use tokio::time::Instant;

use crate::envelope::excess;
use crate::error::PoolError;
use crate::expectation::describe;
use crate::hands::Hands;
use crate::heeds::{self, Heeds};
use crate::memory::Memory;
use crate::outage::Outage;
use crate::own::{OwnRecord, RecordError};
use crate::stake::Stake;
use crate::strategy::Strategy;
use crate::strategy_step::StrategyStep;

/// Looks without a decision in between, or steps that are done and asked for again; a strategy that needs more has lost its way.
const LOOKS: usize = 30;
/// Pause between two looks at the carrier while others are waited for.
const PAUSE: Duration = Duration::from_millis(500);
/// Longest time that the strategy is not asked again while the carrier shows nothing new.
const IDLE: Duration = Duration::from_secs(60);
/// Pause after what failed, and is borne for a while.
const AGAIN: Duration = Duration::from_secs(5);

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The strategy says that the goal is reached.
    Goal,
    /// As above, and the run ends without it where the change of our vote is taken back.
    Change,
    /// As above, and our vote is settled: the change it was for is closed or withdrawn.
    Closed,
}

/// Hears what is waited for, and for whom.
pub trait Tell: Send + Sync {
    /// Something is waited for, in words; called again when the words change.
    fn waiting(&self, what: &str);
}

/// One procedure of a pool, on its way.
pub struct Drive<'a> {
    /// Decides.
    pub strategy: &'a dyn Strategy,
    /// Looks and acts.
    pub hands: Arc<dyn Hands>,
    /// Our record.
    pub own: Arc<OwnRecord>,
    /// The operation that takes the steps.
    pub operation: &'a Operation<'a>,
    /// What is wanted. The cluster's identity is filled in from the roster.
    pub intent: Intent,
    /// The envelope that was approved.
    pub phases: Vec<Phase>,
    /// Whose word it waits for.
    pub heeds: Heeds,
    /// Hears what is waited for.
    pub tell: &'a dyn Tell,
    /// Asks to stop.
    pub cancel: Cancel,
    /// Called whenever records were taken in, so that the hands trust whom the roster trusts.
    pub refreshed: &'a (dyn Fn(&OwnRecord) + Send + Sync),
}

impl Drive<'_> {
    /// Goes round until the goal is reached.
    ///
    /// # Errors
    ///
    /// [`PoolError`]; what was done stays done.
    pub async fn run(&self, until: Until) -> Result<Vec<Finding>, PoolError> {
        let mut memory = Memory::default();
        let mut done: Vec<String> = Vec::new();
        let mut looks = 0;
        let mut repeats = 0;
        let mut waiting_since: Option<(String, Instant)> = None;
        let mut stake = match until {
            Until::Goal => Stake::default(),
            Until::Change | Until::Closed => Stake::of(&self.own.roster()),
        };
        let (mut carrier, mut world) = (Outage::default(), Outage::default());
        let mut idle = Idle::default();
        loop {
            if !self.bear(&mut carrier, self.take_in()).await? {
                continue;
            }
            if let Some(err) = stake.taken_back(&self.own.roster()) {
                return Err(err);
            }
            let decision = self.decide(&memory, &done).await?;
            if !matches!(decision, Decision::Look(_)) {
                looks = 0;
            }
            if !matches!(decision, Decision::Wait(_) | Decision::Look(_)) {
                waiting_since = None;
            }
            if !matches!(decision, Decision::Steps(_) | Decision::Look(_)) {
                repeats = 0;
            }
            match decision {
                Decision::Look(probes) => {
                    looks += 1;
                    if looks > LOOKS {
                        return Err(PoolError::Undecided(looks));
                    }
                    if !self.bear(&mut world, self.look(&mut memory, &probes).await).await? {
                        looks -= 1;
                    }
                }
                Decision::Steps(steps) => {
                    repeats = if steps.iter().all(|step| done.contains(&step.key)) { repeats + 1 } else { 0 };
                    if repeats > LOOKS {
                        let keys: Vec<&str> = steps.iter().map(|step| step.key.as_str()).collect();
                        return Err(PoolError::Repeats { steps: keys.join(", "), n: repeats });
                    }
                    done.extend(self.take(steps).await?);
                    // What was seen before may no longer hold.
                    memory.forget();
                }
                Decision::Wait(waiting) => {
                    let since = waiting_since.get_or_insert_with(|| (waiting.message.clone(), Instant::now()));
                    if since.0 != waiting.message {
                        *since = (waiting.message.clone(), Instant::now());
                    }
                    self.check_patience(&waiting, since.1)?;
                    self.tell.waiting(&waiting.message);
                    self.pause(Duration::from_millis(u64::from(waiting.after_ms))).await?;
                    self.bear(&mut world, self.look(&mut memory, &waiting.probes).await).await?;
                }
                Decision::Awaiting(awaiting) => {
                    self.tell.waiting(&format!("{} to {}", awaiting.members.join(", "), awaiting.what));
                    self.until_news(&mut idle, &mut carrier).await?;
                    self.bear(&mut world, self.look(&mut memory, &awaiting.probes).await).await?;
                }
                Decision::Blocked(findings) => return Err(PoolError::Blocked(findings)),
                Decision::Done(findings) => {
                    if self.is_over(until)? {
                        return Ok(findings);
                    }
                    self.until_news(&mut idle, &mut carrier).await?;
                }
            }
        }
    }

    /// Records of others, and what they make due for ours.
    fn take_in(&self) -> Result<(), PoolError> {
        if let Some(err) = self.heeds.hear(&self.own, self.hands.now_ms())? {
            tracing::debug!(%err, "goes on with the records that are held");
        }
        (self.refreshed)(&self.own);
        Ok(())
    }

    async fn decide(&self, memory: &Memory, done: &[String]) -> Result<Decision, PoolError> {
        let roster = self.own.view();
        let mut intent = self.intent.clone();
        intent.pool.cluster_id = self.own.roster().genesis().and_then(|genesis| genesis.cluster_id.clone());
        let facts = Facts {
            now_ms: self.hands.now_ms(),
            observations: memory.observations(),
            in_doubt: Vec::new(),
            done: done.to_vec(),
            issued: Vec::new(),
        };
        self.strategy.decide(&intent, &roster, &facts).await.map_err(PoolError::Strategy)
    }

    async fn look(&self, memory: &mut Memory, probes: &[Probe]) -> Result<(), PoolError> {
        if probes.is_empty() {
            return Ok(());
        }
        let facts = self.hands.look(probes).await.map_err(PoolError::Look)?;
        for fact in &facts {
            tracing::debug!(probe = %fact.probe.id, seen = %describe(&fact.observation), "looked");
        }
        memory.keep(facts);
        Ok(())
    }

    /// Takes steps through the engine, each within the envelope; returns their keys.
    async fn take(&self, asked: Vec<Step>) -> Result<Vec<String>, PoolError> {
        if let Some((step, detail)) =
            asked.iter().find_map(|step| excess(&self.phases, step).map(|detail| (step.key.clone(), detail)))
        {
            return Err(PoolError::OutsideEnvelope { step, detail });
        }
        let keys: Vec<String> = asked.iter().map(|step| step.key.clone()).collect();
        let bad = |detail: String| PoolError::OutsideEnvelope { step: keys.join(", "), detail };
        let key_of = |text: &str| StepKey::new(format!("pool/{text}")).map_err(|err| bad(err.to_string()));
        let mut steps = Steps::new();
        for step in asked {
            // What an earlier round has done is required no more.
            let requires = step.requires.iter().filter(|key| keys.contains(key)).map(|key| key_of(key));
            let requires: Vec<StepKey> = requires.collect::<Result<_, _>>()?;
            let key = key_of(&step.key)?;
            steps.add(
                key,
                requires,
                StrategyStep { asked: step, hands: Arc::clone(&self.hands), own: Arc::clone(&self.own) },
            );
        }
        self.operation.run(steps).await?;
        Ok(keys)
    }

    fn check_patience(&self, waiting: &Waiting, since: Instant) -> Result<(), PoolError> {
        let patience = Duration::from_millis(waiting.until_ms.saturating_sub(self.hands.now_ms()));
        if since.elapsed() <= patience {
            return Ok(());
        }
        Err(PoolError::Deadline { message: waiting.message.clone(), waited_s: since.elapsed().as_secs() })
    }

    /// Whether there is nothing left to wait for. Closes our vote once its change is carried out.
    fn is_over(&self, until: Until) -> Result<bool, PoolError> {
        if self.heeds == Heeds::Nobody {
            // Nothing is signed by what may be behind the others.
            return Ok(true);
        }
        let now_ms = self.hands.now_ms();
        let may_close = {
            let roster = self.own.roster();
            let record = roster.own_record().record();
            record.vote.is_some() || record.eviction.is_some()
        };
        if may_close {
            match self.own.step(|roster| next::close(roster, now_ms)) {
                Ok(_) => heeds::duties(&self.own, now_ms)?,
                // A fork that matters has ended the run before.
                Err(RecordError::Next(
                    NextError::NotOpen
                    | NextError::NotCarriedOut { .. }
                    | NextError::StillDeployed { .. }
                    | NextError::Frozen { .. },
                )) => {}
                Err(err) => return Err(err.into()),
            }
        }
        if until != Until::Closed {
            return Ok(true);
        }
        let waiting = {
            let roster = self.own.roster();
            let record = roster.own_record().record();
            let votes = record.eviction.iter().chain(&record.vote);
            votes.map(|vote| waited(&roster, vote, now_ms)).next()
        };
        match waiting {
            Some(what) => {
                self.tell.waiting(&what);
                Ok(false)
            }
            None => Ok(true),
        }
    }

    /// Waits until the carrier shows something new, or for longer each time: a strategy that waits for others may look at the whole
    /// pool whenever it is asked, and they may take days.
    async fn until_news(&self, idle: &mut Idle, carrier: &mut Outage) -> Result<(), PoolError> {
        let before = self.own.roster().clone();
        if idle.last.as_ref() != Some(&before) {
            idle.pause = PAUSE;
        }
        let since = Instant::now();
        while since.elapsed() < idle.pause {
            self.pause(PAUSE).await?;
            self.bear(carrier, self.take_in()).await?;
            if *self.own.roster() != before {
                break;
            }
        }
        idle.pause = (idle.pause * 2).min(IDLE);
        idle.last = Some(before);
        Ok(())
    }

    /// Whether what was asked was answered. A failure that is borne is told, and some time passes.
    async fn bear(&self, outage: &mut Outage, asked: Result<(), PoolError>) -> Result<bool, PoolError> {
        let Err(failure) = outage.weigh(asked)? else { return Ok(true) };
        self.tell.waiting(&format!("an answer; nothing is done until then ({failure})"));
        self.pause(AGAIN).await?;
        Ok(false)
    }

    async fn pause(&self, pause: Duration) -> Result<(), PoolError> {
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = self.cancel.reached(Level::Draining) => Err(PoolError::Interrupted),
        }
    }
}

/// How long nothing was new.
#[derive(Default)]
struct Idle {
    pause: Duration,
    /// What the carrier showed before the last pause.
    last: Option<Roster>,
}

/// What a vote waits for, in words.
fn waited(roster: &Roster, vote: &Vote, now_ms: u64) -> String {
    let change = &vote.change;
    if change.kind == Kind::Evict && vote.phase == VotePhase::Voted {
        let silent = roster.silent_until(change).map(|until| until.saturating_sub(now_ms) / 60_000);
        let n_for = change_votes(roster, change);
        return format!(
            "{} to stay silent for {} more minutes, {n_for} of {} votes, {} of 2 who have seen its nodes dead",
            change.subject,
            silent.unwrap_or_default(),
            roster.majority(change),
            roster.witnesses(change).len(),
        );
    }
    match roster.standing(change) {
        Standing::Voting { missing } => {
            let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
            format!("{} to accept the {} of {}", missing.join(", "), change.kind, change.subject)
        }
        Standing::Withdrawn => format!("the others to see that the {} of {} is withdrawn", change.kind, change.subject),
        _ => format!("the {} of {} to be closed", change.kind, change.subject),
    }
}

fn change_votes(roster: &Roster, change: &hangar_roster::Change) -> usize {
    let missing = match roster.standing(change) {
        Standing::Voting { missing } => missing.len(),
        _ => 0,
    };
    roster.voters(change).len() - missing
}

#[cfg(test)]
mod tests;
