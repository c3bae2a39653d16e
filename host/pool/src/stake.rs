//! What a run has voted for, and whether that still stands.

use hangar_roster::{Change, Kind, Phase, Roster};

use crate::error::PoolError;

/// The votes that a run began with. A run that is there for a change ends where that is taken back, and does not wait for what
/// nobody proposes any more.
#[derive(Debug, Default)]
pub(crate) struct Stake(Vec<Voted>);

#[derive(Debug)]
struct Voted {
    change: Change,
    /// As it was when it was last looked at.
    phase: Phase,
    /// Who was last seen to be against it.
    against: Vec<String>,
}

impl Stake {
    /// The votes of our record.
    pub(crate) fn of(roster: &Roster) -> Self {
        let record = roster.own_record().record();
        let votes = record.eviction.iter().chain(&record.vote);
        let voted = votes.map(|vote| Voted { change: vote.change.clone(), phase: vote.phase, against: Vec::new() });
        Self(voted.collect())
    }

    /// Looks again; says what was taken back, and by whom.
    pub(crate) fn taken_back(&mut self, roster: &Roster) -> Option<PoolError> {
        self.0.iter_mut().find_map(|voted| voted.taken_back(roster))
    }
}

impl Voted {
    fn taken_back(&mut self, roster: &Roster) -> Option<PoolError> {
        let record = roster.own_record().record();
        let mut votes = record.eviction.iter().chain(&record.vote);
        let against: Vec<String> = roster.against(&self.change).into_iter().map(ToString::to_string).collect();
        if !against.is_empty() {
            self.against = against;
        }
        let is_over = match votes.find(|vote| vote.change.id == self.change.id) {
            Some(vote) => {
                self.phase = vote.phase;
                // Of two evictions of one member one gives way, and its slot is needed for the other: so until it is empty.
                vote.phase == Phase::Withdrawn && self.change.kind != Kind::Evict
            }
            // A slot is emptied from here without the change ever having been open.
            None => matches!(self.phase, Phase::Voted | Phase::Withdrawn),
        };
        is_over.then(|| PoolError::TakenBack {
            kind: self.change.kind,
            subject: self.change.subject.to_string(),
            why: self.why(roster),
        })
    }

    fn why(&self, roster: &Roster) -> String {
        let own = roster.own().to_string();
        let others: Vec<String> =
            self.against.iter().filter(|member| **member != own).map(|member| format!("`{member}`")).collect();
        if self.change.kind == Kind::Evict && roster.has_answered(&self.change) {
            return "it has answered, so it lives".into();
        }
        if !others.is_empty() {
            return format!("{} said no", others.join(" and "));
        }
        if self.change.proposer != *roster.own() {
            return format!("`{}`, who proposed it, has withdrawn it", self.change.proposer);
        }
        "another change goes before it, or its time is over".into()
    }
}

#[cfg(test)]
mod tests {
    use hangar_roster::{OrganisationKey, next};

    use super::*;
    use crate::testing::{NOW, beginning, key};

    /// A founder that is alone in its pool.
    fn founder() -> (Roster, OrganisationKey) {
        let record = next::genesis(beginning("uss1", 7), "a test".into(), NOW);
        (Roster::start(record.sign(&key(7))), key(7))
    }

    #[test]
    fn a_run_ends_where_its_change_is_withdrawn_and_not_where_it_is_opened() {
        let (mut roster, key) = founder();
        let mut none = Stake::of(&roster);
        assert!(none.taken_back(&roster).is_none(), "without a vote nothing is taken back");
        let proposed = next::propose(&roster, Kind::RotateCa, NOW + 1, NOW).expect("free to").expect("a record");
        roster.publish(proposed.sign(&key));
        let (mut withdrawn, mut opened) = (Stake::of(&roster), Stake::of(&roster));
        assert!(withdrawn.taken_back(&roster).is_none());
        let back = next::withdraw(&roster, NOW).expect("free to").expect("a record");
        let mut other = roster.clone();
        other.publish(back.sign(&key));
        let told = withdrawn.taken_back(&other).expect("it was taken back").to_string();
        assert_eq!(told, "the rotate-ca of `uss1` is taken back: another change goes before it, or its time is over");
        let open = next::due(&roster, NOW).expect("not frozen").expect("a record");
        roster.publish(open.sign(&key));
        assert!(opened.taken_back(&roster).is_none());
    }
}
