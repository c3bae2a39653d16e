//! Certificate authorities, leaves, bundles and their inventory.
//!
//! Time is always an argument (milliseconds since 1970-01-01T00:00:00Z), so that every answer can be had again. A private key
//! leaves this crate only as [`KeyPem`], which prints nothing, or sealed by [`envelope`].

mod authority;
mod bundle;
mod certificate;
mod error;
mod fingerprint;
mod inventory;
mod key;
mod leaf;
mod subject;

pub mod check;
pub mod envelope;
pub mod expiry;

pub use authority::{Authority, AuthorityRequest, PROBE_NAME};
pub use bundle::Bundle;
pub use certificate::Certificate;
pub use error::PkiError;
pub use fingerprint::Fingerprint;
pub use inventory::{authority, inventory, observed};
pub use key::{Key, KeyPem};
pub use leaf::Leaf;
