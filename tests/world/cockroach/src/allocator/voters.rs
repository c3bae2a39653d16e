//! Which nodes should vote on the log.

use crate::state::NodeId;

/// The next set of voters, one node away from the present one, or `None` to leave it.
///
/// Nodes that have left for good stop voting. Voters grow by two at a time, so that an even number, whose quorum is
/// no better than one less, is only passed through; `ready` are members that have caught up and are alive, and
/// `alive` tells which voters are.
pub fn next_voters(
    voters: &[NodeId],
    gone: &[NodeId],
    ready: &[NodeId],
    alive: impl Fn(NodeId) -> bool,
) -> Option<Vec<NodeId>> {
    let without = |leaver: NodeId| voters.iter().copied().filter(|voter| *voter != leaver).collect::<Vec<_>>();
    if let Some(leaver) = voters.iter().find(|voter| gone.contains(voter)) {
        return (voters.len() > 1).then(|| without(*leaver));
    }
    let mut fresh = ready.iter().copied().filter(|node| !voters.contains(node));
    let (first, second) = (fresh.next(), fresh.next());
    let odd = !voters.len().is_multiple_of(2);
    match (odd, first, second) {
        (true, Some(first), Some(_)) | (false, Some(first), _) => Some(voters.iter().copied().chain([first]).collect()),
        (false, None, _) => {
            let dead = voters.iter().copied().find(|voter| !alive(*voter))?;
            (voters.len() > 2).then(|| without(dead))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voters_grow_by_two_and_pass_through_an_even_number() {
        let ids = |ids: &[i32]| ids.iter().map(|id| NodeId(*id)).collect::<Vec<_>>();
        let all = |_| true;
        assert_eq!(next_voters(&ids(&[1]), &[], &ids(&[1, 2]), all), None);
        assert_eq!(next_voters(&ids(&[1]), &[], &ids(&[1, 2, 3]), all), Some(ids(&[1, 2])));
        assert_eq!(next_voters(&ids(&[1, 2]), &[], &ids(&[1, 2, 3]), all), Some(ids(&[1, 2, 3])));
        assert_eq!(next_voters(&ids(&[1, 2, 3]), &ids(&[2]), &ids(&[1, 3]), all), Some(ids(&[1, 3])));
    }
}
