//! Where requests may go.

use std::{fmt, str::FromStr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// One host that requests may go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Egress {
    /// Name, or pattern of names.
    pub host: HostPattern,
    /// Port.
    #[serde(default = "https")]
    pub port: u16,
    /// Methods in capitals; empty allows all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Authorities to trust instead of the system's, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
    /// Private ranges in which the name may have its addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub private: Vec<IpNet>,
    /// Development: a loopback address, and plain http to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dev: bool,
}

impl Egress {
    /// A host at a port, by https, any method, public addresses only.
    #[must_use]
    pub fn new(host: HostPattern, port: u16) -> Self {
        Self { host, port, methods: Vec::new(), ca_pem: None, private: Vec::new(), dev: false }
    }

    /// Whether a request of this method to this host and port is within it.
    #[must_use]
    pub fn covers(&self, host: &str, port: u16, method: &str) -> bool {
        self.port == port
            && self.host.matches(host)
            && (self.methods.is_empty() || self.methods.iter().any(|allowed| allowed == method))
    }
}

pub(super) const fn https() -> u16 {
    443
}

/// A host name, an address, or a name in which `*` stands for exactly one label.
///
/// The last two labels are always literal: `eks.*.amazonaws.com` is a pattern, `*.com` and `*` are not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPattern(String);

impl HostPattern {
    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a host, in lower case and without a final dot, is within the pattern.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        let mut labels = host.split('.');
        self.0
            .split('.')
            .all(|wanted| labels.next().is_some_and(|label| wanted == "*" && !label.is_empty() || wanted == label))
            && labels.next().is_none()
    }
}

/// Why a text is no host pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no host: use a lower-case name such as `eks.*.amazonaws.com`, where `*` is one label before the last two"
)]
pub struct HostPatternError(String);

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let pattern = Self(text.to_owned());
        let literal = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if literal.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()) {
            return Ok(pattern);
        }
        let labels: Vec<&str> = text.split('.').collect();
        let is_label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
        };
        let n_literal = labels.iter().rev().take_while(|label| is_label(label)).count();
        let stars = labels.contains(&"*");
        let spelt = labels.iter().all(|label| *label == "*" || is_label(label));
        if spelt && (!stars || n_literal >= 2) { Ok(pattern) } else { Err(HostPatternError(text.to_owned())) }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for HostPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for HostPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        text.parse().expect("a pattern")
    }

    #[test]
    fn a_star_is_exactly_one_label() {
        let eks = pattern("eks.*.amazonaws.com");
        assert!(eks.matches("eks.us-east-1.amazonaws.com"));
        for other in
            ["eks.amazonaws.com", "eks.a.b.amazonaws.com", "x.eks.us-east-1.amazonaws.com", "eks..amazonaws.com"]
        {
            assert!(!eks.matches(other), "{other}");
        }
    }

    #[test]
    fn a_name_is_only_itself() {
        let host = pattern("vault.example.com");
        assert!(host.matches("vault.example.com"));
        assert!(!host.matches("vault.example.com.evil.net"));
        assert!(!host.matches("avault.example.com"));
    }

    #[test]
    fn a_pattern_never_covers_a_whole_zone() {
        for text in ["*", "*.com", "*.*", "a.*", "", "A.example.com", "a..b", "https://a.b", "a*.example.com"] {
            text.parse::<HostPattern>().expect_err(text);
        }
    }

    #[test]
    fn addresses_are_hosts() {
        assert!(pattern("127.0.0.1").matches("127.0.0.1"));
        assert!(pattern("[::1]").matches("[::1]"));
    }
}
