//! A history that is read by itself: what is in order, and what is not.

use anyhow::Result;
use hangar_roster::history::{self, History};
use hangar_roster::next;
use hangar_roster::{Acknowledgement, Problem, Proof, Record, Seen, SignedRecord, State};

use crate::organisation::{self, NOW, Organisation, id, key, pool};

fn verify<'a>(records: impl IntoIterator<Item = &'a SignedRecord>) -> History {
    let files: Vec<_> = records.into_iter().map(SignedRecord::to_bytes).collect();
    history::verify(files.iter().map(|bytes| ("h", bytes.as_slice())))
}

fn problems(records: &[SignedRecord]) -> Vec<Problem> {
    verify(records).findings.into_iter().map(|finding| finding.problem).collect()
}

/// The record after one, a moment later.
fn after(former: &SignedRecord) -> Record {
    Record { at_ms: former.record().at_ms + 1, ..organisation::after(former) }
}

/// Records of one founder, of which each follows the one before.
fn chain(n: u64) -> Vec<SignedRecord> {
    let founder = Organisation::founder("uss0", 1);
    let mut chain = vec![founder.latest().clone()];
    for _ in 1..n {
        let next = after(&chain[chain.len() - 1]).sign(&founder.key);
        chain.push(next);
    }
    chain
}

#[test]
fn records_that_follow_one_another_are_in_order_however_they_come_and_how_often() {
    let chain = chain(4);
    let mut all: Vec<_> = chain.iter().rev().cloned().collect();
    all.extend(chain.clone());
    let whole = verify(&all);
    assert_eq!(whole.findings, []);
    let sequences: Vec<_> = whole.events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4]);
}

#[test]
fn what_was_not_kept_is_counted() {
    let mut chain = chain(5);
    chain.drain(1..4);
    assert_eq!(problems(&chain), [Problem::Missed { n_missed: 3 }]);
}

#[test]
fn two_records_of_one_sequence_are_a_fork_in_a_history_too() {
    let mut chain = chain(2);
    let other = Record { at_ms: NOW + 99, ..after(&chain[0]) }.sign(&key(1));
    chain.push(other);
    assert_eq!(problems(&chain), [Problem::Forked { sequence: 2 }]);
}

#[test]
fn a_record_that_names_another_as_the_former_one_is_a_fork() {
    let mut chain = chain(3);
    let other = Record { at_ms: NOW + 99, ..after(&chain[0]) }.sign(&key(1));
    chain[2] = after(&other).sign(&key(1));
    assert_eq!(problems(&chain), [Problem::Forked { sequence: 2 }]);
}

#[test]
fn a_record_that_another_key_signed_is_forged() {
    let chain = chain(2);
    let forged = after(&chain[1]).sign(&key(9));
    let found = problems(&[chain[0].clone(), chain[1].clone(), forged]);
    assert_eq!(found, [Problem::Forged { key: key(1).public().fingerprint() }]);
}

/// The key is lost: the former one does not sign. `by` signs beside the new one.
fn renewed(former: &SignedRecord, by: Option<u8>) -> SignedRecord {
    let next = Record { key: key(50).public(), ..after(former) };
    let new = key(50);
    match by {
        Some(by) => next.sign_with(&[&new, &key(by)]),
        None => next.sign(&new),
    }
}

#[test]
fn another_key_needs_the_former_or_the_recovery_key() {
    let chain = chain(2);
    let with = |by| problems(&[chain[0].clone(), chain[1].clone(), renewed(&chain[1], by)]);
    assert_eq!(with(Some(1)), []);
    assert_eq!(with(Some(101)), [], "the recovery key of who has the seed 1");
    assert_eq!(with(Some(7)), [Problem::KeyChanged]);
    assert_eq!(with(None), [Problem::KeyChanged]);
}

/// In a pool of four a majority is three; of two, the other one.
#[test]
fn or_the_word_of_enough_others() -> Result<()> {
    for (n_members, needed) in [(2, 1), (4, 3)] {
        let all = pool(n_members)?;
        let lost = all[1].latest().clone();
        let with = |vouchers: usize| -> Result<Vec<Problem>> {
            let mut all = all.clone();
            let others = (0..all.len()).filter(|i| *i != 1).take(vouchers).collect::<Vec<_>>();
            for voucher in others {
                let vouched = next::vouch(&all[voucher].roster, &id("uss1"), key(50).public().fingerprint(), NOW);
                all[voucher].publish(vouched)?;
            }
            let mut records: Vec<_> = all.iter().flat_map(|one| one.published.clone()).collect();
            records.push(renewed(&lost, None));
            Ok(problems(&records))
        };
        assert_eq!(with(needed)?, [], "{n_members} members");
        assert_eq!(with(needed - 1)?, [Problem::KeyChanged], "{n_members} members");
    }
    Ok(())
}

/// Its own word is nobody's.
#[test]
fn a_thief_that_vouches_for_itself_is_not_believed() -> Result<()> {
    let all = pool(2)?;
    let mut records: Vec<_> = all.iter().flat_map(|one| one.published.clone()).collect();
    let mut own = after(all[1].latest());
    own.vouches.insert(id("uss1"), key(50).public().fingerprint());
    let own = own.sign(&all[1].key);
    records.push(own.clone());
    records.push(renewed(&own, None));
    assert_eq!(problems(&records), [Problem::KeyChanged]);
    Ok(())
}

/// Of a record it is told what is new in it, and of what was said before nothing.
#[test]
fn each_thing_is_told_once_and_by_who_it_is_about() -> Result<()> {
    let chain = chain(1);
    let proof = Proof::Other { name: "presents".to_owned(), values: vec!["uss9".to_owned()] };
    let said = Acknowledgement { proof: proof.clone(), at_ms: NOW };
    let mut told = after(&chain[0]);
    told.acknowledgements.push(said);
    told.presence.nodes[0].host = "1.db.uss0.example.com".to_owned();
    told.vouches.insert(id("uss9"), key(9).public().fingerprint());
    let seen = Seen { sequence: 1, digest: chain[0].digest() };
    told.evicted.insert(id("uss8"), seen);
    let told = told.sign(&key(1));
    let mut moved = Record { state: State::Leaving, ..after(&told) };
    moved.presence.egress = vec!["203.0.113.0/24".parse()?];
    moved.presence.authorities = pool(1)?[0].latest().record().presence.authorities.clone();
    let moved = moved.sign(&key(1));
    let renewed = renewed(&moved, Some(1));
    let whole = verify([&chain[0], &told, &moved, &renewed]);
    assert_eq!(whole.findings, []);
    let what: Vec<_> = whole.events.iter().map(|event| event.what.clone()).collect();
    assert_eq!(what[0], ["founds the pool"]);
    let vouched = format!("vouches for the key {} of uss9", key(9).public().fingerprint());
    assert_eq!(what[1], ["has other addresses".to_owned(), proof.to_string(), "has put uss8 out".to_owned(), vouched]);
    assert_eq!(what[2], ["is leaving", "has other certificate authorities", "has other addresses"]);
    assert_eq!(what[3], [format!("has the new key {}", key(50).public().fingerprint())]);
    let joiner = Organisation::joiner("uss1", 2);
    assert_eq!(verify([joiner.latest()]).events[0].what, ["asks to join"]);
    let later = after(joiner.latest()).sign(&key(2));
    for unbegun in [&told, &later] {
        assert_eq!(
            verify([unbegun]).events[0]
                .what
                .iter()
                .filter(|what| what.contains("asks") || what.contains("founds"))
                .count(),
            0
        );
    }
    Ok(())
}

/// By time as their writers say, then by member and sequence.
#[test]
fn events_are_told_in_the_order_of_their_time() {
    let chain = chain(3);
    let early = Organisation::joiner("uss1", 2);
    let told = verify(chain.iter().rev().chain([early.latest()]));
    let order: Vec<_> = told.events.iter().map(|event| (event.member.to_string(), event.sequence)).collect();
    let wanted = [("uss0", 1), ("uss1", 1), ("uss0", 2), ("uss0", 3)].map(|(who, n)| (who.to_owned(), n));
    assert_eq!(order, wanted);
}
