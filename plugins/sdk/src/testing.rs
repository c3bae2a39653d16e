//! A host for native tests.
//!
//! Each thread has its own. [`with`] puts one in place for the time of a closure and returns it, so that a test can
//! look at what was asked and written. Without one, `http` is denied and everything else starts empty.

pub mod pool;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::http::{Error as HttpError, Request, Response};
use crate::infra_provider::Instance;
use crate::log::Level;
use crate::sealed_file::{Content, Error as SealedError};
use crate::state::Error as StateError;

/// What answers a request in a test.
pub type Answer = Box<dyn FnMut(&Request) -> Result<Response, HttpError>>;

/// What a test's host holds.
#[derive(Default)]
pub struct FakeHost {
    /// Lines written, oldest first.
    pub lines: Vec<(Level, String)>,
    /// Requests sent, oldest first.
    pub requests: Vec<Request>,
    /// The sealed file.
    pub sealed: Option<Content>,
    /// Values of the plugin's own.
    pub state: BTreeMap<String, Vec<u8>>,
    /// Milliseconds since 1970-01-01T00:00:00Z; stands still.
    pub now_ms: u64,
    /// What answers requests; none denies them.
    pub answer: Option<Answer>,
}

impl FakeHost {
    /// Answers requests with a function.
    #[must_use]
    pub fn answering(mut self, answer: impl FnMut(&Request) -> Result<Response, HttpError> + 'static) -> Self {
        self.answer = Some(Box::new(answer));
        self
    }
}

impl std::fmt::Debug for FakeHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeHost").field("lines", &self.lines).field("requests", &self.requests).finish_non_exhaustive()
    }
}

/// An instance of three nodes, for what is rendered and read.
#[must_use]
pub fn instance() -> Instance {
    Instance {
        name: "uss1".into(),
        hostname: "dss.uss1.example.com".into(),
        db_suffix: "db.dss.uss1.example.com".into(),
        nodes: 3,
        namespace: "dss".into(),
        db_port: 26257,
        facts: Vec::new(),
    }
}

/// What a plugin leaves out of a module: it runs a command when it is destroyed, which no rendered file may, and does for who has
/// terraform alone what the host does by itself.
const GUARD: &str = "guard.tf";

/// Holds embedded files to the folder that they are of: every terraform file of it is there but for its `guard.tf`, and no other.
///
/// # Panics
///
/// If one is missing or too many.
pub fn embeds_all_of(embedded: &[(&str, &[u8])], folder: &Path) {
    let entries = std::fs::read_dir(folder).expect("the module has a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let there: BTreeSet<String> = names.filter(|name| name.ends_with(".tf") && name != GUARD).collect();
    let embedded: BTreeSet<String> = embedded.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(embedded, there, "not what is in {}", folder.display());
}

thread_local! {
    static HOST: RefCell<FakeHost> = RefCell::default();
}

/// Runs a body with a host in place, and returns what the body returned and the host afterwards.
pub fn with<R>(host: FakeHost, body: impl FnOnce() -> R) -> (R, FakeHost) {
    let before = HOST.replace(host);
    let result = body();
    (result, HOST.replace(before))
}

pub(crate) fn log(level: Level, message: &str, _fields: &[(String, String)]) {
    HOST.with_borrow_mut(|host| host.lines.push((level, message.to_owned())));
}

pub(crate) fn send(request: &Request) -> Result<Response, HttpError> {
    // Taken out for the call, so that the answer may itself look at the host.
    let answer = HOST.with_borrow_mut(|host| {
        host.requests.push(request.clone());
        host.answer.take()
    });
    let Some(mut answer) = answer else {
        return Err(HttpError::Denied("the test's host answers no request".into()));
    };
    let response = answer(request);
    HOST.with_borrow_mut(|host| host.answer = Some(answer));
    response
}

pub(crate) fn sealed_read() -> Result<Option<Content>, SealedError> {
    HOST.with_borrow(|host| Ok(host.sealed.clone()))
}

pub(crate) fn sealed_replace(expected: u64, bytes: &[u8]) -> Result<u64, SealedError> {
    HOST.with_borrow_mut(|host| {
        let version = host.sealed.as_ref().map_or(0, |content| content.version);
        if version != expected {
            return Err(SealedError::Conflict(version));
        }
        host.sealed = Some(Content { version: version + 1, bytes: bytes.to_vec() });
        Ok(version + 1)
    })
}

pub(crate) fn state_get(key: &str) -> Result<Option<Vec<u8>>, StateError> {
    HOST.with_borrow(|host| Ok(host.state.get(key).cloned()))
}

pub(crate) fn state_set(key: &str, value: Option<&[u8]>) -> Result<(), StateError> {
    HOST.with_borrow_mut(|host| match value {
        Some(value) => host.state.insert(key.to_owned(), value.to_vec()),
        None => host.state.remove(key),
    });
    Ok(())
}

pub(crate) fn now_ms() -> u64 {
    HOST.with_borrow(|host| host.now_ms)
}

/// Equal in every run, so that a test can expect bytes.
pub(crate) fn random(n: u32) -> Vec<u8> {
    (0..n.min(64 * 1024)).map(|i| (i.wrapping_mul(37) % 251) as u8).collect()
}
