//! DSSE envelopes: bytes, what kind they are, and who signed them.
//!
//! The signed bytes travel as they are; nothing is ever serialised again to be checked, so there is no canonical form to get
//! wrong. Format: <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md> and `envelope.md` there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::digest::KeyFingerprint;
use crate::key::{OrganisationKey, PublicKey};
use crate::record::limits;

/// Why bytes are not an envelope of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Past the bound, so not even looked at.
    #[error("{n_bytes} bytes, and at most {most} are read")]
    TooLarge {
        /// Its size.
        n_bytes: usize,
        /// The bound.
        most: usize,
    },
    /// Not the JSON of an envelope.
    #[error("not a signed envelope: {detail}")]
    Unreadable {
        /// What the parser says.
        detail: String,
    },
    /// It holds something else.
    #[error("holds `{found}`, not `{wanted}`")]
    WrongType {
        /// Type wanted.
        wanted: &'static str,
        /// Type found.
        found: String,
    },
    /// Nobody signed it, or more than may.
    #[error("{n_signatures} signatures, and 1 to {most} are wanted")]
    Signatures {
        /// Found.
        n_signatures: usize,
        /// The bound.
        most: usize,
    },
}

/// Bytes with signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    kind: &'static str,
    payload: Vec<u8>,
    signatures: Vec<(KeyFingerprint, [u8; 64])>,
    after: Option<Box<Envelope>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawEnvelope {
    payload_type: String,
    payload: String,
    signatures: Vec<RawSignature>,
    /// An earlier envelope of the same owner, without which some may not know who signed this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Box<RawEnvelope>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSignature {
    keyid: KeyFingerprint,
    sig: String,
}

impl Envelope {
    /// Signs bytes with each of the keys.
    #[must_use]
    pub(crate) fn sign(kind: &'static str, payload: Vec<u8>, keys: &[&OrganisationKey]) -> Self {
        let message = pae(kind, &payload);
        let signatures = keys.iter().map(|key| (key.public().fingerprint(), key.sign(&message))).collect();
        Self { kind, payload, signatures, after: None }
    }

    /// Takes an earlier envelope along, if both together are not too large to be read.
    pub(crate) fn carry(&mut self, earlier: &Self) {
        self.after = Some(Box::new(Self { after: None, ..earlier.clone() }));
        if self.to_bytes().len() > limits::ENVELOPE_BYTES {
            self.after = None;
        }
    }

    /// The earlier envelope that came along.
    pub(crate) fn after(&self) -> Option<&Self> {
        self.after.as_deref()
    }

    /// Reads an envelope of this kind. Says nothing about its signatures yet.
    pub(crate) fn parse(kind: &'static str, bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > limits::ENVELOPE_BYTES {
            return Err(EnvelopeError::TooLarge { n_bytes: bytes.len(), most: limits::ENVELOPE_BYTES });
        }
        let unreadable = |detail: String| EnvelopeError::Unreadable { detail };
        let raw: RawEnvelope = serde_json::from_slice(bytes).map_err(|err| unreadable(err.to_string()))?;
        let is_deep = raw.after.as_ref().is_some_and(|after| after.after.is_some());
        if is_deep { Err(unreadable("an earlier envelope carries another".to_owned())) } else { Self::read(kind, raw) }
    }

    fn read(kind: &'static str, raw: RawEnvelope) -> Result<Self, EnvelopeError> {
        let unreadable = |detail: String| EnvelopeError::Unreadable { detail };
        if raw.payload_type != kind {
            let found = raw.payload_type.chars().take(80).collect();
            return Err(EnvelopeError::WrongType { wanted: kind, found });
        }
        let n_signatures = raw.signatures.len();
        if !(1..=limits::SIGNATURES).contains(&n_signatures) {
            return Err(EnvelopeError::Signatures { n_signatures, most: limits::SIGNATURES });
        }
        let payload = BASE64.decode(&raw.payload).map_err(|_| unreadable("payload is not base64".to_owned()))?;
        let signatures: Option<Vec<_>> = raw.signatures.iter().map(decoded).collect();
        let signatures = signatures.ok_or_else(|| unreadable("a signature is not 64 bytes of base64".to_owned()))?;
        let after = raw.after.map(|after| Self::read(kind, *after).map(Box::new)).transpose()?;
        Ok(Self { kind, payload, signatures, after })
    }

    /// The envelope as one line of JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(&self.raw()).expect("strings are always JSON");
        bytes.push(b'\n');
        bytes
    }

    fn raw(&self) -> RawEnvelope {
        RawEnvelope {
            payload_type: self.kind.to_owned(),
            payload: BASE64.encode(&self.payload),
            signatures: self
                .signatures
                .iter()
                .map(|(keyid, sig)| RawSignature { keyid: *keyid, sig: BASE64.encode(sig) })
                .collect(),
            after: self.after.as_ref().map(|after| Box::new(after.raw())),
        }
    }

    /// The signed bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Who claims to have signed.
    pub fn signers(&self) -> impl Iterator<Item = KeyFingerprint> {
        self.signatures.iter().map(|(keyid, _)| *keyid)
    }

    /// Whether this key signed the bytes.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        let message = pae(self.kind, &self.payload);
        let fingerprint = key.fingerprint();
        let mut own = self.signatures.iter().filter(|(keyid, _)| *keyid == fingerprint);
        own.any(|(_, signature)| key.verifies(&message, signature))
    }
}

fn decoded(raw: &RawSignature) -> Option<(KeyFingerprint, [u8; 64])> {
    let bytes = BASE64.decode(&raw.sig).ok()?;
    Some((raw.keyid, bytes.try_into().ok()?))
}

/// What is really signed: type and bytes with their lengths, so that neither can be read as the other.
fn pae(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    const KIND: &str = "application/vnd.hangar.test+json";

    fn key(byte: u8) -> OrganisationKey {
        OrganisationKey::from_seed(&Zeroizing::new([byte; 32]))
    }

    #[test]
    fn what_is_signed_is_that_of_the_published_format() {
        // The test vector of the DSSE specification.
        let message = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(message, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn an_envelope_survives_its_bytes_and_a_changed_byte_does_not_pass() -> anyhow::Result<()> {
        let envelope = Envelope::sign(KIND, b"{}".to_vec(), &[&key(1)]);
        let again = Envelope::parse(KIND, &envelope.to_bytes())?;
        assert!(again.is_signed_by(&key(1).public()) && !again.is_signed_by(&key(2).public()));
        let changed = Envelope { payload: b"[]".to_vec(), ..again };
        assert!(!changed.is_signed_by(&key(1).public()));
        Ok(())
    }

    #[test]
    fn a_signature_counts_for_its_kind_only() -> anyhow::Result<()> {
        const OTHER: &str = "application/vnd.hangar.other+json";
        let envelope = Envelope::sign(KIND, b"{}".to_vec(), &[&key(1)]);
        let text = String::from_utf8(envelope.to_bytes())?.replace(KIND, OTHER);
        assert!(!Envelope::parse(OTHER, text.as_bytes())?.is_signed_by(&key(1).public()));
        assert!(matches!(Envelope::parse(KIND, text.as_bytes()), Err(EnvelopeError::WrongType { .. })));
        Ok(())
    }

    #[test]
    fn large_unsigned_and_overfull_envelopes_are_refused() -> anyhow::Result<()> {
        let large = vec![b' '; limits::ENVELOPE_BYTES + 1];
        assert!(matches!(Envelope::parse(KIND, &large), Err(EnvelopeError::TooLarge { .. })));
        let unsigned = Envelope::sign(KIND, b"{}".to_vec(), &[]).to_bytes();
        assert!(matches!(Envelope::parse(KIND, &unsigned), Err(EnvelopeError::Signatures { n_signatures: 0, .. })));
        let text = String::from_utf8(Envelope::sign(KIND, b"{}".to_vec(), &[&key(1)]).to_bytes())?;
        let mut carrying = Envelope::sign(KIND, b"{}".to_vec(), &[&key(1)]);
        carrying.after = Some(Box::new(Envelope { after: Some(Box::new(carrying.clone())), ..carrying.clone() }));
        assert!(matches!(Envelope::parse(KIND, &carrying.to_bytes()), Err(EnvelopeError::Unreadable { .. })));
        let extra = text.replacen('{', "{\"more\":1,", 1);
        assert!(matches!(Envelope::parse(KIND, extra.as_bytes()), Err(EnvelopeError::Unreadable { .. })));
        Ok(())
    }

    /// To the last byte that is read; an earlier one's own earlier one stays behind.
    #[test]
    fn an_earlier_envelope_comes_along_where_there_is_room_for_it() -> anyhow::Result<()> {
        // The lengths of their kinds make up for base64, which grows by four.
        const KINDS: [&str; 4] = ["a/b", "a/bc", "a/bcd", "a/bcde"];
        let with = |kind, n| Envelope::sign(kind, vec![b' '; n], &[&key(1)]);
        let carried = |kind, n| {
            let mut both = with(kind, n);
            both.carry(&with(KIND, 3000));
            both
        };
        let length = |kind| carried(kind, 3000).to_bytes().len();
        let fits = KINDS.into_iter().find(|kind| (limits::ENVELOPE_BYTES - length(*kind)).is_multiple_of(4));
        let kind = fits.expect("one of four lengths that follow one another");
        let most = 3000 + (limits::ENVELOPE_BYTES - length(kind)) / 4 * 3;
        let full = carried(kind, most);
        assert_eq!(full.to_bytes().len(), limits::ENVELOPE_BYTES);
        assert!(full.after().is_some());
        assert!(carried(kind, most + 1).after().is_none());
        let mut third = with(KIND, 1);
        third.carry(&carried(KIND, 1));
        assert!(third.after().is_some_and(|second| second.after().is_none()));
        assert!(Envelope::parse(KIND, &third.to_bytes()).is_ok());
        Ok(())
    }
}
