//! Keys that change, are lost, or are stolen.

use anyhow::Result;
use hangar_roster::next::{self, NextError};
use hangar_roster::{Problem, Proof, Record, Roster, history};

use crate::organisation::{NOW, Organisation, exchange, id, key, pool};

fn problems(found: Vec<hangar_roster::Finding>) -> Vec<Problem> {
    found.into_iter().map(|finding| finding.problem).collect()
}

#[test]
fn a_key_is_rotated_by_one_record_that_both_keys_sign() -> Result<()> {
    let mut all = pool(2)?;
    let new = key(50);
    let next = next::rotate_key(&all[1].roster, new.public(), NOW)?.expect("another key");
    let only_old = next.clone().sign_with(&[&key(2)]);
    assert_eq!(problems(all[0].take_in(&only_old)), [Problem::KeyChanged]);
    let only_new = next.clone().sign_with(&[&new]);
    assert_eq!(problems(all[0].take_in(&only_new)), [Problem::UnknownKey { key: new.public().fingerprint() }]);
    let both = next.sign_with(&[&key(2), &new]);
    assert_eq!(problems(all[0].take_in(&both)), []);
    all[1].roster.publish(both);
    all[1].key = new;
    exchange(&mut all);
    assert!(all[0].roster.forks().is_empty());
    Ok(())
}

/// Until all have said that they have seen it, a change of key goes along with every later record of its owner.
#[test]
fn a_member_that_looks_late_takes_in_a_new_key_and_says_so() -> Result<()> {
    let mut all = pool(3)?;
    let new = key(50);
    let rotated =
        next::rotate_key(&all[1].roster, new.public(), NOW)?.expect("another key").sign_with(&[&key(2), &new]);
    all[1].roster.publish(rotated);
    all[1].key = new;
    let said = |all: &mut [Organisation], name: &str| -> Result<hangar_roster::SignedRecord> {
        let news = Proof::Other { name: name.to_owned(), values: vec![] };
        let next = next::acknowledge(&all[1].roster, news, NOW)?.expect("news");
        let signed = all[1].roster.sign(next, &all[1].key);
        all[1].roster.publish(signed.clone());
        Ok(signed)
    };
    let first = said(&mut all, "first")?;
    assert_eq!(problems(all[0].take_in(&first)), [], "the change has come along");
    assert_eq!(all[1].roster.yet_to_see_our_key(), [&id("uss0"), &id("uss2")]);
    let next = next::due(&all[0].roster, NOW)?.expect("its owner waits for a word");
    let seen = next.sign(&key(1));
    all[0].roster.publish(seen.clone());
    assert_eq!(next::due(&all[0].roster, NOW)?, None, "said once");
    all[1].take_in(&seen);
    all[2].take_in(&seen);
    assert_eq!(all[1].roster.yet_to_see_our_key(), [&id("uss2")]);
    let second = said(&mut all, "second")?;
    assert_eq!(problems(all[0].take_in(&second)), [], "and is nothing to complain of for who has seen it");
    assert_eq!(problems(all[2].take_in(&second)), [Problem::Missed { n_missed: 1 }]);
    assert_eq!(Roster::from_bytes(&all[2].roster.to_bytes())?, all[2].roster);
    let seen = next::due(&all[2].roster, NOW)?.expect("its owner waits for a word").sign(&key(3));
    all[2].roster.publish(seen.clone());
    all[1].take_in(&seen);
    assert!(all[1].roster.yet_to_see_our_key().is_empty());
    let third = said(&mut all, "third")?;
    let (before, after) = (second.to_bytes().len(), third.to_bytes().len());
    assert!(after < before * 2 / 3, "{after} of {before} bytes: it goes along no more");
    assert_eq!(problems(all[2].take_in(&third)), []);
    Ok(())
}

#[test]
fn a_lost_key_is_replaced_with_the_recovery_key() -> Result<()> {
    let mut all = pool(2)?;
    let (recovery, new) = (key(102), key(50));
    let next = next::rotate_key(&all[1].roster, new.public(), NOW)?.expect("another key");
    let recovered = next.sign_with(&[&recovery, &new]);
    assert_eq!(problems(all[0].take_in(&recovered)), []);
    assert_eq!(all[0].roster.record(&id("uss1")).map(|record| record.key), Some(new.public()));
    Ok(())
}

#[test]
fn a_stolen_key_cannot_take_the_recovery_key_away() -> Result<()> {
    let mut all = pool(2)?;
    let mut stolen = all[1].latest().record().clone();
    stolen.sequence += 1;
    stolen.previous = Some(all[1].latest().digest());
    for recovery_key in [None, Some(key(77).public())] {
        let forged = hangar_roster::Record { recovery_key, ..stolen.clone() }.sign(&key(2));
        assert_eq!(problems(all[0].take_in(&forged)), [Problem::RecoveryKeyChanged]);
    }
    Ok(())
}

#[test]
fn nobody_names_anothers_key_for_its_own() -> Result<()> {
    let mut all = pool(2)?;
    let joiner = Organisation::joiner("uss2", 3);
    all[0].roster.expect_joiner(joiner.key.public().fingerprint());
    let greedy = hangar_roster::Record { recovery_key: Some(key(2).public()), ..joiner.latest().record().clone() };
    let clash = Problem::Clash { field: "key", other: id("uss1") };
    assert_eq!(problems(all[0].take_in(&greedy.sign(&key(3)))), [clash]);
    assert_eq!(all[0].roster.record(&id("uss2")), None);
    Ok(())
}

/// Two installations have signed with one key, and everybody has found out.
fn forked(n: u8) -> Result<Vec<Organisation>> {
    let mut all = pool(n)?;
    let mut one = all[1].latest().record().clone();
    one.sequence += 1;
    one.previous = Some(all[1].latest().digest());
    let other = Record { at_ms: 1, ..one.clone() }.sign(&key(2));
    let one = one.sign(&key(2));
    for reader in [0, 2] {
        all[reader].take_in(&one);
        let found = problems(all[reader].take_in(&other));
        assert!(found.iter().any(Problem::is_fork), "{found:?}");
    }
    all[1].roster.publish(other);
    all[1].take_in(&one);
    assert!(all.iter().all(|one| one.roster.is_forked(&id("uss1"))));
    Ok(all)
}

fn works_again(all: &mut [Organisation]) -> Result<()> {
    exchange(all);
    for one in all.iter_mut() {
        assert!(one.roster.forks().is_empty(), "{}: {:?}", one.id(), one.roster.forks());
        let news = Proof::Other { name: "news".to_owned(), values: vec![] };
        assert!(one.publish(next::acknowledge(&one.roster, news, NOW))?);
        assert_eq!(Roster::from_bytes(&one.roster.to_bytes())?, one.roster);
    }
    exchange(all);
    assert!(all.iter().all(|one| one.roster.forks().is_empty()));
    Ok(())
}

#[test]
fn a_fork_is_over_once_the_recovery_key_has_replaced_the_key() -> Result<()> {
    let mut all = forked(3)?;
    let frozen = next::acknowledge(&all[0].roster, Proof::Other { name: "x".to_owned(), values: vec![] }, NOW);
    assert!(matches!(frozen, Err(NextError::Frozen { .. })));
    let new = key(50);
    let next = next::rotate_key(&all[1].roster, new.public(), NOW)?.expect("another key");
    // Whoever has the former key twice cannot say which one is next with it.
    let stolen = next.clone().sign_with(&[&key(2), &new]);
    assert_eq!(problems(all[0].take_in(&stolen)), [Problem::KeyChanged]);
    let recovered = next.sign_with(&[&key(102), &new]);
    all[1].roster.publish(recovered);
    all[1].key = new;
    works_again(&mut all)?;
    // What the thief signs with the former key is of nobody now.
    let late = Record { sequence: 99, key: key(2).public(), ..all[1].latest().record().clone() }.sign(&key(2));
    assert_eq!(problems(all[2].take_in(&late)), [Problem::UnknownKey { key: key(2).public().fingerprint() }]);
    Ok(())
}

#[test]
fn a_fork_is_over_once_a_majority_vouches_for_a_new_key() -> Result<()> {
    let mut all = forked(3)?;
    let new = key(50);
    let next = next::rotate_key(&all[1].roster, new.public(), NOW)?.expect("another key");
    let renewed = next.sign(&new);
    let unknown = Problem::UnknownKey { key: new.public().fingerprint() };
    assert_eq!(problems(all[0].take_in(&renewed)), std::slice::from_ref(&unknown));
    let vouched = next::vouch(&all[0].roster, &id("uss1"), new.public().fingerprint(), NOW);
    all[0].publish(vouched)?;
    assert_eq!(problems(all[0].take_in(&renewed)), [unknown], "one of three is no majority");
    let vouched = next::vouch(&all[2].roster, &id("uss1"), new.public().fingerprint(), NOW);
    all[2].publish(vouched)?;
    all[1].roster.publish(renewed);
    all[1].key = new;
    works_again(&mut all)?;
    assert!(all.iter().all(|one| one.latest().record().vouches.is_empty()), "nobody's word is needed any more");
    Ok(())
}

#[test]
fn a_lost_key_without_a_recovery_key_is_replaced_by_what_others_vouch_for() -> Result<()> {
    let mut all = pool(3)?;
    let new = key(50);
    for voucher in [0, 2] {
        let vouched = next::vouch(&all[voucher].roster, &id("uss1"), new.public().fingerprint(), NOW);
        assert!(all[voucher].publish(vouched)?);
    }
    let next = next::rotate_key(&all[1].roster, new.public(), NOW)?.expect("another key");
    let renewed = next.sign(&new);
    all[1].roster.publish(renewed.clone());
    all[1].published.push(renewed);
    all[1].key = new;
    works_again(&mut all)?;
    let files: Vec<_> = all.iter().flat_map(|one| &one.published).map(|record| record.to_bytes()).collect();
    assert_eq!(history::verify(files.iter().map(|bytes| ("h", bytes.as_slice()))).findings, []);
    Ok(())
}

#[test]
fn one_member_alone_vouches_for_nothing_and_nobody_for_itself() -> Result<()> {
    let mut all = pool(3)?;
    let thief = key(66);
    let mut forged = all[1].latest().record().clone();
    forged.sequence += 1;
    forged.key = thief.public();
    // Two vouch, but one of them is the thief in the name of the member itself: that is signed by nobody's key.
    let vouched = next::vouch(&all[2].roster, &id("uss1"), thief.public().fingerprint(), NOW);
    all[2].publish(vouched)?;
    let latest = all[2].latest().clone();
    all[0].take_in(&latest);
    assert_eq!(all[0].roster.vouchers(&id("uss1"), thief.public().fingerprint()), [&id("uss2")]);
    forged.vouches.insert(id("uss1"), thief.public().fingerprint());
    let found = problems(all[0].take_in(&forged.sign(&thief)));
    assert_eq!(found, [Problem::UnknownKey { key: thief.public().fingerprint() }]);
    assert_eq!(next::vouch(&all[1].roster, &id("uss1"), thief.public().fingerprint(), NOW), Err(NextError::Ourselves));
    Ok(())
}
