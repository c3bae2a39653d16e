//! What a member's authorities may become while all have opened the change of them.

use crate::authority::AuthorityMark;
use crate::record::acknowledgement::Proof;
use crate::roster::Roster;

/// Name of the proof that every node of a member shows a leaf of this authority; its values are member and fingerprint.
pub const PRESENTS: &str = "presents";

impl Roster {
    /// One authority is added, at the end; or all but the last go, once every member has seen each node of ours show a leaf of the
    /// last. That holds for us as well: who is alone in its pool has nobody else's word.
    pub(crate) fn may_change_authorities(&self, held: &[String], wanted: &[String]) -> bool {
        if let [known @ .., _] = wanted
            && known == held
        {
            return held.len() == 1;
        }
        let ([new], Some(newest)) = (wanted, held.last()) else { return false };
        let Ok(mark) = AuthorityMark::read(new) else { return false };
        let seen = [self.own().to_string(), mark.fingerprint.to_string()];
        let is_proof =
            |proof: &Proof| matches!(proof, Proof::Other { name, values } if name == PRESENTS && *values == seen);
        new == newest && self.in_pool().all(|member| self.proofs(member).any(is_proof))
    }
}
