//! The secret store.

use hangar_sdk::clock;
use hangar_sdk::config::{Problem, parse};
use hangar_sdk::secret_store::{Diagnostic, Error, Secret, VersionInfo};
use serde::Deserialize;

use crate::document::{Document, Version};

/// The `secrets` block: where the file lies is the host's to say, so there is nothing to set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

/// Checks the block.
#[must_use]
pub fn check(config: &str) -> Vec<Diagnostic> {
    parse::<Config>(config).err().map(Into::into).into_iter().collect()
}

/// Returns the current version, or the named one.
///
/// # Errors
///
/// [`Error::NotFound`] also for a version that was destroyed.
pub fn get(name: &str, version: Option<&str>) -> Result<Secret, Error> {
    check_name(name)?;
    let (document, _) = Document::read()?;
    let found = match version {
        None => document.current(name),
        Some(wanted) => {
            let versions = document.secrets.get(name).map(Vec::as_slice).unwrap_or_default();
            versions.iter().find(|version| version.number.to_string() == wanted)
        }
    };
    let found = found.ok_or(Error::NotFound)?;
    Ok(Secret { version: found.number.to_string(), value: found.value().ok_or(Error::NotFound)? })
}

/// Adds a version if `expected` is current (none: the secret must not exist).
///
/// # Errors
///
/// [`Error::Conflict`] with the version that is current.
pub fn put(name: &str, value: &[u8], expected: Option<&str>) -> Result<String, Error> {
    check_name(name)?;
    Document::update(|document| {
        let current = document.current(name).map(|version| version.number.to_string());
        if current.as_deref() != expected {
            return Err(Error::Conflict(current.unwrap_or_default()));
        }
        let versions = document.secrets.entry(name.to_owned()).or_default();
        let number = versions.last().map_or(1, |version| version.number + 1);
        versions.push(Version::new(number, clock::now_ms(), value));
        Ok(number.to_string())
    })
}

/// Names of the secrets below a prefix that have a current version, sorted.
///
/// # Errors
///
/// Those of reading the file.
pub fn list(prefix: &str) -> Result<Vec<String>, Error> {
    let (document, _) = Document::read()?;
    let below = |name: &&String| {
        prefix.is_empty() || name.strip_prefix(prefix.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
    };
    Ok(document.secrets.keys().filter(below).filter(|name| document.current(name).is_some()).cloned().collect())
}

/// Versions of one secret, newest first.
///
/// # Errors
///
/// [`Error::NotFound`] for a name that was never put.
pub fn history(name: &str) -> Result<Vec<VersionInfo>, Error> {
    check_name(name)?;
    let (document, _) = Document::read()?;
    let current = document.current(name).map(|version| version.number);
    let versions = document.secrets.get(name).ok_or(Error::NotFound)?;
    let info = |version: &Version| VersionInfo {
        version: version.number.to_string(),
        created_ms: version.created_ms,
        current: current == Some(version.number),
        destroyed: version.is_destroyed(),
    };
    Ok(versions.iter().rev().map(info).collect())
}

/// Destroys one version for good. Its number is never given again.
///
/// # Errors
///
/// Those of writing the file; a version that is gone already, or never was, is success.
pub fn destroy(name: &str, version: &str) -> Result<(), Error> {
    check_name(name)?;
    Document::update(|document| {
        let versions = document.secrets.get_mut(name).map(Vec::as_mut_slice).unwrap_or_default();
        if let Some(version) = versions.iter_mut().find(|found| found.number.to_string() == version) {
            version.destroy();
        }
        Ok(())
    })
}

/// A path of `[a-z0-9._-]` segments joined by `/`.
fn check_name(name: &str) -> Result<(), Error> {
    let is_segment = |segment: &str| {
        !segment.is_empty()
            && !matches!(segment, "." | "..")
            && segment.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
    };
    if name.split('/').all(is_segment) {
        Ok(())
    } else {
        let problem = Problem::new("", format!("`{name}` is no name of a secret"));
        Err(problem.hint("use lower-case segments of letters, digits, `.`, `_` and `-`, joined by `/`").into())
    }
}

#[cfg(test)]
mod tests {
    use hangar_sdk::testing::{FakeHost, with};

    use super::*;

    /// Runs a body on a host whose clock stands at 1000.
    fn site<R>(body: impl FnOnce() -> R) -> R {
        with(FakeHost { now_ms: 1000, ..FakeHost::default() }, body).0
    }

    #[test]
    fn versions_are_kept_and_the_last_is_current() {
        site(|| {
            assert_eq!(put("ca/key", b"one", None), Ok("1".into()));
            assert_eq!(put("ca/key", b"two", Some("1")), Ok("2".into()));
            assert_eq!(get("ca/key", None), Ok(Secret { version: "2".into(), value: b"two".to_vec() }));
            assert_eq!(get("ca/key", Some("1")).map(|secret| secret.value), Ok(b"one".to_vec()));
            assert_eq!(get("ca/key", Some("3")), Err(Error::NotFound));
        });
    }

    #[test]
    fn a_put_on_a_version_that_is_not_current_changes_nothing() {
        site(|| {
            assert_eq!(put("a", b"one", Some("1")), Err(Error::Conflict(String::new())));
            put("a", b"one", None).expect("a first version");
            assert_eq!(put("a", b"two", None), Err(Error::Conflict("1".into())));
            assert_eq!(get("a", None).map(|secret| secret.value), Ok(b"one".to_vec()));
        });
    }

    #[test]
    fn a_destroyed_version_is_listed_without_a_value_and_never_comes_back() {
        site(|| {
            put("a", b"one", None).expect("a first version");
            put("a", b"two", Some("1")).expect("a second version");
            assert_eq!(destroy("a", "2"), Ok(()));
            assert_eq!(destroy("a", "2"), Ok(()));
            assert_eq!(get("a", Some("2")), Err(Error::NotFound));
            assert_eq!(get("a", None).map(|secret| secret.version), Ok("1".into()));
            assert_eq!(put("a", b"three", Some("1")), Ok("3".into()));
            let history: Vec<_> =
                history("a").expect("versions").into_iter().map(|v| (v.version, v.current, v.destroyed)).collect();
            assert_eq!(history, [("3".into(), true, false), ("2".into(), false, true), ("1".to_owned(), false, false)]);
        });
    }

    #[test]
    fn names_are_listed_below_their_prefix() {
        site(|| {
            for name in ["a/one", "a/two", "ab", "b"] {
                put(name, b"value", None).expect("a version");
            }
            destroy("b", "1").expect("gone");
            assert_eq!(list(""), Ok(vec!["a/one".into(), "a/two".into(), "ab".into()]));
            assert_eq!(list("a"), Ok(vec!["a/one".into(), "a/two".into()]));
            assert_eq!(list("a/"), Ok(vec!["a/one".into(), "a/two".into()]));
        });
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        for name in ["", "/a", "a//b", "../a", "A", "a b", "a/"] {
            assert!(matches!(site(|| put(name, b"value", None)), Err(Error::Invalid(_))), "{name}");
        }
    }

    #[test]
    fn a_file_of_something_else_is_left_alone_and_not_quoted() {
        let content = hangar_sdk::sealed_file::Content { version: 1, bytes: b"hush".to_vec() };
        let host = FakeHost { sealed: Some(content.clone()), ..FakeHost::default() };
        let (result, host) = with(host, || put("a", b"value", None));
        assert_eq!(result, Err(Error::Other("the sealed file holds something else".into())));
        assert_eq!(host.sealed, Some(content));
    }
}
