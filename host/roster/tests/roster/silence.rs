//! When a proposal to put a member out is open, how long it waits, and what a fork of that member or of another changes.

use anyhow::{Context as _, Result};
use hangar_roster::next::{self, NextError};
use hangar_roster::{Change, Problem, Proof, Record};

use crate::eviction::{SILENCE, carry_out, meet, propose, see_dead, voted};
use crate::organisation::{NOW, Organisation, after, id, key, pool};

fn proposed(one: &Organisation) -> Result<Change> {
    let all = one.roster.evictions();
    Ok((*all.first().context("an eviction is proposed")?).clone())
}

#[test]
fn an_eviction_is_open_from_its_vote_until_this_member_has_done_its_part() -> Result<()> {
    let mut all = voted(4)?;
    assert!(all[..3].iter().all(|one| one.roster.open_eviction().is_none()), "nobody has waited yet");
    meet(&mut all, &[3], NOW + SILENCE);
    let change = proposed(&all[0])?;
    assert!(all[..3].iter().all(|one| one.roster.open_eviction() == Some(&change)));
    let mut first = all[0].clone();
    first.publish(next::acknowledge(&first.roster, Proof::Deployed { authorities: Vec::new() }, NOW))?;
    assert!(first.publish(next::close(&first.roster, NOW))?);
    assert_eq!(first.roster.open_eviction(), None, "it has done its part");
    assert_eq!(next::due(&first.roster, NOW), Ok(None), "and its vote stays until most have");
    let mut second = all[1].clone();
    second.take_in(first.latest());
    assert_eq!(second.roster.open_eviction(), Some(&change), "and the others have not");
    Ok(())
}

/// Who has not said so itself is bound by a majority that has.
#[test]
fn an_eviction_is_over_for_the_last_once_most_have_carried_it_out() -> Result<()> {
    let mut all = voted(5)?;
    meet(&mut all, &[4], NOW + SILENCE);
    let mut last = all[3].clone();
    carry_out(&mut all, 4)?;
    for one in &all[..3] {
        last.take_in(one.latest());
    }
    assert_eq!(last.roster.open_eviction(), None);
    assert_eq!(last.roster.in_pool().count(), 4);
    Ok(())
}

#[test]
fn what_has_to_be_kept_is_said_once() -> Result<()> {
    let mut all = pool(3)?;
    assert!(!all[1].roster.observe(NOW));
    let evict = next::evict(&all[0].roster, &id("uss2"), false, NOW + 9 * SILENCE, NOW);
    all[0].publish(evict)?;
    let latest = all[0].latest().clone();
    all[1].take_in(&latest);
    assert!(all[1].roster.observe(NOW));
    assert!(!all[1].roster.observe(NOW + 1));
    let change = proposed(&all[1])?;
    assert_eq!(all[1].roster.silent_until(&change), Some(NOW + SILENCE));
    let over = Record { eviction: None, ..after(all[0].latest()) }.sign(&key(1));
    all[1].take_in(&over);
    assert!(all[1].roster.evictions().is_empty());
    assert!(all[1].roster.observe(NOW), "it is measured no more");
    assert!(!all[1].roster.observe(NOW));
    assert_eq!(all[1].roster.silent_until(&change), None);
    Ok(())
}

/// The reader has two records of one sequence of this member.
fn fork(reader: &mut Organisation, of: &Organisation, seed: u8) {
    let next = after(of.latest());
    reader.take_in(&next.clone().sign(&key(seed)));
    let other = Record { at_ms: 1, ..next }.sign(&key(seed));
    assert!(reader.take_in(&other).iter().any(|finding| finding.problem.is_fork()));
}

/// Whoever answers for it may be the thief of its key.
#[test]
fn a_forked_member_is_not_waited_for_and_does_not_answer() -> Result<()> {
    let mut all = pool(4)?;
    propose(&mut all, 0, "uss3")?;
    let change = proposed(&all[0])?;
    let answered = |all: &[Organisation]| -> Result<Organisation> {
        let mut subject = all[3].clone();
        for one in &all[..3] {
            subject.take_in(one.latest());
        }
        let news = Proof::Other { name: "alive".to_owned(), values: Vec::new() };
        subject.publish(next::acknowledge(&subject.roster, news, NOW))?;
        Ok(subject)
    };
    let subject = answered(&all)?;
    let mut reader = all[0].clone();
    assert!(!reader.roster.has_answered(&change));
    reader.take_in(subject.latest());
    assert!(reader.roster.has_answered(&change));
    assert_eq!(reader.roster.silent_until(&change), Some(NOW + SILENCE));

    let mut wary = reader.clone();
    fork(&mut wary, &all[2], 3);
    assert!(wary.roster.has_answered(&change), "the fork is another member's");
    assert_eq!(wary.roster.silent_until(&change), Some(NOW + SILENCE));

    fork(&mut reader, &subject, 4);
    assert!(!reader.roster.has_answered(&change));
    assert_eq!(reader.roster.silent_until(&change), Some(0));
    Ok(())
}

/// The last of `n` members has signed two histories, and all others have both.
fn forked(n: u8) -> Result<Vec<Organisation>> {
    let mut all = pool(n)?;
    let last = all.last().context("a member")?.clone();
    for reader in &mut all[..usize::from(n) - 1] {
        fork(reader, &last, n);
    }
    Ok(all)
}

/// The first proposes to put the last out, and those after it up to this one vote for that.
fn vote_on(all: &mut [Organisation], voters: usize) -> Result<()> {
    let who = all.last().context("a member")?.id();
    let evict = next::evict(&all[0].roster, &who, false, NOW + 9 * SILENCE, NOW);
    all[0].publish(evict)?;
    let latest = all[0].latest().clone();
    for one in &mut all[1..voters] {
        one.take_in(&latest);
        one.publish(next::accept_eviction(&one.roster, &who, NOW))?;
    }
    Ok(())
}

/// A fork ends with the member that it is of; that of another stays.
#[test]
fn a_forked_member_is_put_out_and_its_fork_with_it() -> Result<()> {
    let mut all = forked(4)?;
    vote_on(&mut all, 3)?;
    assert_eq!(next::due(&all[0].roster, NOW), Ok(None), "it waits for the others, and is told no error");
    let frozen = next::rotate_key(&all[0].roster, key(60).public(), NOW);
    assert!(matches!(frozen, Err(NextError::Frozen { .. })), "nothing else is signed meanwhile: {frozen:?}");
    let seen = all[1].latest().record().seen[&id("uss3")];
    let evicts = |one: &Organisation| {
        let mut next = after(one.latest());
        next.evicted.insert(id("uss3"), seen);
        next.sign(&one.key)
    };
    let others = [evicts(&all[1]), evicts(&all[2])];
    let mut reader = all[0].clone();
    let second = after(&others[0]);
    others.iter().for_each(|record| drop(reader.take_in(record)));
    assert_eq!(reader.roster.in_pool().count(), 4, "two of four are no majority");
    let own = evicts(&reader);
    reader.roster.publish(own);
    reader.take_in(&second.clone().sign(&key(2)));
    assert_eq!(reader.roster.in_pool().count(), 3);
    assert_eq!(reader.roster.forks(), []);
    reader.take_in(&Record { at_ms: 1, ..second }.sign(&key(2)));
    assert!(matches!(reader.roster.forks(), [one] if one.member == Some(id("uss1"))));
    let news = Proof::Other { name: "news".to_owned(), values: Vec::new() };
    assert!(matches!(next::acknowledge(&reader.roster, news, NOW), Err(NextError::Frozen { .. })));
    Ok(())
}

/// Of several that know more than is held, the one that knows most is named; of those that know as much, one.
#[test]
fn what_is_withheld_is_told_by_who_has_seen_most() -> Result<()> {
    let all = pool(4)?;
    let held = all[3].latest().record().sequence;
    let first = after(all[3].latest()).sign(&key(4));
    let second = after(&first).sign(&key(4));
    let witness = |i: usize, records: &[&hangar_roster::SignedRecord]| -> Result<hangar_roster::SignedRecord> {
        let mut one = all[i].clone();
        records.iter().for_each(|record| drop(one.take_in(record)));
        let news = Proof::Other { name: "seen".to_owned(), values: Vec::new() };
        one.publish(next::acknowledge(&one.roster, news, NOW))?;
        Ok(one.latest().clone())
    };
    let told = |records: [hangar_roster::SignedRecord; 2]| -> Vec<Problem> {
        let mut reader = all[0].clone();
        let files = records.map(|record| record.to_bytes());
        let found = reader.roster.take_in(files.iter().map(|bytes| ("carrier", bytes.as_slice())));
        found.into_iter().map(|finding| finding.problem).collect()
    };
    let withheld = |witness: &str, seen| [Problem::Withheld { witness: id(witness), seen, held }];
    let (less, more) = ([&first], [&first, &second]);
    assert_eq!(told([witness(1, &more)?, witness(2, &less)?]), withheld("uss1", held + 2));
    assert_eq!(told([witness(1, &less)?, witness(2, &more)?]), withheld("uss2", held + 2));
    assert_eq!(told([witness(1, &less)?, witness(2, &less)?]), withheld("uss1", held + 1));
    Ok(())
}

/// From the first word to the last, with nothing but what its members do; nobody waits for its silence.
#[test]
fn the_eviction_of_a_forked_member_is_carried_out() -> Result<()> {
    let mut all = forked(4)?;
    for one in &mut all[..3] {
        see_dead(one, "uss3")?;
    }
    vote_on(&mut all, 3)?;
    meet(&mut all, &[3], NOW);
    assert!(all[..3].iter().all(|one| one.roster.open_eviction().is_some()));
    carry_out(&mut all, 3)?;
    meet(&mut all, &[3], NOW);
    for one in &all[..3] {
        assert_eq!((one.roster.in_pool().count(), one.roster.forks()), (3, [].as_slice()));
        assert_eq!(one.latest().record().eviction, None);
    }
    Ok(())
}

/// Who has not voted is bound by those who have, though the fork stops it from anything else.
#[test]
fn the_eviction_of_a_forked_member_binds_who_has_not_voted() -> Result<()> {
    let mut all = forked(5)?;
    assert!(matches!(next::due(&all[3].roster, NOW), Err(NextError::Frozen { .. })));
    for one in &mut all[..2] {
        see_dead(one, "uss4")?;
    }
    vote_on(&mut all, 3)?;
    meet(&mut all, &[3, 4], NOW);
    let voted: Vec<_> = all[..3].iter().map(|one| one.latest().clone()).collect();
    for record in &voted {
        all[3].take_in(record);
    }
    let bound = next::due(&all[3].roster, NOW)?.context("it is bound")?;
    assert!(bound.eviction.is_some_and(|vote| vote.change.subject == id("uss4")));
    Ok(())
}

/// A vote that was taken back lifts no freeze.
#[test]
fn a_withdrawn_eviction_lets_nothing_be_acknowledged() -> Result<()> {
    let mut all = forked(4)?;
    vote_on(&mut all, 1)?;
    let news = || Proof::Other { name: "news".to_owned(), values: Vec::new() };
    assert!(next::acknowledge(&all[0].roster, news(), NOW).is_ok(), "what carries it out is said");
    let withdrawn = next::withdraw_eviction(&all[0].roster, NOW);
    all[0].publish(withdrawn)?;
    assert!(matches!(next::acknowledge(&all[0].roster, news(), NOW), Err(NextError::Frozen { .. })));
    Ok(())
}
