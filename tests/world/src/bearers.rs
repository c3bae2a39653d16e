//! Access tokens that an issuer has given, and those that are shown to whom they are for.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

/// Tokens of one issuer, each different from all before.
pub(crate) struct Bearers {
    prefix: &'static str,
    lifetime: Duration,
    given: HashMap<String, Given>,
    n_refused: usize,
}

struct Given {
    audience: String,
    until: Instant,
}

/// What a request shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Good,
    Nothing,
    /// Nothing that was ever given.
    Unknown,
    Expired,
    /// One for somebody else.
    Other(String),
}

impl Bearers {
    pub(crate) fn new(prefix: &'static str, lifetime: Duration) -> Self {
        Self { prefix, lifetime, given: HashMap::new(), n_refused: 0 }
    }

    /// A token for this audience, and how many seconds it is good for.
    pub(crate) fn give(&mut self, audience: &str) -> (String, u64) {
        let token = format!("{}-number-{}", self.prefix, self.given.len());
        let given = Given { audience: audience.to_owned(), until: Instant::now() + self.lifetime };
        self.given.insert(token.clone(), given);
        // Issuers say of none that it is over already.
        (token, self.lifetime.as_secs().max(1))
    }

    /// What a request shows to this audience. Whatever is not good is counted.
    pub(crate) fn look(&mut self, headers: &HeaderMap, audience: &str) -> Shown {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let shown = match shown.map(|token| self.given.get(token)) {
            None => Shown::Nothing,
            Some(None) => Shown::Unknown,
            Some(Some(given)) if given.audience != audience => Shown::Other(given.audience.clone()),
            Some(Some(given)) if given.until <= Instant::now() => Shown::Expired,
            Some(Some(_)) => Shown::Good,
        };
        self.n_refused += usize::from(shown != Shown::Good);
        shown
    }

    /// Takes back every token that was given, and gives none that is good any more.
    pub(crate) fn revoke(&mut self) {
        self.lifetime = Duration::ZERO;
        for given in self.given.values_mut() {
            given.until = Instant::now();
        }
    }

    pub(crate) fn tokens(&self) -> Vec<String> {
        self.given.keys().cloned().collect()
    }

    pub(crate) fn n_refused(&self) -> usize {
        self.n_refused
    }
}
