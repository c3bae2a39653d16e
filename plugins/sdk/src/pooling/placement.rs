//! What a pool survives, by where its nodes are.

use crate::pooling::blocked;
use crate::pooling_strategy::{Decision, Member};

/// Replicas of each range of user data, as the database does by default and the DSS leaves it.
const REPLICAS: usize = 3;

/// Fact of the pool by which an operator consents to a pool that survives no loss of an organisation.
pub const CONSENT: (&str, &str) = ("consent", "tolerance");

/// What a set of members survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerance {
    /// Organisations with a node.
    pub organisations: usize,
    /// Nodes of all of them.
    pub nodes: usize,
}

impl Tolerance {
    /// Counts them.
    pub fn of<'a>(members: impl IntoIterator<Item = &'a Member>) -> Self {
        members.into_iter().fold(Self { organisations: 0, nodes: 0 }, |all, member| Self {
            organisations: all.organisations + usize::from(!member.nodes.is_empty()),
            nodes: all.nodes + member.nodes.len(),
        })
    }

    /// Whether each range keeps its majority when any one organisation is lost: its replicas are spread over as many.
    #[must_use]
    pub fn survives_an_organisation(self) -> bool {
        self.organisations >= REPLICAS
    }
}

/// Says why nodes may not go from what is there to what would remain; nothing if they may.
#[must_use]
pub fn refuses(now: Tolerance, after: Tolerance, subject: &str, has_consent: bool) -> Option<Decision> {
    let subject = format!("member:{subject}");
    if after.nodes < REPLICAS {
        let message = format!("{} nodes would remain, and {REPLICAS} replicas need as many", after.nodes);
        return Some(blocked(subject, message, "the others add nodes first, or take the pool down together", None));
    }
    if now.survives_an_organisation() && !after.survives_an_organisation() && !has_consent {
        let message = format!(
            "{} organisations would remain: from then on the loss of one stops the pool, which it does not now",
            after.organisations
        );
        let cure = "another organisation joins first, or pass --lose-tolerance once all agree";
        return Some(blocked(subject, message, cure, None));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(organisations: usize, nodes: usize) -> Tolerance {
        Tolerance { organisations, nodes }
    }

    #[test]
    fn fewer_nodes_than_replicas_are_refused_whoever_consents() {
        assert!(refuses(of(2, 4), of(1, 2), "uss2", true).is_some());
        assert!(refuses(of(2, 6), of(1, 3), "uss2", false).is_none());
    }

    #[test]
    fn a_loss_of_tolerance_needs_consent() {
        assert!(refuses(of(3, 9), of(2, 6), "uss3", false).is_some());
        assert!(refuses(of(3, 9), of(2, 6), "uss3", true).is_none());
        assert!(refuses(of(4, 12), of(3, 9), "uss4", false).is_none());
    }
}
