//! Versions of schemas, and which changes of them may be made.

use std::fmt;
use std::str::FromStr;

/// A version of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u32; 3]);

/// A schema and the version it is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Name of its database.
    pub name: String,
    /// The version.
    pub version: Version,
    /// Whether the pool's members agreed on this version, and not a chart alone.
    pub is_asked: bool,
}

/// What would become of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it is to become.
    pub wanted: Wanted,
    /// What it is; none before it is made.
    pub found: Option<Version>,
}

/// A text that is no version, or no schema with a version.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not like `rid=4.1.0` or `rid=4.1.0,asked`")]
pub struct NoVersion(String);

impl FromStr for Version {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || NoVersion(text.to_owned());
        let numbers: Result<Vec<u32>, _> = text.strip_prefix('v').unwrap_or(text).split('.').map(str::parse).collect();
        numbers.map_err(|_| bad())?.try_into().map(Self).map_err(|_| bad())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

impl FromStr for Wanted {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (schema, is_asked) = text.strip_suffix(",asked").map_or((text, false), |schema| (schema, true));
        let (name, version) = schema.split_once('=').ok_or_else(|| NoVersion(text.to_owned()))?;
        Ok(Self { name: name.to_owned(), version: version.parse()?, is_asked })
    }
}

impl Change {
    /// Making a schema, and leaving one as it is, is always fine. A schema that the pool uses changes only if its members
    /// agreed on the version, and becomes older only if that was said too.
    pub(super) fn is_allowed(&self, allow_downgrade: bool) -> bool {
        let Some(found) = self.found else { return true };
        found == self.wanted.version || (self.wanted.is_asked && (found < self.wanted.version || allow_downgrade))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wanted { name, version, .. } = &self.wanted;
        match self.found {
            None => write!(f, "schema `{name}` is made at {version}"),
            Some(found) if found == *version => write!(f, "schema `{name}` stays at {version}"),
            Some(found) => write!(f, "schema `{name}` goes from {found} to {version}"),
        }
    }
}

/// Why changes are refused and what to do.
pub(super) fn refusal(changes: &[Change]) -> String {
    let one = |change: &Change| {
        let Wanted { name, version, is_asked } = &change.wanted;
        let found = change.found.map_or_else(String::new, |found| found.to_string());
        if *is_asked {
            format!(
                "schema `{name}` is at {found}, newer than {version}: nothing was changed; `schema.allowDowngrade` allows it"
            )
        } else {
            format!(
                "schema `{name}` is at {found} and nobody asked for {version}: nothing was changed; once all members agreed, \
                 set `schema.versions.{name}` to {version}"
            )
        }
    };
    changes.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(found: Option<&str>, wanted: &str) -> Change {
        let found = found.map(|text| text.parse().expect("a version"));
        Change { wanted: wanted.parse().expect("a schema"), found }
    }

    #[test]
    fn a_schema_is_made_or_left_alone_without_being_asked_for() {
        assert!(change(None, "rid=4.1.0").is_allowed(false));
        assert!(change(Some("v4.1.0"), "rid=4.1.0").is_allowed(false));
    }

    #[test]
    fn a_schema_in_use_changes_only_if_asked() {
        assert!(!change(Some("4.0.0"), "rid=4.1.0").is_allowed(true));
        assert!(!change(Some("4.2.0"), "rid=4.1.0").is_allowed(true));
        assert!(change(Some("4.0.0"), "rid=4.1.0,asked").is_allowed(false));
    }

    #[test]
    fn a_schema_becomes_older_only_if_that_was_said() {
        assert!(!change(Some("4.10.0"), "rid=4.9.0,asked").is_allowed(false));
        assert!(change(Some("4.10.0"), "rid=4.9.0,asked").is_allowed(true));
    }

    #[test]
    fn a_refusal_says_what_is_there_and_what_to_set() {
        let told = refusal(&[change(Some("4.0.0"), "rid=4.1.0"), change(Some("2.0.0"), "aux=1.1.0,asked")]);
        assert!(told.contains("schema `rid` is at 4.0.0 and nobody asked for 4.1.0"), "{told}");
        assert!(told.contains("set `schema.versions.rid` to 4.1.0"), "{told}");
        assert!(told.contains("schema `aux` is at 2.0.0, newer than 1.1.0"), "{told}");
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["rid", "rid=4.1", "rid=4.1.x", "rid=4.1.0.0", "=", "rid=4.1.0,agreed"] {
            assert!(text.parse::<Wanted>().is_err(), "{text}");
        }
    }
}
