//! Names of steps, and the order they are taken in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest key, so that one fits a file name.
const LONGEST: usize = 200;

/// Name of one step of a plan: stable from one run to the next, since journals and folders carry it.
///
/// Segments of ASCII letters, digits, `.`, `_`, `-` and `:`, joined by `/`; none is empty or starts with a dot; at most
/// 200 bytes in all. Such as `infra/apply` or `pool/put-secret:node-0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StepKey(String);

/// Why a text is no step key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot name a step: letters, digits, `._-:` in segments joined by `/`, {LONGEST} bytes at most")]
pub struct StepKeyError(String);

impl StepKey {
    /// Reads a key.
    ///
    /// # Errors
    ///
    /// [`StepKeyError`] for other letters, empty segments, segments that start with a dot, and keys that are too long.
    pub fn new(text: impl Into<String>) -> Result<Self, StepKeyError> {
        let text = text.into();
        let is_key = text.len() <= LONGEST && text.split('/').all(is_segment);
        if is_key { Ok(Self(text)) } else { Err(StepKeyError(text)) }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key as one name of a folder; two keys never share one.
    #[must_use]
    pub fn to_folder_name(&self) -> String {
        self.0.replace('/', "+")
    }
}

fn is_segment(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
    !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(allowed)
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for StepKey {
    type Err = StepKeyError;

    fn from_str(text: &str) -> Result<Self, StepKeyError> {
        Self::new(text)
    }
}

impl TryFrom<String> for StepKey {
    type Error = StepKeyError;

    fn try_from(text: String) -> Result<Self, StepKeyError> {
        Self::new(text)
    }
}

impl From<StepKey> for String {
    fn from(key: StepKey) -> Self {
        key.0
    }
}

/// Why steps have no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Two steps have one name.
    #[error("step `{0}` is there twice")]
    Twice(StepKey),
    /// A step requires one that is not there.
    #[error("step `{step}` requires `{requires}`, which is not there")]
    Missing {
        /// The step.
        step: StepKey,
        /// What it requires.
        requires: StepKey,
    },
    /// Steps that wait for one another.
    #[error("steps wait for one another: {}", list(.0))]
    Circle(Vec<StepKey>),
}

fn list(keys: &[StepKey]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

/// Steps with what each requires, known to have an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepOrder {
    order: Vec<StepKey>,
    requires: BTreeMap<StepKey, BTreeSet<StepKey>>,
}

impl StepOrder {
    /// Orders steps: each after all it requires, and otherwise as they were given.
    ///
    /// # Errors
    ///
    /// [`OrderError`] for names given twice, requirements that are not there, and circles.
    pub fn new(steps: impl IntoIterator<Item = (StepKey, Vec<StepKey>)>) -> Result<Self, OrderError> {
        let mut given = Vec::new();
        let mut requires = BTreeMap::new();
        for (key, required) in steps {
            if requires.insert(key.clone(), required.into_iter().collect::<BTreeSet<_>>()).is_some() {
                return Err(OrderError::Twice(key));
            }
            given.push(key);
        }
        let missing = |key: &&StepKey| !requires.contains_key(*key);
        for (step, required) in &requires {
            if let Some(absent) = required.iter().find(missing) {
                return Err(OrderError::Missing { step: step.clone(), requires: absent.clone() });
            }
        }
        Ok(Self { order: sorted(given, &requires)?, requires })
    }

    /// The steps, each after all it requires.
    #[must_use]
    pub fn keys(&self) -> &[StepKey] {
        &self.order
    }

    /// What a step requires by its own words; nothing for a step that is not there.
    pub fn requires(&self, key: &StepKey) -> impl Iterator<Item = &StepKey> {
        self.requires.get(key).into_iter().flatten()
    }

    /// Whether `later` surely comes after `earlier`, directly or through others.
    #[must_use]
    pub fn is_after(&self, later: &StepKey, earlier: &StepKey) -> bool {
        let mut open: Vec<&StepKey> = self.requires(later).collect();
        let mut seen = BTreeSet::new();
        while let Some(key) = open.pop() {
            if key == earlier {
                return true;
            }
            if seen.insert(key) {
                open.extend(self.requires(key));
            }
        }
        false
    }
}

fn sorted(given: Vec<StepKey>, requires: &BTreeMap<StepKey, BTreeSet<StepKey>>) -> Result<Vec<StepKey>, OrderError> {
    let mut order = Vec::with_capacity(given.len());
    let mut placed = BTreeSet::new();
    let mut waiting = given;
    while !waiting.is_empty() {
        let n_placed = order.len();
        waiting.retain(|key| {
            let is_ready = requires[key].iter().all(|required| placed.contains(required));
            if is_ready {
                placed.insert(key.clone());
                order.push(key.clone());
            }
            !is_ready
        });
        if order.len() == n_placed {
            return Err(OrderError::Circle(waiting));
        }
    }
    Ok(order)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]
mod tests {
    use super::*;

    fn key(text: &str) -> StepKey {
        StepKey::new(text).unwrap()
    }

    fn steps(lines: &[(&str, &[&str])]) -> Result<StepOrder, OrderError> {
        StepOrder::new(
            lines.iter().map(|(step, required)| (key(step), required.iter().map(|text| key(text)).collect())),
        )
    }

    #[test]
    fn keys_are_safe_as_folder_names() {
        assert_eq!(key("pool/put-secret:node-0").to_folder_name(), "pool+put-secret:node-0");
        for text in ["", "/", "a//b", "a/", "../x", "a/.hidden", "a b", "a+b", "ü", &"x".repeat(201)] {
            assert!(StepKey::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn steps_keep_the_given_order_where_nothing_forbids_it() {
        let order = steps(&[("c", &["a"]), ("a", &[]), ("b", &[])]).unwrap();
        assert_eq!(order.keys(), [key("a"), key("b"), key("c")]);
    }

    #[test]
    fn requirements_reach_through_others() {
        let order = steps(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("d", &[])]).unwrap();
        assert!(order.is_after(&key("c"), &key("a")));
        assert!(!order.is_after(&key("a"), &key("c")));
        assert!(!order.is_after(&key("d"), &key("a")));
    }

    #[test]
    fn what_cannot_be_ordered_is_named() {
        assert_eq!(steps(&[("a", &[]), ("a", &[])]), Err(OrderError::Twice(key("a"))));
        let missing = OrderError::Missing { step: key("a"), requires: key("b") };
        assert_eq!(steps(&[("a", &["b"])]), Err(missing));
        let circle = steps(&[("x", &[]), ("a", &["b"]), ("b", &["a"])]).unwrap_err();
        assert_eq!(circle.to_string(), "steps wait for one another: `a`, `b`");
    }
}
