//! One member goes over to another authority, step by step, and each step waits for the one before it.

use anyhow::{Context as _, Result};
use hangar_roster::next::{self, NextError, PRESENTS};
use hangar_roster::{CaFingerprint, Kind, Phase, Presence, Proof};

use crate::organisation::{LATER, NOW, Organisation, agreed, hear, id, pool, presence};

fn authorities(one: &Organisation) -> Vec<CaFingerprint> {
    one.latest().record().presence.fingerprints()
}

fn with(one: &Organisation, authorities: Vec<String>) -> Presence {
    Presence { authorities, ..one.latest().record().presence.clone() }
}

/// Says that every node has loaded the authorities of all, as this member knows them.
fn load(one: &mut Organisation) -> Result<()> {
    let of = |member| one.roster.record(member).map(|record| record.presence.fingerprints()).unwrap_or_default();
    let mut authorities: Vec<_> = one.roster.in_pool().flat_map(of).collect();
    authorities.sort_unstable();
    one.publish(next::acknowledge(&one.roster, Proof::Deployed { authorities }, NOW))?;
    Ok(())
}

fn present(one: &mut Organisation, whose: &str, authority: CaFingerprint) -> Result<()> {
    let values = vec![whose.to_owned(), authority.to_string()];
    one.publish(next::acknowledge(&one.roster, Proof::Other { name: PRESENTS.to_owned(), values }, NOW))?;
    Ok(())
}

/// Three members; the second has both authorities in its record, and all have read that.
fn with_both() -> Result<Vec<Organisation>> {
    let mut all = pool(3)?;
    agreed(&mut all, 1, Kind::RotateCa)?;
    hear(&mut all);
    let both = [all[1].latest().record().presence.authorities.clone(), presence("another").authorities].concat();
    let added = next::presence(&all[1].roster, with(&all[1], both), NOW);
    assert!(all[1].publish(added)?);
    hear(&mut all);
    Ok(all)
}

#[test]
fn one_authority_is_added_and_no_third() -> Result<()> {
    let all = with_both()?;
    let own = &all[1];
    let [old, new] = &own.latest().record().presence.authorities[..] else { anyhow::bail!("two authorities") };
    let third = presence("third").authorities.remove(0);
    for wanted in [vec![old.clone(), new.clone(), third.clone()], vec![third], vec![new.clone(), old.clone()], vec![]] {
        assert_eq!(next::presence(&own.roster, with(own, wanted), NOW), Err(NextError::Unvoted));
    }
    Ok(())
}

#[test]
fn the_former_authority_goes_once_every_member_has_seen_the_new_one() -> Result<()> {
    let mut all = with_both()?;
    let [old, new] = authorities(&all[1])[..] else { anyhow::bail!("two authorities") };
    let pems = all[1].latest().record().presence.authorities.clone();
    let shrunk =
        |all: &[Organisation], pem: &String| next::presence(&all[1].roster, with(&all[1], vec![pem.clone()]), NOW);
    present(&mut all[0], "uss1", new)?;
    // Of another authority, and of another member.
    present(&mut all[2], "uss1", old)?;
    hear(&mut all);
    assert_eq!(shrunk(&all, &pems[1]), Err(NextError::Unvoted));
    present(&mut all[2], "uss0", new)?;
    hear(&mut all);
    assert_eq!(shrunk(&all, &pems[1]), Err(NextError::Unvoted));
    present(&mut all[2], "uss1", new)?;
    hear(&mut all);
    assert_eq!(shrunk(&all, &pems[1]), Err(NextError::Unvoted), "its own nodes may show the old one still");
    present(&mut all[1], "uss1", new)?;
    assert_eq!(shrunk(&all, &pems[0]), Err(NextError::Unvoted));
    assert!(shrunk(&all, &pems[1])?.is_some());
    Ok(())
}

#[test]
fn it_is_through_once_all_have_let_the_former_authority_go() -> Result<()> {
    let mut all = with_both()?;
    let new = authorities(&all[1])[1];
    let not_yet = Err(NextError::NotCarriedOut { kind: Kind::RotateCa, subject: id("uss1") });
    for i in [0, 2] {
        load(&mut all[i])?;
        present(&mut all[i], "uss1", new)?;
    }
    load(&mut all[1])?;
    present(&mut all[1], "uss1", new)?;
    hear(&mut all);
    assert_eq!(next::close(&all[1].roster, NOW), not_yet, "it still has two");
    let pem = all[1].latest().record().presence.authorities[1].clone();
    let shrunk = next::presence(&all[1].roster, with(&all[1], vec![pem]), NOW);
    assert!(all[1].publish(shrunk)?);
    hear(&mut all);
    assert_eq!(next::close(&all[1].roster, NOW), not_yet, "every bundle still has the former one");
    for i in [1, 0] {
        load(&mut all[i])?;
    }
    hear(&mut all);
    assert_eq!(next::close(&all[1].roster, NOW), not_yet, "one bundle still has it");
    load(&mut all[2])?;
    hear(&mut all);
    for i in [0, 2] {
        assert_eq!(next::close(&all[i].roster, NOW), not_yet, "only its subject knows");
    }
    let closed = next::close(&all[1].roster, NOW);
    assert!(all[1].publish(closed)?);
    let latest = all[1].latest().clone();
    for i in [0, 2] {
        all[i].take_in(&latest);
        let closed = next::close(&all[i].roster, NOW);
        assert!(all[i].publish(closed)?);
    }
    hear(&mut all);
    assert!(all.iter().all(|one| one.vote().is_none()));
    assert_eq!(authorities(&all[1]), [new]);
    Ok(())
}

/// The subject says when it is through with its nodes; the others follow.
#[test]
fn maintenance_is_over_when_its_subject_says_so() -> Result<()> {
    let mut all = pool(2)?;
    agreed(&mut all, 1, Kind::Maintain)?;
    hear(&mut all);
    let not_yet = Err(NextError::NotCarriedOut { kind: Kind::Maintain, subject: id("uss1") });
    assert_eq!(next::close(&all[0].roster, NOW), not_yet);
    let closed = next::close(&all[1].roster, NOW);
    assert!(all[1].publish(closed)?);
    assert_eq!(all[1].vote().map(|(_, phase)| phase), Some(Phase::Done));
    let latest = all[1].latest().clone();
    all[0].take_in(&latest);
    assert!(next::close(&all[0].roster, NOW)?.is_some());
    Ok(())
}

/// Who said no, its proposer apart: that one takes the change back, and is not against it.
#[test]
fn those_against_a_change_are_the_others_who_said_no() -> Result<()> {
    let mut all = pool(4)?;
    let proposed = next::propose(&all[0].roster, Kind::RotateCa, LATER, NOW);
    all[0].publish(proposed)?;
    let change = all[0].vote().context("it has proposed")?.0.clone();
    assert!(all[0].roster.is_alive(&change));
    assert_eq!(next::due(&all[0].roster, LATER)?, None, "to its last moment");
    let late = next::due(&all[0].roster, LATER + 1)?.and_then(|record| record.vote).map(|vote| vote.phase);
    assert_eq!(late, Some(Phase::Withdrawn));
    let latest = all[0].latest().clone();
    for i in 1..3 {
        all[i].take_in(&latest);
        let answer = if i == 1 { next::accept } else { next::reject };
        let answered = answer(&all[i].roster, change.id, NOW);
        all[i].publish(answered)?;
        let latest = all[i].latest().clone();
        all[0].take_in(&latest);
    }
    assert_eq!(all[0].roster.against(&change), [&id("uss2")]);
    all[0].follow();
    assert_eq!(all[0].vote().map(|(_, phase)| phase), Some(Phase::Withdrawn));
    assert_eq!(all[0].roster.against(&change), [&id("uss2")]);
    assert!(!all[0].roster.is_alive(&change));
    Ok(())
}

/// It is under way until each voter has closed it, and then over, though the slots still name it.
#[test]
fn a_change_is_alive_until_all_have_closed_it() -> Result<()> {
    let mut all = pool(2)?;
    let change = agreed(&mut all, 1, Kind::Maintain)?;
    hear(&mut all);
    let closed = next::close(&all[1].roster, NOW);
    all[1].publish(closed)?;
    let latest = all[1].latest().clone();
    all[0].take_in(&latest);
    assert!(all[0].roster.is_alive(&change) && all[1].roster.is_alive(&change));
    let closed = next::close(&all[0].roster, NOW);
    all[0].publish(closed)?;
    assert_eq!(all[0].vote().map(|(_, phase)| phase), Some(Phase::Done));
    assert!(!all[0].roster.is_alive(&change));
    Ok(())
}
