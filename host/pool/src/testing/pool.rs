//! The roster of a founder with others in its pool.

use hangar_roster::next::{self, NextError};
use hangar_roster::{Invitation, MemberId, Record, Roster, State, Vote};

use super::{NOW, beginning, key};

pub(crate) fn id(name: &str) -> MemberId {
    name.parse().expect("a name")
}

/// The founder signs and takes up its next record.
pub(crate) fn publish(founder: &mut Roster, next: Result<Option<Record>, NextError>) {
    let next = next.expect("it may").expect("a record");
    founder.publish(next.sign(&key(1)));
}

/// The others of the pool say of the founder's vote what it says itself; each is known by its seed.
pub(crate) fn echo(founder: &mut Roster, others: &[(MemberId, u8)]) {
    for (member, seed) in others {
        let held = founder.signed(member).expect("a member").clone();
        let (sequence, vote) = (held.record().sequence + 1, founder.own_record().record().vote.clone());
        let vote = vote.map(|vote| Vote { since: sequence, ..vote });
        let says = Record { sequence, previous: Some(held.digest()), vote, ..held.record().clone() };
        let says = says.sign(&key(*seed)).to_bytes();
        assert_eq!(founder.take_in([("carrier", says.as_slice())]), []);
    }
}

/// A founder's roster with as many members in it as that, `uss1` to `uss9`.
pub(crate) fn members(n: u8) -> Roster {
    let mut founder = Roster::start(next::genesis(beginning("uss1", 1), "a test".into(), NOW).sign(&key(1)));
    let mut others: Vec<(MemberId, u8)> = Vec::new();
    for seed in 2..=n {
        let asks = next::request(beginning(&format!("uss{seed}"), seed), NOW).sign(&key(seed));
        founder.expect_joiner(key(seed).public().fingerprint());
        assert_eq!(founder.take_in([("asks", asks.to_bytes().as_slice())]), []);
        let joiner = asks.record().member.clone();
        let invitation = Invitation::new(&founder, &joiner, [seed; 16], NOW + 1).expect("it is held").sign(&key(1));
        let invited = next::invite(&founder, &invitation, NOW);
        publish(&mut founder, invited);
        echo(&mut founder, &others);
        let opened = next::due(&founder, NOW);
        publish(&mut founder, opened);
        let asked = asks.record().clone();
        let joined = Record { state: State::Active, sequence: 2, previous: Some(asks.digest()), ..asked };
        let joined = joined.sign(&key(seed)).to_bytes();
        assert_eq!(founder.take_in([("joined", joined.as_slice())]), []);
        let closed = next::close(&founder, NOW);
        publish(&mut founder, closed);
        echo(&mut founder, &others);
        let settled = next::due(&founder, NOW);
        publish(&mut founder, settled);
        echo(&mut founder, &others);
        others.push((joiner, seed));
    }
    assert_eq!(founder.in_pool().count(), usize::from(n));
    founder
}
