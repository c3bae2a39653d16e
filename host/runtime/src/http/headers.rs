//! Headers that are the host's alone, in both directions.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::bindings::host::hangar::host::http::Error;

/// Bound of all headers of a request, and of a response.
const MAX_BYTES: usize = 64 * 1024;

/// Set by the host or the connection: who asks, where it goes, how it is carried.
const FORBIDDEN: [&str; 15] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "cookie2",
    "host",
    "connection",
    "proxy-connection",
    "keep-alive",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "x-forwarded-for",
];

/// Names the operation of an AWS JSON service; no part of a signature's own headers.
const AWS_TARGET: &str = "x-amz-target";

/// Refuses what a plugin may not send.
pub(super) fn check(headers: &[(String, String)]) -> Result<(), Error> {
    let mut size = 0;
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        if FORBIDDEN.contains(&lower.as_str()) || (lower.starts_with("x-amz-") && lower != AWS_TARGET) {
            return Err(Error::Denied(format!("header `{lower}` is the host's to set")));
        }
        if HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_str(value).is_err() {
            return Err(Error::Denied(format!("header `{lower}` is malformed")));
        }
        size += name.len() + value.len();
    }
    if size > MAX_BYTES { Err(Error::TooLarge(MAX_BYTES as u64)) } else { Ok(()) }
}

/// What a plugin gets to see of a response's headers.
pub(super) fn taken(headers: &HeaderMap) -> Result<Vec<(String, String)>, Error> {
    let mut taken = Vec::new();
    let mut size = 0;
    for (name, value) in headers {
        if matches!(name.as_str(), "set-cookie" | "set-cookie2") {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        size += name.as_str().len() + value.len();
        taken.push((name.as_str().to_owned(), value));
    }
    if size > MAX_BYTES { Err(Error::TooLarge(MAX_BYTES as u64)) } else { Ok(taken) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str) -> bool {
        matches!(check(&[(name.to_owned(), "value".to_owned())]), Err(Error::Denied(_)))
    }

    #[test]
    fn what_identifies_is_refused_in_any_spelling() {
        for name in ["authorization", "Authorization", "COOKIE", "X-Amz-Date", "x-amz-security-token", "Host"] {
            assert!(refused(name), "{name}");
        }
    }

    #[test]
    fn what_says_what_is_wanted_is_allowed() {
        for name in ["accept", "content-type", "X-Amz-Target", "x-vault-namespace"] {
            assert!(!refused(name), "{name}");
        }
    }

    #[test]
    fn no_header_smuggles_another() {
        let header = ("x-a".to_owned(), "b\r\nauthorization: c".to_owned());
        assert!(matches!(check(&[header]), Err(Error::Denied(_))));
        assert!(refused("x-a: b\r\nauthorization"));
    }
}
