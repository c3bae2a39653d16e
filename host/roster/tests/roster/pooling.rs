//! The ordinary life of a pool.

use anyhow::{Context as _, Result};
use hangar_pki::Certificate;
use hangar_plan::strategy::member::MemberState;
use hangar_roster::next::{self, NextError};
use hangar_roster::{Kind, Phase, Problem, Proof, Record, Roster, State};

use crate::organisation::{LATER, NOW, Organisation, bring_in, exchange, id, pool};

fn view(roster: &Roster) -> hangar_plan::strategy::member::Roster {
    roster.view(|pem| Certificate::from_pem(pem).ok().as_ref().map(hangar_pki::authority))
}

#[test]
fn three_organisations_become_one_pool_and_all_see_the_same() -> Result<()> {
    let all = pool(3)?;
    for one in &all {
        assert_eq!(one.roster.in_pool().cloned().collect::<Vec<_>>(), ["uss0", "uss1", "uss2"].map(id));
        assert_eq!(one.vote(), None);
        assert_eq!(one.roster.founder(), Some(&id("uss0")));
        let seen = view(&one.roster);
        assert_eq!(seen.open, None);
        assert!(seen.members.iter().all(|member| member.state == MemberState::Active && member.authorities.len() == 1));
        assert_eq!(seen.members.iter().filter(|member| member.is_self).count(), 1);
    }
    Ok(())
}

#[test]
fn a_founder_alone_is_the_pool_and_opens_at_once() -> Result<()> {
    let (mut founder, joiner) = (Organisation::founder("uss0", 1), Organisation::joiner("uss1", 2));
    founder.roster.expect_joiner(joiner.key.public().fingerprint());
    founder.take_in(joiner.latest());
    let invitation = founder.invitation_for(&id("uss1"), 1)?;
    assert!(founder.publish(next::invite(&founder.roster, &invitation, NOW))?);
    assert_eq!(view(&founder.roster).open, None);
    founder.follow();
    assert_eq!(founder.vote().map(|(_, phase)| phase), Some(Phase::Open));
    let open = view(&founder.roster).open.expect("open");
    assert_eq!((open.kind.as_str(), open.subject.as_str()), ("join", "uss1"));
    Ok(())
}

#[test]
fn doing_a_thing_twice_makes_no_second_record() -> Result<()> {
    let mut all = pool(2)?;
    let joiner = Organisation::joiner("uss2", 3);
    all[0].roster.expect_joiner(joiner.key.public().fingerprint());
    all[0].take_in(joiner.latest());
    let invitation = all[0].invitation_for(&id("uss2"), 1)?;
    let founder = &mut all[0];
    assert!(founder.publish(next::invite(&founder.roster, &invitation, NOW))?);
    assert!(!founder.publish(next::invite(&founder.roster, &invitation, NOW))?);
    let change = founder.vote().expect("voted").0.id;
    let latest = founder.latest().clone();
    let other = &mut all[1];
    other.take_in(&latest);
    other.take_in(joiner.latest());
    assert!(other.publish(next::accept(&other.roster, change, NOW))?);
    assert!(!other.publish(next::accept(&other.roster, change, NOW))?);
    let before = other.roster.clone();
    assert_eq!((other.take_in(&latest), &other.roster), (vec![], &before));
    Ok(())
}

#[test]
fn a_second_change_waits_for_the_first() -> Result<()> {
    let mut all = pool(2)?;
    let joiners = [Organisation::joiner("uss2", 3), Organisation::joiner("uss3", 4)];
    for joiner in &joiners {
        all[0].roster.expect_joiner(joiner.key.public().fingerprint());
        all[0].take_in(joiner.latest());
    }
    let first = all[0].invitation_for(&id("uss2"), 1)?;
    let second = all[0].invitation_for(&id("uss3"), 2)?;
    let founder = &mut all[0];
    founder.publish(next::invite(&founder.roster, &first, NOW))?;
    let refused = next::invite(&founder.roster, &second, NOW).expect_err("one at a time");
    assert_eq!(refused.to_string(), "our vote is given to the join of `uss2` until that is settled");
    assert!(refused.cure().is_some_and(|cure| cure.contains("wait until it is closed")));
    let latest = founder.latest().clone();
    all[1].take_in(&latest);
    let other = next::propose(&all[1].roster, Kind::RotateCa, LATER, NOW);
    assert!(matches!(other, Err(NextError::UnderWay { kind: Kind::Join, .. })), "{other:?}");
    Ok(())
}

#[test]
fn of_two_changes_proposed_at_once_the_smaller_goes_on() -> Result<()> {
    let mut all = pool(3)?;
    let joiners = [Organisation::joiner("uss3", 4), Organisation::joiner("uss4", 5)];
    for (i, joiner) in joiners.iter().enumerate() {
        let inviter = &mut all[i];
        inviter.invite(joiner, 1)?;
    }
    let ids = [all[0].vote().expect("voted").0.id, all[1].vote().expect("voted").0.id];
    let winner = usize::from(ids[1] < ids[0]);
    exchange(&mut all);
    assert_eq!(all[winner].vote().map(|(change, phase)| (change.id, phase)), Some((ids[winner], Phase::Voted)));
    assert_eq!(all[1 - winner].vote(), None);
    let refused = next::accept(&all[2].roster, ids[1 - winner], NOW);
    assert_eq!(refused, Err(NextError::NotProposed { id: ids[1 - winner] }));
    Ok(())
}

#[test]
fn a_rejected_and_an_expired_change_are_taken_back() -> Result<()> {
    let mut all = pool(3)?;
    let joiner = Organisation::joiner("uss3", 4);
    let inviter = &mut all[0];
    inviter.invite(&joiner, 1)?;
    let change = inviter.vote().expect("voted").0.id;
    let latest = inviter.latest().clone();
    all[2].take_in(&latest);
    let rejected = next::reject(&all[2].roster, change, NOW);
    all[2].publish(rejected)?;
    exchange(&mut all);
    assert!(all.iter().all(|one| one.vote().is_none()));

    let again = all[0].invitation_for(&id("uss3"), 2)?;
    let proposed = next::invite(&all[0].roster, &again, NOW);
    all[0].publish(proposed)?;
    let late = next::due(&all[0].roster, LATER + 1);
    assert_eq!(late?.and_then(|record| record.vote).map(|vote| vote.phase), Some(Phase::Withdrawn));
    let too_late = next::accept(&all[1].roster, change, LATER + 1);
    assert!(matches!(too_late, Err(NextError::NotProposed { .. })));
    Ok(())
}

#[test]
fn a_member_that_left_comes_in_again_only_by_a_vote() -> Result<()> {
    let mut all = pool(3)?;
    let leaver = &mut all[2];
    leaver.publish(next::propose(&leaver.roster, Kind::Leave, LATER, NOW))?;
    let change = leaver.vote().expect("voted").0.id;
    let latest = leaver.latest().clone();
    for other in &mut all[..2] {
        other.take_in(&latest);
        other.publish(next::accept(&other.roster, change, NOW))?;
    }
    exchange(&mut all);
    let leaver = &mut all[2];
    leaver.publish(next::state(&leaver.roster, State::Leaving, NOW))?;
    leaver.publish(next::state(&leaver.roster, State::Gone, NOW))?;
    exchange(&mut all);
    for one in &all[..2] {
        assert_eq!(one.roster.in_pool().count(), 2);
        assert_eq!(one.vote(), None);
    }

    let mut leaver = all.pop().expect("the third");
    let again = next::state(&leaver.roster, State::Asking, NOW);
    leaver.publish(again)?;
    let mut alone = leaver.latest().record().clone();
    alone = Record {
        state: State::Active,
        sequence: alone.sequence + 1,
        previous: Some(leaver.latest().digest()),
        ..alone
    };
    let mut first = all[0].clone();
    first.take_in(leaver.latest());
    let found = first.take_in(&alone.sign(&leaver.key));
    assert_eq!(found[0].problem, Problem::Premature);
    bring_in(&mut all, leaver)?;
    assert!(all.iter().all(|one| one.roster.in_pool().count() == 3 && one.vote().is_none()));
    Ok(())
}

#[test]
fn the_identity_of_the_cluster_is_kept_once() -> Result<()> {
    let mut all = pool(2)?;
    let founder = &mut all[0];
    assert!(founder.publish(next::cluster_id(&founder.roster, "a-b", NOW))?);
    assert!(!founder.publish(next::cluster_id(&founder.roster, "a-b", NOW))?);
    let refused = next::cluster_id(&founder.roster, "c-d", NOW).expect_err("kept");
    assert_eq!(refused.to_string(), "the pool's database cluster is a-b, and c-d was found");
    exchange(&mut all);
    assert_eq!(all[1].roster.genesis().and_then(|genesis| genesis.cluster_id.as_deref()), Some("a-b"));
    assert_eq!(next::cluster_id(&all[1].roster, "a-b", NOW), Err(NextError::NotFounder));
    Ok(())
}

#[test]
fn a_roster_survives_its_file_and_a_changed_file_does_not_pass() -> Result<()> {
    let all = pool(2)?;
    let bytes = all[1].roster.to_bytes();
    assert_eq!(Roster::from_bytes(&bytes)?, all[1].roster);
    let text = String::from_utf8(bytes)?;
    let (record, other) = (all[0].latest().to_bytes(), all[0].published[0].to_bytes());
    let payload = |bytes: &[u8]| -> Result<String> {
        let envelope: serde_json::Value = serde_json::from_slice(bytes)?;
        Ok(envelope["payload"].as_str().unwrap_or_default().to_owned())
    };
    let changed = text.replace(&payload(&record)?, &payload(&other)?);
    assert_ne!(changed, text);
    assert!(Roster::from_bytes(changed.as_bytes()).is_err());
    Ok(())
}

#[test]
fn a_fourth_member_meets_all_three() -> Result<()> {
    let mut all = pool(3)?;
    bring_in(&mut all, Organisation::joiner("uss3", 4))?;
    assert!(all.iter().all(|one| one.roster.in_pool().count() == 4 && one.roster.forks().is_empty()));
    Ok(())
}

/// Whoever only asks proposes nothing.
#[test]
fn nobody_outside_proposes_a_change() {
    let joiner = Organisation::joiner("uss1", 2);
    let refused = next::propose(&joiner.roster, Kind::Leave, LATER, NOW);
    assert_eq!(refused, Err(NextError::NotInPool { member: id("uss1") }));
    assert!(!joiner.roster.is_in_pool(&id("uss1")));
}

/// A joiner is nobody that a member says it has seen, and is forgotten with its key.
#[test]
fn a_joiner_is_forgotten_and_a_member_is_not() -> Result<()> {
    let mut all = pool(2)?;
    let joiner = Organisation::joiner("uss2", 3);
    all[0].roster.expect_joiner(joiner.key.public().fingerprint());
    assert_eq!(all[0].take_in(joiner.latest()), []);
    let news = Proof::Other { name: "news".to_owned(), values: vec![] };
    let next = next::acknowledge(&all[0].roster, news, NOW)?.expect("news");
    assert_eq!(next.seen.keys().collect::<Vec<_>>(), [&id("uss1")]);

    for member in ["uss0", "uss1", "uss2"] {
        all[0].roster.forget_joiner(&id(member));
    }
    let held: Vec<_> = all[0].roster.records().map(|signed| signed.record().member.clone()).collect();
    assert_eq!(held, [id("uss0"), id("uss1")]);
    let key = joiner.key.public().fingerprint();
    assert_eq!(all[0].take_in(joiner.latest())[0].problem, Problem::UnknownKey { key });
    Ok(())
}

/// A member of an older program says nothing of how long a silence has to be.
#[test]
fn a_genesis_without_a_silence_has_three_days() -> Result<()> {
    let founder = Organisation::founder("uss0", 1);
    let mut value = serde_json::to_value(founder.latest().record())?;
    let genesis = value["genesis"].as_object_mut().context("a founder's record has a genesis")?;
    assert!(genesis.remove("silence-ms").is_some());
    let record: Record = serde_json::from_value(value)?;
    assert_eq!(record.genesis.context("it is still there")?.silence_ms, 3 * 24 * 3_600_000);
    Ok(())
}
