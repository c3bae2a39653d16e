//! Our word, in the records of the pool, that our nodes are being restarted: nobody else's are meanwhile.
//!
//! Given as the strategies give it. Who gives it at the same time as another learns that only afterwards: so it is claimed first, and
//! holds once the records, read again, show nobody else's. Of claims alone the first in the order of members stands.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{Seen, Step, StepContext, StepError};
use hangar_plan::strategy::member::{Member, MemberState, Roster};
use hangar_pool::OwnRecord;
use hangar_roster::{Proof, next};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::clock::now_ms;
use crate::pool_status::maintenance::{CLAIMED, MAINTENANCE, RESTART, word};
use crate::pooling::{Connected, Membership};

/// Others restart all of their nodes in this time, or somebody has to look after them.
const PATIENCE: Duration = Duration::from_secs(60 * 60);
/// Pause between two looks at the records.
const PAUSE: Duration = Duration::from_secs(2);

/// Gives our word before the first node is stopped.
///
/// Probe: it holds. Act: waits for whoever else's does, and while nodes of others are not well: what cures those would wait for our
/// word to end. What was only claimed is taken back where it comes to nothing.
pub(super) struct BeginMaintenance(pub(super) Arc<(Membership, Connected)>);

/// Takes our word back once every node is through. One that an upgrade or a take-over has given stays: it is not through.
pub(super) struct EndMaintenance(pub(super) Arc<OwnRecord>);

#[async_trait]
impl Step for BeginMaintenance {
    const NAME: &'static str = "begin-maintenance";
    type Output = ();

    fn input(&self) -> Value {
        json!({})
    }

    fn deadline(&self) -> Duration {
        // The wait ends first, and says for whom it was.
        PATIENCE + Duration::from_secs(60)
    }

    async fn probe(&self, _cx: &StepContext) -> Result<Seen<()>, StepError> {
        let holds = matches!(turn(&self.0.0.own.view()), Turn::Held);
        Ok(if holds { Seen::Done(()) } else { Seen::NotDone })
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        hold(&*self.0, PATIENCE, |what| cx.waiting(what), cx.draining()).await
    }
}

#[async_trait]
impl Step for EndMaintenance {
    const NAME: &'static str = "end-maintenance";
    type Output = ();

    fn input(&self) -> Value {
        json!({})
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn probe(&self, _cx: &StepContext) -> Result<Seen<()>, StepError> {
        Ok(if is_left(&self.0.view()) { Seen::NotDone } else { Seen::Done(()) })
    }

    async fn act(&self, _cx: &StepContext) -> Result<(), StepError> {
        say(&self.0, &[])
    }
}

/// Whether our record says that a command of this kind restarts our nodes.
pub(super) fn is_left(roster: &Roster) -> bool {
    own(roster).and_then(word).is_some_and(|word| word.reason == RESTART)
}

/// Somebody else who restarts its nodes now, in words. What is only claimed gives way to our word.
pub(super) fn other(roster: &Roster) -> Option<String> {
    let mut others = roster.members.iter().filter(|member| !member.is_self && member.state == MemberState::Active);
    let busy = others.find(|member| word(member).is_some_and(|word| !word.is_claim))?;
    Some(format!("`{}` restarts its nodes", busy.id))
}

/// The records, our word in them, and the pool.
#[async_trait]
trait Records: Send + Sync {
    /// As they are now.
    fn read(&self) -> Result<Roster, StepError>;
    /// Says what our nodes are restarted for; nothing for not at all.
    fn say(&self, values: &[&str]) -> Result<(), StepError>;
    /// What is not well at the nodes of others, in words.
    async fn trouble(&self) -> Option<String>;
}

#[async_trait]
impl Records for (Membership, Connected) {
    fn read(&self) -> Result<Roster, StepError> {
        self.0.own.refresh()?;
        Ok(self.0.own.view())
    }

    fn say(&self, values: &[&str]) -> Result<(), StepError> {
        say(&self.0.own, values)
    }

    async fn trouble(&self) -> Option<String> {
        super::trouble(self, |whose, own| whose != Some(own)).await
    }
}

fn say(own: &OwnRecord, values: &[&str]) -> Result<(), StepError> {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    let proof = Proof::Other { name: MAINTENANCE.to_owned(), values };
    Ok(own.step(|roster| next::acknowledge(roster, proof, now_ms())).map(drop)?)
}

/// Returns once our word holds. One that comes to nothing is not left behind as a claim: nobody is to wait for who has given up.
async fn hold(
    records: &dyn Records,
    patience: Duration,
    waiting: impl Fn(String) + Send + Sync,
    stopped: impl Future<Output = ()> + Send,
) -> Result<(), StepError> {
    let held = tokio::select! {
        held = until_held(records, patience, waiting) => held,
        () = stopped => Err(StepError::interrupted()),
    };
    if held.is_err() && is_claimed(&records.read()?) {
        records.say(&[])?;
    }
    held
}

async fn until_held(
    records: &dyn Records,
    patience: Duration,
    waiting: impl Fn(String) + Send + Sync,
) -> Result<(), StepError> {
    let (since, mut told) = (Instant::now(), None);
    loop {
        let next = turn(&records.read()?);
        let trouble = match next {
            Turn::Take | Turn::Claim => records.trouble().await,
            Turn::Held | Turn::TakeBack | Turn::Wait(_) => None,
        };
        let wait = match (next, trouble) {
            (Turn::Held, _) => return Ok(()),
            (Turn::Take, None) => {
                records.say(&[RESTART])?;
                continue;
            }
            (Turn::Claim, None) => {
                records.say(&[RESTART, CLAIMED])?;
                continue;
            }
            (Turn::TakeBack, _) | (Turn::Take, Some(_)) => {
                records.say(&[])?;
                continue;
            }
            (Turn::Claim, Some(trouble)) => Wait::for_health(&trouble),
            (Turn::Wait(members), _) => Wait::for_members(&members.join(", ")),
        };
        if since.elapsed() >= patience {
            return Err(StepError::outside(wait.message).with_hint(wait.hint));
        }
        if told.as_ref() != Some(&wait.told) {
            waiting(wait.told.clone());
            told = Some(wait.told);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What is waited for, and what is said once all patience is gone.
struct Wait {
    told: String,
    message: String,
    hint: String,
}

impl Wait {
    fn for_members(whose: &str) -> Self {
        Self {
            told: format!(
                "{whose} to end its maintenance; `hangar pool status` says how it does, should its run have ended"
            ),
            message: format!("the nodes of {whose} are being restarted, by its record: nobody else's are meanwhile"),
            hint: format!("{whose}: `hangar pool status` says what ends it; then run the same command again"),
        }
    }

    fn for_health(trouble: &str) -> Self {
        Self {
            told: format!("the pool to be well: {trouble}"),
            message: format!("no node is stopped while others are not well: {trouble}"),
            hint: "`hangar pool status` says who mends it; then run the same command again".to_owned(),
        }
    }
}

fn own(roster: &Roster) -> Option<&Member> {
    roster.members.iter().find(|member| member.is_self)
}

fn is_claimed(roster: &Roster) -> bool {
    own(roster).and_then(word).is_some_and(|word| word.is_claim)
}

/// What is next on the way to our word.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Held,
    /// The claim stands alone.
    Take,
    Claim,
    TakeBack,
    Wait(Vec<String>),
}

fn turn(roster: &Roster) -> Turn {
    let ours = own(roster).and_then(word);
    if ours.as_ref().is_some_and(|word| !word.is_claim) {
        return Turn::Held;
    }
    let rank = |member: &Member| (member.id != roster.founder, member.id.clone());
    let others = roster.members.iter().filter(|member| !member.is_self && member.state == MemberState::Active);
    let busy: Vec<&Member> = others.filter(|member| word(member).is_some()).collect();
    let goes_first = |member: &&Member| {
        word(member).is_some_and(|word| !word.is_claim) || own(roster).is_some_and(|own| rank(member) < rank(own))
    };
    match (ours.is_some(), busy.is_empty()) {
        (true, true) => Turn::Take,
        (false, true) => Turn::Claim,
        (true, false) if busy.iter().any(goes_first) => Turn::TakeBack,
        (_, false) => Turn::Wait(busy.iter().map(|member| member.id.clone()).collect()),
    }
}

#[cfg(test)]
mod tests;
