//! The engine and its operations.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hangar_durable::ProcessId;
use hangar_durable::process::{SPOOL_VARIABLE, leaders_with};
use hangar_plan::step::StepKey;
use serde_json::{Value, json};

use crate::cancel::{Cancel, Level};
use crate::context::{Shared, attempt_folder};
use crate::error::EngineError;
use crate::journal::{Attempt, ChildEntry, EntryKind, Journal, JournalError, NewEntry, OperationId};
use crate::lock::Lock;
use crate::progress::{NoProgress, Progress, What};
use crate::redact::{NoSecrets, Redactor};
use crate::report::Report;
use crate::run::{self, LOOK_EVERY};
use crate::steps::Steps;

/// How an engine is set up.
#[derive(Clone)]
pub struct Options {
    /// The command that runs, as others shall read it in the lock: without secrets.
    pub command: String,
    /// Takes secrets out of what is written.
    pub redactor: Arc<dyn Redactor>,
    /// Hears what happens.
    pub progress: Arc<dyn Progress>,
    /// Asks the run to stop.
    pub cancel: Cancel,
    /// Most steps at work at once.
    pub parallelism: NonZeroUsize,
}

impl Options {
    /// One step at a time, told to nobody.
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            redactor: Arc::new(NoSecrets),
            progress: Arc::new(NoProgress),
            cancel: Cancel::default(),
            parallelism: NonZeroUsize::MIN,
        }
    }
}

/// What an operation is for. Equal digests are the same work: an unfinished operation is then taken up again.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// The command, as the journal shall show it.
    pub command: String,
    /// Digest of the plan.
    pub digest: String,
    /// The plan as it was shown, free of secrets.
    pub plan: Value,
}

/// Runs plans in one folder, which it holds the lock of.
///
/// The folder holds `lock`, `journal.db` and `operations/ID/STEP/attempt-N`.
pub struct Engine {
    folder: PathBuf,
    options: Options,
    journal: Journal,
    lock: Lock,
}

impl Engine {
    /// Takes the lock of a folder, which is made if it is not there, and opens its journal.
    ///
    /// # Errors
    ///
    /// [`EngineError::Locked`], [`EngineError::LockedElsewhere`], and those of [`Journal::open`].
    pub fn open(folder: &Path, options: Options) -> Result<Self, EngineError> {
        hangar_durable::private_dir(folder)?;
        let failed = |err| EngineError::Folder { path: folder.to_owned(), err };
        let folder = folder.canonicalize().map_err(failed)?;
        let lock = Lock::take(&folder, &options.command)?;
        let journal = Journal::open(&Self::journal_path(&folder), Arc::clone(&options.redactor))?;
        Ok(Self { folder, options, journal, lock })
    }

    /// Where the journal of a folder lies.
    #[must_use]
    pub fn journal_path(folder: &Path) -> PathBuf {
        folder.join("journal.db")
    }

    /// The journal.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The last attempt at a step of this name, in any operation: for who plans what goes on from there.
    ///
    /// # Errors
    ///
    /// [`JournalError::Access`].
    pub async fn last_attempt(&self, step: &StepKey) -> Result<Option<Attempt>, JournalError> {
        let last = self.journal.last_attempt(step).await?;
        Ok(last.map(|last| Attempt {
            folder: attempt_folder(&self.folder.join("operations").join(last.operation.as_str()), step, last.number),
            operation: last.operation,
            number: last.number,
            idem: last.idem,
            ended: last.ended,
        }))
    }

    /// Begins an operation, or takes up the last one if it was left unfinished with the same plan. An unfinished one with
    /// another plan is over then; its steps in doubt stay in doubt until steps of the same names come.
    ///
    /// # Errors
    ///
    /// [`EngineError::Journal`], and [`EngineError::StillAtWork`] for a tool of another plan that an earlier run had
    /// started and that still lives: see [`wait_for_leftovers`](Self::wait_for_leftovers).
    pub async fn begin(&self, work: Work) -> Result<Operation<'_>, EngineError> {
        let unfinished = self.journal.last_operation().await?;
        let is_same = unfinished.is_some_and(|last| last.digest == work.digest && last.ended_ms.is_none());
        if !is_same && let Some(leftover) = self.leftovers().await?.into_iter().next() {
            return Err(EngineError::StillAtWork { leftover: Box::new(leftover) });
        }
        let begun = self.journal.begin(&work).await?;
        let shared = Shared {
            journal: self.journal.clone(),
            folder: self.folder.join("operations").join(begun.id.as_str()),
            operation: begun.id,
            resumed: begun.resumed,
            progress: Arc::clone(&self.options.progress),
            cancel: self.options.cancel.clone(),
            outputs: Mutex::new(BTreeMap::new()),
        };
        let operation = Operation { engine: self, shared: Arc::new(shared) };
        operation.shared.tell(None, What::Began { command: work.command, resumed: begun.resumed });
        if let Some(former) = self.lock.former() {
            operation.note(format!("took over the lock of {former}, which is dead")).await?;
        }
        Ok(operation)
    }

    /// Runs one plan from its beginning, or from where it was left, to its end.
    ///
    /// # Errors
    ///
    /// Those of [`begin`](Self::begin) and [`Operation::run`].
    pub async fn run(&self, work: Work, steps: Steps) -> Result<Report, EngineError> {
        let operation = self.begin(work).await?;
        let report = operation.run(steps).await?;
        operation.finish().await?;
        Ok(report)
    }

    /// Returns the tools that earlier runs have started in this folder and that still live, on record or not.
    ///
    /// # Errors
    ///
    /// [`EngineError::Journal`], and [`EngineError::Folder`] where the machine's processes cannot be read.
    pub async fn leftovers(&self) -> Result<Vec<Leftover>, EngineError> {
        let recorded = self.journal.living_children().await?;
        let mut leftovers: Vec<Leftover> = recorded.into_iter().map(Leftover::from).collect();
        for (process, spool) in
            leaders_with(SPOOL_VARIABLE).map_err(|err| EngineError::Folder { path: "/proc".into(), err })?
        {
            let is_known = leftovers.iter().any(|known| known.process == process);
            if !is_known && spool.starts_with(&self.folder) {
                leftovers.push(Leftover { process, spool, step: None });
            }
        }
        Ok(leftovers)
    }

    /// Waits until nothing of [`leftovers`](Self::leftovers) lives; `waiting` hears for what it waits. Returns at once where
    /// there is nothing.
    ///
    /// # Errors
    ///
    /// [`EngineError::StillAtWork`] if the run was asked to stop before; otherwise as [`leftovers`](Self::leftovers).
    pub async fn wait_for_leftovers(&self, waiting: impl Fn(&Leftover) + Send + Sync) -> Result<(), EngineError> {
        let mut told = None;
        while let Some(leftover) = self.leftovers().await?.into_iter().next() {
            if told.as_ref() != Some(&leftover) {
                waiting(&leftover);
                told = Some(leftover.clone());
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.options.cancel.reached(Level::Draining) => {
                    return Err(EngineError::StillAtWork { leftover: Box::new(leftover) });
                }
            }
        }
        Ok(())
    }
}

/// A tool that an earlier run has started and that still lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The process.
    pub process: ProcessId,
    /// Folder of its output.
    pub spool: PathBuf,
    /// The step that has started it, if that is on record.
    pub step: Option<StepKey>,
}

impl From<ChildEntry> for Leftover {
    fn from(child: ChildEntry) -> Self {
        Self { process: child.process, spool: child.spool, step: Some(child.step) }
    }
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            Some(step) => write!(f, "process {} of step `{step}`", self.process.pid),
            None => write!(f, "process {} with its output in `{}`", self.process.pid, self.spool.display()),
        }
    }
}

/// An operation under way.
///
/// Dropping it leaves it open, for a later run to take up.
pub struct Operation<'engine> {
    engine: &'engine Engine,
    shared: Arc<Shared>,
}

impl Operation<'_> {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> &OperationId {
        &self.shared.operation
    }

    /// Runs steps until all are done, or nothing more can be: a failure stops what requires it, and nothing else.
    ///
    /// May be called again with further steps; they see the outputs of the earlier ones.
    ///
    /// # Errors
    ///
    /// [`EngineError::Incomplete`] if a step failed, [`EngineError::Stopped`] if the run was asked to stop,
    /// [`EngineError::Order`] for steps without an order, [`EngineError::Journal`] if it cannot be written: nothing is
    /// then done any more. All of them leave the operation open.
    pub async fn run(&self, steps: Steps) -> Result<Report, EngineError> {
        let (order, steps) = steps.into_order()?;
        let ran = run::run(&self.shared, Arc::new(order), &steps, self.engine.options.parallelism).await;
        self.shared.tell(None, What::Ended { complete: ran.is_ok() });
        ran
    }

    /// Ends the operation: what it was for is done.
    ///
    /// # Errors
    ///
    /// [`EngineError::Journal`]; it is then still open.
    pub async fn finish(self) -> Result<(), EngineError> {
        Ok(self.shared.journal.finish(&self.shared.operation).await?)
    }

    /// Puts something worth knowing on record, free of secrets.
    ///
    /// # Errors
    ///
    /// [`JournalError::Access`].
    pub async fn note(&self, text: String) -> Result<(), JournalError> {
        let entry = NewEntry {
            operation: self.shared.operation.clone(),
            step: None,
            attempt: 0,
            kind: EntryKind::Note,
            idem: String::new(),
            body: json!({ "text": text }),
        };
        self.shared.journal.append(vec![entry]).await?;
        self.shared.tell(None, What::Note { text });
        Ok(())
    }
}
