//! Organisation keys and how they are read aloud.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::digest::KeyFingerprint;

/// An organisation's private key (Ed25519). Prints nothing; wiped when dropped.
pub struct OrganisationKey(SigningKey);

impl OrganisationKey {
    /// Takes 32 random bytes for a key. Where they come from is the caller's matter.
    #[must_use]
    pub fn from_seed(seed: &Zeroizing<[u8; 32]>) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads what [`OrganisationKey::to_secret_text`] wrote; nothing for anything else.
    #[must_use]
    pub fn from_secret_text(text: &str) -> Option<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim().strip_prefix(SECRET_PREFIX)?, seed.as_mut()).ok()?;
        Some(Self::from_seed(&seed))
    }

    /// The key as one line of text, for the secret store, sealed.
    #[must_use]
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(hex::encode(self.0.as_bytes()));
        Zeroizing::new(format!("{SECRET_PREFIX}{}", *seed))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// A prefix that scanners for leaked secrets can look for.
const SECRET_PREFIX: &str = "hangar-organisation-key-1-";

impl fmt::Debug for OrganisationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OrganisationKey([redacted])")
    }
}

/// An organisation's public key (Ed25519); 64 hexadecimal digits in a record.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// By what people and records know the key.
    #[must_use]
    pub fn fingerprint(&self) -> KeyFingerprint {
        KeyFingerprint::of(self.0.as_bytes())
    }

    /// Strict: one message and key have one signature, and weak keys sign nothing.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0.as_bytes()))
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        hex::encode(key.0.as_bytes())
    }
}

impl TryFrom<String> for PublicKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| "not a public key")?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| "not a public key")?;
        if key.is_weak() { Err("a weak public key") } else { Ok(Self(key)) }
    }
}

/// A fingerprint as twelve words for reading aloud, from the published English list of BIP-39.
///
/// They carry the first 128 bits and four bits of checksum: finding another key with the same words takes 2^128 tries, and a
/// word heard wrongly mostly fails the checksum. The full fingerprint is the hexadecimal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words([&'static str; 12]);

impl Words {
    /// The words, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[&'static str] {
        &self.0
    }
}

impl fmt::Display for Words {
    /// Three lines of four, as people read them out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.chunks(4).map(|line| line.join(" ")).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl KeyFingerprint {
    /// The fingerprint as words.
    #[must_use]
    pub fn words(&self) -> Words {
        let sentence = bip39::Mnemonic::from_entropy(&self.as_bytes()[..16]).expect("128 bits are a length of BIP-39");
        let mut words = [""; 12];
        words.iter_mut().zip(sentence.words()).for_each(|(slot, word)| *slot = word);
        Words(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> OrganisationKey {
        OrganisationKey::from_seed(&Zeroizing::new([byte; 32]))
    }

    #[test]
    fn a_key_survives_its_secret_text_and_never_prints_itself() {
        let ours = key(7);
        let again = OrganisationKey::from_secret_text(&ours.to_secret_text()).expect("its own text");
        assert_eq!(again.public(), ours.public());
        assert_eq!(format!("{ours:?}"), "OrganisationKey([redacted])");
        assert!(OrganisationKey::from_secret_text("07070707").is_none());
    }

    #[test]
    fn words_are_those_of_the_published_list() {
        // The first test vector of BIP-39 itself.
        let zero: KeyFingerprint = "0".repeat(64).parse().expect("64 digits");
        let words = zero.words();
        assert_eq!(
            words.as_slice().join(" "),
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
        );
        assert_eq!(words.to_string().lines().count(), 3);
        assert_ne!(key(1).public().fingerprint().words(), key(2).public().fingerprint().words());
    }

    #[test]
    fn a_weak_key_is_no_key() {
        // The neutral element of the curve: it "verifies" things nobody signed.
        let weak = format!("01{}", "00".repeat(31));
        assert_eq!(PublicKey::try_from(weak).map(|_| ()), Err("a weak public key"));
    }
}
