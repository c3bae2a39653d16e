//! Versions as programs print them.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use semver::{Version, VersionReq};

use crate::program::Program;

/// Finds the first version in a text: `v4.3`, `1.11.4`, `tofu v1.12.6-dev`. Missing numbers are 0.
pub(crate) fn find(text: &str) -> Option<Version> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '"' | ',' | '(' | ')')).find_map(parse)
}

fn parse(word: &str) -> Option<Version> {
    let word = word.strip_prefix('v').unwrap_or(word);
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
    let numbers: Vec<u64> = word[..end].split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    match numbers[..] {
        [major, minor] => Some(Version::new(major, minor, 0)),
        [major, minor, patch] => Some(Version::new(major, minor, patch)),
        _ => None,
    }
}

/// Asks a program for its version and holds it to `wanted`.
pub(crate) fn check(program: &Path, arguments: &[&str], wanted: &VersionReq) -> Result<()> {
    // Neither asks the network for a newer one, nor reads a configuration that may not be there.
    let command =
        Program::new(program).args(arguments).env("CHECKPOINT_DISABLE", "1").without_env("TF_CLI_CONFIG_FILE");
    let text = command.read()?;
    let version = find(&text).with_context(|| format!("no version in `{}`", text.trim()))?;
    if !wanted.matches(&version) {
        bail!("version {version}, wanted {wanted}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use semver::Version;

    use super::find;

    #[test]
    fn versions_are_found_in_what_programs_print() {
        assert_eq!(find("v4.3"), Some(Version::new(4, 3, 0)));
        assert_eq!(find("v4.3.1+gabcdef"), Some(Version::new(4, 3, 1)));
        assert_eq!(find("Terraform v1.11.4\non linux_amd64\n"), Some(Version::new(1, 11, 4)));
        assert_eq!(find(r#"{"version": "1.12.6-dev"}"#), Some(Version::new(1, 12, 6)));
        assert_eq!(
            find("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"),
            Some(Version::new(1, 96, 0))
        );
    }

    #[test]
    fn what_is_no_version_is_none() {
        assert_eq!(find("usage: tool [-h]"), None);
        assert_eq!(find("built 2026"), None);
        assert_eq!(find("10.0.0.1"), None);
    }
}
