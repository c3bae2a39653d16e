//! A command that did not end well.

use std::error::Error;
use std::fmt;

use hangar_engine::{EngineError, FailureKind, StepError};
use hangar_plan::hint::Hint;
use hangar_plan::strategy::decision::Finding;
use registry_client::RegistryError;

/// Who or what stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The input is wrong.
    Refused,
    /// The outside failed; a later run may succeed.
    Outside,
    /// A person must decide.
    Person,
    /// It was asked to stop.
    Interrupted,
    /// We are wrong.
    Bug,
}

/// What failed, why, and what to do next.
pub struct Failure {
    message: String,
    cause: Cause,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure without a cause of its own.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { message: message.into(), cause, hint: None, source: None }
    }

    /// The input is wrong.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Cause::Refused, message)
    }

    /// A person must decide.
    pub fn person(message: impl Into<String>) -> Self {
        Self::new(Cause::Person, message)
    }

    /// What was attempted, and the error that stopped it.
    pub fn of(cause: Cause, message: impl Into<String>, err: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { message: message.into(), cause, hint: None, source: Some(err.into()) }
    }

    /// What a registry was asked for and did not do.
    pub(crate) fn of_registry(message: impl Into<String>, err: RegistryError) -> Self {
        let cause = if err.is_outside() { Cause::Outside } else { Cause::Refused };
        let hint = err.hint();
        Self::of(cause, message, err).hint_maybe(hint)
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint_is(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what to do next, and whose move it is; none: ours.
    #[must_use]
    pub fn hint_for(self, whose: Option<&str>, cure: &str) -> Self {
        let whose = whose.map(|whose| format!("{whose}: ")).unwrap_or_default();
        self.hint_is(format!("{whose}{cure}"))
    }

    /// The same, as a finding has it; nothing where that says nothing to do.
    #[must_use]
    pub fn hint_of(self, finding: &Finding) -> Self {
        match &finding.cure {
            Some(cure) => self.hint_for(finding.whose.as_deref(), cure),
            None => self,
        }
    }

    /// Takes a hint where there is one.
    #[must_use]
    pub fn hint_maybe(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// Who or what stands in the way.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure").field("message", &self.message).field("source", &self.source).finish()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|err| err as &(dyn Error + 'static))
    }
}

/// Runs go through the engine; its errors carry the step's own kind and advice.
impl From<EngineError> for Failure {
    fn from(err: EngineError) -> Self {
        let hint = err.hint();
        let cause = match &err {
            EngineError::Stopped { .. } => Cause::Interrupted,
            EngineError::Incomplete { first, .. } => of_step(&first.err),
            _ => Cause::Outside,
        };
        Self::of(cause, "the run is not complete", err).hint_maybe(hint)
    }
}

impl From<StepError> for Failure {
    fn from(err: StepError) -> Self {
        let (cause, hint) = (of_step(&err), err.hint());
        Self::of(cause, "the look at the world failed", err).hint_maybe(hint)
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(err: &dyn Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(err) = source {
        let more = err.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        source = err.source();
    }
    text
}

fn of_step(err: &StepError) -> Cause {
    err.kind().into()
}

impl From<FailureKind> for Cause {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Refused => Self::Refused,
            FailureKind::Outside | FailureKind::Deadline => Self::Outside,
            FailureKind::Person => Self::Person,
            FailureKind::Interrupted => Self::Interrupted,
            FailureKind::Bug => Self::Bug,
        }
    }
}
