//! The plugin's own keys of the `pool` block.

use hangar_sdk::pooling_strategy::{Diagnostic, Error, Severity};
use serde::Deserialize;

use crate::names::Layout;

/// Longest name the database takes for a cluster, and what it may be made of.
const CLUSTER_NAME_BOUNDS: std::ops::RangeInclusive<usize> = 6..=20;

/// What an operator can say about this database beyond the host's `name` and `locality`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Name of the database cluster, checked by every node that dials another.
    pub(crate) cluster_name: Option<String>,
    /// Locality tier whose value names the organisation. Equal on every node of the pool.
    pub(crate) locality_key: String,
    /// Days a leaf is good for.
    pub(crate) leaf_days: u32,
    /// Days the organisation's authority is good for.
    pub(crate) authority_days: u32,
    /// Other members' nodes in a join list, for each member. Two survive the loss of one.
    pub(crate) join_addresses: usize,
    /// What made the nodes, where that was not this host's chart.
    pub(crate) layout: Layout,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cluster_name: None,
            locality_key: "zone".into(),
            leaf_days: 365,
            authority_days: 3650,
            join_addresses: 2,
            layout: Layout::default(),
        }
    }
}

impl Config {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let config: Self = serde_json::from_str(text).map_err(|err| Error::Invalid(vec![unreadable(&err)]))?;
        let findings = config.findings();
        if findings.is_empty() { Ok(config) } else { Err(Error::Invalid(findings)) }
    }

    fn findings(&self) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        let mut refuse = |pointer: &str, message: String, hint: &str| {
            findings.push(Diagnostic {
                severity: Severity::Error,
                pointer: pointer.into(),
                message,
                hint: Some(hint.into()),
            });
        };
        if let Some(name) = &self.cluster_name {
            let spelt = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !spelt || !CLUSTER_NAME_BOUNDS.contains(&name.len()) {
                let message = format!("`{name}` is no cluster name");
                refuse("/cluster_name", message, "use 6 to 20 lower-case letters, digits and dashes");
            }
        }
        if self.locality_key.is_empty() || self.locality_key.contains(['=', ',', ' ']) {
            let message = format!("`{}` is no locality tier", self.locality_key);
            refuse("/locality_key", message, "use one word such as `zone`, the same in the whole pool");
        }
        if self.leaf_days == 0 || self.leaf_days >= self.authority_days {
            let message = format!(
                "a leaf of {} days does not end before its authority of {} days",
                self.leaf_days, self.authority_days
            );
            refuse("/leaf_days", message, "keep leaves shorter than the authority that signs them");
        }
        if self.join_addresses == 0 {
            refuse("/join_addresses", "a join list needs at least one address of each member".into(), "use 2");
        }
        findings
    }
}

/// Checks the block; all findings at once.
pub fn validate(config: &str) -> Vec<Diagnostic> {
    match Config::parse(config) {
        Ok(_) => Vec::new(),
        Err(Error::Invalid(findings)) => findings,
        Err(Error::Unsupported(message) | Error::Other(message)) => {
            vec![Diagnostic { severity: Severity::Error, pointer: String::new(), message, hint: None }]
        }
    }
}

fn unreadable(err: &serde_json::Error) -> Diagnostic {
    Diagnostic { severity: Severity::Error, pointer: String::new(), message: err.to_string(), hint: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_comes_at_once() {
        let findings = validate(r#"{"cluster_name":"A","locality_key":"a=b","leaf_days":9000,"join_addresses":0}"#);
        let pointers: Vec<_> = findings.iter().map(|finding| finding.pointer.as_str()).collect();
        assert_eq!(pointers, ["/cluster_name", "/locality_key", "/leaf_days", "/join_addresses"]);
    }

    fn refused(config: &str) -> Vec<String> {
        validate(config).into_iter().map(|finding| finding.pointer).collect()
    }

    #[test]
    fn each_key_is_good_up_to_its_bound() {
        for good in ["east-1", "abcdefghij0123456789", "------"] {
            assert!(refused(&format!(r#"{{"cluster_name":"{good}"}}"#)).is_empty(), "{good}");
        }
        for bad in ["east1", "abcdefghij0123456789a", "East-12", "east_12", "east 12", "\u{fc}ber-ost"] {
            assert_eq!(refused(&format!(r#"{{"cluster_name":"{bad}"}}"#)), ["/cluster_name"], "{bad}");
        }
        for bad in ["", "a=b", "a,b", "a b"] {
            assert_eq!(refused(&format!(r#"{{"locality_key":"{bad}"}}"#)), ["/locality_key"], "{bad}");
        }
        for (leaf, authority, is_good) in [(0, 9, false), (1, 2, true), (2, 2, false), (3, 2, false)] {
            let found = refused(&format!(r#"{{"leaf_days":{leaf},"authority_days":{authority}}}"#));
            assert_eq!(found.is_empty(), is_good, "{leaf} of {authority}");
        }
        assert!(refused(r#"{"join_addresses":1}"#).is_empty());
    }

    #[test]
    fn an_empty_block_is_enough() {
        assert!(validate("{}").is_empty());
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(validate(r#"{"cluster_nme":"x"}"#)[0].message.contains("cluster_nme"));
    }
}
