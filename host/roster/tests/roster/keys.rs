//! Keys that change, are lost, or are stolen.

use anyhow::Result;
use hangar_roster::{Problem, next};

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
