//! What a record says anew, as others hold it against what they know.

use anyhow::{Context as _, Result};
use hangar_roster::next;
use hangar_roster::{Acknowledgement, Kind, Problem, Proof, Record, Seen, SignedRecord, Vote, limits};

use crate::organisation::{LATER, NOW, Organisation, after, agreed, hear, id, key, pool, presence};

fn found(reader: &Organisation, record: &SignedRecord) -> Vec<Problem> {
    let mut reader = reader.clone();
    reader.take_in(record).into_iter().map(|finding| finding.problem).collect()
}

fn news(name: &str) -> Proof {
    Proof::Other { name: name.to_owned(), values: Vec::new() }
}

#[test]
fn one_record_under_two_names_is_one_record() -> Result<()> {
    let mut all = pool(2)?;
    let bytes = after(all[1].latest()).sign(&key(2)).to_bytes();
    let twice = [("one", bytes.as_slice()), ("other", bytes.as_slice())];
    assert_eq!(all[0].roster.take_in(twice), []);
    Ok(())
}

/// A sequence that was seen is given to no other record, old or new, whoever signs it.
#[test]
fn another_record_of_a_sequence_that_was_seen_is_a_fork() -> Result<()> {
    let mut all = pool(2)?;
    let former = all[1].latest().clone();
    all[0].take_in(&after(&former).sign(&key(2)));
    let other = Record { at_ms: 1, ..former.record().clone() }.sign(&key(2));
    assert_eq!(found(&all[0], &other), [Problem::Forked { sequence: former.record().sequence }]);
    let held = &all[0].roster.signed(&id("uss1")).context("it is held")?.clone();
    let renewed = Record { key: key(50).public(), ..held.record().clone() };
    let renewed = renewed.sign_with(&[&key(102), &key(50)]);
    assert_eq!(found(&all[0], &renewed), [Problem::Forked { sequence: held.record().sequence }]);
    let next = Record { key: key(50).public(), ..after(held) };
    assert_eq!(found(&all[0], &next.sign_with(&[&key(102), &key(50)])), []);
    Ok(())
}

#[test]
fn another_record_of_what_was_seen_of_a_third_is_a_fork() -> Result<()> {
    let all = pool(2)?;
    let mut next = after(all[1].latest());
    let seen = next.seen[&id("uss0")];
    next.seen.insert(id("uss0"), Seen { digest: all[1].latest().digest(), ..seen });
    let sequence = next.sequence;
    let backwards = Problem::SeenBackwards { sequence, about: id("uss0") };
    assert!(found(&all[0], &next.sign(&key(2))).contains(&backwards));
    Ok(())
}

#[test]
fn the_identity_of_the_cluster_never_becomes_another() -> Result<()> {
    let mut all = pool(2)?;
    let kept = next::cluster_id(&all[0].roster, "a-b", NOW);
    all[0].publish(kept)?;
    let latest = all[0].latest().clone();
    assert_eq!(found(&all[1], &latest), []);
    all[1].take_in(&latest);
    let next = after(&latest);
    assert_eq!(found(&all[1], &next.clone().sign(&key(1))), []);
    for other in [Some("c-d".to_owned()), None] {
        let mut changed = next.clone();
        changed.genesis.as_mut().context("it is the founder's")?.cluster_id = other;
        assert_eq!(found(&all[1], &changed.sign(&key(1))), [Problem::Genesis]);
    }
    Ok(())
}

#[test]
fn no_more_ask_at_one_time_than_is_read() -> Result<()> {
    let mut all = pool(3)?;
    let seeds = 10..10 + u8::try_from(limits::ASKING)?;
    for seed in seeds.clone() {
        let joiner = Organisation::joiner(&format!("asks{seed}"), seed);
        all[0].roster.expect_joiner(joiner.key.public().fingerprint());
        assert_eq!(all[0].take_in(joiner.latest()), []);
    }
    let last = Organisation::joiner("last", seeds.end);
    all[0].roster.expect_joiner(last.key.public().fingerprint());
    let too_many = Problem::TooMany { what: "joiners", most: limits::ASKING };
    assert_eq!(found(&all[0], last.latest()), [too_many]);
    all[0].roster.forget_joiner(&id("asks10"));
    assert_eq!(found(&all[0], last.latest()), []);
    Ok(())
}

/// A record of this member that names one authority more.
fn renewed(one: &Organisation) -> SignedRecord {
    let mut next = after(one.latest());
    next.presence.authorities.extend(presence("another").authorities);
    next.sign(&one.key)
}

#[test]
fn other_authorities_are_taken_in_by_who_has_opened_the_change_of_them() -> Result<()> {
    let mut all = pool(3)?;
    let unvoted = [Problem::Unvoted { field: "certificate authorities" }];
    assert_eq!(found(&all[0], &renewed(&all[1])), unvoted);
    agreed(&mut all, 1, Kind::RotateCa)?;
    let latest = all[1].latest().clone();
    all[0].take_in(&latest);
    assert_eq!(found(&all[0], &renewed(&all[1])), unvoted, "it has voted, and not opened");
    hear(&mut all);
    assert_eq!(found(&all[0], &renewed(&all[1])), []);
    let mut placed = after(all[1].latest());
    placed.presence.locality[1].value = "elsewhere".to_owned();
    assert_eq!(found(&all[0], &placed.sign(&key(2))), [Problem::Unvoted { field: "locality" }]);
    assert_eq!(found(&all[0], &renewed(&all[2])), unvoted, "the change is of another member");
    Ok(())
}

#[test]
fn other_authorities_come_by_no_change_of_another_kind() -> Result<()> {
    let mut all = pool(2)?;
    agreed(&mut all, 1, Kind::Leave)?;
    hear(&mut all);
    assert!(all[0].roster.open_change().is_some());
    let unvoted = [Problem::Unvoted { field: "certificate authorities" }];
    assert_eq!(found(&all[0], &renewed(&all[1])), unvoted);
    Ok(())
}

/// In a pool of four, three vouch for a key that its owner alone signs with.
#[test]
fn a_majority_of_all_vouches_and_not_of_those_who_speak() -> Result<()> {
    let mut all = pool(4)?;
    let new = key(50);
    let next = Record { key: new.public(), ..after(all[1].latest()) }.sign(&new);
    let unknown = [Problem::UnknownKey { key: new.public().fingerprint() }];
    for voucher in [2, 3] {
        let vouched = next::vouch(&all[voucher].roster, &id("uss1"), new.public().fingerprint(), NOW);
        all[voucher].publish(vouched)?;
        let latest = all[voucher].latest().clone();
        all[0].take_in(&latest);
        assert_eq!(found(&all[0], &next), unknown);
    }
    let vouched = next::vouch(&all[0].roster, &id("uss1"), new.public().fingerprint(), NOW);
    all[0].publish(vouched)?;
    assert_eq!(found(&all[0], &next), []);
    Ok(())
}

/// What comes along with a record is for who needs it; who does not is told nothing of it, whatever it is.
#[test]
fn what_came_along_is_nobodys_trouble() -> Result<()> {
    let mut all = pool(2)?;
    let new = key(50);
    let rotated = next::rotate_key(&all[1].roster, new.public(), NOW)?.context("another key")?;
    let rotated = rotated.sign_with(&[&key(2), &new]);
    all[0].take_in(&rotated);
    all[1].roster.publish(rotated);
    all[1].key = new;
    let said = next::acknowledge(&all[1].roster, news("first"), NOW)?.context("news")?;
    let signed = all[1].roster.sign(said, &all[1].key);
    let mut envelope: serde_json::Value = serde_json::from_slice(&signed.to_bytes())?;
    envelope["after"]["payload"] = "e30=".into();
    let bytes = serde_json::to_vec(&envelope)?;
    assert_eq!(all[0].roster.take_in([("carrier", bytes.as_slice())]), []);
    assert_eq!(all[0].roster.record(&id("uss1")).map(|record| record.sequence), Some(signed.record().sequence));
    Ok(())
}

fn unreadable(reader: &Organisation, record: Record, key_seed: u8) -> Option<String> {
    found(reader, &record.sign(&key(key_seed))).into_iter().find_map(|problem| match problem {
        Problem::Unreadable { detail } => Some(detail),
        _ => None,
    })
}

#[test]
fn a_record_that_contradicts_itself_is_not_read() -> Result<()> {
    let mut all = pool(3)?;
    let change = agreed(&mut all, 1, Kind::RotateCa)?;
    let latest = all[1].latest().clone();
    all[0].take_in(&latest);
    let next = after(&latest);
    let sequence = next.sequence;
    let held = next.vote.clone().context("it has voted")?;
    let voted = |vote: Vote| Record { vote: Some(vote), ..next.clone() };
    let evicting = |vote: Vote| Record { eviction: Some(vote), ..next.clone() };
    let other = |expires_ms| Vote { change: hangar_roster::Change { expires_ms, ..change.clone() }, ..held.clone() };
    assert_eq!(unreadable(&all[0], voted(held.clone()), 2), None);
    assert_eq!(unreadable(&all[0], voted(Vote { since: sequence, ..held.clone() }), 2), None);
    for (record, reason) in [
        (voted(other(LATER + 1)), "its vote's change has an id that is not its own"),
        (voted(Vote { since: 0, ..held.clone() }), "its vote is from a later record"),
        (voted(Vote { since: sequence + 1, ..held.clone() }), "its vote is from a later record"),
        (evicting(held.clone()), "its vote for a change `rotate-ca` stands in the wrong place"),
        (Record { previous: None, ..next.clone() }, "sequence and former record do not fit"),
        (Record { sequence: 0, ..next.clone() }, "sequence and former record do not fit"),
        (Record { sequence: 1, ..next.clone() }, "sequence and former record do not fit"),
        (Record { version: 2, ..next.clone() }, "version 2 is not known here, only 1"),
    ] {
        assert_eq!(unreadable(&all[0], record, 2).as_deref(), Some(reason));
    }
    let mut itself = next.clone();
    itself.seen.insert(id("uss1"), Seen { sequence: 1, digest: latest.digest() });
    assert_eq!(unreadable(&all[0], itself, 2).as_deref(), Some("it says it has seen itself"));
    let proposed = next::evict(&all[2].roster, &id("uss1"), false, LATER, NOW)?.context("nobody has proposed it")?;
    let suicide = Record { eviction: proposed.eviction.map(|vote| Vote { since: 1, ..vote }), ..next.clone() };
    assert_eq!(unreadable(&all[0], suicide, 2).as_deref(), Some("it votes to put itself out"));
    let said = Acknowledgement { proof: news("said"), at_ms: NOW };
    let control = Acknowledgement { proof: news("\u{1b}[2J"), at_ms: NOW };
    assert_eq!(unreadable(&all[0], Record { acknowledgements: vec![said], ..next.clone() }, 2), None);
    let told = unreadable(&all[0], Record { acknowledgements: vec![control], ..next }, 2);
    assert!(told.is_some_and(|told| told.starts_with("a text has control characters")));
    Ok(())
}
