//! What a member may say of itself in its next record.

use anyhow::{Context as _, Result};
use hangar_roster::next::{self, NextError};
use hangar_roster::{Acknowledgement, Kind, Presence, Proof, Record, State, Vote};

use crate::organisation::{NOW, Organisation, after, agreed, hear, id, key, pool, presence};

fn held(one: &Organisation) -> Presence {
    one.latest().record().presence.clone()
}

fn moved(one: &Organisation) -> Presence {
    let mut presence = held(one);
    presence.nodes[0].host = "9.db.elsewhere.example.com".to_owned();
    presence
}

/// With one authority more.
fn renewed(one: &Organisation) -> Presence {
    let mut presence = held(one);
    presence.authorities.extend(self::presence("another").authorities);
    presence
}

#[test]
fn a_member_moves_without_a_vote_but_is_trusted_and_placed_as_before() -> Result<()> {
    let all = pool(2)?;
    let own = &all[1];
    assert_eq!(next::presence(&own.roster, held(own), NOW)?, None);
    let next = next::presence(&own.roster, moved(own), NOW)?.context("it has moved")?;
    assert_eq!(next.presence, moved(own));
    let mut placed = held(own);
    placed.locality[1].value = "elsewhere".to_owned();
    assert_eq!(next::presence(&own.roster, placed, NOW), Err(NextError::Unvoted));
    assert_eq!(next::presence(&own.roster, renewed(own), NOW), Err(NextError::Unvoted));
    Ok(())
}

#[test]
fn an_authority_is_added_once_all_have_opened_the_change_of_it() -> Result<()> {
    let mut all = pool(3)?;
    agreed(&mut all, 1, Kind::RotateCa)?;
    let latest: Vec<_> = all.iter().map(|one| one.latest().clone()).collect();
    latest.iter().for_each(|record| drop(all[1].take_in(record)));
    all[1].follow();
    assert!(all[1].roster.open_change().is_some(), "it has opened the change itself");
    assert_eq!(next::presence(&all[1].roster, renewed(&all[1]), NOW), Err(NextError::Unvoted));
    hear(&mut all);
    let wanted = renewed(&all[1]);
    let next = next::presence(&all[1].roster, wanted.clone(), NOW)?.context("all have opened it")?;
    assert_eq!(next.presence, wanted);
    let mut placed = wanted;
    placed.locality[1].value = "elsewhere".to_owned();
    assert_eq!(next::presence(&all[1].roster, placed, NOW), Err(NextError::Unvoted));
    Ok(())
}

#[test]
fn a_change_of_another_members_authority_is_none_of_ours() -> Result<()> {
    let mut all = pool(3)?;
    let change = agreed(&mut all, 0, Kind::RotateCa)?;
    hear(&mut all);
    assert_eq!(all[1].roster.open_change(), Some(&change));
    assert_eq!(next::presence(&all[1].roster, renewed(&all[1]), NOW), Err(NextError::Unvoted));
    assert!(next::presence(&all[1].roster, moved(&all[1]), NOW)?.is_some());
    Ok(())
}

/// What is voted on stays as it is.
#[test]
fn a_joiner_says_where_it_is_until_it_is_voted_on() -> Result<()> {
    let mut all = pool(2)?;
    let mut joiner = Organisation::joiner("uss2", 3);
    let next = next::presence(&joiner.roster, renewed(&joiner), NOW)?.context("it may still choose")?;
    assert_eq!(next.presence.authorities.len(), 2);
    let inviter = &mut all[0];
    let invitation = inviter.invite(&joiner, 1)?;
    joiner.roster.enter(&invitation, inviter.key.public().fingerprint(), NOW)?;
    joiner.take_in(inviter.latest());
    assert_eq!(next::presence(&joiner.roster, moved(&joiner), NOW), Err(NextError::Unvoted));
    Ok(())
}

#[test]
fn nobody_goes_without_a_change_of_its_own() -> Result<()> {
    let mut all = pool(3)?;
    for to in [State::Leaving, State::Gone, State::Joining, State::Asking] {
        let refused = next::state(&all[1].roster, to, NOW);
        assert_eq!(refused, Err(NextError::Transition { from: State::Active, to }));
    }
    agreed(&mut all, 0, Kind::RotateCa)?;
    hear(&mut all);
    let refused = next::state(&all[1].roster, State::Leaving, NOW);
    assert_eq!(refused, Err(NextError::Transition { from: State::Active, to: State::Leaving }));
    Ok(())
}

/// To the last moment of the change, and not a moment later: then the members may abandon it.
#[test]
fn a_joiner_starts_no_later_than_its_change_lasts() -> Result<()> {
    let mut founder = Organisation::founder("uss0", 1);
    let mut joiner = Organisation::joiner("uss1", 2);
    let invitation = founder.invite(&joiner, 1)?;
    founder.follow();
    joiner.roster.enter(&invitation, founder.key.public().fingerprint(), NOW)?;
    joiner.take_in(founder.latest());
    let expires_ms = founder.vote().context("it has invited")?.0.expires_ms;
    assert!(next::state(&joiner.roster, State::Joining, expires_ms)?.is_some());
    let late = next::state(&joiner.roster, State::Joining, expires_ms + 1);
    assert_eq!(late, Err(NextError::Expired { at_ms: expires_ms }));
    Ok(())
}

#[test]
fn who_asks_anew_says_nothing_of_its_former_life() -> Result<()> {
    let mut all = pool(3)?;
    let change = agreed(&mut all, 1, Kind::RotateCa)?;
    let proof = Proof::Other { name: "proved".to_owned(), values: Vec::new() };
    let vote = Some(Vote { change, phase: hangar_roster::Phase::Voted, since: 1 });
    // The founder has invited; so its invitation is one of these.
    let gone = Record {
        state: State::Gone,
        vote: vote.clone(),
        eviction: vote,
        acknowledgements: vec![Acknowledgement { proof, at_ms: NOW }],
        ..after(all[0].latest())
    };
    assert!(gone.invitation.is_some());
    all[0].publish(Ok(Some(gone)))?;
    let next = next::state(&all[0].roster, State::Asking, NOW)?.context("it may ask anew")?;
    assert_eq!((next.vote, next.eviction, next.invitation, next.acknowledgements), (None, None, None, Vec::new()));
    Ok(())
}

/// Only that a member was seen dead is taken back by its next word.
#[test]
fn a_proof_that_names_a_member_outlives_what_that_member_says() -> Result<()> {
    let mut all = pool(2)?;
    let proof = |name: &str| Proof::Other { name: name.to_owned(), values: vec!["uss0".to_owned()] };
    for name in ["presents", "seen-dead"] {
        let said = next::acknowledge(&all[1].roster, proof(name), NOW);
        all[1].publish(said)?;
    }
    let news = next::acknowledge(&all[0].roster, proof("news"), NOW);
    all[0].publish(news)?;
    let latest = all[0].latest().clone();
    all[1].take_in(&latest);
    let next = next::acknowledge(&all[1].roster, proof("later"), NOW)?.context("news")?;
    let kept = |name: &str| next.acknowledgements.iter().any(|one| one.proof == proof(name));
    assert_eq!((kept("presents"), kept("seen-dead"), kept("later")), (true, false, true));
    Ok(())
}

/// A proof is replaced by the next of its name, and by no other; that a peer accepts one authority says nothing of the next.
#[test]
fn a_proof_takes_the_place_of_its_like_alone() -> Result<()> {
    let mut one = pool(2)?.remove(1);
    let proof = |name: &str, value: &str| Proof::Other { name: name.to_owned(), values: vec![value.to_owned()] };
    let [first, second] = [presence("a"), presence("b")].map(|presence| presence.fingerprints()[0]);
    let accepted = |authority| Proof::AcceptedBy { peer: id("uss0"), authority };
    for said in [proof("a", "1"), proof("b", "1"), proof("a", "2"), accepted(first), accepted(second)] {
        one.publish(next::acknowledge(&one.roster, said, NOW))?;
    }
    let held: Vec<_> = one.latest().record().acknowledgements.iter().map(|one| one.proof.clone()).collect();
    for kept in [proof("a", "2"), proof("b", "1"), accepted(first), accepted(second)] {
        assert_eq!(held.iter().filter(|one| **one == kept).count(), 1, "{kept}");
    }
    assert!(!held.contains(&proof("a", "1")));
    assert_eq!(next::acknowledge(&one.roster, proof("a", "2"), NOW)?, None, "said already");
    Ok(())
}

/// An installation that was restored from a backup takes its new key past whatever the others have seen since.
#[test]
fn a_new_key_begins_after_all_that_was_seen_under_the_former() -> Result<()> {
    let mut all = pool(2)?;
    let restored = all[1].clone();
    for i in 0..5 {
        let news = Proof::Other { name: format!("news-{i}"), values: Vec::new() };
        let said = next::acknowledge(&all[1].roster, news, NOW);
        all[1].publish(said)?;
    }
    let latest = all[1].latest().clone();
    all[0].take_in(&latest);
    let heard = next::acknowledge(&all[0].roster, Proof::Other { name: "heard".into(), values: Vec::new() }, NOW);
    all[0].publish(heard)?;
    let mut restored = restored;
    restored.take_in(all[0].latest());
    let next = next::rotate_key(&restored.roster, key(50).public(), NOW)?.context("another key")?;
    assert_eq!(next.sequence, latest.record().sequence + 1);
    assert!(next.sequence > restored.latest().record().sequence + 1);
    Ok(())
}
