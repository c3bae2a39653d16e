//! What a member's record says of restarts of its nodes.

use hangar_plan::strategy::member::{AcknowledgementKind, Member};

/// Name by which strategies, and `hangar restart`, say that a member's nodes are being restarted, and for what.
pub(crate) const MAINTENANCE: &str = "maintenance";
/// For what `hangar restart` says it.
pub(crate) const RESTART: &str = "restart";
/// Second value for as long as it is only claimed, and no node was touched under it.
pub(crate) const CLAIMED: &str = "claimed";

/// What a record says of restarts.
pub(crate) struct Word<'a> {
    /// For what its nodes are restarted.
    pub(crate) reason: &'a str,
    /// Whether it is only claimed.
    pub(crate) is_claim: bool,
}

/// What a member says of restarts; nothing where there are none.
pub(crate) fn word(member: &Member) -> Option<Word<'_>> {
    member.acknowledgements.iter().find_map(|acknowledgement| match &acknowledgement.kind {
        AcknowledgementKind::Other((name, values)) if name == MAINTENANCE => {
            let is_claim = values.get(1).is_some_and(|value| value == CLAIMED);
            Some(Word { reason: values.first()?, is_claim })
        }
        _ => None,
    })
}
