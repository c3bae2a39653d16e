//! Whatever is refused says what to do about it.

use anyhow::Result;
use hangar_roster::next::{Missing, NextError};
use hangar_roster::{EnvelopeError, Finding, InvitationError, Kind, Problem, State, StoredError};

use crate::organisation::{Organisation, id, key, pool, presence};

/// The part of a text by which it is known.
type Known = &'static str;

#[test]
fn of_a_command_that_cannot_be_carried_out() -> Result<()> {
    let (kind, member) = (Kind::Join, id("uss1"));
    let founder = Organisation::founder("uss0", 1);
    let authority = presence("uss1").fingerprints()[0];
    let fork = Finding { source: String::new(), member: Some(id("uss1")), problem: Problem::Forked { sequence: 2 } };
    let id_of_none = founder.latest().digest().to_string().parse()?;
    let (subject, proposer) = (id("uss1"), id("uss2"));
    let under_way = NextError::UnderWay { kind, subject: subject.clone(), proposer };
    let clash = NextError::Clash { member: member.clone(), field: "locality", other: id("uss0") };
    let gate = |missing| NextError::Gate { missing };
    let cases: Vec<(NextError, Option<Known>)> = vec![
        (NextError::Frozen { fork: Box::new(fork) }, Some("`hangar pool rotate-key`")),
        (NextError::Invitation(InvitationError::OtherRequest), Some("ask the inviter for a new one")),
        (NextError::NotInPool { member: member.clone() }, Some("`hangar pool create`")),
        (NextError::VoteGiven { kind, subject }, Some("`hangar pool status --wait`")),
        (under_way, Some("one change at a time")),
        (NextError::NotProposed { id: id_of_none }, Some("look at what is proposed")),
        (NextError::NothingProposed { member: member.clone() }, Some("look at what is proposed")),
        (NextError::NoEviction { member: member.clone() }, Some("`hangar pool evict uss1`")),
        (NextError::Answered { member: member.clone() }, Some("talk to `uss1`")),
        (NextError::Alone { member: member.clone() }, Some("--alone")),
        (NextError::Ourselves, Some("`hangar pool leave`")),
        (NextError::Expired { at_ms: 1 }, Some("`hangar pool invite`")),
        (NextError::NoRecord { member: member.clone() }, Some("ask `uss1` for its record")),
        (NextError::OtherRecord { member: member.clone() }, Some("`uss1` has asked anew")),
        (clash, Some("`uss1` chooses another locality")),
        (NextError::StillDeployed { member: member.clone() }, Some("out of the bundle first")),
        (gate(vec![Missing::Deployed(id("uss2")), Missing::Open(id("uss2"))]), Some("wait for uss2")),
        (gate(vec![Missing::AcceptedBy(id("uss2"))]), None),
        (NextError::ClusterId { kept: "a".into(), found: "b".into() }, Some("must be empty before they join")),
        (NextError::Unvoted, Some("`hangar pool rotate-ca`")),
        (NextError::NotAsking { member }, Some("`hangar pool request`")),
        (NextError::Unsupported { kind }, None),
        (NextError::NotOpen, None),
        (NextError::NotFounder, None),
        (NextError::NotToBeTrusted { authority }, None),
        (NextError::Transition { from: State::Asking, to: State::Active }, Some("`hangar pool status`")),
    ];
    for (err, wanted) in cases {
        match (err.cure(), wanted) {
            (Some(cure), Some(wanted)) => assert!(cure.contains(wanted), "{err}: {cure}"),
            (cure, wanted) => assert_eq!((cure.as_deref(), wanted), (None, None), "{err}"),
        }
    }
    Ok(())
}

#[test]
fn of_an_invitation() -> Result<()> {
    let key = key(1).public().fingerprint();
    let cases: Vec<(InvitationError, Known)> = vec![
        (InvitationError::Envelope(EnvelopeError::Unreadable { detail: String::new() }), "for the file again"),
        (InvitationError::Unreadable { detail: String::new() }, "for the file again"),
        (InvitationError::Forged { expected: key }, "compare the inviter's words again"),
        (InvitationError::OtherPool { wanted: "a".parse()?, found: "b".parse()? }, "that was made for you"),
        (InvitationError::OtherAudience { ours: key, found: key }, "that was made for you"),
        (InvitationError::OtherRequest, "`hangar pool invite --to FINGERPRINT`"),
        (InvitationError::Expired { at_ms: 1 }, "`hangar pool invite --to FINGERPRINT`"),
        (InvitationError::Voided { inviter: id("uss0") }, "`hangar pool invite --to FINGERPRINT`"),
        (InvitationError::AlreadyIn { member: id("uss0") }, "`hangar pool status`"),
    ];
    for (err, wanted) in cases {
        assert!(err.cure().contains(wanted), "{err}: {}", err.cure());
    }
    Ok(())
}

#[test]
fn of_what_a_carrier_shows() -> Result<()> {
    let key = key(1).public().fingerprint();
    let (state, witness) = (State::Active, id("uss2"));
    let cases: Vec<(Problem, Known)> = vec![
        (Problem::Envelope(EnvelopeError::Unreadable { detail: String::new() }), "to publish it again"),
        (Problem::Unreadable { detail: String::new() }, "to publish it again"),
        (Problem::UnknownKey { key }, "`hangar pool invite --to FINGERPRINT`"),
        (Problem::Forged { key }, "somebody else writes to the carrier"),
        (Problem::Impersonation { claimed: id("uss1") }, "somebody else writes to the carrier"),
        (Problem::OtherPool { found: "b".parse()? }, "out of this pool's carrier"),
        (Problem::KeyChanged, "not by the carrier"),
        (Problem::RecoveryKeyChanged, "not by the carrier"),
        (Problem::RolledBack { found: 1, held: 2 }, "whether it was restored"),
        (Problem::Replayed { found: 1, newer: 2 }, "the old file can be taken out"),
        (Problem::Forked { sequence: 1 }, "`hangar pool rotate-key`"),
        (Problem::SeenBackwards { sequence: 1, about: id("uss1") }, "`hangar pool rotate-key`"),
        (Problem::Contradicted { witness: witness.clone(), sequence: 1 }, "`hangar pool rotate-key`"),
        (Problem::Withheld { witness, seen: 2, held: 1 }, "`hangar pool import`"),
        (Problem::Missed { n_missed: 1 }, "`hangar pool import`"),
        (Problem::OwnAhead { found: 2, held: 1 }, "stop the other installation"),
        (Problem::Transition { from: state, to: state }, "ask its owner what it is doing"),
        (Problem::Premature, "ask its owner what it is doing"),
        (Problem::Unvoted { field: "locality" }, "ask its owner what it is doing"),
        (Problem::Genesis, "a pool is founded once"),
        (Problem::Clash { field: "locality", other: id("uss1") }, "`hangar pool request`"),
        (Problem::TooMany { what: "records", most: 1 }, "out of the carrier"),
    ];
    for (problem, wanted) in cases {
        assert!(problem.cure().contains(wanted), "{problem}: {}", problem.cure());
    }
    Ok(())
}

#[test]
fn of_what_was_kept() -> Result<()> {
    let err = hangar_roster::Roster::from_bytes(b"{").err();
    let hint = err.as_ref().and_then(StoredError::hint);
    assert!(hint.is_some_and(|hint| hint.contains("from its backup")), "{err:?}");
    Ok(())
}

/// What is said of a change and of a proof can be read, and read back.
#[test]
fn names_are_whole() -> Result<()> {
    let mut all = pool(2)?;
    let proposed = hangar_roster::next::propose(&all[1].roster, Kind::RotateCa, u64::MAX, 0);
    all[1].publish(proposed)?;
    let Some((change, _)) = all[1].vote() else { anyhow::bail!("it has voted") };
    let text = change.id.to_string();
    assert_eq!(text.len(), 64);
    assert_eq!(text.parse::<hangar_roster::ChangeId>()?, change.id);
    let authority = presence("uss1").fingerprints()[0];
    let told = hangar_roster::Proof::AcceptedBy { peer: id("uss0"), authority }.to_string();
    assert_eq!(told, format!("its authority {authority:.12} is accepted by uss0"));
    Ok(())
}
