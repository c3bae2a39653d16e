//! Signed records of the members of a pool.
//!
//! Every member owns exactly one record, which it alone writes and signs; nothing is ever merged and nobody coordinates. A
//! [`Roster`] is what one member has verified of all of them. It is pure: bytes come in by [`Roster::take_in`], the next record
//! to sign comes out of [`next`], and files, clocks and the network belong to others.
//!
//! One change at a time is made by the **vote slot** of each record; [`change`] states the rules and why they hold.

mod authority;
mod carrier;
mod digest;
mod envelope;
mod finding;
mod invitation;
mod key;
mod name;
mod record;
mod roster;

pub mod change;
pub mod history;
pub mod next;

pub use carrier::CarrierFile;
pub use change::eviction::SEEN_DEAD;
pub use change::{Change, ChangeId, Kind, Phase, Standing, Vote};
pub use digest::{CaFingerprint, InvitationDigest, KeyFingerprint, RecordDigest};
pub use envelope::{Envelope, EnvelopeError};
pub use finding::{Finding, Problem};
pub use invitation::{Invitation, InvitationError, SignedInvitation};
pub use key::{OrganisationKey, PublicKey, Words};
pub use name::{BadName, MemberId, PoolName};
pub use record::acknowledgement::{Acknowledgement, Proof};
pub use record::limits;
pub use record::presence::{Datastore, Node, Presence, Tier};
pub use record::{Genesis, Record, Seen, SignedRecord, State};
pub use roster::Roster;
pub use roster::stored::StoredError;
