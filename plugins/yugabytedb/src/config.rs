//! The plugin's own keys of the `pool` block.

use hangar_sdk::pooling_strategy::{Diagnostic, Error, Severity};
use serde::Deserialize;

/// Factors that have a majority worth having.
const FACTORS: [usize; 3] = [1, 3, 5];

/// What an operator can say about this database beyond the host's `name` and `locality`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// First part of where a node is. Equal on every node of the pool.
    pub(crate) placement_cloud: String,
    /// Copies of everything; fixed when the pool is founded.
    pub(crate) replication_factor: usize,
    /// Days a leaf is good for.
    pub(crate) leaf_days: u32,
    /// Days the organisation's authority is good for.
    pub(crate) authority_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { placement_cloud: "dss".into(), replication_factor: 3, leaf_days: 365, authority_days: 3650 }
    }
}

impl Config {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let config: Self =
            serde_json::from_str(text).map_err(|err| Error::Invalid(vec![finding("", err.to_string(), None)]))?;
        let findings = config.findings();
        if findings.is_empty() { Ok(config) } else { Err(Error::Invalid(findings)) }
    }

    fn findings(&self) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        let is_spelt = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let starts_well =
            self.placement_cloud.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
        if !starts_well || !self.placement_cloud.bytes().all(is_spelt) {
            let message = format!("`{}` is no name of a cloud", self.placement_cloud);
            let hint = "use one word such as `dss`, with a small letter or a digit first";
            findings.push(finding("/placement_cloud", message, Some(hint)));
        }
        if !FACTORS.contains(&self.replication_factor) {
            let message = format!("{} copies have no majority that is worth its cost", self.replication_factor);
            findings.push(finding("/replication_factor", message, Some("use 3, or 1 for a trial")));
        }
        if self.leaf_days == 0 || self.leaf_days >= self.authority_days {
            let (leaf, authority) = (self.leaf_days, self.authority_days);
            let message = format!("a leaf of {leaf} days does not end before its authority of {authority} days");
            let hint = "keep leaves shorter than the authority that signs them";
            findings.push(finding("/leaf_days", message, Some(hint)));
        }
        findings
    }
}

/// Checks the block; all findings at once.
pub fn validate(config: &str) -> Vec<Diagnostic> {
    match Config::parse(config) {
        Ok(_) => Vec::new(),
        Err(Error::Invalid(findings)) => findings,
        Err(Error::Unsupported(message) | Error::Other(message)) => vec![finding("", message, None)],
    }
}

fn finding(pointer: &str, message: String, hint: Option<&str>) -> Diagnostic {
    Diagnostic { severity: Severity::Error, pointer: pointer.into(), message, hint: hint.map(Into::into) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_comes_at_once() {
        let findings = validate(r#"{"placement_cloud":"a.b","replication_factor":2,"leaf_days":9000}"#);
        let pointers: Vec<_> = findings.iter().map(|finding| finding.pointer.as_str()).collect();
        assert_eq!(pointers, ["/placement_cloud", "/replication_factor", "/leaf_days"]);
    }

    #[test]
    fn an_empty_block_is_enough() {
        assert!(validate("{}").is_empty());
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(validate(r#"{"replication":3}"#)[0].message.contains("replication"));
    }
}
