//! A run for a change of ours, and what it waits for.

use hangar_roster::Record;

use super::*;
use crate::testing::pool::{id, members, publish};

/// The founder proposes something of its own; alone it opens that at once.
fn proposing(kind: Kind) -> impl FnOnce(&OwnRecord) {
    move |own: &OwnRecord| {
        own.step(|roster| next::propose(roster, kind, NOW + 86_400_000, NOW)).expect("a vote");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_for_a_change_ends_once_that_is_closed() {
    let strategy = Script::new(|_, _: &member::Roster, _: &Facts| Decision::Done(Vec::new()));
    let hands = || Arc::new(Paper::new(nothing));
    for until in [Until::Goal, Until::Change, Until::Closed] {
        let ran = run(&strategy, hands(), folder, (until, proposing(Kind::Maintain))).await;
        assert_eq!(ran.error(), "it ended well", "{until:?}");
        assert_eq!(ran.own.roster().own_record().record().vote, None, "{until:?}");
    }
    // One that is not carried out stays open; who only wants the goal is done.
    let ran = run(&strategy, hands(), folder, (Until::Change, proposing(Kind::RotateCa))).await;
    assert_eq!(ran.error(), "it ended well");
    assert_eq!(ran.own.roster().own_record().record().vote.as_ref().map(|vote| vote.phase), Some(VotePhase::Open));
    let leaves = Script::new(|n, _: &member::Roster, _: &Facts| match n {
        3 => Decision::Blocked(Vec::new()),
        _ => Decision::Done(Vec::new()),
    });
    let ran = run(&leaves, hands(), folder, (Until::Closed, proposing(Kind::RotateCa))).await;
    assert_eq!((ran.error().as_str(), ran.told), ("blocked: ", vec!["the rotate-ca of uss1 to be closed".to_owned()]));
}

#[test]
fn what_a_vote_waits_for_is_told_by_whom_it_waits_for() {
    let mut roster = members(2);
    let (second, hour) = (id("uss2"), 3_600_000);
    let told = |roster: &Roster, now_ms| {
        let record = roster.own_record().record();
        let vote = record.eviction.iter().chain(&record.vote).next().expect("a vote");
        waited(roster, vote, now_ms)
    };
    let mut voting = roster.clone();
    let proposed = next::propose(&voting, Kind::Maintain, NOW + 1, NOW);
    publish(&mut voting, proposed);
    assert_eq!(told(&voting, NOW), "uss2 to accept the maintain of uss1");
    let withdrawn = next::withdraw(&voting, NOW);
    publish(&mut voting, withdrawn);
    assert_eq!(told(&voting, NOW), "the others to see that the maintain of uss1 is withdrawn");

    let evicted = next::evict(&roster, &second, true, NOW + 1_000 * hour, NOW);
    publish(&mut roster, evicted);
    roster.observe(NOW);
    let silent = |minutes, votes, seen| {
        format!(
            "uss2 to stay silent for {minutes} more minutes, {votes} of 1 votes, {seen} of 2 who have seen its nodes dead"
        )
    };
    assert_eq!(told(&roster, NOW), silent(3 * 24 * 60, 1, 0));
    assert_eq!(told(&roster, NOW + 2 * 24 * hour), silent(24 * 60, 1, 0));
    assert_eq!(told(&roster, NOW + 99 * 24 * hour), silent(0, 1, 0));
    let dead = hangar_roster::Proof::Other { name: hangar_roster::SEEN_DEAD.into(), values: vec!["uss2".into()] };
    let seen = next::acknowledge(&roster, dead, NOW);
    publish(&mut roster, seen);
    assert_eq!(told(&roster, NOW + 99 * 24 * hour), silent(0, 1, 1));

    let mut five = members(5);
    let evicted = next::evict(&five, &id("uss5"), false, NOW + 1, NOW);
    publish(&mut five, evicted);
    assert!(told(&five, NOW).contains(" 1 of 3 votes, 0 of 2 who have seen"), "{}", told(&five, NOW));
}

/// Shows nothing and keeps nothing.
pub(super) struct Deaf;

impl Carrier for Deaf {
    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, CarrierError> {
        Ok(Vec::new())
    }

    fn read(&self, _: &CarrierFile) -> Result<Option<Vec<u8>>, CarrierError> {
        Ok(None)
    }

    fn publish(&self, _: &CarrierFile, _: &[u8]) -> Result<(), CarrierError> {
        Ok(())
    }
}

/// One key has signed two histories: nothing goes on, but for putting out whose key it is.
#[tokio::test(start_paused = true)]
async fn a_fork_stops_a_run_that_is_not_about_who_forked() {
    let forked = |evicts: bool| {
        move |own: &OwnRecord| {
            let mut roster = members(2);
            let second = roster.signed(&id("uss2")).expect("a member").clone();
            if evicts {
                let evicted = next::evict(&roster, &id("uss2"), true, NOW + 1, NOW);
                publish(&mut roster, evicted);
            }
            let next = Record { sequence: 3, previous: Some(second.digest()), ..second.record().clone() };
            let versions = [next.clone(), Record { at_ms: 1, ..next }].map(|record| record.sign(&testing::key(2)));
            versions.iter().for_each(|record| drop(roster.take_in([("uss2", record.to_bytes().as_slice())])));
            assert_eq!(roster.forks().len(), 1);
            own.change(|kept| *kept = roster).expect("writable");
        }
    };
    let strategy = Script::new(|_, _: &member::Roster, _: &Facts| Decision::Done(Vec::new()));
    let hands = || Arc::new(Paper::new(nothing));
    let deaf = |_: &std::path::Path| -> Arc<dyn Carrier> { Arc::new(Deaf) };
    let ran = run(&strategy, hands(), deaf, (Until::Goal, forked(false))).await;
    assert_eq!(ran.error(), "the pool is frozen: forked: two different records 3 are signed with its key");
    let ran = run(&strategy, hands(), deaf, (Until::Goal, forked(true))).await;
    assert_eq!(ran.error(), "it ended well");
}
