//! What a step may use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hangar_durable::{ProcessId, WriteError};
use hangar_plan::step::{StepKey, StepOrder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

use crate::cancel::{Cancel, Level};
use crate::error::EngineError;
use crate::journal::{Attempt, EntryKind, Journal, JournalError, NewEntry, OperationId, now_ms};
use crate::progress::{Event, Progress, What};

/// What the steps of one run share.
pub(crate) struct Shared {
    pub(crate) journal: Journal,
    pub(crate) operation: OperationId,
    /// Whether an earlier run has left it unfinished.
    pub(crate) resumed: bool,
    /// Folder of the operation.
    pub(crate) folder: PathBuf,
    pub(crate) progress: Arc<dyn Progress>,
    pub(crate) cancel: Cancel,
    /// What the steps done so far gave, those of earlier runs of this operation too.
    pub(crate) outputs: Mutex<BTreeMap<StepKey, Value>>,
}

impl Shared {
    pub(crate) fn tell(&self, step: Option<&StepKey>, what: What) {
        let event = Event { at_ms: now_ms(), operation: self.operation.clone(), step: step.cloned(), what };
        self.progress.event(&event);
    }

    pub(crate) fn set_output(&self, step: &StepKey, output: Value) {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner).insert(step.clone(), output);
    }

    fn output(&self, step: &StepKey) -> Option<Value> {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner).get(step).cloned()
    }
}

/// What a step may use: where it writes, what earlier steps gave, how it is told to stop, and whom it tells.
pub struct StepContext {
    pub(crate) shared: Arc<Shared>,
    pub(crate) order: Arc<StepOrder>,
    pub(crate) key: StepKey,
    pub(crate) attempt: u32,
    pub(crate) idem: String,
    pub(crate) last_attempt: Option<Attempt>,
    pub(crate) former_output: Option<Value>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl StepContext {
    /// The operation this run is part of.
    #[must_use]
    pub fn operation(&self) -> &OperationId {
        &self.shared.operation
    }

    /// Name of this step.
    #[must_use]
    pub fn key(&self) -> &StepKey {
        &self.key
    }

    /// Number of the attempt that acts, or would act, from 1 in each operation.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Names what this step is asked to do: equal to [`Attempt::idem`] of an attempt at the same work.
    #[must_use]
    pub fn idem(&self) -> &str {
        &self.idem
    }

    /// The last attempt at a step of this name, in this operation or an older one.
    #[must_use]
    pub fn last_attempt(&self) -> Option<&Attempt> {
        self.last_attempt.as_ref()
    }

    /// The journal, for facts.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// Makes and returns the folder of the attempt that acts, which only the owner may enter.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if it cannot be made.
    pub fn folder(&self) -> Result<PathBuf, WriteError> {
        made(attempt_folder(&self.shared.folder, &self.key, self.attempt))
    }

    /// Makes and returns a new folder for a look at the world.
    ///
    /// # Errors
    ///
    /// [`WriteError`] if it cannot be made.
    pub fn probe_folder(&self) -> Result<PathBuf, WriteError> {
        made(step_folder(&self.shared.folder, &self.key).join(format!("probe-{}", Uuid::now_v7())))
    }

    /// What this step gave when it last ended well in this operation, asked to do the same. The world may have moved since.
    #[must_use]
    pub fn former_output<T: DeserializeOwned>(&self) -> Option<T> {
        self.former_output.as_ref().and_then(|output| T::deserialize(output).ok())
    }

    /// What another step gave. This step must require it, directly or through others.
    ///
    /// # Errors
    ///
    /// [`EngineError::Output`] if this step does not require that one, or if it gave something else.
    pub fn output<T: DeserializeOwned>(&self, of: &StepKey) -> Result<T, EngineError> {
        let wrong = |detail: String| EngineError::Output { step: self.key.clone(), of: of.clone(), detail };
        // A step of an earlier run of this operation is surely done, and stands in no order with this one.
        let is_known_before = self.order.is_after(&self.key, of) || !self.order.keys().contains(of);
        if !is_known_before {
            return Err(wrong("it is not required, so it may not have run yet".to_owned()));
        }
        let output = self.shared.output(of).ok_or_else(|| wrong("it gave nothing".to_owned()))?;
        T::deserialize(output).map_err(|err| wrong(err.to_string()))
    }

    /// Waits until this step should end at once: its time is over, or the run is aborted.
    pub async fn stopped(&self) {
        self.stop.clone().wait_for(|stop| *stop).await.ok();
    }

    /// Waits until the run is asked to stop between steps. A step that only waits gives up then, with
    /// [`StepError::interrupted`](crate::StepError::interrupted).
    pub async fn draining(&self) {
        self.shared.cancel.reached(Level::Draining).await;
    }

    /// Tells what this step waits for.
    pub fn waiting(&self, what: impl Into<String>) {
        self.tell(What::Waiting { what: what.into() });
    }

    /// Tells something of the step's own kind, free of secrets.
    pub fn detail(&self, source: &str, body: &impl Serialize) {
        // What has no JSON form is not worth failing a step for.
        if let Ok(body) = serde_json::to_value(body) {
            self.tell(What::Detail { source: source.to_owned(), body });
        }
    }

    /// Puts on record how far this step has come, free of secrets. On disk when this returns.
    ///
    /// # Errors
    ///
    /// [`JournalError::Access`].
    pub async fn record_progress(&self, bodies: Vec<Value>) -> Result<(), JournalError> {
        if bodies.is_empty() {
            return Ok(());
        }
        let entries = bodies.into_iter().map(|body| self.entry(EntryKind::Progress, body)).collect();
        self.shared.journal.append(entries).await
    }

    /// Puts on record a process that this step has started.
    ///
    /// # Errors
    ///
    /// [`JournalError::Access`].
    pub async fn record_child(&self, process: &ProcessId, spool: &Path) -> Result<(), JournalError> {
        let journal = &self.shared.journal;
        journal.record_child(&self.shared.operation, &self.key, self.attempt, process, spool).await
    }

    pub(crate) fn tell(&self, what: What) {
        self.shared.tell(Some(&self.key), what);
    }

    pub(crate) fn entry(&self, kind: EntryKind, body: Value) -> NewEntry {
        NewEntry {
            operation: self.shared.operation.clone(),
            step: Some(self.key.clone()),
            attempt: self.attempt,
            kind,
            idem: self.idem.clone(),
            body,
        }
    }
}

pub(crate) fn attempt_folder(operation: &Path, step: &StepKey, attempt: u32) -> PathBuf {
    step_folder(operation, step).join(format!("attempt-{attempt}"))
}

pub(crate) fn step_folder(operation: &Path, step: &StepKey) -> PathBuf {
    operation.join(step.to_folder_name())
}

fn made(folder: PathBuf) -> Result<PathBuf, WriteError> {
    hangar_durable::private_dir(&folder)?;
    Ok(folder)
}
