//! Private keys as the secret store sees them: sealed with `age` to the installations that may open them.
//!
//! A store that swaps two of its values must not make one key pass for another, and `age` knows no associated data: so the
//! name of the secret is sealed with it.

use std::fmt;
use std::io::{Read, Write};
use std::str::FromStr;

use age::secrecy::ExposeSecret;
use age::x25519;
use zeroize::Zeroizing;

use crate::PkiError;

mod installation;

/// What a sealed value begins with; the name and a newline follow.
const PREFIX: &[u8] = b"hangar-envelope/v1 ";

/// Who may open an envelope. Public data.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(x25519::Recipient);

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Recipient {
    type Err = PkiError;

    /// Reads the form `age1...`.
    fn from_str(text: &str) -> Result<Self, PkiError> {
        text.parse().map(Self).map_err(|_| PkiError::Recipient { text: text.to_owned() })
    }
}

/// The key of this installation of the host. It opens envelopes that were sealed to its recipient.
pub struct InstallationKey(x25519::Identity);

impl InstallationKey {
    /// Makes a new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// To whom others seal so that this key opens.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }
}

impl fmt::Debug for InstallationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallationKey([redacted])")
    }
}

/// Seals a secret of this name to each of the recipients, any of whom can open it alone. The result is an `age` file.
///
/// # Errors
///
/// [`PkiError::NoRecipient`]; [`PkiError::Seal`] never happens in memory.
pub fn seal(name: &str, secret: &[u8], recipients: &[Recipient]) -> Result<Vec<u8>, PkiError> {
    let all = recipients.iter().map(|recipient| &recipient.0 as &dyn age::Recipient);
    let encryptor =
        age::Encryptor::with_recipients(all).map_err(|_| PkiError::NoRecipient { name: name.to_owned() })?;
    let mut sealed = Vec::new();
    let write = || {
        let mut writer = encryptor.wrap_output(&mut sealed)?;
        for part in [PREFIX, name.as_bytes(), b"\n", secret] {
            writer.write_all(part)?;
        }
        writer.finish().map(drop)
    };
    write().map_err(|err| PkiError::Seal { name: name.to_owned(), err })?;
    Ok(sealed)
}

/// Opens the envelope of the secret of this name.
///
/// # Errors
///
/// [`PkiError::Open`] if it is damaged or sealed to others, [`PkiError::WrongEnvelope`] if it holds another secret.
pub fn open(name: &str, sealed: &[u8], key: &InstallationKey) -> Result<Zeroizing<Vec<u8>>, PkiError> {
    let unopened = |reason: String| PkiError::Open { name: name.to_owned(), reason };
    let decryptor = age::Decryptor::new_buffered(sealed).map_err(|err| unopened(reason(&err)))?;
    let mut reader =
        decryptor.decrypt(std::iter::once(&key.0 as &dyn age::Identity)).map_err(|err| unopened(reason(&err)))?;
    // As large as the whole, so that the clear text is never moved and left behind in freed memory.
    let mut clear = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader.read_to_end(&mut clear).map_err(|_| unopened("it is damaged".to_owned()))?;
    let body =
        clear.strip_prefix(PREFIX).ok_or_else(|| unopened("it is not an envelope of this program".to_owned()))?;
    let end = body.iter().position(|byte| *byte == b'\n').ok_or_else(|| unopened("it has no name".to_owned()))?;
    if &body[..end] != name.as_bytes() {
        let found = String::from_utf8_lossy(&body[..end]).into_owned();
        return Err(PkiError::WrongEnvelope { wanted: name.to_owned(), found });
    }
    Ok(Zeroizing::new(body[end + 1..].to_vec()))
}

fn reason(err: &age::DecryptError) -> String {
    let text = match err {
        age::DecryptError::NoMatchingKeys => "it is sealed to other keys",
        age::DecryptError::InvalidHeader | age::DecryptError::UnknownFormat => "it is not an age file",
        _ => "it is damaged",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"-----BEGIN PRIVATE KEY-----";

    #[test]
    fn each_recipient_opens_alone_and_nobody_else() -> anyhow::Result<()> {
        let keys = [InstallationKey::generate(), InstallationKey::generate()];
        let sealed = seal("uss1/ca.key", SECRET, &keys.each_ref().map(InstallationKey::recipient))?;
        for key in &keys {
            assert_eq!(*open("uss1/ca.key", &sealed, key)?, SECRET);
        }
        let stranger = open("uss1/ca.key", &sealed, &InstallationKey::generate()).expect_err("no recipient");
        assert_eq!(stranger.to_string(), "cannot open the envelope `uss1/ca.key`: it is sealed to other keys");
        Ok(())
    }

    #[test]
    fn a_store_sees_nothing_and_cannot_swap_or_change_values() -> anyhow::Result<()> {
        let key = InstallationKey::generate();
        let sealed = seal("uss1/ca.key", SECRET, &[key.recipient()])?;
        assert!(!sealed.windows(SECRET.len()).any(|part| part == SECRET));
        let swapped = open("uss1/organisation.key", &sealed, &key);
        assert!(matches!(swapped, Err(PkiError::WrongEnvelope { found, .. }) if found == "uss1/ca.key"));
        let mut changed = sealed;
        *changed.last_mut().expect("not empty") ^= 1;
        assert!(matches!(open("uss1/ca.key", &changed, &key), Err(PkiError::Open { .. })));
        assert!(matches!(open("uss1/ca.key", b"clear", &key), Err(PkiError::Open { .. })));
        Ok(())
    }

    #[test]
    fn an_envelope_for_nobody_is_refused() {
        assert!(matches!(seal("uss1/ca.key", SECRET, &[]), Err(PkiError::NoRecipient { .. })));
    }
}
