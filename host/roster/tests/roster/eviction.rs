//! A member that does not answer is put out by the others.

use anyhow::Result;
use hangar_roster::next::{self, Missing, NextError};
use hangar_roster::{Kind, Phase, Proof, Roster, SEEN_DEAD, State, history};

use crate::organisation::{NOW, Organisation, bring_in, exchange, id, pool};

pub(crate) const SILENCE: u64 = 3 * 24 * 3_600_000;
const WEEK: u64 = NOW + 7 * 24 * 3_600_000;

/// Everybody but the silent one reads everybody, at this time.
pub(crate) fn meet(all: &mut [Organisation], silent: &[usize], now_ms: u64) {
    for round in 0.. {
        assert!(round < 30, "never at rest");
        let latest: Vec<_> = all.iter().map(|one| one.latest().clone()).collect();
        for (_, one) in all.iter_mut().enumerate().filter(|(i, _)| !silent.contains(i)) {
            for record in &latest {
                drop(one.take_in(record));
            }
            one.roster.observe(now_ms);
            while one.publish(next::due(&one.roster, now_ms)).expect("not frozen") {}
        }
        if all.iter().zip(&latest).all(|(one, before)| one.latest() == before) {
            return;
        }
    }
}

pub(crate) fn see_dead(one: &mut Organisation, who: &str) -> Result<()> {
    let proof = Proof::Other { name: SEEN_DEAD.to_owned(), values: vec![who.to_owned()] };
    one.publish(next::acknowledge(&one.roster, proof, NOW))?;
    Ok(())
}

pub(crate) fn propose(all: &mut [Organisation], by: usize, who: &str) -> Result<()> {
    let proposed = next::evict(&all[by].roster, &id(who), false, WEEK, NOW);
    all[by].publish(proposed)?;
    meet(all, &[all.len() - 1], NOW);
    Ok(())
}

/// The last of `n` members is dead; the others have voted, and the first two have seen it.
pub(crate) fn voted(n: u8) -> Result<Vec<Organisation>> {
    let mut all = pool(n)?;
    let who = format!("uss{}", n - 1);
    propose(&mut all, 0, &who)?;
    for one in &mut all[1..usize::from(n) - 1] {
        one.publish(next::accept_eviction(&one.roster, &id(&who), NOW))?;
    }
    for one in &mut all[..2] {
        see_dead(one, &who)?;
    }
    meet(&mut all, &[usize::from(n) - 1], NOW);
    Ok(all)
}

fn phases(all: &[Organisation]) -> Vec<Option<Phase>> {
    all.iter().map(|one| one.latest().record().eviction.as_ref().map(|vote| vote.phase)).collect()
}

/// Everybody in it takes the authority back and says so.
pub(crate) fn carry_out(all: &mut [Organisation], silent: usize) -> Result<()> {
    let who = all[silent].id();
    for (_, one) in all.iter_mut().enumerate().filter(|(i, _)| *i != silent) {
        let authorities = one
            .roster
            .in_pool()
            .filter(|member| **member != who)
            .filter_map(|member| one.roster.record(member))
            .flat_map(|record| record.presence.fingerprints())
            .collect();
        one.publish(next::acknowledge(&one.roster, Proof::Deployed { authorities }, NOW))?;
        one.publish(next::close(&one.roster, NOW))?;
    }
    Ok(())
}

#[test]
fn a_silent_member_is_put_out_by_all_others_after_the_period() -> Result<()> {
    let mut all = voted(4)?;
    assert_eq!(phases(&all)[..3], [Some(Phase::Voted); 3]);
    meet(&mut all, &[3], NOW + SILENCE - 1);
    assert_eq!(phases(&all)[..3], [Some(Phase::Voted); 3]);
    meet(&mut all, &[3], NOW + SILENCE);
    assert_eq!(phases(&all)[..3], [Some(Phase::Open); 3]);
    assert_eq!(all[0].roster.open_change().map(|change| change.kind), Some(Kind::Evict));
    assert_eq!(next::close(&all[0].roster, NOW), Err(NextError::StillDeployed { member: id("uss3") }));
    carry_out(&mut all, 3)?;
    meet(&mut all, &[3], NOW + SILENCE);
    assert_eq!(phases(&all)[..3], [None; 3]);
    for one in &all[..3] {
        assert_eq!(one.roster.in_pool().count(), 3);
        assert_eq!(one.roster.state(&id("uss3")), Some(State::Gone));
        assert!(one.latest().record().seen.contains_key(&id("uss3")), "what was seen of it stays seen");
        assert_eq!(Roster::from_bytes(&one.roster.to_bytes())?, one.roster);
    }
    // It wakes up, hears of it, owns up, and comes in again by a vote like anybody.
    meet(&mut all, &[], NOW + SILENCE);
    let gone = next::state(&all[3].roster, State::Gone, NOW);
    assert!(all[3].publish(gone)?);
    let asking = next::state(&all[3].roster, State::Asking, NOW);
    all[3].publish(asking)?;
    let back = all.pop().expect("the fourth");
    exchange(&mut all);
    bring_in(&mut all, back)?;
    assert!(all.iter().all(|one| one.roster.in_pool().count() == 4 && one.latest().record().evicted.is_empty()));
    Ok(())
}

#[test]
fn a_member_that_lives_answers_and_stays() -> Result<()> {
    let mut all = voted(4)?;
    meet(&mut all, &[], NOW + 1);
    assert_eq!(phases(&all), [None; 4]);
    meet(&mut all, &[], NOW + 2 * SILENCE);
    assert!(all.iter().all(|one| one.roster.in_pool().count() == 4));
    let refused = next::accept_eviction(&all[1].roster, &id("uss3"), NOW);
    assert_eq!(refused, Err(NextError::NoEviction { member: id("uss3") }));
    Ok(())
}

#[test]
fn nodes_that_one_member_alone_has_seen_dead_are_not_dead() -> Result<()> {
    let mut all = pool(4)?;
    propose(&mut all, 0, "uss3")?;
    see_dead(&mut all[0], "uss3")?;
    for one in &mut all[1..3] {
        one.publish(next::accept_eviction(&one.roster, &id("uss3"), NOW))?;
    }
    meet(&mut all, &[3], NOW);
    meet(&mut all, &[3], NOW + SILENCE);
    assert_eq!(phases(&all)[..3], [Some(Phase::Voted); 3]);
    see_dead(&mut all[2], "uss3")?;
    meet(&mut all, &[3], NOW + SILENCE);
    assert_eq!(phases(&all)[..3], [Some(Phase::Open); 3]);
    Ok(())
}

/// In a pool of four two against one is no majority: the other two could do the same to one of them.
#[test]
fn half_of_a_pool_puts_nobody_out() -> Result<()> {
    let mut all = pool(4)?;
    propose(&mut all, 0, "uss3")?;
    let accepted = next::accept_eviction(&all[1].roster, &id("uss3"), NOW);
    all[1].publish(accepted)?;
    for one in &mut all[..2] {
        see_dead(one, "uss3")?;
    }
    meet(&mut all, &[3], NOW);
    meet(&mut all, &[3], NOW + SILENCE);
    assert_eq!(phases(&all)[..3], [Some(Phase::Voted), Some(Phase::Voted), None]);
    Ok(())
}

#[test]
fn whoever_did_not_vote_is_bound_by_the_majority() -> Result<()> {
    let mut all = pool(5)?;
    propose(&mut all, 0, "uss4")?;
    for one in &mut all[1..3] {
        one.publish(next::accept_eviction(&one.roster, &id("uss4"), NOW))?;
    }
    for one in &mut all[..2] {
        see_dead(one, "uss4")?;
    }
    meet(&mut all, &[4], NOW);
    meet(&mut all, &[4], NOW + SILENCE);
    assert_eq!(phases(&all)[..4], [Some(Phase::Open); 4]);
    Ok(())
}

#[test]
fn in_a_pool_of_two_a_person_decides_alone_and_is_told_so() -> Result<()> {
    let mut all = pool(2)?;
    let refused = next::evict(&all[0].roster, &id("uss1"), false, WEEK, NOW).expect_err("no majority");
    assert_eq!(refused, NextError::Alone { member: id("uss1") });
    assert!(refused.cure().is_some_and(|cure| cure.contains("--alone") && cure.contains("split")));
    let alone = next::evict(&all[0].roster, &id("uss1"), true, WEEK, NOW);
    all[0].publish(alone)?;
    see_dead(&mut all[0], "uss1")?;
    meet(&mut all, &[1], NOW);
    assert_eq!(phases(&all)[0], Some(Phase::Voted));
    meet(&mut all, &[1], NOW + SILENCE);
    assert_eq!(phases(&all)[0], Some(Phase::Open));
    carry_out(&mut all, 1)?;
    meet(&mut all, &[1], NOW + SILENCE);
    assert_eq!(all[0].roster.in_pool().count(), 1);
    Ok(())
}

/// Somebody else's clock decides nothing: each waits by its own.
#[test]
fn a_clock_that_runs_ahead_puts_nobody_out_for_the_others() -> Result<()> {
    let mut all = voted(5)?;
    let ahead = NOW + 10 * SILENCE;
    all[0].roster.observe(ahead);
    let first = next::due(&all[0].roster, ahead);
    // Its proposal has expired by its own clock, so it takes it back; nobody opens anything.
    assert_eq!(first?.and_then(|record| record.eviction).map(|vote| vote.phase), Some(Phase::Open));
    for one in &all[1..4] {
        assert_eq!(next::due(&one.roster, NOW)?, None);
    }
    Ok(())
}

#[test]
fn everything_else_waits_while_a_member_is_put_out() -> Result<()> {
    let mut all = voted(4)?;
    meet(&mut all, &[3], NOW + SILENCE);
    let refused = next::propose(&all[1].roster, Kind::RotateCa, WEEK, NOW);
    assert!(matches!(refused, Err(NextError::UnderWay { kind: Kind::Evict, .. })), "{refused:?}");
    Ok(())
}

/// A member dies in the middle of a join: the others put it out, and the join goes on.
#[test]
fn a_join_goes_on_once_the_member_that_blocked_it_is_out() -> Result<()> {
    let mut all = pool(4)?;
    let mut joiner = Organisation::joiner("uss9", 9);
    let inviter = &mut all[0];
    let invitation = inviter.invite(&joiner, 1)?;
    joiner.roster.enter(&invitation, inviter.key.public().fingerprint(), NOW)?;
    let change = inviter.vote().expect("voted").0.id;
    meet(&mut all, &[], NOW);
    for one in &mut all[1..3] {
        one.take_in(joiner.latest());
        one.publish(next::accept(&one.roster, change, NOW))?;
    }
    // The fourth never votes. The slots are full, and yet it can be put out.
    meet(&mut all, &[3], NOW);
    propose(&mut all, 0, "uss3")?;
    for one in &mut all[1..3] {
        one.publish(next::accept_eviction(&one.roster, &id("uss3"), NOW))?;
    }
    for one in &mut all[..2] {
        see_dead(one, "uss3")?;
    }
    meet(&mut all, &[3], NOW);
    for one in &mut all[..3] {
        one.roster.observe(NOW);
        while one.publish(next::due(&one.roster, NOW))? {}
    }
    let opened = next::due(&all[0].roster, NOW + SILENCE)?.expect("the period is over");
    all[0].publish(Ok(Some(opened)))?;
    meet(&mut all, &[3], NOW);
    joiner.take_in(all[0].latest());
    assert_eq!(joiner.roster.missing_to_start(), [Missing::Eviction(id("uss3"))]);
    carry_out(&mut all, 3)?;
    meet(&mut all, &[3], NOW);
    assert!(all[..3].iter().all(|one| one.vote().map(|(_, phase)| phase) == Some(Phase::Open)));
    all.truncate(3);
    all.push(joiner);
    exchange(&mut all);
    assert!(all.iter().all(|one| one.roster.in_pool().count() == 4 && one.vote().is_none()));
    Ok(())
}

#[test]
fn a_history_is_verified_without_anybody_and_tells_what_happened() -> Result<()> {
    let mut all = voted(4)?;
    meet(&mut all, &[3], NOW + SILENCE);
    carry_out(&mut all, 3)?;
    meet(&mut all, &[3], NOW + SILENCE);
    let files: Vec<_> = all.iter().flat_map(|one| &one.published).map(|record| record.to_bytes()).collect();
    let whole = history::verify(files.iter().map(|bytes| ("history", bytes.as_slice())));
    assert_eq!(whole.findings, []);
    let told: Vec<_> = whole.events.iter().flat_map(|event| event.what.iter().map(String::as_str)).collect();
    for wanted in ["founds the pool", "opens the join of uss1", "has put uss3 out", "closes the evict of uss3"] {
        assert!(told.contains(&wanted), "{wanted}: {told:#?}");
    }
    // One record less is a gap, one changed is a forgery.
    let gap = history::verify(files.iter().enumerate().filter(|(i, _)| *i != 3).map(|(_, b)| ("h", b.as_slice())));
    assert!(gap.findings[0].problem.is_remark(), "{:?}", gap.findings);
    let mut changed = files;
    let text = String::from_utf8(changed[3].clone())?;
    changed[3] = text.replace("\"sig\":\"", "\"sig\":\"AA").into_bytes();
    let forged = history::verify(changed.iter().map(|bytes| ("h", bytes.as_slice())));
    assert!(!forged.findings.is_empty());
    Ok(())
}

/// What was seen before it came back says nothing about it now.
#[test]
fn a_member_that_has_signed_since_was_not_seen_dead() -> Result<()> {
    let mut all = pool(4)?;
    see_dead(&mut all[0], "uss3")?;
    let says_dead = |one: &Organisation| {
        one.latest()
            .record()
            .acknowledgements
            .iter()
            .any(|said| matches!(&said.proof, Proof::Other { name, .. } if name == SEEN_DEAD))
    };
    // Its own next record, for whatever reason, does not take it back.
    let moved = Proof::Other { name: "presents".to_owned(), values: vec!["uss1".to_owned()] };
    let next = next::acknowledge(&all[0].roster, moved.clone(), NOW);
    all[0].publish(next)?;
    assert!(says_dead(&all[0]));
    let next = next::acknowledge(&all[3].roster, moved, NOW);
    all[3].publish(next)?;
    let awake = all[3].latest().clone();
    assert!(all[0].take_in(&awake).is_empty());
    propose(&mut all, 1, "uss3")?;
    let next = next::accept_eviction(&all[0].roster, &id("uss3"), NOW);
    all[0].publish(next)?;
    assert!(!says_dead(&all[0]));
    assert!(all[0].roster.witnesses(all[0].roster.evictions()[0]).is_empty());
    Ok(())
}
