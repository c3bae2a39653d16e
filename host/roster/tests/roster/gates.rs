//! What keeps a joiner from starting early, and an authority from being trusted early.

use anyhow::Result;
use hangar_roster::next::{self, Missing, NextError};
use hangar_roster::{InvitationError, Proof, SignedInvitation, State};

use crate::organisation::{LATER, NOW, Organisation, id, key, pool};

/// Two members, and a joiner that one of them has invited and that has entered.
fn invited() -> Result<(Vec<Organisation>, Organisation, SignedInvitation)> {
    let mut all = pool(2)?;
    let mut joiner = Organisation::joiner("uss2", 3);
    let inviter = &mut all[0];
    let invitation = inviter.invite(&joiner, 1)?;
    joiner.roster.enter(&invitation, inviter.key.public().fingerprint(), NOW)?;
    Ok((all, joiner, invitation))
}

fn accept(all: &mut [Organisation], joiner: &Organisation) -> Result<()> {
    let change = all[0].vote().expect("voted").0.id;
    let latest = all[0].latest().clone();
    let other = &mut all[1];
    other.take_in(&latest);
    other.take_in(joiner.latest());
    other.publish(next::accept(&other.roster, change, NOW))?;
    Ok(())
}

fn meet(joiner: &mut Organisation, all: &[Organisation]) {
    for member in all {
        joiner.take_in(member.latest());
    }
}

#[test]
fn a_joiner_waits_until_all_have_opened_deployed_and_accepted() -> Result<()> {
    let (mut all, mut joiner, _) = invited()?;
    meet(&mut joiner, &all);
    assert_eq!(joiner.roster.missing_to_start(), [Missing::Change]);
    assert!(matches!(next::state(&joiner.roster, State::Joining, NOW), Err(NextError::Transition { .. })));

    accept(&mut all, &joiner)?;
    meet(&mut joiner, &all);
    assert_eq!(joiner.roster.missing_to_start(), [Missing::Change]);

    // The second member has seen all votes; the first has not heard of the second's yet.
    all[1].do_its_part();
    meet(&mut joiner, &all);
    assert!(joiner.publish(next::state(&joiner.roster, State::Joining, NOW))?);
    let missing = joiner.roster.missing_to_start();
    assert_eq!(
        missing,
        [
            Missing::Open(id("uss0")),
            Missing::Deployed(id("uss0")),
            Missing::AcceptedBy(id("uss0")),
            Missing::AcceptedBy(id("uss1")),
        ]
    );
    let gate = next::state(&joiner.roster, State::Active, NOW).expect_err("closed");
    assert_eq!(gate, NextError::Gate { missing });
    assert_eq!(gate.cure().as_deref(), Some("wait for uss0"));

    let latest = all[1].latest().clone();
    all[0].take_in(&latest);
    all[0].do_its_part();
    meet(&mut joiner, &all);
    joiner.do_its_part();
    assert_eq!(joiner.roster.missing_to_start(), []);
    assert_eq!(joiner.latest().record().state, State::Active);
    Ok(())
}

#[test]
fn no_authority_is_deployed_before_its_change_is_open() -> Result<()> {
    let (mut all, joiner, _) = invited()?;
    let theirs = joiner.latest().record().presence.fingerprints();
    let deployed = Proof::Deployed { authorities: theirs.clone() };
    let refused = next::acknowledge(&all[0].roster, deployed.clone(), NOW);
    assert_eq!(refused, Err(NextError::NotToBeTrusted { authority: theirs[0] }));
    accept(&mut all, &joiner)?;
    assert!(next::acknowledge(&all[1].roster, deployed.clone(), NOW).is_err());
    all[1].follow();
    assert!(next::acknowledge(&all[1].roster, deployed, NOW)?.is_some());
    Ok(())
}

#[test]
fn an_authority_of_a_joiner_that_gave_up_is_taken_back_before_the_change_closes() -> Result<()> {
    let (mut all, mut joiner, _) = invited()?;
    accept(&mut all, &joiner)?;
    let latest = all[1].latest().clone();
    all[0].take_in(&latest);
    all[0].do_its_part();
    joiner.publish(next::state(&joiner.roster, State::Gone, NOW))?;
    all[0].take_in(joiner.latest());
    let refused = next::close(&all[0].roster, NOW);
    assert_eq!(refused, Err(NextError::StillDeployed { member: id("uss2") }));
    let authorities = all[0]
        .roster
        .in_pool()
        .filter_map(|member| all[0].roster.record(member))
        .flat_map(|record| record.presence.fingerprints())
        .collect();
    let taken_back = next::acknowledge(&all[0].roster, Proof::Deployed { authorities }, NOW);
    all[0].publish(taken_back)?;
    assert!(next::close(&all[0].roster, NOW)?.is_some());
    Ok(())
}

#[test]
fn each_wrong_invitation_is_refused_for_its_own_reason() -> Result<()> {
    let (mut all, joiner, invitation) = invited()?;
    let inviter = all[0].key.public().fingerprint();
    let asking = Organisation { roster: hangar_roster::Roster::start(joiner.latest().clone()), ..joiner.clone() };
    let entered =
        |roster: &mut hangar_roster::Roster, signed: &SignedInvitation, key, now| roster.enter(signed, key, now);
    let mut fresh = Organisation::joiner("uss2", 3);

    let other_key = key(9).public().fingerprint();
    assert_eq!(
        entered(&mut fresh.roster, &invitation, other_key, NOW),
        Err(InvitationError::Forged { expected: other_key })
    );
    assert_eq!(
        entered(&mut asking.clone().roster, &invitation, inviter, LATER + 1),
        Err(InvitationError::Expired { at_ms: LATER })
    );
    // Its authority is another one, so it is another request.
    assert_eq!(entered(&mut fresh.roster, &invitation, inviter, NOW), Err(InvitationError::OtherRequest));
    let mut stranger = Organisation::joiner("uss2", 4);
    assert!(matches!(
        entered(&mut stranger.roster, &invitation, inviter, NOW),
        Err(InvitationError::OtherAudience { .. })
    ));

    let forged = hangar_roster::Invitation { expires_ms: u64::MAX, ..invitation.invitation().clone() }.sign(&key(9));
    let parsed = SignedInvitation::parse(&forged.to_bytes());
    assert_eq!(parsed.map(|_| ()), Err(InvitationError::Forged { expected: inviter }));
    assert_eq!(SignedInvitation::parse(&invitation.to_bytes())?, invitation);
    assert!(matches!(SignedInvitation::parse(b"{}"), Err(InvitationError::Envelope(_))));

    // The next invitation voids the one the joiner has entered by.
    let withdrawn = next::withdraw(&all[0].roster, NOW);
    all[0].publish(withdrawn)?;
    let latest = all[0].latest().clone();
    all[1].take_in(&latest);
    all[1].follow();
    let latest = all[1].latest().clone();
    all[0].take_in(&latest);
    all[0].follow();
    let again = all[0].invitation_for(&id("uss2"), 2)?;
    let proposed = next::invite(&all[0].roster, &again, NOW);
    all[0].publish(proposed)?;
    let mut joiner = joiner;
    meet(&mut joiner, &all);
    let void = InvitationError::Voided { inviter: id("uss0") };
    assert_eq!(joiner.roster.check_entered(), Err(void.clone()));
    assert!(joiner.roster.missing_to_start().contains(&Missing::Invitation(void)));
    joiner.roster.enter(&again, inviter, NOW)?;
    assert_eq!(joiner.roster.check_entered(), Ok(()));
    Ok(())
}
