//! The host that serves a repository.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use crate::{ParseError, Part, Problem, serde_as_text};

/// A registry as `host[:port]`, where the host is a DNS name, an IPv4 address or an IPv6 address in brackets.
///
/// Upper-case letters of a DNS name are folded, so that one registry has one spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Registry {
    host: String,
    port: Option<u16>,
}

impl Registry {
    /// Returns the host without its port; an IPv6 address keeps its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, if one was written.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Tells whether the host can only be this machine: `localhost` or an address in `127.0.0.0/8` or `::1`.
    ///
    /// Decided by spelling alone; no name is resolved, so a DNS name that points here is *not* loopback.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl FromStr for Registry {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (host, port) = split_port(text)?;
        check_host(text, host)?;
        let port = port.map(|(at, digits)| parse_port(text, at, digits)).transpose()?;
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

/// A port as it was written, with its place.
type PortText<'a> = Option<(usize, &'a str)>;

fn split_port(text: &str) -> Result<(&str, PortText<'_>), ParseError> {
    if !text.starts_with('[') {
        return Ok(match text.split_once(':') {
            Some((host, port)) => (host, Some((host.len() + 1, port))),
            None => (text, None),
        });
    }
    let Some(end) = text.find(']') else {
        return Err(ParseError::new(Part::Registry, text, text.len(), Problem::Missing("`]`")));
    };
    let (host, rest) = text.split_at(end + 1);
    match rest.chars().next() {
        None => Ok((host, None)),
        Some(':') => Ok((host, Some((host.len() + 1, &rest[1..])))),
        Some(other) => Err(ParseError::new(Part::Registry, text, host.len(), Problem::Character(other))),
    }
}

fn parse_port(text: &str, at: usize, digits: &str) -> Result<u16, ParseError> {
    let refuse = |offset, problem| Err(ParseError::new(Part::Registry, text, offset, problem));
    if digits.is_empty() {
        return refuse(at, Problem::Missing("the port after `:`"));
    }
    if let Some((i, c)) = digits.char_indices().find(|(_, c)| !c.is_ascii_digit()) {
        return refuse(at + i, Problem::Character(c));
    }
    match digits.parse() {
        Ok(0) | Err(_) => refuse(at, Problem::Number("a port is a number from 1 to 65535")),
        Ok(port) => Ok(port),
    }
}

fn check_host(text: &str, host: &str) -> Result<(), ParseError> {
    let refuse = |offset, problem| Err(ParseError::new(Part::Registry, text, offset, problem));
    if host.is_empty() {
        return refuse(0, Problem::Empty);
    }
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').unwrap_or(inner);
        return match inner.parse::<Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => refuse(1, Problem::Number("this is no IPv6 address")),
        };
    }
    if let Some((at, c)) = host.char_indices().find(|(_, c)| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))) {
        return refuse(at, Problem::Character(c));
    }
    if host.bytes().all(|b| b.is_ascii_digit() || b == b'.') && host.parse::<Ipv4Addr>().is_err() {
        return refuse(0, Problem::Number("this is no IPv4 address"));
    }
    check_labels(text, host)
}

/// DNS: labels of 1 to 63 characters that neither begin nor end with a hyphen.
fn check_labels(text: &str, host: &str) -> Result<(), ParseError> {
    let refuse = |offset, problem| Err(ParseError::new(Part::Registry, text, offset, problem));
    let mut at = 0;
    for label in host.split('.') {
        if label.is_empty() {
            return refuse(at, Problem::Missing("a name between the dots"));
        }
        if label.starts_with('-') {
            return refuse(at, Problem::Character('-'));
        }
        if label.ends_with('-') {
            return refuse(at + label.len() - 1, Problem::Character('-'));
        }
        if label.len() > 63 {
            return refuse(at, Problem::TooLong { max: 63, got: label.len() });
        }
        at += label.len() + 1;
    }
    Ok(())
}

serde_as_text!(Registry);

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(text: &str) -> Registry {
        text.parse().expect("a good registry")
    }

    #[test]
    fn hosts_of_every_kind_are_read() {
        for text in ["registry.example.com", "localhost:5000", "10.0.0.7", "[::1]:5000", "[2001:db8::1]"] {
            assert_eq!(registry(text).to_string(), text);
        }
        assert_eq!(registry("Registry.Example.COM").to_string(), "registry.example.com");
    }

    #[test]
    fn loopback_is_told_by_spelling_alone() {
        for text in ["localhost", "127.0.0.1:5000", "127.64.3.4", "[::1]:5000"] {
            assert!(registry(text).is_loopback(), "{text}");
        }
        for text in ["localhost.example.com", "128.0.0.1", "[::2]", "127.example.com"] {
            assert!(!registry(text).is_loopback(), "{text}");
        }
    }

    #[test]
    fn bad_hosts_are_refused_at_their_place() {
        let offset = |text: &str| text.parse::<Registry>().expect_err(text).offset;
        assert_eq!(offset("a..b"), 2);
        assert_eq!(offset("a-.b"), 1);
        assert_eq!(offset("a.b:"), 4);
        assert_eq!(offset("a.b:80x"), 6);
        assert_eq!(offset("a.b:65536"), 4);
        assert_eq!(offset("300.1.1.1"), 0);
        assert_eq!(offset("[::1"), 4);
        assert_eq!(offset("user@host"), 4);
    }
}
