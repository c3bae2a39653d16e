//! One call: what it may do, what it has used up, and how it ended.

use std::sync::Arc;

use hangar_plan::grant::Kind;
use registry_reference::Digest;
use wasmtime::component::InstancePre;
use wasmtime::{Engine, Store, Trap, UpdateDeadline};

use crate::error::{Fault, PluginError};
use crate::http::Gate;
use crate::limits::{Limit, LimitReached, Meter};
use crate::services::Services;

/// Whether a call may touch anything outside its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purity {
    /// Log alone.
    Pure,
    /// All that the grant allows.
    Effects,
}

/// What the host's functions know of the call they are in.
pub(crate) struct Call {
    pub(crate) plugin: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) function: &'static str,
    pub(crate) purity: Purity,
    pub(crate) meter: Meter,
    pub(crate) services: Services,
    pub(crate) gate: Arc<Gate>,
    pub(crate) state: bool,
    pub(crate) sealed_file: bool,
}

/// Something a guest did that a call of this kind must not do, where the interface has no way to say so.
#[derive(Debug, thiserror::Error)]
#[error("may not {0}")]
pub(crate) struct Impure(pub(crate) String);

impl Call {
    /// Refuses what a pure call must not do.
    pub(crate) fn impure(&self, what: &str) -> Option<String> {
        let refused = self.purity == Purity::Pure || self.kind == Kind::PoolingStrategy;
        refused.then(|| format!("`{}` must be pure: it may not {what}", self.function))
    }
}

/// Who is called. Enough to name it in an error.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) plugin: Arc<str>,
    pub(crate) digest: Digest,
}

impl Subject {
    pub(crate) fn error(&self, call: &'static str, fault: Fault) -> PluginError {
        PluginError { plugin: self.plugin.to_string(), digest: self.digest, call, fault: Box::new(fault) }
    }
}

/// Runs one call in a store of its own, which is gone when this returns, whatever happened.
///
/// The call is a task, so that a panic in code that a guest can reach ends the call and not the host. Dropping the
/// future stops the task.
pub(crate) async fn run<R, F, Fut>(
    engine: &Engine,
    guest: InstancePre<Call>,
    call: Call,
    subject: &Subject,
    body: F,
) -> Result<R, PluginError>
where
    F: FnOnce(Store<Call>, InstancePre<Call>) -> Fut,
    Fut: Future<Output = wasmtime::Result<R>> + Send + 'static,
    R: Send + 'static,
{
    let function = call.function;
    let limits = call.meter.limits().clone();
    let wall = std::time::Duration::from_millis(u64::from(limits.wall_ms));
    let store = store(engine, call);
    let task = AbortOnDrop(tokio::spawn(tokio::time::timeout(wall, body(store, guest))));
    let fault = match task.join().await {
        Ok(Ok(Ok(answer))) => return Ok(answer),
        Ok(Ok(Err(err))) => fault(&err, &limits),
        Ok(Err(_)) => Fault::Limit(LimitReached { limit: Limit::Wall, bound: u64::from(limits.wall_ms) }),
        Err(err) => Fault::Host(err.to_string()),
    };
    Err(subject.error(function, fault))
}

fn store(engine: &Engine, call: Call) -> Store<Call> {
    let limits = call.meter.limits().clone();
    let mut store = Store::new(engine, call);
    store.limiter(|call| &mut call.meter);
    store.set_hostcall_fuel(limits.payload_kib as usize * 1024);
    store.set_max_component_handles(limits.handles as usize);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| {
        store.data_mut().meter.take_tick()?;
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

/// What the engine's error means for an operator.
fn fault(err: &wasmtime::Error, limits: &hangar_plan::grant::Limits) -> Fault {
    let reached = |limit, bound: u32| Fault::Limit(LimitReached { limit, bound: u64::from(bound) });
    if let Some(limit) = err.downcast_ref::<LimitReached>() {
        return Fault::Limit(*limit);
    }
    if let Some(Impure(what)) = err.downcast_ref() {
        return Fault::Denied(what.clone());
    }
    if let Some(trap) = err.downcast_ref::<Trap>() {
        return match trap {
            Trap::StackOverflow => reached(Limit::Stack, 512),
            trap => Fault::Trap(trap.to_string()),
        };
    }
    // The engine has no types for these three; a test of each keeps the words true.
    let words = format!("{err:#}");
    if words.contains("fuel allocated for hostcalls has been exhausted") {
        return reached(Limit::Payload, limits.payload_kib);
    }
    if words.contains("resource limit exceeded") {
        return reached(Limit::Instances, limits.instances);
    }
    if words.contains("store handle limit exceeded") {
        return reached(Limit::Handles, limits.handles);
    }
    Fault::Trap(words)
}

/// A task that does not outlive who waits for it.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    async fn join(mut self) -> Result<T, tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
impl Call {
    /// A call of a kind with nothing granted, for tests of what the host answers.
    pub(crate) fn bare(kind: Kind, purity: Purity, limits: hangar_plan::grant::Limits, services: Services) -> Self {
        let plugin: Arc<str> = "test".into();
        let gate = Arc::new(Gate::new(plugin.clone(), &[], &[]));
        let (function, meter) = ("test", Meter::new(limits));
        Self { plugin, kind, function, purity, meter, services, gate, state: false, sealed_file: false }
    }
}

#[cfg(test)]
mod tests;
