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
    use hangar_roster::{OrganisationKey, Record, Seen, Vote, next};

    use super::*;
    use crate::testing::pool::{id, members, publish};
    use crate::testing::{NOW, beginning, key};

    /// A founder that is alone in its pool.
    fn founder() -> (Roster, OrganisationKey) {
        let record = next::genesis(beginning("uss1", 7), "a test".into(), NOW);
        (Roster::start(record.sign(&key(7))), key(7))
    }

    /// Another member's next record, with this vote.
    fn votes(roster: &mut Roster, who: &str, seed: u8, vote: impl FnOnce(u64) -> Option<Vote>) {
        let held = roster.signed(&id(who)).expect("a member").clone();
        let sequence = held.record().sequence + 1;
        let mut says = Record { sequence, previous: Some(held.digest()), ..held.record().clone() };
        says.vote = vote(sequence);
        let bytes = says.sign(&key(seed)).to_bytes();
        assert_eq!(roster.take_in([("carrier", bytes.as_slice())]), []);
    }

    fn told(stake: &mut Stake, roster: &Roster) -> Option<String> {
        stake.taken_back(roster).map(|err| err.to_string())
    }

    #[test]
    fn a_run_tells_who_was_against_its_change() {
        let mut roster = members(3);
        let proposed = next::propose(&roster, Kind::Maintain, NOW + 1, NOW);
        publish(&mut roster, proposed);
        let mut stake = Stake::of(&roster);
        let change = roster.own_record().record().vote.clone().expect("a vote").change;
        votes(&mut roster, "uss2", 2, |since| Some(Vote { change, phase: Phase::Withdrawn, since }));
        assert_eq!(told(&mut stake, &roster), None, "it is ours to take back");
        // Their slot may be free again before we look.
        votes(&mut roster, "uss2", 2, |_| None);
        assert_eq!(told(&mut stake, &roster), None);
        let withdrawn = next::withdraw(&roster, NOW);
        publish(&mut roster, withdrawn);
        assert_eq!(told(&mut stake, &roster).as_deref(), Some("the maintain of `uss1` is taken back: `uss2` said no"));
    }

    /// Of an eviction one waits for the slot to be free: it may be needed for another.
    #[test]
    fn a_run_tells_that_a_member_lives_where_it_has_answered() {
        for answers in [true, false] {
            let mut roster = members(4);
            let evicted = next::evict(&roster, &id("uss4"), false, NOW + 1, NOW);
            publish(&mut roster, evicted);
            let mut stake = Stake::of(&roster);
            let sequence = roster.own_record().record().sequence;
            if answers {
                let held = roster.signed(&id("uss4")).expect("a member").clone();
                let (next, previous) = (held.record().sequence + 1, Some(held.digest()));
                let mut says = Record { sequence: next, previous, ..held.record().clone() };
                says.seen.insert(id("uss1"), Seen { sequence, digest: roster.own_record().digest() });
                let bytes = says.sign(&key(4)).to_bytes();
                assert_eq!(roster.take_in([("carrier", bytes.as_slice())]), []);
            }
            let withdrawn = next::withdraw_eviction(&roster, NOW);
            publish(&mut roster, withdrawn);
            assert_eq!(told(&mut stake, &roster), None, "its slot is not free");
            let own = roster.own_record();
            let free =
                Record { eviction: None, sequence: sequence + 2, previous: Some(own.digest()), ..own.record().clone() };
            publish(&mut roster, Ok(Some(free)));
            let why = if answers {
                "it has answered, so it lives"
            } else {
                "another change goes before it, or its time is over"
            };
            assert_eq!(told(&mut stake, &roster), Some(format!("the evict of `uss4` is taken back: {why}")));
        }
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
