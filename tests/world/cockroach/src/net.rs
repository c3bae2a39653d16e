//! Addresses, and how a node goes to another.

pub mod dial;
pub mod sniff;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The port of RPC and SQL.
pub const DEFAULT_PORT: u16 = 26257;
/// The port of health and metrics.
pub const DEFAULT_HTTP_PORT: u16 = 8080;

/// A host, as a name or an address, and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct HostPort {
    pub host: String,
    pub port: u16,
}

impl HostPort {
    /// Reads `host`, `host:port`, `:port` or `[v6]:port`; a missing part takes the default.
    ///
    /// # Errors
    ///
    /// When the port is no number.
    pub fn parse(text: &str, default_host: &str, default_port: u16) -> Result<Self, String> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(|| format!("address {text}: missing ']' in address"))?;
            (host, rest.strip_prefix(':').unwrap_or(""))
        } else {
            match text.rsplit_once(':') {
                // More colons without brackets are a bare IPv6 address.
                Some((host, _)) if host.contains(':') => (text, ""),
                Some((host, port)) => (host, port),
                None => (text, ""),
            }
        };
        let port = match port {
            "" => default_port,
            digits => digits.parse().map_err(|_| format!("address {text}: invalid port number: {digits}"))?,
        };
        Ok(Self { host: if host.is_empty() { default_host.to_owned() } else { host.to_owned() }, port })
    }

    /// The host as an address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        IpAddr::from_str(&self.host).ok()
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_parts_take_the_defaults() {
        let parse = |text| HostPort::parse(text, "localhost", 26257).map(|address| address.to_string());
        assert_eq!(parse(":1"), Ok("localhost:1".into()));
        assert_eq!(parse("a.b"), Ok("a.b:26257".into()));
        assert_eq!(parse("[::1]:2"), Ok("[::1]:2".into()));
        assert_eq!(parse("::1"), Ok("[::1]:26257".into()));
        assert!(parse("a:b").is_err());
    }
}
