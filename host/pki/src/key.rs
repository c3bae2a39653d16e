//! Private keys.

use std::fmt;

use hangar_plan::strategy::certificate::KeyAlgorithm;
use rcgen::{KeyPair, PublicKeyData, SignatureAlgorithm, SigningKey};
use rustls_pki_types::PrivatePkcs8KeyDer;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{Certificate, PkiError};

const LABEL: &str = "PRIVATE KEY";
const RSA_LABEL: &str = "RSA PRIVATE KEY";
/// Version 0 and the algorithm `rsaEncryption` without parameters (RFC 5208, section 5; RFC 8017, appendix A.1).
const RSA_HEAD: [u8; 18] =
    [0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
const SEQUENCE: u8 = 0x30;
const OCTET_STRING: u8 = 0x04;

/// A private key as PEM (PKCS #8). Prints nothing, and is wiped when dropped.
#[derive(Clone)]
pub struct KeyPem(SecretString);

impl KeyPem {
    /// The text, for the one place that stores it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for KeyPem {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for KeyPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPem([redacted])")
    }
}

/// A key pair that can sign. Its encoded form is wiped when dropped.
pub struct Key(Zeroizing<KeyPair>);

impl Key {
    /// Makes a new key.
    ///
    /// # Errors
    ///
    /// [`PkiError::UnsupportedAlgorithm`] for RSA: `ring`, the one TLS library in use, signs with RSA keys and makes none.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, PkiError> {
        let (kind, name) = match algorithm {
            KeyAlgorithm::EcdsaP256 => (Some(&rcgen::PKCS_ECDSA_P256_SHA256), "ecdsa-p256"),
            KeyAlgorithm::EcdsaP384 => (Some(&rcgen::PKCS_ECDSA_P384_SHA384), "ecdsa-p384"),
            KeyAlgorithm::Ed25519 => (Some(&rcgen::PKCS_ED25519), "ed25519"),
            KeyAlgorithm::Rsa2048 => (None, "rsa2048"),
            KeyAlgorithm::Rsa4096 => (None, "rsa4096"),
        };
        let kind = kind.ok_or(PkiError::UnsupportedAlgorithm { algorithm: name })?;
        let pair =
            KeyPair::generate_for(kind).map_err(|err| PkiError::Make { subject: "a new key".to_owned(), err })?;
        Ok(Self(Zeroizing::new(pair)))
    }

    /// Reads an unencrypted key: PKCS #8, or RSA in PKCS #1, which is what `cockroach cert create-ca` writes.
    ///
    /// # Errors
    ///
    /// [`PkiError::KeyUnreadable`] for any other form; the error says nothing of the key.
    pub fn from_pem(pem: &KeyPem) -> Result<Self, PkiError> {
        let unreadable = |reason| PkiError::KeyUnreadable { reason };
        // The decoded form is never longer than the text. Decoding in place leaves no copy behind that nobody wipes.
        let mut buffer = Zeroizing::new(vec![0; pem.expose().len()]);
        let (label, der) =
            pem_rfc7468::decode(pem.expose().as_bytes(), &mut buffer).map_err(|_| unreadable("not PEM"))?;
        let wrapped;
        let der = match label {
            LABEL => der,
            RSA_LABEL => {
                wrapped = in_pkcs8(der);
                &wrapped
            }
            _ => return Err(unreadable("neither a `PRIVATE KEY` nor an `RSA PRIVATE KEY` block")),
        };
        let pair = KeyPair::try_from(&PrivatePkcs8KeyDer::from(der)).map_err(|_| unreadable("not a supported key"))?;
        Ok(Self(Zeroizing::new(pair)))
    }

    /// The key as PEM.
    #[must_use]
    pub fn to_pem(&self) -> KeyPem {
        let der = self.0.serialized_der();
        let ending = pem_rfc7468::LineEnding::LF;
        let length = pem_rfc7468::encoded_len(LABEL, ending, der).expect("a key's length is far from any bound");
        let mut buffer = Zeroizing::new(vec![0; length]);
        let text = pem_rfc7468::encode(LABEL, ending, der, &mut buffer).expect("the buffer is of the encoded length");
        KeyPem(text.into())
    }

    /// Whether the certificate is of this key.
    #[must_use]
    pub fn matches(&self, certificate: &Certificate) -> bool {
        self.0.subject_public_key_info() == certificate.public_key()
    }
}

/// An RSA key in the form that holds keys of any kind.
fn in_pkcs8(rsa: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut body = Zeroizing::new(Vec::with_capacity(rsa.len() + 32));
    body.extend(RSA_HEAD);
    element(&mut body, OCTET_STRING, rsa);
    let mut whole = Zeroizing::new(Vec::with_capacity(body.len() + 8));
    element(&mut whole, SEQUENCE, &body);
    whole
}

/// One element of DER. The vector has room, so that no copy is left behind that nobody wipes.
fn element(to: &mut Vec<u8>, tag: u8, content: &[u8]) {
    to.push(tag);
    let length = content.len().to_be_bytes();
    match content.len() {
        short @ 0..0x80 => to.push(u8::try_from(short).expect("less than 128")),
        _ => {
            let n_zeros = length.iter().take_while(|byte| **byte == 0).count();
            to.push(0x80 | u8::try_from(length.len() - n_zeros).expect("at most eight"));
            to.extend(&length[n_zeros..]);
        }
    }
    to.extend(content);
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text() -> anyhow::Result<()> {
        for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519] {
            let key = Key::generate(algorithm)?;
            let again = Key::from_pem(&key.to_pem())?;
            assert_eq!(key.subject_public_key_info(), again.subject_public_key_info());
        }
        Ok(())
    }

    #[test]
    fn rsa_is_refused_with_what_to_use_instead() {
        let refused = Key::generate(KeyAlgorithm::Rsa4096).expect_err("cannot be made");
        assert_eq!(refused.to_string(), "keys of the kind `rsa4096` cannot be generated");
        assert_eq!(refused.hint().as_deref(), Some("use `ecdsa-p256`, `ecdsa-p384` or `ed25519`"));
    }

    #[test]
    fn a_key_never_prints_itself() -> anyhow::Result<()> {
        let key = Key::generate(KeyAlgorithm::EcdsaP256)?;
        let secret: String = key.to_pem().expose().lines().nth(1).expect("three lines at least").to_owned();
        assert!(!format!("{:?} {:?}", key, key.to_pem()).contains(&secret));
        let broken = KeyPem::from(key.to_pem().expose().replace("BEGIN PRIVATE", "BEGIN EC PRIVATE"));
        let error = Key::from_pem(&broken).expect_err("labels differ");
        assert!(!format!("{error:?}").contains(&secret));
        Ok(())
    }
}
