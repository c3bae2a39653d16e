//! What was wrong with a name, and where in the text.

use std::fmt;

/// Says which part of a text could not be read, and why.
///
/// `text` is always the whole text the caller handed in, also when the part that failed is inside it;
/// `offset` counts bytes from its start and lies on a character boundary (at most `text.len()`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {part} in `{text}`: {problem}{}", Place(self))]
pub struct ParseError {
    /// The part that was being read.
    pub part: Part,
    /// The whole text.
    pub text: String,
    /// Where in `text` the problem begins, in bytes.
    pub offset: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// The part of a name that a [`ParseError`] speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// `sha256:` and 64 hexadecimal digits.
    Digest,
    /// The word after the colon.
    Tag,
    /// `host[:port]`.
    Registry,
    /// The path below the registry.
    Repository,
    /// The whole `host/path[:tag][@digest]`.
    Reference,
    /// The name of a manifest inside an OCI image layout.
    LayoutName,
    /// Where a plugin comes from.
    Source,
    /// A number of bytes.
    Size,
}

/// Why a part was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing stands where something has to.
    #[error("it is empty")]
    Empty,
    /// A character that the grammar has no place for here.
    #[error("{0:?} is not allowed here")]
    Character(char),
    /// More characters than the specification allows.
    #[error("it has {got} characters, at most {max} are allowed")]
    TooLong {
        /// The most the specification allows.
        max: usize,
        /// What was given.
        got: usize,
    },
    /// A digest of another length than its algorithm makes.
    #[error("sha256 has 64 hexadecimal digits, this has {got}")]
    DigestLength {
        /// What was given.
        got: usize,
    },
    /// A digest by an algorithm that is not accepted.
    #[error("algorithm `{0}` is not accepted, only `sha256` is")]
    Algorithm(String),
    /// A thing that must be there is not; says which.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The number does not fit or is none.
    #[error("{0}")]
    Number(&'static str),
    /// The text begins with none of the words that are understood.
    #[error("it begins with none of `oci://`, `oci-layout:` and `file:`")]
    Scheme,
}

impl ParseError {
    pub(crate) fn new(part: Part, text: &str, offset: usize, problem: Problem) -> Self {
        Self { part, text: text.to_owned(), offset, problem }
    }

    /// Turns an error about a part that begins at `base` of `whole` into one about `whole`.
    pub(crate) fn within(self, whole: &str, base: usize) -> Self {
        Self { text: whole.to_owned(), offset: base + self.offset, ..self }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Digest => "digest",
            Self::Tag => "tag",
            Self::Registry => "registry host",
            Self::Repository => "repository",
            Self::Reference => "reference",
            Self::LayoutName => "layout name",
            Self::Source => "plugin source",
            Self::Size => "size",
        })
    }
}

/// Prints the place as a person counts, from 1, and nothing where the place says nothing.
struct Place<'a>(&'a ParseError);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ParseError { text, offset, problem, .. } = self.0;
        if matches!(problem, Problem::TooLong { .. } | Problem::Scheme) {
            return Ok(());
        }
        let n_before = text.get(..*offset).map_or(*offset, |before| before.chars().count());
        write!(f, " (at character {})", n_before + 1)
    }
}
