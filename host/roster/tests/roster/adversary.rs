//! Records that somebody tampered with, and what each of them is called.

use anyhow::Result;
use hangar_plan::diagnostic::Severity;
use hangar_roster::next::{self, NextError};
use hangar_roster::{EnvelopeError, Finding, Genesis, Problem, Record, Seen, State, limits};

use crate::organisation::{NOW, Organisation, after, exchange, id, key, pool, presence};

fn problems(found: &[Finding]) -> Vec<Problem> {
    found.iter().map(|finding| finding.problem.clone()).collect()
}

/// Nothing of what was refused is held, nothing is frozen, and the cure is said.
fn refuses(reader: &mut Organisation, bytes: &[u8], wanted: &Problem) {
    let before = reader.roster.clone();
    let found = reader.roster.take_in([("uss1.record.json", bytes)]);
    assert_eq!(problems(&found), std::slice::from_ref(wanted));
    assert_eq!(reader.roster, before, "{wanted}");
    assert!(!wanted.cure().is_empty() && !wanted.is_remark());
    // The held record stays in force; a fork is for a person, even that of one who only asks.
    let severity = if matches!(wanted, Problem::Forked { .. }) { Severity::Error } else { Severity::Warning };
    assert_eq!(wanted.severity(), severity, "{wanted}");
}

#[test]
fn a_forged_record_is_refused() -> Result<()> {
    let mut all = pool(2)?;
    let record = after(all[1].latest());
    let right = String::from_utf8(record.clone().sign(&key(2)).to_bytes())?;
    let other = String::from_utf8(Record { at_ms: 1, ..record }.sign(&key(2)).to_bytes())?;
    // The payload of one with the signature of the other.
    let (payload, _) = other.split_once("\"signatures\"").expect("an envelope");
    let (_, signatures) = right.split_once("\"signatures\"").expect("an envelope");
    let forged = format!("{payload}\"signatures\"{signatures}");
    refuses(&mut all[0], forged.as_bytes(), &Problem::Forged { key: key(2).public().fingerprint() });
    Ok(())
}

#[test]
fn a_record_in_anothers_name_is_refused() -> Result<()> {
    let mut all = pool(3)?;
    let stolen = Record { member: id("uss2"), ..after(all[1].latest()) }.sign(&key(2));
    refuses(&mut all[0], &stolen.to_bytes(), &Problem::Impersonation { claimed: id("uss2") });
    // Nor can a joiner take a member's name.
    let joiner = Organisation::joiner("uss1", 9);
    all[0].roster.expect_joiner(joiner.key.public().fingerprint());
    refuses(&mut all[0], &joiner.latest().to_bytes(), &Problem::Impersonation { claimed: id("uss1") });
    Ok(())
}

#[test]
fn a_strangers_record_is_not_even_read() -> Result<()> {
    let mut all = pool(2)?;
    let stranger = Organisation::joiner("uss9", 9);
    let key = stranger.key.public().fingerprint();
    refuses(&mut all[0], &stranger.latest().to_bytes(), &Problem::UnknownKey { key });
    all[0].roster.expect_joiner(key);
    assert_eq!(problems(&all[0].take_in(stranger.latest())), []);
    all[0].roster.forget_joiner(&id("uss9"));
    refuses(&mut all[0], &stranger.latest().to_bytes(), &Problem::UnknownKey { key });
    Ok(())
}

/// Whoever is expected is known by its key, and not by the name of that key on what another has signed.
#[test]
fn a_record_under_the_name_of_another_key_is_forged() -> Result<()> {
    let mut all = pool(2)?;
    let (expected, thief) = (key(9).public().fingerprint(), Organisation::joiner("uss9", 8));
    all[0].roster.expect_joiner(expected);
    let text = String::from_utf8(thief.latest().to_bytes())?;
    let own = format!("\"keyid\":\"{}\"", thief.key.public().fingerprint());
    assert!(text.contains(&own));
    let named = text.replace(&own, &format!("\"keyid\":\"{expected}\""));
    refuses(&mut all[0], named.as_bytes(), &Problem::Forged { key: expected });
    // Nor does it help to write that key into the record.
    let claims = Record { key: key(9).public(), ..thief.latest().record().clone() }.sign(&thief.key);
    let text = String::from_utf8(claims.to_bytes())?;
    let named = text.replace(&own, &format!("\"keyid\":\"{expected}\""));
    refuses(&mut all[0], named.as_bytes(), &Problem::Forged { key: expected });
    Ok(())
}

#[test]
fn an_older_record_is_rolled_back_and_the_newer_stays_in_force() -> Result<()> {
    let mut all = pool(2)?;
    let held = all[1].latest().record().sequence;
    let old = all[1].published[1].to_bytes();
    refuses(&mut all[0], &old, &Problem::RolledBack { found: 2, held });
    Ok(())
}

#[test]
fn an_older_record_beside_a_newer_one_is_replayed() -> Result<()> {
    let mut all = pool(2)?;
    let old = all[1].published[1].to_bytes();
    let new = after(all[1].latest()).sign(&key(2));
    let found = all[0].roster.take_in([("new", new.to_bytes().as_slice()), ("old", old.as_slice())]);
    assert_eq!(problems(&found), [Problem::Replayed { found: 2, newer: new.record().sequence }]);
    assert_eq!(all[0].roster.signed(&id("uss1")), Some(&new));
    Ok(())
}

#[test]
fn a_record_of_another_pool_is_refused() -> Result<()> {
    let mut all = pool(2)?;
    let other: hangar_roster::PoolName = "us-west".parse()?;
    let elsewhere = Record { pool: other.clone(), ..after(all[1].latest()) }.sign(&key(2));
    refuses(&mut all[0], &elsewhere.to_bytes(), &Problem::OtherPool { found: other });
    Ok(())
}

#[test]
fn a_withheld_record_is_noticed_by_what_others_have_seen() -> Result<()> {
    let mut all = pool(3)?;
    let published =
        next::acknowledge(&all[2].roster, hangar_roster::Proof::Other { name: "news".to_owned(), values: vec![] }, NOW);
    all[2].publish(published)?;
    let latest = all[2].latest().clone();
    all[1].take_in(&latest);
    let seen =
        next::acknowledge(&all[1].roster, hangar_roster::Proof::Other { name: "seen".to_owned(), values: vec![] }, NOW);
    all[1].publish(seen)?;
    // The carrier shows the first member what the second says, but not the third's record.
    let witness = all[1].latest().clone();
    let found = all[0].take_in(&witness);
    let (now, held) = (latest.record().sequence, latest.record().sequence - 1);
    assert_eq!(problems(&found), [Problem::Withheld { witness: id("uss1"), seen: now, held }]);
    assert!(found[0].problem.is_remark() && found[0].member == Some(id("uss2")));
    assert_eq!(found[0].problem.severity(), Severity::Note);
    assert_eq!(problems(&all[0].take_in(&latest)), []);
    Ok(())
}

/// Frozen: nothing is made any more, and a stored roster stays so.
fn is_frozen(reader: &Organisation) -> bool {
    let stored = hangar_roster::Roster::from_bytes(&reader.roster.to_bytes()).expect("its own bytes");
    [&reader.roster, &stored].into_iter().all(|roster| {
        matches!(next::due(roster, NOW), Err(NextError::Frozen { .. }))
            && matches!(next::rotate_key(roster, key(60).public(), NOW), Err(NextError::Frozen { .. }))
    })
}

#[test]
fn two_records_of_one_sequence_are_a_fork() -> Result<()> {
    let mut all = pool(2)?;
    let one = after(all[1].latest());
    let sequence = one.sequence;
    let other = Record { at_ms: 1, ..one.clone() }.sign(&key(2));
    all[0].take_in(&one.sign(&key(2)));
    assert_eq!(problems(&all[0].take_in(&other)), [Problem::Forked { sequence }]);
    assert_eq!(all[0].roster.forks()[0].problem.severity(), Severity::Error);
    assert!(is_frozen(&all[0]));
    Ok(())
}

#[test]
fn a_record_that_follows_an_unseen_other_is_a_fork() -> Result<()> {
    let mut all = pool(2)?;
    let held = all[1].latest().record().sequence;
    let other = Record { at_ms: 1, ..after(all[1].latest()) }.sign(&key(2));
    let next = Record { previous: Some(other.digest()), ..after(all[1].latest()) }.sign(&key(2));
    assert_eq!(problems(&all[0].take_in(&next)), [Problem::Forked { sequence: held }]);
    assert!(is_frozen(&all[0]));
    Ok(())
}

#[test]
fn a_record_that_has_seen_less_than_its_former_one_is_a_fork() -> Result<()> {
    let mut all = pool(2)?;
    let mut next = after(all[1].latest());
    let former = next.seen[&id("uss0")];
    next.seen.insert(id("uss0"), Seen { sequence: former.sequence - 1, ..former });
    let sequence = next.sequence;
    let found = all[0].take_in(&next.sign(&key(2)));
    assert_eq!(problems(&found), [Problem::SeenBackwards { sequence, about: id("uss0") }]);
    assert!(is_frozen(&all[0]));
    Ok(())
}

#[test]
fn two_histories_shown_to_two_members_are_found_out() -> Result<()> {
    let mut all = pool(3)?;
    let one = after(all[2].latest());
    let sequence = one.sequence;
    let other = Record { at_ms: 1, ..one.clone() }.sign(&key(3));
    all[0].take_in(&one.sign(&key(3)));
    all[1].take_in(&other);
    let seen =
        next::acknowledge(&all[1].roster, hangar_roster::Proof::Other { name: "seen".to_owned(), values: vec![] }, NOW);
    all[1].publish(seen)?;
    let witness = all[1].latest().clone();
    assert_eq!(problems(&all[0].take_in(&witness)), [Problem::Contradicted { witness: id("uss1"), sequence }]);
    assert!(is_frozen(&all[0]));
    Ok(())
}

#[test]
fn a_joiner_that_signs_two_histories_is_refused_and_freezes_nobody() -> Result<()> {
    let mut all = pool(2)?;
    let joiner = Organisation::joiner("uss2", 3);
    all[0].roster.expect_joiner(joiner.key.public().fingerprint());
    all[0].take_in(joiner.latest());
    let other = Record { at_ms: 1, ..joiner.latest().record().clone() }.sign(&key(3));
    refuses(&mut all[0], &other.to_bytes(), &Problem::Forked { sequence: 1 });
    assert!(all[0].roster.forks().is_empty());
    Ok(())
}

#[test]
fn nobody_lets_itself_in() -> Result<()> {
    let mut all = pool(2)?;
    let joiner = Organisation::joiner("uss2", 3);
    all[0].roster.expect_joiner(joiner.key.public().fingerprint());
    all[0].take_in(joiner.latest());
    let early = Record { state: State::Active, ..after(joiner.latest()) }.sign(&key(3));
    refuses(&mut all[0], &early.to_bytes(), &Problem::Premature);
    Ok(())
}

#[test]
fn two_organisations_cannot_have_one_locality_subject_or_address() -> Result<()> {
    let mut all = pool(2)?;
    let joiner = Organisation::joiner("uss2", 3);
    all[0].roster.expect_joiner(joiner.key.public().fingerprint());
    let (mut locality, mut subject, mut address) = (presence("uss2"), presence("uss2"), presence("uss2"));
    let theirs = all[1].latest().record().presence.clone();
    locality.locality = theirs.locality;
    subject.authorities = theirs.authorities;
    address.nodes = theirs.nodes;
    for (presence, field) in
        [(locality, "locality"), (subject, "subject of a certificate authority"), (address, "address of a node")]
    {
        let clashing = Record { presence, ..joiner.latest().record().clone() }.sign(&key(3));
        refuses(&mut all[0], &clashing.to_bytes(), &Problem::Clash { field, other: id("uss1") });
    }
    Ok(())
}

#[test]
fn what_a_member_is_trusted_by_does_not_change_without_a_vote() -> Result<()> {
    let mut all = pool(2)?;
    let mut next = after(all[1].latest());
    next.presence.authorities.extend(presence("uss1").authorities);
    refuses(&mut all[0], &next.sign(&key(2)).to_bytes(), &Problem::Unvoted { field: "certificate authorities" });
    let mut next = after(all[1].latest());
    next.presence.locality[1].value = "elsewhere".to_owned();
    refuses(&mut all[0], &next.sign(&key(2)).to_bytes(), &Problem::Unvoted { field: "locality" });
    // Addresses may: they are reached, not trusted.
    let mut next = after(all[1].latest());
    next.presence.nodes[0].addresses = vec!["192.0.2.9".parse()?];
    assert_eq!(problems(&all[0].take_in(&next.sign(&key(2)))), []);
    Ok(())
}

#[test]
fn a_member_cannot_move_to_where_another_one_serves() -> Result<()> {
    let mut all = pool(3)?;
    let theirs = all[2].latest().record().presence.nodes.clone();
    let mut next = after(all[1].latest());
    next.presence.nodes = theirs;
    let clash = Problem::Clash { field: "address of a node", other: id("uss2") };
    refuses(&mut all[0], &next.clone().sign(&key(2)).to_bytes(), &clash);
    let refused = next::presence(&all[1].roster, next.presence, NOW);
    let wanted = NextError::Clash { member: id("uss1"), field: "address of a node", other: id("uss2") };
    assert_eq!(refused, Err(wanted));
    Ok(())
}

#[test]
fn what_a_joiner_was_voted_in_with_does_not_change_afterwards() -> Result<()> {
    let mut all = pool(1)?;
    let joiner = Organisation::joiner("uss1", 2);
    all[0].roster.expect_joiner(joiner.key.public().fingerprint());
    all[0].take_in(joiner.latest());
    let invitation = all[0].invitation_for(&id("uss1"), 1)?;
    let proposed = next::invite(&all[0].roster, &invitation, NOW);
    all[0].publish(proposed)?;
    let changed = Record { presence: presence("uss1"), ..after(joiner.latest()) }.sign(&key(2));
    refuses(&mut all[0], &changed.to_bytes(), &Problem::Unvoted { field: "presence" });
    Ok(())
}

#[test]
fn a_pool_has_one_genesis() -> Result<()> {
    let mut all = pool(2)?;
    exchange(&mut all);
    let genesis = all[0].latest().record().genesis.clone();
    let second = Record { genesis: genesis.clone(), ..after(all[1].latest()) }.sign(&key(2));
    refuses(&mut all[0], &second.to_bytes(), &Problem::Genesis);
    let genesis = genesis.expect("the founder's");
    // How long a member may be silent is agreed when it comes in: the founder alone cannot shorten it.
    let others = [Genesis { at_ms: 1, ..genesis.clone() }, Genesis { silence_ms: 1, ..genesis }];
    for other in others {
        let changed = Record { genesis: Some(other), ..after(all[0].latest()) };
        refuses(&mut all[1], &changed.sign(&key(1)).to_bytes(), &Problem::Genesis);
    }
    Ok(())
}

#[test]
fn a_member_does_not_go_back_to_asking() -> Result<()> {
    let mut all = pool(2)?;
    let back = Record { state: State::Asking, ..after(all[1].latest()) }.sign(&key(2));
    refuses(&mut all[0], &back.to_bytes(), &Problem::Transition { from: State::Active, to: State::Asking });
    Ok(())
}

#[test]
fn what_is_too_large_too_many_or_not_a_record_is_refused() -> Result<()> {
    let mut all = pool(2)?;
    let large = vec![b' '; limits::ENVELOPE_BYTES + 1];
    let too_large = EnvelopeError::TooLarge { n_bytes: large.len(), most: limits::ENVELOPE_BYTES };
    refuses(&mut all[0], &large, &Problem::Envelope(too_large));
    let mut many = after(all[1].latest());
    many.presence.nodes = vec![many.presence.nodes[0].clone(); limits::NODES + 1];
    let detail = format!("{} nodes, and at most {} are read", limits::NODES + 1, limits::NODES);
    refuses(&mut all[0], &many.sign(&key(2)).to_bytes(), &Problem::Unreadable { detail });
    let mut rude = after(all[1].latest());
    rude.presence.endpoint = "https://\u{1b}[2J".to_owned();
    let found = all[0].take_in(&rude.sign(&key(2)));
    assert!(matches!(&problems(&found)[..], [Problem::Unreadable { detail }] if detail.contains("control characters")));
    let found = all[0].roster.take_in([("README.md", b"# read me".as_slice())]);
    assert!(matches!(&problems(&found)[..], [Problem::Envelope(EnvelopeError::Unreadable { .. })]));
    Ok(())
}

#[test]
fn an_own_record_from_elsewhere_is_taken_up_and_told() -> Result<()> {
    let mut all = pool(2)?;
    let stored = all[1].roster.to_bytes();
    let news = hangar_roster::Proof::Other { name: "news".to_owned(), values: vec![] };
    let published = next::acknowledge(&all[1].roster, news, NOW);
    all[1].publish(published)?;
    let ahead = all[1].latest().clone();
    // The machine is restored from its backup of a moment ago.
    all[1].roster = hangar_roster::Roster::from_bytes(&stored)?;
    let now = ahead.record().sequence;
    assert_eq!(problems(&all[1].take_in(&ahead)), [Problem::OwnAhead { found: now, held: now - 1 }]);
    assert_eq!(all[1].latest(), &ahead);
    Ok(())
}

#[test]
fn one_liar_costs_one_finding_a_member() -> Result<()> {
    let mut all = pool(4)?;
    for liar in [2, 3] {
        let mut lies = after(all[liar].latest());
        for seen in lies.seen.values_mut() {
            seen.sequence += 1000;
        }
        let lies = lies.sign(&all[liar].key);
        all[0].take_in(&lies);
    }
    let found = all[0].roster.take_in([]);
    let about: Vec<_> = found.iter().filter_map(|finding| finding.member.clone()).collect();
    assert_eq!(about, ["uss0", "uss1", "uss2", "uss3"].map(id));
    Ok(())
}
