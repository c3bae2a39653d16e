//! Repositories.

use std::{fmt, str::FromStr};

use crate::{ParseError, Part, Problem, Registry, serde_as_text};

/// The path of a repository below its registry: lower-case components joined by `/`.
///
/// A component is letters and digits, joined by one `.`, one or two `_`, or any number of `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryPath(String);

/// Clients limit host and path together to 255 characters; the path alone can be no longer.
const MAX: usize = 255;

impl RepositoryPath {
    /// Returns the path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepositoryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RepositoryPath {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > MAX {
            return Err(ParseError::new(Part::Repository, text, MAX, Problem::TooLong { max: MAX, got: text.len() }));
        }
        let mut at = 0;
        for component in text.split('/') {
            check_component(component).map_err(|err| err.within(text, at))?;
            at += component.len() + 1;
        }
        Ok(Self(text.to_owned()))
    }
}

fn check_component(text: &str) -> Result<(), ParseError> {
    let refuse = |offset, problem| Err(ParseError::new(Part::Repository, text, offset, problem));
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut at = 0;
    let mut rest = text;
    loop {
        let name = rest.len() - rest.trim_start_matches(is_name).len();
        if name == 0 {
            return refuse(at, rest.chars().next().map_or(Problem::Empty, Problem::Character));
        }
        at += name;
        rest = &rest[name..];
        if rest.is_empty() {
            return Ok(());
        }
        let joint = rest.len() - rest.trim_start_matches(['.', '_', '-']).len();
        let joint_is_good = matches!(&rest[..joint], "." | "_" | "__") || rest[..joint].bytes().all(|b| b == b'-');
        if joint == 0 || !joint_is_good || joint == rest.len() {
            let c = rest.chars().next().expect("`rest` is not empty");
            return refuse(at, Problem::Character(c));
        }
        at += joint;
        rest = &rest[joint..];
    }
}

serde_as_text!(RepositoryPath);

/// A repository as `host[:port]/path`. The registry is always written: there is no default one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    /// Who serves it.
    pub registry: Registry,
    /// Its name there.
    pub path: RepositoryPath,
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl FromStr for Repository {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let missing = |what| ParseError::new(Part::Repository, text, 0, Problem::Missing(what));
        if text.is_empty() {
            return Err(ParseError::new(Part::Repository, text, 0, Problem::Empty));
        }
        let (host, path) = text.split_once('/').ok_or_else(|| missing("a registry host and `/` in front"))?;
        // `hangar/aws` means a host nowhere but on Docker Hub; guessing would pull somebody else's plugin.
        if !host.contains(['.', ':']) && host != "localhost" {
            return Err(missing("a registry host (a name with a dot or a port) in front"));
        }
        let registry = host.parse::<Registry>().map_err(|err| err.within(text, 0))?;
        let path = path.parse::<RepositoryPath>().map_err(|err| err.within(text, host.len() + 1))?;
        Ok(Self { registry, path })
    }
}

serde_as_text!(Repository);
