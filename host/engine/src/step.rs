//! What a step is.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use hangar_plan::hint::Hint;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::context::StepContext;
use crate::journal::Attempt;

/// How long a step may take that says nothing else.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// What a look at the world showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen<T> {
    /// The step has happened; what it gave.
    Done(T),
    /// It has not, or not wholly: acting is right.
    NotDone,
    /// The world does not say. Nothing is acted on that; carries why, in words.
    Unknown(String),
}

/// One step of a plan: it may happen twice, and what it did is told by looking at the world, not by remembering.
///
/// The engine calls, in this order: [`settle`](Self::settle) if an earlier attempt is in doubt,
/// [`probe`](Self::probe) (once no process lives that an earlier run has started for this step), and only if that says [`Seen::NotDone`], [`act`](Self::act) and [`verify`](Self::verify).
/// Steps go forward; what must be taken back is a step of its own.
#[async_trait]
pub trait Step: Send + Sync + 'static {
    /// Names the kind of step. Stored in journals: never renamed, never reused.
    const NAME: &'static str;

    /// What later steps need to know of it. Stored in journals: free of secrets.
    type Output: Serialize + DeserializeOwned + Send + Sync;

    /// What it is asked to do, free of secrets. Two steps of one key and one input are the same step.
    fn input(&self) -> Value;

    /// How long `probe`, and how long `act` and `verify` together, may take. A step that runs into it is told to stop
    /// ([`StepContext::stopped`]) and dropped a few seconds later; it is then in doubt.
    fn deadline(&self) -> Duration {
        DEADLINE
    }

    /// Takes care of what an earlier attempt has left running: attaches to its child and waits. Changes nothing else.
    async fn settle(&self, _cx: &StepContext, _earlier: &Attempt) -> Result<(), StepError> {
        Ok(())
    }

    /// Looks at the world and changes nothing.
    async fn probe(&self, cx: &StepContext) -> Result<Seen<Self::Output>, StepError>;

    /// Makes it happen. Its intent is on disk by now.
    async fn act(&self, cx: &StepContext) -> Result<(), StepError>;

    /// Sees that it happened. Unless a step says otherwise, by probing again.
    async fn verify(&self, cx: &StepContext) -> Result<Self::Output, StepError> {
        match self.probe(cx).await? {
            Seen::Done(output) => Ok(output),
            Seen::NotDone => Err(StepError::outside(Unproved("the world does not show it".to_owned()))),
            Seen::Unknown(why) => Err(StepError::outside(Unproved(why))),
        }
    }
}

/// It acted, and yet cannot be seen.
#[derive(Debug, thiserror::Error)]
#[error("it acted without an error, yet {0}")]
struct Unproved(String);

/// Who or what stands in the way of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The input is wrong.
    Refused,
    /// The outside failed; a later run may succeed.
    Outside,
    /// A person must decide.
    Person,
    /// It was asked to stop.
    Interrupted,
    /// It took longer than it may.
    Deadline,
    /// We are wrong.
    Bug,
}

/// Why a step is not done.
///
/// Shows the text of its cause, so that printing a chain says it once.
pub struct StepError {
    kind: FailureKind,
    hint: Option<String>,
    cause: Box<dyn Error + Send + Sync>,
}

impl StepError {
    /// Wraps the cause.
    pub fn new(kind: FailureKind, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, hint: None, cause: cause.into() }
    }

    /// The input is wrong.
    pub fn refused(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(FailureKind::Refused, cause)
    }

    /// The outside failed; a later run may succeed.
    pub fn outside(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(FailureKind::Outside, cause)
    }

    /// A person must decide.
    pub fn person(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(FailureKind::Person, cause)
    }

    /// We are wrong.
    pub fn bug(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(FailureKind::Bug, cause)
    }

    /// It was asked to stop and did.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(FailureKind::Interrupted, "stopped when asked")
    }

    /// Says what an operator can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Who or what stands in the way.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The wrapped cause.
    #[must_use]
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.cause
    }
}

impl fmt::Debug for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepError").field("kind", &self.kind).field("cause", &self.cause).finish()
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for StepError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}

impl Hint for StepError {
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

/// A step whose output is any JSON, so that steps of different kinds stand in one list.
#[async_trait]
pub(crate) trait AnyStep: Send + Sync {
    fn name(&self) -> &'static str;
    fn input(&self) -> Value;
    fn deadline(&self) -> Duration;
    async fn settle(&self, cx: &StepContext, earlier: &Attempt) -> Result<(), StepError>;
    async fn probe(&self, cx: &StepContext) -> Result<Seen<Value>, StepError>;
    async fn act(&self, cx: &StepContext) -> Result<(), StepError>;
    async fn verify(&self, cx: &StepContext) -> Result<Value, StepError>;
}

pub(crate) struct Erased<S>(pub(crate) S);

#[async_trait]
impl<S: Step> AnyStep for Erased<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn input(&self) -> Value {
        self.0.input()
    }

    fn deadline(&self) -> Duration {
        self.0.deadline()
    }

    async fn settle(&self, cx: &StepContext, earlier: &Attempt) -> Result<(), StepError> {
        self.0.settle(cx, earlier).await
    }

    async fn probe(&self, cx: &StepContext) -> Result<Seen<Value>, StepError> {
        Ok(match self.0.probe(cx).await? {
            Seen::Done(output) => Seen::Done(to_value(&output)?),
            Seen::NotDone => Seen::NotDone,
            Seen::Unknown(why) => Seen::Unknown(why),
        })
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        self.0.act(cx).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Value, StepError> {
        to_value(&self.0.verify(cx).await?)
    }
}

fn to_value(output: &impl Serialize) -> Result<Value, StepError> {
    serde_json::to_value(output).map_err(StepError::bug)
}
