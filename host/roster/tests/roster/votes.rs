//! Votes that are given twice, for something else, or by whom they are not for.

use anyhow::{Context as _, Result};
use hangar_roster::next::{self, Missing, NextError};
use hangar_roster::{ChangeId, Invitation, InvitationError, Kind, Phase, Proof, Record, SignedInvitation};

use crate::organisation::{LATER, NOW, Organisation, hear, id, key, pool, tell};

fn propose(one: &mut Organisation, kind: Kind) -> Result<ChangeId> {
    one.publish(next::propose(&one.roster, kind, LATER, NOW))?;
    Ok(one.vote().context("it has proposed")?.0.id)
}

fn given(kind: Kind, subject: &str) -> Result<Option<Record>, NextError> {
    Err(NextError::VoteGiven { kind, subject: id(subject) })
}

/// Two members and what the first would invite a third by.
fn inviting() -> Result<(Vec<Organisation>, Organisation, SignedInvitation)> {
    let mut all = pool(2)?;
    let joiner = Organisation::joiner("uss2", 3);
    for one in &mut all {
        one.roster.expect_joiner(joiner.key.public().fingerprint());
        one.take_in(joiner.latest());
    }
    let invitation = all[0].invitation_for(&id("uss2"), 1)?;
    Ok((all, joiner, invitation))
}

fn invite(one: &Organisation, invitation: &SignedInvitation) -> Result<Option<Record>, NextError> {
    next::invite(&one.roster, invitation, NOW)
}

#[test]
fn an_invitation_is_voted_for_by_who_made_it_and_for_the_pool_as_it_is() -> Result<()> {
    let (all, _, invitation) = inviting()?;
    let void = |inviter: &str| Err(NextError::Invitation(InvitationError::Voided { inviter: id(inviter) }));
    assert_eq!(invite(&all[1], &invitation), void("uss0"));
    let with = |change: &dyn Fn(&mut Invitation)| {
        let mut other = invitation.invitation().clone();
        change(&mut other);
        invite(&all[0], &other.sign(&key(1)))
    };
    let nobodys = key(9).public().fingerprint();
    assert_eq!(with(&|other| other.members.extend([(id("uss1"), nobodys)])), void("uss0"));
    assert_eq!(with(&|other| other.members.extend([(id("uss9"), nobodys)])), void("uss0"));
    assert_eq!(with(&|other| other.members.retain(|member, _| *member != id("uss1"))), void("uss0"));
    let unknown = with(&|other| other.audience = nobodys);
    assert_eq!(unknown, Err(NextError::Invitation(InvitationError::OtherRequest)));
    assert!(invite(&all[0], &invitation)?.is_some());
    Ok(())
}

#[test]
fn a_second_invitation_of_one_joiner_waits_for_the_first() -> Result<()> {
    let (mut all, _, first) = inviting()?;
    let one = &mut all[0];
    one.publish(invite(one, &first))?;
    assert_eq!(invite(one, &first), Ok(None), "voted already");
    let second = one.invitation_for(&id("uss2"), 2)?;
    assert_eq!(invite(one, &second), given(Kind::Join, "uss2"));
    // The slot is for something else by now, and the record still names the invitation.
    let withdrawn = next::withdraw(&one.roster, NOW);
    one.publish(withdrawn)?;
    hear(&mut all);
    assert_eq!(all[0].vote(), None);
    propose(&mut all[0], Kind::Maintain)?;
    assert_eq!(invite(&all[0], &first), given(Kind::Maintain, "uss0"));
    Ok(())
}

#[test]
fn a_change_is_proposed_once_and_no_other_beside_it() -> Result<()> {
    let mut all = pool(2)?;
    for kind in [Kind::Join, Kind::Evict] {
        let refused = next::propose(&all[0].roster, kind, LATER, NOW);
        assert_eq!(refused, Err(NextError::Unsupported { kind }));
    }
    assert!(next::propose(&all[0].roster, Kind::Leave, LATER, LATER)?.is_some());
    let late = next::propose(&all[0].roster, Kind::Leave, LATER, LATER + 1);
    assert_eq!(late, Err(NextError::Expired { at_ms: LATER }));
    let change = propose(&mut all[0], Kind::Leave)?;
    assert_eq!(next::propose(&all[0].roster, Kind::Leave, LATER, NOW), Ok(None));
    assert_eq!(next::propose(&all[0].roster, Kind::Maintain, LATER, NOW), given(Kind::Leave, "uss0"));
    tell(&mut all, 0);
    let accepted = next::accept(&all[1].roster, change, NOW);
    all[1].publish(accepted)?;
    // Its vote is for a leave, and not for its own.
    assert_eq!(next::propose(&all[1].roster, Kind::Leave, LATER, NOW), given(Kind::Leave, "uss0"));
    Ok(())
}

#[test]
fn of_two_the_smaller_is_voted_for_and_the_larger_is_not() -> Result<()> {
    let mut all = pool(3)?;
    let ids = [propose(&mut all[0], Kind::Maintain)?, propose(&mut all[1], Kind::Maintain)?];
    tell(&mut all, 0);
    tell(&mut all, 1);
    let [smaller, larger] = if ids[0] < ids[1] { ids } else { [ids[1], ids[0]] };
    assert!(next::accept(&all[2].roster, smaller, NOW)?.is_some());
    let refused = next::accept(&all[2].roster, larger, NOW);
    assert!(matches!(refused, Err(NextError::UnderWay { kind: Kind::Maintain, .. })), "{refused:?}");
    Ok(())
}

#[test]
fn a_no_is_said_once_and_to_what_is_proposed() -> Result<()> {
    let mut all = pool(3)?;
    let other = propose(&mut all[2].clone(), Kind::Maintain)?;
    let change = propose(&mut all[0], Kind::Maintain)?;
    tell(&mut all, 0);
    assert_eq!(next::reject(&all[1].roster, other, NOW), Err(NextError::NotProposed { id: other }));
    let mut accepting = all[1].clone();
    let accepted = next::accept(&accepting.roster, change, NOW);
    accepting.publish(accepted)?;
    assert_eq!(next::reject(&accepting.roster, change, NOW), given(Kind::Maintain, "uss0"));
    let rejected = next::reject(&all[1].roster, change, NOW);
    assert!(all[1].publish(rejected)?);
    assert_eq!(next::reject(&all[1].roster, change, NOW), Ok(None));
    assert_eq!(next::reject(&all[1].roster, other, NOW), given(Kind::Maintain, "uss0"));
    // Nobody says no to what was taken back.
    tell(&mut all, 1);
    all[0].follow();
    tell(&mut all, 0);
    assert_eq!(next::reject(&all[2].roster, change, NOW), Err(NextError::NotProposed { id: change }));
    Ok(())
}

#[test]
fn a_change_is_taken_back_by_its_proposer_until_somebody_has_opened_it() -> Result<()> {
    let mut all = pool(2)?;
    assert_eq!(next::withdraw(&all[0].roster, NOW), Err(NextError::NotOpen));
    let change = propose(&mut all[0], Kind::Maintain)?;
    tell(&mut all, 0);
    let accepted = next::accept(&all[1].roster, change, NOW);
    all[1].publish(accepted)?;
    assert_eq!(next::withdraw(&all[1].roster, NOW), Err(NextError::NotProposed { id: change }));
    let mut early = all[0].clone();
    let withdrawn = next::withdraw(&early.roster, NOW);
    assert!(early.publish(withdrawn)?);
    assert_eq!(next::withdraw(&early.roster, NOW), Ok(None));
    all[1].follow();
    assert_eq!(all[1].vote().map(|(_, phase)| phase), Some(Phase::Open));
    tell(&mut all, 1);
    assert_eq!(all[0].vote().map(|(_, phase)| phase), Some(Phase::Voted), "it has not followed yet");
    assert!(matches!(next::withdraw(&all[0].roster, NOW), Err(NextError::UnderWay { .. })));
    Ok(())
}

/// What a strategy asks: whether a member's nodes have loaded an authority.
#[test]
fn an_authority_is_loaded_where_its_member_says_so() -> Result<()> {
    let mut all = pool(2)?;
    let [ours, theirs] = [0, 1].map(|i| all[i].latest().record().presence.fingerprints()[0]);
    let said = next::acknowledge(&all[1].roster, Proof::Deployed { authorities: vec![theirs] }, NOW);
    all[1].publish(said)?;
    tell(&mut all, 1);
    assert!(all[0].roster.has_deployed(&id("uss1"), &theirs));
    assert!(!all[0].roster.has_deployed(&id("uss1"), &ours));
    assert!(!all[0].roster.has_deployed(&id("uss9"), &theirs));
    Ok(())
}

#[test]
fn what_is_missing_is_told_in_words() {
    let (member, void) = (id("uss1"), InvitationError::Voided { inviter: id("uss0") });
    for (missing, told) in [
        (Missing::Invitation(void), "invitation of `uss0` is void"),
        (Missing::Change, "no open change lets us in"),
        (Missing::Eviction(member.clone()), "`uss1` is being put out of the pool"),
        (Missing::Open(member.clone()), "`uss1` has not accepted and opened the change"),
        (Missing::Deployed(member.clone()), "`uss1` has not deployed our certificate authority"),
        (Missing::AcceptedBy(member), "nodes of `uss1` were not seen to accept our leaf"),
    ] {
        assert_eq!(missing.to_string(), told);
    }
}
