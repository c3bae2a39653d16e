//! What can go wrong with certificates.

use std::io;
use std::path::PathBuf;

/// Why a certificate, key or envelope could not be made or read. No variant carries a byte of a key.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The text is not PEM, or a block begins and does not end.
    #[error("text is not whole PEM")]
    Pem {
        /// What the parser says.
        #[source]
        err: pem::PemError,
    },
    /// A block begins in the text and does not end there.
    #[error("{n_begun} PEM blocks begin and {n_whole} are whole")]
    Truncated {
        /// Blocks that begin.
        n_begun: usize,
        /// Blocks that were read.
        n_whole: usize,
    },
    /// The text holds no certificate where one is needed.
    #[error("no certificate in the text")]
    Empty,
    /// More certificates than the one that is wanted.
    #[error("{n_found} certificates where one is wanted")]
    NotOne {
        /// Certificates found.
        n_found: usize,
    },
    /// A block of a bundle is something else.
    #[error("block {index} is `{tag}`, not `CERTIFICATE`")]
    WrongBlock {
        /// Position, from 1.
        index: usize,
        /// The tag found.
        tag: String,
    },
    /// A block does not hold an X.509 certificate.
    #[error("block {index} is no X.509 certificate: {detail}")]
    Unparsable {
        /// Position, from 1.
        index: usize,
        /// What the parser says.
        detail: String,
    },
    /// A fingerprint is misspelt.
    #[error("`{text}` is not a SHA-256 fingerprint")]
    Fingerprint {
        /// As typed.
        text: String,
    },
    /// A private key cannot be read.
    #[error("private key is unreadable: {reason}")]
    KeyUnreadable {
        /// Why, without the key.
        reason: &'static str,
    },
    /// Keys of this kind cannot be made here.
    #[error("keys of the kind `{algorithm}` cannot be generated")]
    UnsupportedAlgorithm {
        /// As the profile names it.
        algorithm: &'static str,
    },
    /// A subject attribute is unknown, twice, empty or has a value that its type does not allow.
    #[error("subject attribute `{attribute}` {reason}")]
    Subject {
        /// Attribute.
        attribute: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name is not what its kind says.
    #[error("alternative name `{value}` {reason}")]
    Alternative {
        /// The name.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The organisation and pool give no common name within X.520's bound.
    #[error("`{name}` is too long for a certificate's subject ({n_chars} characters, at most {most})")]
    NameTooLong {
        /// The name.
        name: String,
        /// Its length.
        n_chars: usize,
        /// The bound.
        most: usize,
    },
    /// A leaf would outlive its authority.
    #[error("`{profile}` wants {wanted_hours} h, and the certificate authority has {left_hours} h left")]
    OutlivesAuthority {
        /// Profile.
        profile: String,
        /// Wanted.
        wanted_hours: u64,
        /// Left.
        left_hours: u64,
    },
    /// A profile carries a name that belongs to another identity.
    #[error("`{profile}` carries the reserved name `{name}`")]
    ReservedName {
        /// Profile.
        profile: String,
        /// The name.
        name: String,
    },
    /// Certificate and key are not of one pair.
    #[error("private key does not belong to the certificate `{subject}`")]
    KeyMismatch {
        /// Subject of the certificate.
        subject: String,
    },
    /// The certificate may not sign others.
    #[error("`{subject}` is not a certificate authority")]
    NotAuthority {
        /// Subject of the certificate.
        subject: String,
    },
    /// A time lies outside of what a certificate can say.
    #[error("time {ms} ms lies outside of what a certificate can say")]
    Time {
        /// Milliseconds since 1970.
        ms: u64,
    },
    /// The certificate could not be made.
    #[error("cannot make the certificate of `{subject}`")]
    Make {
        /// Whose.
        subject: String,
        /// What the library says.
        #[source]
        err: rcgen::Error,
    },
    /// The system gave no random bytes.
    #[error("no random bytes from the system")]
    Random {
        /// What the system says.
        #[source]
        err: getrandom::Error,
    },
    /// A recipient or an identity is misspelt.
    #[error("`{text}` is no age recipient")]
    Recipient {
        /// As given: public data.
        text: String,
    },
    /// An envelope for nobody.
    #[error("envelope `{name}` has no recipient")]
    NoRecipient {
        /// Name of the secret.
        name: String,
    },
    /// Sealing failed.
    #[error("cannot seal `{name}`")]
    Seal {
        /// Name of the secret.
        name: String,
        /// What failed.
        #[source]
        err: io::Error,
    },
    /// The envelope is damaged, or sealed to other keys.
    #[error("cannot open the envelope `{name}`: {reason}")]
    Open {
        /// Name of the secret.
        name: String,
        /// Why.
        reason: String,
    },
    /// The envelope is whole and holds another secret.
    #[error("envelope of `{found}` stands where `{wanted}` is wanted")]
    WrongEnvelope {
        /// Name asked for.
        wanted: String,
        /// Name inside.
        found: String,
    },
    /// The installation key's file cannot be used.
    #[error("cannot use the installation key `{}`", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What failed.
        #[source]
        err: io::Error,
    },
    /// Others can read the installation key's file.
    #[error("installation key `{}` is open to others (mode {mode:04o})", path.display())]
    KeyFileOpen {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The installation key's file holds something else.
    #[error("installation key `{}` is not an age identity", path.display())]
    KeyFileContent {
        /// The file.
        path: PathBuf,
    },
}

impl PkiError {
    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Pem { .. } | Self::Truncated { .. } | Self::WrongBlock { .. } | Self::Unparsable { .. } => {
                "send the whole file again; a database refuses all of a bundle for one bad block".to_owned()
            }
            Self::KeyUnreadable { .. } => {
                "unencrypted PKCS #8 is wanted: `openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW`".to_owned()
            }
            Self::UnsupportedAlgorithm { .. } => "use `ecdsa-p256`, `ecdsa-p384` or `ed25519`".to_owned(),
            Self::OutlivesAuthority { left_hours, .. } => {
                format!("ask for at most {left_hours} h, or replace the authority first: `hangar pool rotate-ca`")
            }
            Self::ReservedName { name, .. } => {
                format!("take `{name}` out of the names: it grants that identity to its holder")
            }
            Self::Open { .. } => {
                "run on a machine whose installation key is a recipient, or restore that key from its backup".to_owned()
            }
            Self::WrongEnvelope { .. } => "the secret store has swapped values: restore the right version".to_owned(),
            Self::KeyFileOpen { path, .. } => {
                format!("`chmod 600 {}`, and think about who has read it", path.display())
            }
            Self::KeyFileContent { path } => format!("restore `{}` from its backup; do not delete it", path.display()),
            _ => return None,
        };
        Some(text)
    }
}
