//! Tags.

use std::{fmt, str::FromStr};

use crate::{ParseError, Part, Problem, serde_as_text};

/// A movable name for a manifest: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

/// The specification's limit.
const MAX: usize = 128;

impl Tag {
    /// Returns the tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Tag {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = |offset, problem| Err(ParseError::new(Part::Tag, text, offset, problem));
        if text.is_empty() {
            return refuse(0, Problem::Empty);
        }
        let allowed = |at: usize, c: char| c.is_ascii_alphanumeric() || c == '_' || (at > 0 && matches!(c, '.' | '-'));
        if let Some((at, c)) = text.char_indices().find(|(at, c)| !allowed(*at, *c)) {
            return refuse(at, Problem::Character(c));
        }
        if text.len() > MAX {
            return refuse(MAX, Problem::TooLong { max: MAX, got: text.len() });
        }
        Ok(Self(text.to_owned()))
    }
}

serde_as_text!(Tag);
