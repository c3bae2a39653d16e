//! How a joiner enters by one invitation after the other, and by none that is void.

use anyhow::Result;
use hangar_roster::next;
use hangar_roster::{Invitation, InvitationError, Roster, SignedInvitation};

use crate::organisation::{LATER, NOW, Organisation, bring_in, hear, id, key, pool};

/// The member at this index invites the joiner; a former change of its own is taken back before.
fn invite(all: &mut [Organisation], inviter: usize, joiner: &Organisation, nonce: u8) -> Result<SignedInvitation> {
    if all[inviter].vote().is_some() {
        let withdrawn = next::withdraw(&all[inviter].roster, NOW);
        all[inviter].publish(withdrawn)?;
        hear(all);
    }
    let by = &mut all[inviter];
    by.invite(joiner, nonce)
}

fn enter(joiner: &mut Organisation, invitation: &SignedInvitation, seed: u8) -> Result<(), InvitationError> {
    joiner.roster.enter(invitation, key(seed).public().fingerprint(), NOW)
}

fn meet(joiner: &mut Organisation, all: &[Organisation]) {
    for member in all {
        joiner.take_in(member.latest());
    }
}

#[test]
fn an_invitation_is_good_to_its_last_moment() -> Result<()> {
    let mut all = pool(2)?;
    let mut joiner = Organisation::joiner("uss2", 3);
    let invitation = invite(&mut all, 0, &joiner, 1)?;
    let inviter = key(1).public().fingerprint();
    let late = joiner.roster.enter(&invitation, inviter, LATER + 1);
    assert_eq!(late, Err(InvitationError::Expired { at_ms: LATER }));
    assert_eq!(joiner.roster.enter(&invitation, inviter, LATER), Ok(()));
    Ok(())
}

/// The carrier is late: what the inviter said before it invited voids nothing.
#[test]
fn an_older_record_of_the_inviter_voids_no_invitation() -> Result<()> {
    let mut all = pool(2)?;
    let older = all[0].latest().clone();
    assert!(older.record().invitation.is_some(), "of whom it invited before");
    let mut joiner = Organisation::joiner("uss2", 3);
    let invitation = invite(&mut all, 0, &joiner, 1)?;
    enter(&mut joiner, &invitation, 1)?;
    joiner.take_in(&older);
    assert!(joiner.roster.record(&id("uss0")).is_some());
    assert_eq!(joiner.roster.check_entered(), Ok(()));
    assert_eq!(enter(&mut joiner, &invitation, 1), Ok(()), "again is no harm");
    meet(&mut joiner, &all);
    assert_eq!(joiner.roster.check_entered(), Ok(()));
    assert_eq!(Roster::from_bytes(&joiner.roster.to_bytes())?, joiner.roster);
    Ok(())
}

#[test]
fn a_later_invitation_takes_the_place_of_the_former_and_never_the_other_way_round() -> Result<()> {
    let mut all = pool(2)?;
    let mut joiner = Organisation::joiner("uss2", 3);
    let first = invite(&mut all, 0, &joiner, 1)?;
    enter(&mut joiner, &first, 1)?;
    meet(&mut joiner, &all);
    let second = invite(&mut all, 0, &joiner, 2)?;
    // Nothing of it has come by yet, so both may be good; the later one is.
    let mut unaware = joiner.clone();
    assert_eq!(enter(&mut unaware, &second, 1), Ok(()));
    meet(&mut unaware, &all);
    assert_eq!(unaware.roster.check_entered(), Ok(()));
    meet(&mut joiner, &all);
    let void = Err(InvitationError::Voided { inviter: id("uss0") });
    assert_eq!(joiner.roster.check_entered(), void);
    for one in [&mut joiner, &mut unaware] {
        assert_eq!(enter(one, &first, 1), void);
        assert_eq!(enter(one, &second, 1), Ok(()));
        assert_eq!(enter(one, &first, 1), void);
        assert!(one.roster.record(&id("uss0")).is_some(), "whose key is the same stays known");
    }
    let third = invite(&mut all, 0, &joiner, 3)?;
    meet(&mut joiner, &all);
    assert_eq!(enter(&mut joiner, &second, 1), void);
    assert_eq!(enter(&mut joiner, &third, 1), Ok(()));
    Ok(())
}

/// The key that was compared once is the one that signs the next; and what was proved meanwhile changes no request.
#[test]
fn a_joiner_follows_its_inviter_to_the_next_invitation_by_itself() -> Result<()> {
    let mut all = pool(2)?;
    let mut joiner = Organisation::joiner("uss2", 3);
    let first = invite(&mut all, 0, &joiner, 1)?;
    assert!(!joiner.roster.enter_anew(&first, NOW), "whose key nobody has compared yet");
    enter(&mut joiner, &first, 1)?;
    meet(&mut joiner, &all);
    let second = invite(&mut all, 0, &joiner, 2)?;
    assert!(!joiner.roster.enter_anew(&second, NOW), "the former is not known to be void");
    meet(&mut joiner, &all);
    let news = hangar_roster::Proof::Other { name: "proved".to_owned(), values: Vec::new() };
    joiner.publish(next::acknowledge(&joiner.roster, news, NOW))?;
    assert!(joiner.roster.awaits_invitation());
    let others = Invitation { inviter: id("uss1"), inviter_key: key(2).public(), ..second.invitation().clone() };
    assert!(!joiner.roster.clone().enter_anew(&others.sign(&key(2)), NOW), "another member's");
    assert!(joiner.roster.enter_anew(&second, NOW));
    assert!(joiner.roster.has_entered() && !joiner.roster.awaits_invitation());
    Ok(())
}

#[test]
fn an_invitation_answers_one_request() -> Result<()> {
    let mut all = pool(1)?;
    let mut joiner = Organisation::joiner("uss1", 2);
    let invitation = invite(&mut all, 0, &joiner, 1)?;
    enter(&mut joiner, &invitation, 1)?;
    assert!(joiner.roster.has_entered());
    let mut moved = joiner.latest().record().presence.clone();
    moved.nodes[0].port += 1;
    joiner.publish(next::presence(&joiner.roster, moved, NOW))?;
    assert!(!joiner.roster.has_entered());
    assert_eq!(enter(&mut joiner, &invitation, 1), Err(InvitationError::OtherRequest));
    Ok(())
}

/// Each inviter's record speaks of its own invitations.
#[test]
fn another_member_may_invite_whom_the_first_has_given_up() -> Result<()> {
    let mut all = pool(2)?;
    let mut joiner = Organisation::joiner("uss2", 3);
    let first = invite(&mut all, 0, &joiner, 1)?;
    enter(&mut joiner, &first, 1)?;
    meet(&mut joiner, &all);
    hear(&mut all);
    let withdrawn = next::withdraw(&all[0].roster, NOW);
    all[0].publish(withdrawn)?;
    hear(&mut all);
    let second = invite(&mut all, 1, &joiner, 2)?;
    assert_eq!(enter(&mut joiner, &second, 2), Ok(()));
    meet(&mut joiner, &all);
    assert_eq!(joiner.roster.check_entered(), Ok(()));
    Ok(())
}

/// It knows who is in the pool, and by which key; of whom it thought so under another key it forgets all.
#[test]
fn a_record_under_a_key_that_the_invitation_does_not_name_is_forgotten() -> Result<()> {
    let mut all = pool(2)?;
    let mut joiner = Organisation::joiner("uss2", 3);
    let invitation = invite(&mut all, 0, &joiner, 1)?;
    enter(&mut joiner, &invitation, 1)?;
    meet(&mut joiner, &all);
    let mut members = invitation.invitation().members.clone();
    members.insert(id("uss1"), key(9).public().fingerprint());
    let other = Invitation { members, ..invitation.invitation().clone() }.sign(&key(1));
    // Its digest is not the one that the inviter's record names.
    assert!(enter(&mut joiner.clone(), &other, 1).is_err());
    let mut early = Organisation { roster: Roster::from_bytes(&joiner.roster.to_bytes())?, ..joiner };
    early.roster.forget_joiner(&id("uss0"));
    let renamed = Invitation { sequence: u64::MAX, ..other.invitation().clone() }.sign(&key(1));
    assert_eq!(enter(&mut early, &renamed, 1), Ok(()));
    assert!(early.roster.record(&id("uss0")).is_some());
    assert_eq!(early.roster.record(&id("uss1")), None);
    assert!(!early.take_in(all[1].latest()).is_empty(), "signed with a key that is nobody's now");
    Ok(())
}

/// Its inviter has invited others since, so the invitation of its former life is void.
#[test]
fn a_former_member_enters_by_the_invitation_of_its_new_request() -> Result<()> {
    let mut all = pool(2)?;
    bring_in(&mut all, Organisation::joiner("uss2", 3))?;
    let mut former = all.remove(1);
    assert_eq!(former.roster.check_entered(), Err(InvitationError::Voided { inviter: id("uss0") }));
    assert!(!former.roster.awaits_invitation(), "it is a member");
    let gone =
        hangar_roster::Record { state: hangar_roster::State::Gone, ..crate::organisation::after(former.latest()) };
    former.publish(Ok(Some(gone)))?;
    let first = all[0].published.iter().rev().find_map(|one| one.record().invitation);
    assert!(first.is_some() && !former.roster.has_entered());
    former.publish(next::state(&former.roster, hangar_roster::State::Asking, NOW))?;
    assert_eq!((former.roster.has_entered(), former.roster.check_entered()), (false, Ok(())), "by none yet");
    let members = all.iter().map(|one| (one.id(), one.key.public().fingerprint())).collect();
    let invitation = Invitation {
        members,
        audience: former.key.public().fingerprint(),
        record: former.latest().digest(),
        sequence: all[0].latest().record().sequence,
        ..invite_again(&all[0], &former)?
    };
    assert_eq!(enter(&mut former, &invitation.sign(&key(1)), 1), Ok(()));
    assert!(former.roster.has_entered());
    Ok(())
}

fn invite_again(inviter: &Organisation, former: &Organisation) -> Result<Invitation> {
    Ok(inviter.invitation_for(&former.id(), 9)?.invitation().clone())
}
