//! One run of the tool.

use std::fs;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use hangar_durable::failpoint;
use hangar_exec::{Child, Command, ExecError, Exit, Follow, Found, Spool, Stream, find};
use tokio::time::{self, Instant};

use crate::error::TerraformError;
use crate::lock::StateLock;
use crate::observer::Observer;
use crate::plan::{Change, OutputChange, Summary};
use crate::pulse::Pulse;
use crate::running_copy::RunningCopy;
use crate::scrub;
use crate::stack::Stack;
use crate::stream::{Action, Diagnostic, Event, Outputs, Parser, Resource, Severity};

/// How long an interrupted tool has before it is left to itself (or killed, where it changes nothing). Shorter than what
/// the engine gives a step.
const GRACE: Duration = Duration::from_secs(2);

/// Between the last word of a tool and its end.
const MOMENT: Duration = Duration::from_millis(200);

/// Most that is kept of what the tool says outside its stream.
const N_RAW: usize = 40;

/// What both tools call it if a state could not be written.
const UNSAVED: [&str; 2] = ["Failed to save state", "Failed to persist state to backend"];

/// What the tool is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Init,
    Plan,
    Apply,
}

impl Verb {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Plan => "plan",
            Self::Apply => "apply",
        }
    }

    fn points(self) -> [&'static str; 2] {
        match self {
            Self::Init => ["terraform.init.before", "terraform.init.after"],
            Self::Plan => ["terraform.plan.before", "terraform.plan.after"],
            Self::Apply => ["terraform.apply.before", "terraform.apply.after"],
        }
    }
}

/// What the tool has said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: Exit,
    pub(crate) told: Told,
}

/// What the tool has said.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) planned: Vec<Change>,
    pub(crate) drift: Vec<Change>,
    pub(crate) output_changes: Vec<OutputChange>,
    pub(crate) planned_summary: Option<Summary>,
    /// Only told once everything was applied.
    pub(crate) applied_summary: Option<Summary>,
    pub(crate) outputs: Option<Outputs>,
    /// Of resources, whatever became of them.
    pub(crate) started: Vec<Resource>,
    pub(crate) completed: Vec<Resource>,
    raw: Vec<String>,
}

impl Told {
    pub(crate) fn take(&mut self, event: &Event) {
        match event {
            Event::Diagnostic(diagnostic) => self.diagnostics.push(diagnostic.clone()),
            Event::Planned(change) if change.action != Action::Read => self.planned.push(change.clone()),
            Event::Drift(change) => self.drift.push(change.clone()),
            Event::Summary(summary) if summary.operation == "plan" => self.planned_summary = Some(summary.clone()),
            Event::Summary(summary) => self.applied_summary = Some(summary.clone()),
            Event::PlannedOutputs { changes } => {
                self.output_changes = changes.iter().filter(|change| change.action != Action::Noop).cloned().collect();
            }
            Event::Outputs(outputs) => self.outputs = Some(outputs.clone()),
            Event::Started(resource) => self.started.push(resource.clone()),
            Event::Completed(resource) => self.completed.push(resource.clone()),
            Event::Raw { text } if self.raw.len() < N_RAW => self.raw.push(text.clone()),
            _ => {}
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    pub(crate) fn lock(&self) -> Option<StateLock> {
        self.diagnostics.iter().find_map(StateLock::in_diagnostic)
    }

    /// Whether its state does not know all that it has done. A tool that was killed says nothing of it.
    pub(crate) fn is_unsaved(&self) -> bool {
        UNSAVED.iter().any(|summary| self.says(summary))
    }

    pub(crate) fn says(&self, summary: &str) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.summary == summary)
    }

    /// What to show of a failure. A tool that fails before its stream begins says why on standard error.
    pub(crate) fn into_diagnostics(mut self, spool: &Spool) -> Vec<Diagnostic> {
        if !self.has_errors() {
            let text = fs::read_to_string(spool.path(Stream::Stderr)).unwrap_or_default();
            let said = text.lines().chain(self.raw.iter().map(String::as_str)).map(plain).find(|line| !line.is_empty());
            self.diagnostics.extend(said.map(|summary| Diagnostic {
                severity: Severity::Error,
                summary,
                detail: String::new(),
                address: None,
                range: None,
            }));
        }
        self.diagnostics
    }
}

/// A line of text without the frame and the label that the tools draw.
pub(crate) fn plain(line: &str) -> String {
    line.trim_matches(|letter: char| letter.is_whitespace() || "╷│╵|".contains(letter))
        .trim_start_matches("Error: ")
        .to_owned()
}

/// One run, before it starts.
pub(crate) struct Run<'run> {
    pub(crate) verb: Verb,
    pub(crate) binary: &'run Path,
    pub(crate) stack: &'run Stack,
    /// Folder in which the run has one of its own.
    pub(crate) folder: &'run Path,
    pub(crate) observer: &'run dyn Observer,
}

impl Run<'_> {
    pub(crate) fn spool(&self) -> Spool {
        Spool::new(spool_folder(self.folder, self.verb))
    }

    /// Starts the tool and stays until it has ended.
    pub(crate) async fn start(&self, command: Command) -> Result<Ran, TerraformError> {
        let spool = self.spool();
        failpoint::hit(self.verb.points()[0]);
        let child = command.spawn(&spool).await.map_err(|err| self.failed(err))?;
        if self.verb == Verb::Apply {
            failpoint::hit("terraform.apply.started");
        }
        if let Err(err) = self.observer.started(child.process(), spool.dir()).await {
            child.interrupt();
            return Err(err);
        }
        let ran = self.stay(child).await?;
        failpoint::hit(self.verb.points()[1]);
        Ok(ran)
    }

    /// Finds what an earlier life has started, and stays until it has ended; none if nothing was started.
    pub(crate) async fn find(&self) -> Result<Option<Ran>, TerraformError> {
        match find(&self.spool()).map_err(|err| self.failed(err))? {
            Found::Never => Ok(None),
            Found::Living(child) => self.stay(child).await.map(Some),
            Found::Ended(exit) => {
                let told = self.read()?;
                scrub::stream(&self.spool(), self.stack)?;
                Ok(Some(Ran { exit, told }))
            }
        }
    }

    async fn stay(&self, mut child: Child) -> Result<Ran, TerraformError> {
        let mut told = Told::default();
        let is_stopped = match self.listen(&child, &mut told).await {
            Ok(is_stopped) => is_stopped,
            Err(err) => {
                child.interrupt();
                // One that takes longer is found by the next run.
                if time::timeout(GRACE, child.wait()).await.is_ok() {
                    scrub::stream(child.spool(), self.stack)?;
                }
                return Err(err);
            }
        };
        let exit = if is_stopped { self.end(&mut child).await? } else { child.wait().await };
        scrub::stream(child.spool(), self.stack)?;
        if is_stopped && !exit.is_success() {
            return Err(TerraformError::Interrupted);
        }
        Ok(Ran { exit, told })
    }

    /// What has been interrupted has ended by now, or is left to itself where it saves its state, or killed.
    async fn end(&self, child: &mut Child) -> Result<Exit, TerraformError> {
        match time::timeout(MOMENT, child.wait()).await {
            Ok(exit) => Ok(exit),
            Err(_) if self.verb == Verb::Apply => Err(TerraformError::Interrupted),
            Err(_) => Ok(child.stop(Duration::ZERO).await),
        }
    }

    /// Hears the tool out; true if it was asked to stop before.
    async fn listen(&self, child: &Child, told: &mut Told) -> Result<bool, TerraformError> {
        let follow = child.follow(Stream::Stdout).map_err(|err| self.failed(err))?;
        let mut hear_out = pin!(self.hear_out(follow, told));
        tokio::select! {
            biased;
            heard = &mut hear_out => return heard.map(|()| false),
            () = self.observer.stopped() => child.interrupt(),
        }
        // A tool that takes its time to stop is heard no longer; its words are in the spool.
        match time::timeout(GRACE, hear_out).await {
            Ok(heard) => heard.map(|()| true),
            Err(_) => Ok(true),
        }
    }

    async fn hear_out(&self, mut follow: Follow, told: &mut Told) -> Result<(), TerraformError> {
        let (mut parser, mut pulse) = (Parser::default(), Pulse::default());
        let mut copy = if self.verb == Verb::Apply { RunningCopy::of(self.stack) } else { RunningCopy::none() };
        loop {
            let lines = tokio::select! {
                biased;
                lines = follow.next() => lines.map_err(|err| self.failed(err))?,
                () = sleep_until(pulse.due()) => {
                    self.observer.events(&pulse.beat(Instant::now())).await?;
                    continue;
                }
                () = sleep_until(copy.due()) => {
                    copy.keep_up(Instant::now());
                    continue;
                }
            };
            let Some(lines) = lines else { return Ok(()) };
            let events: Vec<Event> = lines.iter().map(|line| parser.read(&line.text)).collect();
            self.check(&parser)?;
            let now = Instant::now();
            for event in &events {
                pulse.take(event, now);
                told.take(event);
            }
            copy.take(&events, now);
            // A tool that never pauses leaves no time but this.
            copy.keep_up(now);
            self.observer.events(&events).await?;
        }
    }

    /// Reads the stream of a tool that has ended.
    fn read(&self) -> Result<Told, TerraformError> {
        let path = self.spool().path(Stream::Stdout);
        let bytes = fs::read(&path).map_err(|err| TerraformError::read(path, err))?;
        let (mut parser, mut told) = (Parser::default(), Told::default());
        for line in String::from_utf8_lossy(&bytes).lines() {
            told.take(&parser.read(line));
        }
        self.check(&parser)?;
        Ok(told)
    }

    fn check(&self, parser: &Parser) -> Result<(), TerraformError> {
        match parser.unknown_ui() {
            Some(found) => Err(TerraformError::Stream { binary: self.binary.to_owned(), found: found.to_owned() }),
            None => Ok(()),
        }
    }

    pub(crate) fn failed(&self, err: ExecError) -> TerraformError {
        TerraformError::Spawn { binary: self.binary.to_owned(), err }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

pub(crate) fn spool_folder(folder: &Path, verb: Verb) -> PathBuf {
    folder.join(verb.name())
}
