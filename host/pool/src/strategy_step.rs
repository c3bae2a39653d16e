//! One step that a strategy asked for, as the engine takes it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{Attempt, Seen, Step, StepContext, StepError};
use hangar_plan::strategy::action::{Action, Check, Step as Asked};
use hangar_plan::strategy::observation::Observation;
use serde_json::{Value, json};

use crate::expectation::{describe, holds};
use crate::hands::Hands;
use crate::own::OwnRecord;

/// Pause between two looks while a step's effect is waited for.
const PAUSE: Duration = Duration::from_millis(400);

/// A step of a strategy.
///
/// Probe: the strategy's own check, or what the hands can tell of the action. Act: the hands, or for bookkeeping the
/// member's own record. Verify: the strategy's check, looked at until it holds or the step's deadline has come.
pub(crate) struct StrategyStep {
    pub(crate) asked: Asked,
    pub(crate) hands: Arc<dyn Hands>,
    pub(crate) own: Arc<OwnRecord>,
}

/// Looks once, and returns what was seen of a check that does not hold; nothing of one that does.
///
/// # Errors
///
/// Where no look was possible.
pub async fn unmet(hands: &dyn Hands, check: &Check) -> Result<Option<Observation>, StepError> {
    let facts = hands.look(std::slice::from_ref(&check.probe)).await?;
    let fact = facts.into_iter().next().ok_or_else(|| StepError::bug("a look without an answer"))?;
    Ok((!holds(&check.expectation, &fact.observation)).then_some(fact.observation))
}

/// Whether the hands can tell by themselves that an action would change nothing. Of what a database's own tool does only the
/// strategy's check can; without one it is done, again and harmlessly if need be.
pub(crate) fn can_hands_tell(action: &Action) -> bool {
    !matches!(action, Action::Verb(_) | Action::Reload(_) | Action::Sql(_))
}

#[async_trait]
impl Step for StrategyStep {
    const NAME: &'static str = "strategy";
    type Output = ();

    fn input(&self) -> Value {
        json!({"key": self.asked.key, "action": self.asked.action})
    }

    fn deadline(&self) -> Duration {
        Duration::from_millis(u64::from(self.asked.deadline_ms))
    }

    async fn settle(&self, _cx: &StepContext, earlier: &Attempt) -> Result<(), StepError> {
        self.hands.settle(&self.asked.action, &earlier.folder).await
    }

    async fn probe(&self, _cx: &StepContext) -> Result<Seen<()>, StepError> {
        let done = match &self.asked.action {
            Action::Acknowledge(_) | Action::SetState(_) | Action::RecordClusterId(_) => {
                self.own.shows(&self.asked.action).await
            }
            action => {
                let check = match &self.asked.already_done {
                    Some(check) => unmet(&*self.hands, check).await?.is_none(),
                    None => can_hands_tell(action),
                };
                check && self.hands.is_done(action).await?
            }
        };
        Ok(if done { Seen::Done(()) } else { Seen::NotDone })
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        match &self.asked.action {
            Action::Acknowledge(_) | Action::SetState(_) | Action::RecordClusterId(_) => {
                self.own.apply(&self.asked.action, self.hands.now_ms()).await
            }
            _ => self.hands.act(cx, &self.asked).await,
        }
    }

    async fn verify(&self, cx: &StepContext) -> Result<(), StepError> {
        let Some(check) = &self.asked.verify else { return Ok(()) };
        let mut shown = String::new();
        loop {
            let Some(seen) = unmet(&*self.hands, check).await? else { return Ok(()) };
            let now = describe(&seen);
            if now != shown {
                cx.waiting(format!("{}: {now}", self.asked.title));
                shown = now;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = cx.stopped() => return Err(StepError::interrupted()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hangar_plan::strategy::action::{Expectation, Verb};
    use hangar_roster::next;

    use super::*;
    use crate::carrier::Folder;
    use crate::testing::{self, NOW, Paper, beginning, key, probe};

    #[tokio::test]
    async fn a_check_that_does_not_hold_says_what_was_seen() {
        let hands = Paper::new(|_, _| Observation::Absent);
        for (expectation, seen) in [(Expectation::Absent, None), (Expectation::SomeRows, Some(Observation::Absent))] {
            let check = Check { probe: probe("a"), expectation };
            assert_eq!(unmet(&hands, &check).await.expect("a look"), seen);
        }
    }

    /// By this a step is known again in another run.
    #[test]
    fn a_step_is_known_by_its_key_and_its_action() {
        let site = tempfile::tempdir().expect("a temporary folder");
        let genesis = next::genesis(beginning("uss1", 1), "a test".to_owned(), NOW);
        let carrier = Arc::new(Folder::new(&site.path().join("shelf")));
        let own = OwnRecord::begin(&site.path().join("us-east.json"), key(1), carrier, genesis).expect("a roster");
        let asked = testing::step("reload/1", Action::Reload("db".into()));
        let hands = Arc::new(Paper::new(|_, _| Observation::Absent));
        let step = StrategyStep { asked, hands, own: Arc::new(own) };
        assert_eq!(step.input(), json!({"key": "reload/1", "action": {"reload": "db"}}));
        assert_eq!(step.deadline(), Duration::from_secs(60));
    }

    /// A decommission that nobody looked for was once taken for done.
    #[test]
    fn a_verb_without_a_check_is_never_done_already() {
        let verb = Action::Verb(Verb { name: "decommission".into(), arguments: vec!["7".into()] });
        assert!(!can_hands_tell(&verb) && !can_hands_tell(&Action::Reload("db".into())));
        assert!(can_hands_tell(&Action::ApplyRelease("{}".into())));
    }
}
