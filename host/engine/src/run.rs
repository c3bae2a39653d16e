//! Running steps in their order.

mod limits;
mod one;

pub(crate) use one::LOOK_EVERY;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hangar_plan::hint::Hint as _;
use hangar_plan::step::{StepKey, StepOrder};

use crate::cancel::Level;
use crate::context::Shared;
use crate::error::EngineError;
use crate::progress::What;
use crate::report::{Report, StepFailure, StepOutcome};
use crate::step::FailureKind;
use crate::steps::StepsByKey;

pub(crate) async fn run(
    shared: &Arc<Shared>,
    order: Arc<StepOrder>,
    steps: &StepsByKey,
    parallelism: NonZeroUsize,
) -> Result<Report, EngineError> {
    let mut board = Board { order: Arc::clone(&order), started: Vec::new(), outcomes: BTreeMap::new() };
    let mut failures = Vec::new();
    let mut at_work = FuturesUnordered::new();
    loop {
        while at_work.len() < parallelism.get() && shared.cancel.level() == Level::Running {
            let Some(key) = board.next() else { break };
            let (order, step) = (Arc::clone(&order), Arc::clone(&steps[&key]));
            at_work.push(async move {
                let ended = one::run(shared, order, &key, &*step).await;
                (key, ended)
            });
        }
        let Some((key, ended)) = at_work.next().await else { break };
        // Without a journal nothing may be done; what is at work is in doubt and looked at by the next run.
        match ended? {
            Ok(changed) => board.set(key, StepOutcome::Done { changed }),
            Err(failure) => {
                board.set(key, StepOutcome::Failed { left: failure.left });
                tell_failure(shared, &failure);
                failures.push(failure);
            }
        }
        board.skip_what_cannot_run(shared);
    }
    conclude(board.report(), failures)
}

fn tell_failure(shared: &Shared, failure: &StepFailure) {
    let what = What::Failed { left: failure.left, error: chain(&failure.err), hint: failure.err.hint() };
    shared.tell(Some(&failure.step), what);
}

/// Joins an error and its causes into one line.
pub(crate) fn chain(err: &dyn std::error::Error) -> String {
    let mut line = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        line.push_str(": ");
        line.push_str(&err.to_string());
        cause = err.source();
    }
    line
}

fn conclude(report: Report, failures: Vec<StepFailure>) -> Result<Report, EngineError> {
    if report.is_complete() {
        return Ok(report);
    }
    // Stopping when asked is no failure of the step.
    let (_, failures): (Vec<_>, Vec<_>) =
        failures.into_iter().partition(|failure| failure.err.kind() == FailureKind::Interrupted);
    let mut failures = failures.into_iter();
    match failures.next() {
        Some(first) => Err(EngineError::Incomplete { report, first: Box::new(first), others: failures.collect() }),
        None => Err(EngineError::Stopped { report }),
    }
}

/// Which steps were started, and what became of them.
struct Board {
    order: Arc<StepOrder>,
    started: Vec<StepKey>,
    outcomes: BTreeMap<StepKey, StepOutcome>,
}

impl Board {
    /// Takes the first step whose requirements are all done.
    fn next(&mut self) -> Option<StepKey> {
        let is_done = |key: &StepKey| matches!(self.outcomes.get(key), Some(StepOutcome::Done { .. }));
        let is_ready = |key: &&StepKey| {
            let is_open = !self.started.contains(key) && !self.outcomes.contains_key(*key);
            is_open && self.order.requires(key).all(is_done)
        };
        let key = self.order.keys().iter().find(is_ready)?.clone();
        self.started.push(key.clone());
        Some(key)
    }

    fn set(&mut self, key: StepKey, outcome: StepOutcome) {
        self.outcomes.insert(key, outcome);
    }

    /// In the order of the plan, so that what requires a skipped step is skipped too.
    fn skip_what_cannot_run(&mut self, shared: &Shared) {
        for key in self.order.keys() {
            let stands_in_the_way = |required: &&StepKey| {
                matches!(self.outcomes.get(*required), Some(StepOutcome::Failed { .. } | StepOutcome::Skipped { .. }))
            };
            if self.outcomes.contains_key(key) {
                continue;
            }
            if let Some(required) = self.order.requires(key).find(stands_in_the_way).cloned() {
                shared.tell(Some(key), What::Skipped { requires: required.clone() });
                self.outcomes.insert(key.clone(), StepOutcome::Skipped { requires: required });
            }
        }
    }

    fn report(mut self) -> Report {
        let steps = self.order.keys().iter().map(|key| {
            let outcome = self.outcomes.remove(key).unwrap_or(StepOutcome::NotStarted);
            (key.clone(), outcome)
        });
        Report { steps: steps.collect() }
    }
}
