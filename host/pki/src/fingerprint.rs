//! What a certificate is known by.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::PkiError;

/// SHA-256 over a certificate's DER form; shown as 64 lower-case hexadecimal digits.
///
/// Serial numbers and subjects are chosen by whoever makes a certificate, so neither names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Takes the fingerprint of these bytes.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = PkiError;

    /// Reads 64 hexadecimal digits; colons and upper case, as `openssl` prints them, are fine.
    fn from_str(text: &str) -> Result<Self, PkiError> {
        let digits: String = text.chars().filter(|c| *c != ':').collect();
        let mut bytes = [0; 32];
        hex::decode_to_slice(&digits, &mut bytes).map_err(|_| PkiError::Fingerprint { text: text.to_owned() })?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spelling_of_openssl_is_the_same_fingerprint() -> anyhow::Result<()> {
        let ours = Fingerprint::of(b"anything");
        let digits = ours.to_string().to_uppercase();
        let pairs: Vec<String> =
            digits.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned()).collect();
        assert_eq!(pairs.join(":").parse::<Fingerprint>()?, ours);
        assert!("abc".parse::<Fingerprint>().is_err());
        Ok(())
    }
}
