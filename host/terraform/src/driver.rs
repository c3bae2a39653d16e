//! One tool at work on one stack.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use hangar_engine::ChildEntry;
use hangar_exec::{Command, Exit, Found, OnHostDeath, Output, Spool};
use serde_json::{Map, Value};

use crate::applied::Applied;
use crate::binary::Terraform;
use crate::environment::Environment;
use crate::error::TerraformError;
use crate::forgotten::{Forgotten, forgotten};
use crate::init::{self, Initialised};
use crate::lock::StateLock;
use crate::observer::Observer;
use crate::plan::{Change, StackPlan, Summary, digest};
use crate::recover;
use crate::run::{Ran, Run, Told, Verb, spool_folder};
use crate::stack::{LOCK_FILE, Stack};
use crate::state;
use crate::stream::{Diagnostic, Outputs};

/// Reading or writing a state starts no provider.
const ASK_DEADLINE: Duration = Duration::from_secs(120);

/// What both tools call a plan whose state has moved on.
const STALE: &str = "Saved plan is stale";

/// Kept free for what an apply says: the ids of all that it makes, and if it must its whole state.
const ROOM: u64 = 4 * 1024 * 1024;

/// Name of a saved plan.
const PLAN_FILE: &str = "stack.tfplan";

/// What is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Planning {
    /// The module as it stands.
    #[default]
    Apply,
    /// That nothing of it stands.
    Destroy,
}

/// One tool at work on one stack. Each call writes below a `folder` of its caller's, which is new.
#[derive(Debug, Clone)]
pub struct Driver {
    terraform: Terraform,
    stack: Stack,
    environment: Environment,
    on_host_death: OnHostDeath,
}

/// What became of an earlier apply.
#[derive(Debug)]
pub(crate) struct Earlier {
    pub(crate) exit: Exit,
    pub(crate) told: Told,
}

impl Driver {
    /// Puts a tool to work on a stack.
    #[must_use]
    pub fn new(terraform: Terraform, stack: Stack, environment: Environment) -> Self {
        Self { terraform, stack, environment, on_host_death: OnHostDeath::default() }
    }

    /// Sets what becomes of an apply whose host is killed: by default it is interrupted, finishes what cannot be left and
    /// saves its state; it may run on to its end instead. Either way the next run finds it.
    #[must_use]
    pub fn on_host_death(mut self, fate: OnHostDeath) -> Self {
        self.on_host_death = fate;
        self
    }

    /// The tool.
    #[must_use]
    pub fn terraform(&self) -> &Terraform {
        &self.terraform
    }

    /// The stack.
    #[must_use]
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Whether the stack is initialised for its files, this tool and these providers.
    ///
    /// # Errors
    ///
    /// [`TerraformError::Read`] if its files cannot be read.
    pub fn is_initialised(&self) -> Result<bool, TerraformError> {
        init::is_done(&self.stack, &self.terraform, &self.environment)
    }

    /// Initialises the stack, unless nothing that it depends on has changed.
    ///
    /// # Errors
    ///
    /// [`TerraformError::Init`] with what the tool said.
    pub async fn init(&self, folder: &Path, observer: &dyn Observer) -> Result<Initialised, TerraformError> {
        if self.is_initialised()? {
            return Ok(Initialised { skipped: true });
        }
        let run = self.run(Verb::Init, folder, observer);
        // The host says where the state lies, so nothing is ever migrated.
        let mut command =
            self.command_of(Verb::Init, folder)?.args(["init", "-json", "-input=false", "-no-color", "-reconfigure"]);
        if self.has_given_lock()? {
            command = command.arg("-lockfile=readonly");
        }
        let ran = run.start(command).await?;
        if !ran.exit.is_success() {
            let (stack, exit) = (self.stack.name().clone(), ran.exit);
            return Err(TerraformError::Init { stack, exit, diagnostics: ran.told.into_diagnostics(&run.spool()) });
        }
        init::set_done(&self.stack, &self.terraform, &self.environment)?;
        Ok(Initialised { skipped: false })
    }

    /// Makes good what a crash or a full disk has left of the state: pushes a state that the tool could not put where it
    /// belongs, and restores one that was emptied or torn. Steps do it by themselves; whoever plans does it first, once no
    /// tool of an earlier run lives ([`Engine::wait_for_leftovers`](hangar_engine::Engine::wait_for_leftovers)), and after
    /// [`hear_out`](Self::hear_out).
    ///
    /// # Errors
    ///
    /// [`TerraformError::ForeignState`] if what was left is not of this stack, [`TerraformError::Torn`] if there is nothing
    /// to put in the place of a torn state.
    pub async fn recover(&self, folder: &Path) -> Result<(), TerraformError> {
        recover::recover(self, folder).await
    }

    /// Plans, and saves the plan in `folder`. The stack must be initialised.
    ///
    /// # Errors
    ///
    /// [`TerraformError::Plan`] with what the tool said, [`TerraformError::Locked`] while another run is at work.
    pub async fn plan(
        &self,
        planning: Planning,
        folder: &Path,
        observer: &dyn Observer,
    ) -> Result<StackPlan, TerraformError> {
        hangar_durable::private_dir(folder)?;
        let state = self.mark(folder).await?;
        let file = folder.join(PLAN_FILE);
        let mut args = vec!["-out".into(), file.clone().into_os_string()];
        args.extend((planning == Planning::Destroy).then(|| "-destroy".into()));
        let (exit, told) = self.plan_with(args, folder, observer).await?;
        let bytes = std::fs::read(&file).map_err(|err| TerraformError::read(&file, err))?;
        Ok(StackPlan {
            stack: self.stack.name().clone(),
            destroy: planning == Planning::Destroy,
            differs: exit == Exit::Code(2),
            changes: told.planned,
            outputs: told.output_changes,
            drift: told.drift,
            summary: told.planned_summary.unwrap_or_default(),
            warnings: told.diagnostics,
            digest: digest(&bytes),
            file,
            state,
        })
    }

    /// Looks for what was changed outside, and changes nothing, not even the state.
    ///
    /// # Errors
    ///
    /// As [`plan`](Self::plan).
    pub async fn drift(&self, folder: &Path, observer: &dyn Observer) -> Result<Vec<Change>, TerraformError> {
        let args = vec!["-refresh-only".into()];
        // The exit status may say 2 with nothing to show, so the events are asked.
        Ok(self.plan_with(args, folder, observer).await?.1.drift)
    }

    /// Applies exactly the plan that was shown.
    ///
    /// # Errors
    ///
    /// [`TerraformError::PlanFile`] if the file is another, [`TerraformError::Stale`] if the state has moved on: nothing
    /// was done then. [`TerraformError::Apply`] if it was done in part or not at all.
    pub async fn apply(
        &self,
        plan: &StackPlan,
        folder: &Path,
        observer: &dyn Observer,
    ) -> Result<Applied, TerraformError> {
        if !plan.has_its_file()? {
            return Err(TerraformError::PlanFile { path: plan.file.clone() });
        }
        recover::back_up(&self.stack)?;
        let run = self.run(Verb::Apply, folder, observer);
        let command = self.command_of(Verb::Apply, folder)?.on_host_death(self.on_host_death);
        let command = command.reserve(ROOM + 2 * recover::size(&self.stack));
        let ran = run.start(command.args(["apply", "-json", "-input=false", "-no-color"]).arg(&plan.file)).await?;
        if !ran.exit.is_success() {
            return Err(self.not_applied(ran, plan, &run));
        }
        let applied = self.applied(ran.told, folder).await?;
        self.tidy(plan)?;
        Ok(applied)
    }

    /// Removes what is of no use once a plan was applied: its file, and the copy of the state before. Both may hold secrets.
    pub(crate) fn tidy(&self, plan: &StackPlan) -> Result<(), TerraformError> {
        hangar_durable::remove(&plan.file)?;
        recover::drop_backup(&self.stack)
    }

    /// Reads the outputs of the state, without those that are sensitive.
    ///
    /// # Errors
    ///
    /// [`TerraformError::Silent`] if the tool does not give them.
    pub async fn outputs(&self, folder: &Path) -> Result<Outputs, TerraformError> {
        let binary = self.terraform.binary();
        let output = self.ask(["output", "-json", "-no-color"], folder).await?;
        let members: Option<Map<String, Value>> =
            serde_json::from_slice(&output.stdout).ok().filter(|_| output.exit.is_success());
        match members {
            Some(members) => Ok(Outputs::from_tool(&members)),
            None => Err(TerraformError::Silent { binary: binary.to_owned(), what: "its outputs" }),
        }
    }

    /// Breaks a lock by its id. For a person who knows that its owner is dead: a local state's lock goes with its owner.
    ///
    /// # Errors
    ///
    /// [`TerraformError::Tool`] with what the tool said.
    pub async fn unlock(&self, id: &str, folder: &Path) -> Result<(), TerraformError> {
        let output = self.ask(["force-unlock", "-force", id], folder).await?;
        if output.exit.is_success() {
            return Ok(());
        }
        Err(TerraformError::Tool { what: "break the lock", said: state::said(&output.stderr) })
    }

    /// Who holds the state lock now; none if nobody does. Reads the state and asks no provider for anything that stands.
    ///
    /// # Errors
    ///
    /// As [`plan`](Self::plan), but for the lock.
    pub async fn lock(&self, folder: &Path, observer: &dyn Observer) -> Result<Option<StateLock>, TerraformError> {
        match self.plan_with(vec!["-refresh=false".into()], folder, observer).await {
            Ok(_) => Ok(None),
            Err(TerraformError::Locked { lock, .. }) => Ok(Some(*lock)),
            Err(err) => Err(err),
        }
    }

    /// Breaks a lock that was surely taken by a tool of ours that was killed, by the record of those that were started; says
    /// whether it did. Any other is left alone.
    ///
    /// # Errors
    ///
    /// As [`unlock`](Self::unlock).
    pub async fn unlock_if_ours(
        &self,
        lock: &StateLock,
        children: &[ChildEntry],
        folder: &Path,
    ) -> Result<bool, TerraformError> {
        let was_killed = |child: &ChildEntry| {
            let found = hangar_exec::find(&Spool::new(&child.spool));
            matches!(found, Ok(Found::Ended(exit)) if !matches!(exit, Exit::Code(_)))
        };
        let is_ours =
            children.iter().any(|child| lock.is_of_dead(&child.process, child.started_ms) && was_killed(child));
        if is_ours {
            self.unlock(&lock.id, folder).await?;
        }
        Ok(is_ours)
    }

    /// Waits for an apply that an earlier life has started in `folder`, and tells what became of it; none if it had not
    /// started.
    pub(crate) async fn settle(
        &self,
        folder: &Path,
        observer: &dyn Observer,
    ) -> Result<Option<Earlier>, TerraformError> {
        let ran = self.run(Verb::Apply, folder, observer).find().await?;
        Ok(ran.map(|ran| Earlier { exit: ran.exit, told: ran.told }))
    }

    /// What an earlier apply came to, if it surely did all of its plan.
    pub(crate) async fn whole(&self, earlier: Earlier, folder: &Path) -> Result<Option<Applied>, TerraformError> {
        // The tool sums up only after the state is saved, so the summary stands for an exit status that nobody saw.
        let has_summed_up = earlier.told.applied_summary.is_some() && !earlier.told.has_errors();
        let is_whole = earlier.exit.is_success() || (earlier.exit == Exit::Unknown && has_summed_up);
        if is_whole && has_summed_up { self.applied(earlier.told, folder).await.map(Some) } else { Ok(None) }
    }

    pub(crate) async fn forgotten(&self, earlier: &Earlier, folder: &Path) -> Result<Vec<Forgotten>, TerraformError> {
        Ok(forgotten(self.state(folder).await?.as_ref(), &earlier.told))
    }

    /// Prepares a short run that says nothing worth following.
    pub(crate) fn command(&self, folder: &Path) -> Result<Command, TerraformError> {
        Ok(self.environment.command(self.terraform.binary(), folder)?.dir(self.stack.dir()))
    }

    /// Asks something small, whose answer is not kept: it may hold secrets.
    pub(crate) async fn ask<A: Into<OsString>>(
        &self,
        args: impl IntoIterator<Item = A>,
        folder: &Path,
    ) -> Result<Output, TerraformError> {
        hangar_durable::private_dir(folder)?;
        let failed = |err| TerraformError::Spawn { binary: self.terraform.binary().to_owned(), err };
        self.command(folder)?.args(args).output(folder, ASK_DEADLINE).await.map_err(failed)
    }

    fn command_of(&self, verb: Verb, folder: &Path) -> Result<Command, TerraformError> {
        self.command(&spool_folder(folder, verb))
    }

    fn run<'run>(&'run self, verb: Verb, folder: &'run Path, observer: &'run dyn Observer) -> Run<'run> {
        Run { verb, binary: self.terraform.binary(), stack: &self.stack, folder, observer }
    }

    async fn plan_with(
        &self,
        args: Vec<OsString>,
        folder: &Path,
        observer: &dyn Observer,
    ) -> Result<(Exit, Told), TerraformError> {
        let run = self.run(Verb::Plan, folder, observer);
        let command = self.command_of(Verb::Plan, folder)?.args([
            "plan",
            "-json",
            "-input=false",
            "-no-color",
            "-detailed-exitcode",
        ]);
        let ran = run.start(command.args(args)).await?;
        if matches!(ran.exit, Exit::Code(0 | 2)) {
            return Ok((ran.exit, ran.told));
        }
        if let Some(lock) = ran.told.lock() {
            return Err(TerraformError::Locked { stack: self.stack.name().clone(), lock: Box::new(lock) });
        }
        // It may be that the tool's folder was half removed; the next run then mends it.
        init::forget(&self.stack)?;
        let diagnostics = ran.told.into_diagnostics(&run.spool());
        Err(TerraformError::Plan { stack: self.stack.name().clone(), diagnostics, exit: ran.exit })
    }

    fn not_applied(&self, ran: Ran, plan: &StackPlan, run: &Run<'_>) -> TerraformError {
        let stack = self.stack.name().clone();
        if let Some(lock) = ran.told.lock() {
            return TerraformError::Locked { stack, lock: Box::new(lock) };
        }
        if ran.told.says(STALE) {
            return TerraformError::Stale { stack };
        }
        let (n_done, n_planned) = (ran.told.completed.len(), plan.changes.len());
        let diagnostics: Vec<Diagnostic> = ran.told.into_diagnostics(&run.spool());
        TerraformError::Apply { stack, diagnostics, exit: ran.exit, n_done, n_planned }
    }

    async fn applied(&self, told: Told, folder: &Path) -> Result<Applied, TerraformError> {
        let state = self.mark(folder).await?;
        let summary: Summary = told.applied_summary.unwrap_or_default();
        Ok(Applied { outputs: told.outputs.unwrap_or_default(), summary, state })
    }

    /// Whether the module came with its provider lock; the tool then adds nothing to it.
    fn has_given_lock(&self) -> Result<bool, TerraformError> {
        self.stack.was_given(LOCK_FILE)
    }
}
