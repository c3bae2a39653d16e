//! A joiner that vanishes after its change is open does not block a pool for ever.

use anyhow::Result;
use hangar_roster::next::{self, Missing, NextError};
use hangar_roster::{Kind, Phase, Proof, State};

use crate::organisation::{LATER, NOW, Organisation, bring_in, exchange, id, pool};

const AFTER: u64 = LATER + 1;

/// Three members have opened the change of a joiner that has not started.
fn open() -> Result<(Vec<Organisation>, Organisation)> {
    let mut all = pool(3)?;
    let mut joiner = Organisation::joiner("uss3", 4);
    let inviter = &mut all[0];
    let invitation = inviter.invite(&joiner, 1)?;
    joiner.roster.enter(&invitation, inviter.key.public().fingerprint(), NOW)?;
    let change = inviter.vote().expect("voted").0.id;
    let latest = inviter.latest().clone();
    for one in &mut all[1..] {
        one.take_in(&latest);
        one.take_in(joiner.latest());
        one.publish(next::accept(&one.roster, change, NOW))?;
    }
    exchange(&mut all);
    assert_eq!(phases(&all), [Some(Phase::Open); 3]);
    Ok((all, joiner))
}

fn phases(all: &[Organisation]) -> Vec<Option<Phase>> {
    all.iter().map(|one| one.vote().map(|(_, phase)| phase)).collect()
}

fn meet(all: &mut [Organisation], now_ms: u64) {
    for _ in 0..6 {
        let latest: Vec<_> = all.iter().map(|one| one.latest().clone()).collect();
        for one in all.iter_mut() {
            latest.iter().for_each(|record| drop(one.take_in(record)));
            while one.publish(next::due(&one.roster, now_ms)).expect("not frozen") {}
        }
    }
}

fn take_back(one: &mut Organisation) -> Result<()> {
    let members = one.roster.in_pool().filter(|member| **member != id("uss3"));
    let authorities = members.filter_map(|member| one.roster.record(member)).flat_map(|r| r.presence.fingerprints());
    let proof = Proof::Deployed { authorities: authorities.collect() };
    one.publish(next::acknowledge(&one.roster, proof, NOW))?;
    Ok(())
}

#[test]
fn a_change_whose_joiner_vanished_is_abandoned_by_all_and_then_taken_back() -> Result<()> {
    let (mut all, _) = open()?;
    let early = next::abandon(&all[1].roster, LATER);
    assert!(matches!(early, Err(NextError::UnderWay { .. })), "{early:?}");
    assert_eq!(next::due(&all[0].roster, AFTER), Ok(None), "somebody has to say so first");
    let abandoned = next::abandon(&all[1].roster, AFTER);
    all[1].publish(abandoned)?;
    let latest = all[1].latest().clone();
    all[0].take_in(&latest);
    assert_eq!(next::due(&all[0].roster, LATER), Ok(None), "and its time has to be over by our own clock too");
    let followed = next::due(&all[0].roster, AFTER);
    all[0].publish(followed)?;
    let mut early = all[0].clone();
    take_back(&mut early)?;
    let not_yet = NextError::NotCarriedOut { kind: Kind::Join, subject: id("uss3") };
    assert_eq!(next::close(&early.roster, AFTER), Err(not_yet), "the third may still let it in");
    assert_eq!(all[0].roster.state(&id("uss3")), Some(State::Joining));
    meet(&mut all, AFTER);
    assert_eq!(phases(&all), [Some(Phase::Abandoned); 3]);
    assert_eq!(all[0].roster.state(&id("uss3")), Some(State::Asking), "what was done for it is taken back");
    assert_eq!(all[0].roster.state(&id("uss1")), Some(State::Active));
    assert_eq!(next::close(&all[0].roster, AFTER), Err(NextError::StillDeployed { member: id("uss3") }));
    for one in &mut all {
        take_back(one)?;
        one.publish(next::close(&one.roster, AFTER))?;
    }
    assert_eq!(phases(&all), [Some(Phase::Dropped); 3]);
    let latest: Vec<_> = all.iter().map(|one| one.latest().clone()).collect();
    latest.iter().for_each(|record| drop(all[1].take_in(record)));
    all[1].follow();
    assert_eq!(all[1].vote(), None);
    for i in [1, 2] {
        let latest = all[i].latest().clone();
        all[0].take_in(&latest);
    }
    assert_eq!(all[0].roster.state(&id("uss3")), Some(State::Asking), "who has gone on had let it go");
    meet(&mut all, AFTER);
    assert_eq!(phases(&all), [None; 3]);
    assert!(all.iter().all(|one| one.roster.in_pool().count() == 3));
    // The pool is free for the next one.
    bring_in(&mut all, Organisation::joiner("uss4", 5))?;
    assert!(all.iter().all(|one| one.roster.in_pool().count() == 4));
    Ok(())
}

#[test]
fn a_joiner_does_not_start_once_its_time_is_over_or_somebody_lets_it_in_no_more() -> Result<()> {
    let (mut all, mut joiner) = open()?;
    for one in &all {
        joiner.take_in(one.latest());
    }
    let late = next::state(&joiner.roster, State::Joining, AFTER);
    assert_eq!(late, Err(NextError::Expired { at_ms: LATER }));
    joiner.publish(next::state(&joiner.roster, State::Joining, NOW))?;
    let abandoned = next::abandon(&all[1].roster, AFTER);
    all[1].publish(abandoned)?;
    joiner.take_in(all[1].latest());
    assert_eq!(joiner.roster.missing_to_start(), [Missing::Change]);
    Ok(())
}

#[test]
fn a_joiner_that_was_in_after_all_stays_in() -> Result<()> {
    let (mut all, joiner) = open()?;
    let mut all_of_them = all.clone();
    all_of_them.push(joiner);
    exchange(&mut all_of_them);
    let joined = all_of_them[3].latest().clone();
    // One member has seen it start and closes; another abandons from older records.
    for record in &all_of_them[3].published {
        all[0].take_in(record);
    }
    all[0].do_its_part();
    assert_eq!(phases(&all)[0], Some(Phase::Done));
    let abandoned = next::abandon(&all[1].roster, AFTER);
    all[1].publish(abandoned)?;
    let latest = all[0].latest().clone();
    all[1].take_in(&latest);
    all[1].take_in(&joined);
    let closed = next::close(&all[1].roster, AFTER);
    assert!(all[1].publish(closed)?);
    assert_eq!(phases(&all)[1], Some(Phase::Done));
    Ok(())
}
