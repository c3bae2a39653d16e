//! Content digests.

use std::{fmt, str::FromStr};

use crate::{ParseError, Part, Problem, serde_as_text};

/// The SHA-256 of some bytes, as `sha256:` and 64 lower-case hexadecimal digits.
///
/// Other algorithms are refused: everything this project pins is sha256, and a second spelling of the
/// same content would be a second identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Takes the 32 bytes that a hasher returned.
    #[must_use]
    pub const fn from_sha256(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the 64 digits without the algorithm, which is how blobs are named in an OCI image layout.
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns the first 12 digits, for lines a person reads. Never compare these.
    #[must_use]
    pub fn short(&self) -> String {
        self.hex()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = |offset, problem| Err(ParseError::new(Part::Digest, text, offset, problem));
        if text.is_empty() {
            return refuse(0, Problem::Empty);
        }
        let Some((algorithm, digits)) = text.split_once(':') else {
            return refuse(0, Problem::Missing("`sha256:`"));
        };
        if algorithm != "sha256" {
            return refuse(0, Problem::Algorithm(algorithm.to_owned()));
        }
        let base = algorithm.len() + 1;
        if let Some((at, c)) = digits.char_indices().find(|(_, c)| !matches!(c, '0'..='9' | 'a'..='f')) {
            return refuse(base + at, Problem::Character(c));
        }
        if digits.len() != 64 {
            return refuse(base, Problem::DigestLength { got: digits.len() });
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            *byte = nibble(pair[0]) << 4 | nibble(pair[1]);
        }
        Ok(Self(bytes))
    }
}

/// The value of one digit that is known to be hexadecimal.
fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit - b'a' + 10,
    }
}

serde_as_text!(Digest);

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_digest_prints_as_it_was_read() {
        let digest: Digest = EMPTY.parse().expect("digest of nothing");
        assert_eq!(digest.to_string(), EMPTY);
        assert_eq!(digest.short(), "e3b0c44298fc");
        assert_eq!(digest.as_bytes()[..2], [0xe3, 0xb0]);
    }

    #[test]
    fn another_algorithm_is_refused() {
        let err = format!("sha512:{}", "0".repeat(128)).parse::<Digest>().expect_err("sha512");
        assert_eq!(err.problem, Problem::Algorithm("sha512".into()));
    }

    #[test]
    fn upper_case_digits_are_refused_where_they_stand() {
        let err = EMPTY.replace('b', "B").parse::<Digest>().expect_err("upper case");
        assert_eq!((err.offset, err.problem), (9, Problem::Character('B')));
    }

    #[test]
    fn a_cut_digest_says_how_long_it_is() {
        let err = EMPTY[..20].parse::<Digest>().expect_err("cut");
        assert_eq!(err.problem, Problem::DigestLength { got: 13 });
    }
}
