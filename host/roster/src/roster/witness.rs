//! What members say they have seen of each other.

use std::collections::BTreeMap;

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
        // One finding a member and kind is enough, or one liar could fill the page.
        let mut contradicted: BTreeMap<&MemberId, Problem> = BTreeMap::new();
        let mut withheld: BTreeMap<&MemberId, (u64, Problem)> = BTreeMap::new();
        for witness in witnesses {
            for (about, seen) in &witness.seen {
                let (witness, sequence) = (witness.member.clone(), seen.sequence);
                match self.compare(about, *seen) {
                    Comparison::Agrees => {}
                    Comparison::Contradicts => {
                        contradicted.entry(about).or_insert(Problem::Contradicted { witness, sequence });
                    }
                    Comparison::Newer { held } => {
                        let problem = Problem::Withheld { witness, seen: sequence, held };
                        let newest = withheld.entry(about).or_insert_with(|| (sequence, problem.clone()));
                        if newest.0 < sequence {
                            *newest = (sequence, problem);
                        }
                    }
                }
            }
        }
        let all = contradicted.into_iter().chain(withheld.into_iter().map(|(about, (_, problem))| (about, problem)));
        found.extend(all.map(|(about, problem)| Finding::new("", Some(about), problem)));
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
