//! What a member says it has proved.

use std::fmt;

use hangar_plan::strategy::member;
use serde::{Deserialize, Serialize};

use crate::digest::CaFingerprint;
use crate::name::MemberId;

/// A proof and when it was had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Acknowledgement {
    /// What was proved.
    pub proof: Proof,
    /// Milliseconds since 1970-01-01T00:00:00Z, by the member's own clock.
    pub at_ms: u64,
}

/// Kinds of proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Every one of its nodes has exactly these authorities mounted and loaded. A later one takes the place of this.
    Deployed {
        /// Sorted.
        authorities: Vec<CaFingerprint>,
    },
    /// Every node of the peer accepted a leaf under this authority of its own.
    AcceptedBy {
        /// Who accepted.
        peer: MemberId,
        /// Which of its own authorities.
        authority: CaFingerprint,
    },
    /// A kind that a strategy names.
    Other {
        /// Kind.
        name: String,
        /// Values.
        values: Vec<String>,
    },
}

/// What was proved, as a history tells it.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deployed { authorities } => write!(f, "has loaded {} authorities", authorities.len()),
            Self::AcceptedBy { peer, authority } => write!(f, "its authority {authority:.12} is accepted by {peer}"),
            Self::Other { name, values } => write!(f, "{name} {}", values.join(" ")),
        }
    }
}

impl Proof {
    /// Whether a record that holds the other should hold this one instead. That a peer accepts one authority says nothing of
    /// the next one.
    pub(crate) fn replaces(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Deployed { .. }, Self::Deployed { .. }) => true,
            (Self::Other { name, .. }, Self::Other { name: former, .. }) => name == former,
            _ => false,
        }
    }
}

/// A strategy names members and fingerprints as text; this is the way in.
impl TryFrom<member::AcknowledgementKind> for Proof {
    type Error = String;

    fn try_from(kind: member::AcknowledgementKind) -> Result<Self, String> {
        let fingerprint = |text: &str| text.parse::<CaFingerprint>().map_err(|err| format!("`{text}` is {err}"));
        Ok(match kind {
            member::AcknowledgementKind::Deployed(all) => {
                let mut authorities: Vec<_> = all.iter().map(|text| fingerprint(text)).collect::<Result<_, _>>()?;
                authorities.sort_unstable();
                authorities.dedup();
                Self::Deployed { authorities }
            }
            member::AcknowledgementKind::AcceptedBy((peer, authority)) => Self::AcceptedBy {
                peer: peer.parse().map_err(|err: crate::name::BadName| err.to_string())?,
                authority: fingerprint(&authority)?,
            },
            member::AcknowledgementKind::Other((name, values)) => Self::Other { name, values },
        })
    }
}

impl From<&Acknowledgement> for member::Acknowledgement {
    fn from(acknowledgement: &Acknowledgement) -> Self {
        let kind = match &acknowledgement.proof {
            Proof::Deployed { authorities } => {
                member::AcknowledgementKind::Deployed(authorities.iter().map(ToString::to_string).collect())
            }
            Proof::AcceptedBy { peer, authority } => {
                member::AcknowledgementKind::AcceptedBy((peer.to_string(), authority.to_string()))
            }
            Proof::Other { name, values } => member::AcknowledgementKind::Other((name.clone(), values.clone())),
        };
        Self { kind, at_ms: acknowledgement.at_ms }
    }
}
