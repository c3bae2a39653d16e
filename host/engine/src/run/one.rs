//! Running one step.

use std::sync::Arc;
use std::time::Duration;

use hangar_durable::process::{SPOOL_VARIABLE, leaders_with};
use hangar_durable::{ProcessId, failpoint};
use hangar_plan::step::{StepKey, StepOrder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::{chain, limits};
use crate::cancel::Level;
use crate::context::{Shared, StepContext, attempt_folder, step_folder};
use crate::journal::{Attempt, EntryKind, JournalError};
use crate::progress::What;
use crate::report::{Left, StepFailure};
use crate::step::{AnyStep, FailureKind, Seen, StepError};

/// How often a process of an earlier run is looked at while it is waited for.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Whether the step acted, or why it is not done.
type Ended = Result<bool, StepFailure>;

pub(super) async fn run(
    shared: &Arc<Shared>,
    order: Arc<StepOrder>,
    key: &StepKey,
    step: &dyn AnyStep,
) -> Result<Ended, JournalError> {
    let (stop, stopping) = watch::channel(false);
    let cx = context(shared, order, key, step, stopping).await?;
    let runner = Runner { cx, step, stop };
    let ended = failpoint::during(key.as_str(), runner.run()).await?;
    if let Ok(changed) = &ended {
        runner.cx.tell(What::Done { changed: *changed });
    }
    Ok(ended)
}

async fn context(
    shared: &Arc<Shared>,
    order: Arc<StepOrder>,
    key: &StepKey,
    step: &dyn AnyStep,
    stop: watch::Receiver<bool>,
) -> Result<StepContext, JournalError> {
    let (journal, operation) = (&shared.journal, &shared.operation);
    let idem = idem(journal.lineage(), key, step);
    let last = journal.last_attempt(key).await?;
    let last_attempt = last.map(|last| Attempt {
        folder: attempt_folder(&shared.folder.with_file_name(last.operation.as_str()), key, last.number),
        operation: last.operation,
        number: last.number,
        idem: last.idem,
        ended: last.ended,
    });
    Ok(StepContext {
        attempt: journal.n_attempts(operation, key).await? + 1,
        former_output: journal.output(operation, key, &idem).await?,
        shared: Arc::clone(shared),
        order,
        key: key.clone(),
        idem,
        last_attempt,
        stop,
    })
}

/// Names what a step is asked to do, within this journal.
fn idem(lineage: &str, key: &StepKey, step: &dyn AnyStep) -> String {
    let named = json!([lineage, key, step.name(), step.input()]);
    hex::encode(Sha256::digest(named.to_string()))
}

struct Runner<'step> {
    cx: StepContext,
    step: &'step dyn AnyStep,
    stop: watch::Sender<bool>,
}

impl Runner<'_> {
    async fn run(&self) -> Result<Ended, JournalError> {
        let doubt = self.cx.last_attempt().filter(|attempt| attempt.ended.is_none());
        let left = if doubt.is_some() { Left::InDoubt } else { Left::Untouched };
        if let Some(attempt) = doubt
            && let Err(err) = self.settle(attempt).await
        {
            return Ok(Err(self.failure(left, err)));
        }
        if self.cx.shared.resumed
            && let Err(err) = self.wait_for_leftovers().await?
        {
            return Ok(Err(self.failure(left, err)));
        }
        let seen = match self.probe().await {
            Ok(seen) => seen,
            Err(err) => return Ok(Err(self.failure(left, err))),
        };
        let observed = doubt.map(|attempt| self.observed(attempt, &seen));
        match seen {
            Seen::Done(output) => self.found_done(output, observed).await,
            // It ended while everything was told to stop: nothing is begun after that.
            Seen::NotDone if self.cx.shared.cancel.level() == Level::Aborting => {
                Ok(Err(self.failure(left, StepError::interrupted())))
            }
            Seen::NotDone => {
                if let Some(observed) = observed {
                    let resolved = self.cx.entry(EntryKind::Resolved, json!({ "decision": "act-again" }));
                    self.cx.journal().append(vec![observed, resolved]).await?;
                }
                self.do_it().await
            }
            Seen::Unknown(why) => {
                self.cx.journal().append(observed.into_iter().collect()).await?;
                Ok(Err(self.failure(left, StepError::person(Unclear(why)))))
            }
        }
    }

    async fn settle(&self, attempt: &Attempt) -> Result<(), StepError> {
        self.cx.tell(What::Settling { attempt: attempt.number });
        failpoint::hit("engine.settle.before");
        self.within(self.step.settle(&self.cx, attempt)).await?;
        failpoint::hit("engine.settle.after");
        Ok(())
    }

    /// Nothing that an earlier run has started for this step may live when the step is looked at: not a look of that run
    /// either, which may hold a lock. Who only waits gives up when asked to stop, and after the step's own time.
    async fn wait_for_leftovers(&self) -> Result<Result<(), StepError>, JournalError> {
        let gone = async {
            let mut told = None;
            while let Some(process) = self.leftover().await? {
                if told.as_ref() != Some(&process) {
                    self.cx.waiting(format!("process {}, which an earlier run has started", process.pid));
                    told = Some(process);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Ok(())
        };
        let deadline = self.step.deadline();
        tokio::select! {
            biased;
            gone = gone => gone.map(Ok),
            () = self.cx.shared.cancel.reached(Level::Draining) => Ok(Err(StepError::interrupted())),
            () = tokio::time::sleep(deadline) => Ok(Err(limits::expired(deadline))),
        }
    }

    async fn leftover(&self) -> Result<Option<ProcessId>, JournalError> {
        let recorded = self.cx.journal().living_children().await?;
        if let Some(child) = recorded.into_iter().find(|child| child.step == self.cx.key) {
            return Ok(Some(child.process));
        }
        // Where the processes of the machine cannot be read, those on record have to do.
        let living = leaders_with(SPOOL_VARIABLE).unwrap_or_default();
        let ours = step_folder(&self.cx.shared.folder, &self.cx.key);
        Ok(living.into_iter().find(|(_, spool)| spool.starts_with(&ours)).map(|(process, _)| process))
    }

    async fn probe(&self) -> Result<Seen<Value>, StepError> {
        self.cx.tell(What::Probing);
        failpoint::hit("engine.probe.before");
        let seen = self.within(self.step.probe(&self.cx)).await?;
        failpoint::hit("engine.probe.after");
        Ok(seen)
    }

    fn observed(&self, attempt: &Attempt, seen: &Seen<Value>) -> crate::journal::NewEntry {
        let of = json!({ "operation": attempt.operation, "attempt": attempt.number });
        let seen = match seen {
            Seen::Done(_) => json!({ "seen": "done", "of": of }),
            Seen::NotDone => json!({ "seen": "not-done", "of": of }),
            Seen::Unknown(why) => json!({ "seen": "unknown", "why": why, "of": of }),
        };
        self.cx.entry(EntryKind::Observed, seen)
    }

    /// Not worth a line if nothing is new, so that running a finished plan again writes nothing.
    async fn found_done(
        &self,
        output: Value,
        observed: Option<crate::journal::NewEntry>,
    ) -> Result<Ended, JournalError> {
        if observed.is_some() || self.cx.former_output.as_ref() != Some(&output) {
            let result = self.cx.entry(EntryKind::Result, json!({ "outcome": "unchanged", "output": output }));
            self.cx.journal().append(observed.into_iter().chain([result]).collect()).await?;
        }
        self.cx.shared.set_output(&self.cx.key, output);
        Ok(Ok(false))
    }

    async fn do_it(&self) -> Result<Ended, JournalError> {
        let intent = json!({ "name": self.step.name(), "input": self.step.input() });
        self.cx.journal().append(vec![self.cx.entry(EntryKind::Intent, intent)]).await?;
        self.cx.tell(What::Acting { name: self.step.name().to_owned(), attempt: self.cx.attempt });
        match self.within(self.act_and_verify()).await {
            Ok(output) => {
                let result = self.cx.entry(EntryKind::Result, json!({ "outcome": "changed", "output": output }));
                self.cx.journal().append(vec![result]).await?;
                self.cx.shared.set_output(&self.cx.key, output);
                Ok(Ok(true))
            }
            Err(err) if matches!(err.kind(), FailureKind::Interrupted | FailureKind::Deadline) => {
                // No result: nobody knows how far it came.
                Ok(Err(self.failure(Left::InDoubt, err)))
            }
            Err(err) => {
                let result = self.cx.entry(EntryKind::Result, json!({ "outcome": "failed", "error": chain(&err) }));
                self.cx.journal().append(vec![result]).await?;
                Ok(Err(self.failure(Left::Partial, err)))
            }
        }
    }

    async fn act_and_verify(&self) -> Result<Value, StepError> {
        failpoint::hit("engine.act.before");
        self.step.act(&self.cx).await?;
        failpoint::hit("engine.act.after");
        failpoint::hit("engine.verify.before");
        let output = self.step.verify(&self.cx).await?;
        failpoint::hit("engine.verify.after");
        Ok(output)
    }

    async fn within<T>(&self, part: impl Future<Output = Result<T, StepError>>) -> Result<T, StepError> {
        limits::within(part, self.step.deadline(), &self.cx.shared.cancel, &self.stop).await
    }

    fn failure(&self, left: Left, err: StepError) -> StepFailure {
        StepFailure { step: self.cx.key.clone(), left, err }
    }
}

/// Acting on a guess may do a thing twice, so nobody does.
#[derive(Debug, thiserror::Error)]
#[error("cannot tell whether it has happened: {0}")]
struct Unclear(String);
