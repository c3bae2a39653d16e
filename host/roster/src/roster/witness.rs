//! What members say they have seen of each other.

use crate::finding::{Finding, Problem};
use crate::name::MemberId;
use crate::record::Seen;
use crate::roster::Roster;

impl Roster {
    /// Holds each record against what the members of the pool say they have seen of it.
    ///
    /// One who shows two histories to two sides is found out here: sooner or later one side's `seen` reaches the other.
    pub(super) fn hear_witnesses(&self, found: &mut Vec<Finding>) {
        let witnesses = self.in_pool().filter_map(|member| self.record(member));
        let mut withheld: Vec<(&MemberId, Problem)> = Vec::new();
        for witness in witnesses {
            for (about, seen) in &witness.seen {
                match self.compare(about, *seen) {
                    Comparison::Agrees => {}
                    Comparison::Contradicts => {
                        let problem =
                            Problem::Contradicted { witness: witness.member.clone(), sequence: seen.sequence };
                        found.push(Finding::new("", Some(about), problem));
                    }
                    Comparison::Newer { held } => {
                        let problem = Problem::Withheld { witness: witness.member.clone(), seen: seen.sequence, held };
                        withheld.push((about, problem));
                    }
                }
            }
        }
        // One remark a member is enough: the newest that anybody has seen.
        withheld.sort_by_key(|(about, problem)| (*about, std::cmp::Reverse(newest(problem))));
        withheld.dedup_by_key(|(about, _)| *about);
        found.extend(withheld.into_iter().map(|(about, problem)| Finding::new("", Some(about), problem)));
    }

    fn compare(&self, about: &MemberId, seen: Seen) -> Comparison {
        let Some(held) = self.signed(about) else {
            // A joiner that this member was not told of is no matter of its own.
            let is_expected = self.admitted.contains(about);
            return if is_expected { Comparison::Newer { held: 0 } } else { Comparison::Agrees };
        };
        if seen.sequence > held.record.sequence {
            return Comparison::Newer { held: held.record.sequence };
        }
        let past = self.past.get(about).map_or(&[][..], Vec::as_slice);
        let same = past.iter().copied().chain([held.seen()]).find(|other| other.sequence == seen.sequence);
        match same {
            Some(other) if other.digest != seen.digest => Comparison::Contradicts,
            _ => Comparison::Agrees,
        }
    }
}

enum Comparison {
    Agrees,
    Contradicts,
    Newer { held: u64 },
}

fn newest(problem: &Problem) -> u64 {
    if let Problem::Withheld { seen, .. } = problem { *seen } else { 0 }
}
