//! Proposing to put a member out, voting for that and taking it back: what is said twice, too late, or by whom it is not for.

use anyhow::{Context as _, Result};
use hangar_roster::next::{self, NextError};
use hangar_roster::{Kind, Phase, Record};

use crate::eviction::{SILENCE, meet, voted};
use crate::organisation::{LATER, NOW, Organisation, id, key, pool, tell};

/// Whom a record's eviction is of, and how far it is.
fn eviction(record: Option<Record>) -> Option<(String, Phase)> {
    record?.eviction.map(|vote| (vote.change.subject.to_string(), vote.phase))
}

fn evict(one: &Organisation, who: &str) -> Result<Option<Record>, NextError> {
    next::evict(&one.roster, &id(who), false, LATER, NOW)
}

fn given(who: &str) -> Result<Option<Record>, NextError> {
    Err(NextError::VoteGiven { kind: Kind::Evict, subject: id(who) })
}

#[test]
fn an_eviction_is_proposed_once_in_time_and_of_one_member() -> Result<()> {
    let mut all = pool(4)?;
    let one = &mut all[0];
    assert!(next::evict(&one.roster, &id("uss3"), false, LATER, LATER)?.is_some());
    let late = next::evict(&one.roster, &id("uss3"), false, LATER, LATER + 1);
    assert_eq!(late, Err(NextError::Expired { at_ms: LATER }));
    assert_eq!(evict(one, "uss0"), Err(NextError::Ourselves));
    assert_eq!(evict(one, "uss9"), Err(NextError::NotInPool { member: id("uss9") }));
    let proposed = evict(one, "uss3");
    assert!(one.publish(proposed)?);
    assert_eq!(evict(one, "uss3"), Ok(None));
    assert_eq!(evict(one, "uss2"), given("uss3"));
    Ok(())
}

#[test]
fn an_eviction_that_was_taken_back_may_be_proposed_again() -> Result<()> {
    let mut all = pool(4)?;
    assert_eq!(next::withdraw_eviction(&all[0].roster, NOW), Err(NextError::NotOpen));
    let proposed = evict(&all[0], "uss3");
    all[0].publish(proposed)?;
    tell(&mut all, 0);
    let accepted = next::accept_eviction(&all[1].roster, &id("uss3"), NOW);
    all[1].publish(accepted)?;
    let change = all[1].latest().record().eviction.clone().context("it has voted")?.change;
    let others = next::withdraw_eviction(&all[1].roster, NOW);
    assert_eq!(others, Err(NextError::NotProposed { id: change.id }));
    let withdrawn = next::withdraw_eviction(&all[0].roster, NOW)?;
    assert_eq!(eviction(withdrawn.clone()), Some(("uss3".to_owned(), Phase::Withdrawn)));
    all[0].publish(Ok(withdrawn))?;
    assert_eq!(next::withdraw_eviction(&all[0].roster, NOW), Ok(None));
    tell(&mut all, 0);
    meet(&mut all, &[3], NOW);
    let again = eviction(evict(&all[0], "uss3")?);
    assert_eq!(again, Some(("uss3".to_owned(), Phase::Voted)));
    Ok(())
}

#[test]
fn an_open_eviction_is_taken_back_by_nobody() -> Result<()> {
    let mut all = voted(4)?;
    meet(&mut all, &[3], NOW + SILENCE);
    let refused = next::withdraw_eviction(&all[0].roster, NOW);
    assert!(matches!(refused, Err(NextError::UnderWay { kind: Kind::Evict, .. })), "{refused:?}");
    // Nor before this member has followed: that another has opened it is enough.
    let mut all = voted(4)?;
    all[1].roster.observe(NOW);
    let opened = next::due(&all[1].roster, NOW + SILENCE);
    all[1].publish(opened)?;
    tell(&mut all, 1);
    assert_eq!(eviction(Some(all[0].latest().record().clone())).map(|(_, phase)| phase), Some(Phase::Voted));
    assert!(matches!(next::withdraw_eviction(&all[0].roster, NOW), Err(NextError::UnderWay { .. })));
    Ok(())
}

#[test]
fn a_key_is_vouched_for_once_and_only_while_it_is_new() -> Result<()> {
    let mut all = pool(3)?;
    let vouch = |one: &Organisation, seed| next::vouch(&one.roster, &id("uss1"), key(seed).public().fingerprint(), NOW);
    assert_eq!(vouch(&all[0], 2)?, None, "it has that key");
    let vouched = vouch(&all[0], 50);
    assert!(all[0].publish(vouched)?);
    assert_eq!(vouch(&all[0], 50)?, None, "said already");
    let other = vouch(&all[0], 51)?.context("another key")?;
    assert_eq!(other.vouches.get(&id("uss1")), Some(&key(51).public().fingerprint()));
    Ok(())
}

#[test]
fn a_vote_is_for_the_member_that_is_named() -> Result<()> {
    let mut all = pool(5)?;
    for (by, who) in [(0, "uss4"), (1, "uss3")] {
        let proposed = evict(&all[by], who);
        all[by].publish(proposed)?;
    }
    tell(&mut all, 0);
    let early = next::accept_eviction(&all[2].roster, &id("uss3"), NOW);
    assert_eq!(early, Err(NextError::NoEviction { member: id("uss3") }));
    tell(&mut all, 1);
    for who in ["uss3", "uss4"] {
        let accepted = next::accept_eviction(&all[2].roster, &id(who), LATER)?;
        assert_eq!(eviction(accepted), Some((who.to_owned(), Phase::Voted)));
        let late = next::accept_eviction(&all[2].roster, &id(who), LATER + 1);
        assert_eq!(late, Err(NextError::Expired { at_ms: LATER }));
    }
    assert_eq!(next::accept_eviction(&all[0].roster, &id("uss4"), NOW), Ok(None), "it has proposed it");
    assert_eq!(next::accept_eviction(&all[0].roster, &id("uss3"), NOW), given("uss4"));
    let accepted = next::accept_eviction(&all[2].roster, &id("uss3"), NOW);
    all[2].publish(accepted)?;
    assert_eq!(next::accept_eviction(&all[2].roster, &id("uss3"), NOW), Ok(None));
    Ok(())
}

/// A vote for an eviction that was taken back is free for the next one, once nobody but its new subject could still follow.
#[test]
fn a_vote_that_was_taken_back_is_free_for_putting_out_who_has_not_heard_of_it() -> Result<()> {
    let mut all = pool(4)?;
    let proposed = evict(&all[0], "uss3");
    all[0].publish(proposed)?;
    tell(&mut all, 0);
    let accepted = next::accept_eviction(&all[2].roster, &id("uss3"), NOW);
    all[2].publish(accepted)?;
    tell(&mut all, 2);
    let withdrawn = next::withdraw_eviction(&all[0].roster, NOW);
    all[0].publish(withdrawn)?;
    assert_eq!(next::due(&all[0].roster, NOW), Ok(None), "its vote stays until nobody can follow");
    assert_eq!(evict(&all[0], "uss2"), given("uss3"), "the second has not heard of it either");
    let latest = all[0].latest().clone();
    all[1].take_in(&latest);
    all[1].follow();
    tell(&mut all, 1);
    assert_eq!(evict(&all[0], "uss1"), given("uss3"), "the third has voted, and may follow");
    assert_eq!(eviction(evict(&all[0], "uss2")?), Some(("uss2".to_owned(), Phase::Voted)));
    Ok(())
}

/// The proposer itself is to go: who has not voted cannot follow it any more, and who has must have let go.
#[test]
fn a_vote_for_what_another_took_back_is_free_for_putting_out_that_one() -> Result<()> {
    let mut all = pool(4)?;
    let proposed = evict(&all[1], "uss3");
    all[1].publish(proposed)?;
    tell(&mut all, 1);
    let accepted = next::accept_eviction(&all[0].roster, &id("uss3"), NOW);
    all[0].publish(accepted)?;
    let mut voting = all[2].clone();
    let accepted = next::accept_eviction(&voting.roster, &id("uss3"), NOW);
    voting.publish(accepted)?;
    let withdrawn = next::withdraw_eviction(&all[1].roster, NOW);
    all[1].publish(withdrawn)?;
    let latest = all[1].latest().clone();
    all[0].take_in(&latest);
    let followed = next::due(&all[0].roster, NOW);
    all[0].publish(followed)?;
    assert_eq!(eviction(evict(&all[0], "uss1")?), Some(("uss1".to_owned(), Phase::Voted)));
    let mut beside = all[0].clone();
    beside.take_in(voting.latest());
    assert_eq!(evict(&beside, "uss1"), given("uss3"), "the third has voted, and may follow");
    voting.take_in(&latest);
    let followed = next::due(&voting.roster, NOW);
    voting.publish(followed)?;
    beside.take_in(voting.latest());
    assert_eq!(eviction(evict(&beside, "uss1")?), Some(("uss1".to_owned(), Phase::Voted)));
    Ok(())
}
