//! What of the others stops a run, and what does not.

use hangar_roster::{Proof, Record};

use super::votes::Deaf;
use super::*;
use crate::testing::pool::{id, members};

/// A pool of three, of which this member has signed two histories.
fn forked(name: &'static str, seed: u8) -> impl FnOnce(&OwnRecord) {
    move |own: &OwnRecord| {
        let mut roster = members(3);
        let held = roster.signed(&id(name)).expect("a member").clone();
        let (sequence, previous) = (held.record().sequence + 1, Some(held.digest()));
        for at_ms in [1, 2] {
            let says = Record { sequence, previous, at_ms, ..held.record().clone() }.sign(&key(seed)).to_bytes();
            roster.take_in([("carrier", says.as_slice())]);
        }
        assert!(roster.is_forked(&id(name)));
        own.change(|held| *held = roster).expect("writable");
    }
}

async fn heeding(heeds: Heeds, fork_of: (&'static str, u8), strategy: &dyn Strategy) -> Ran {
    let hands = Arc::new(Paper::new(nothing));
    let deaf = |_: &std::path::Path| -> Arc<dyn Carrier> { Arc::new(Deaf) };
    run_heeding(heeds, strategy, hands, deaf, (Until::Goal, forked(fork_of.0, fork_of.1))).await
}

#[tokio::test(start_paused = true)]
async fn a_fork_stops_a_run_but_for_what_puts_its_member_out_and_for_what_is_ours_alone() {
    let done = Script::new(|_, _: &member::Roster, _: &Facts| Decision::Done(Vec::new()));
    for (heeds, goes_on) in [
        (Heeds::All, false),
        (Heeds::AllBut(id("uss2")), false),
        (Heeds::AllBut(id("uss3")), true),
        (Heeds::Nobody, true),
    ] {
        let ran = heeding(heeds.clone(), ("uss3", 3), &done).await;
        let wanted = if goes_on { "it ended well" } else { "the pool is frozen: " };
        assert!(ran.error().starts_with(wanted), "{heeds:?}: {}", ran.error());
    }
}

/// A member that is forked is seen dead before there is a vote on it.
#[tokio::test(start_paused = true)]
async fn the_death_of_a_forked_member_is_published() {
    let dead = || AcknowledgementKind::Other((hangar_roster::SEEN_DEAD.into(), vec!["uss3".into()]));
    let say = Script::new(move |n, _: &member::Roster, _: &Facts| match n {
        0 => Decision::Steps(vec![testing::step("say", Action::Acknowledge(dead()))]),
        _ => Decision::Done(Vec::new()),
    });
    let ran = heeding(Heeds::AllBut(id("uss3")), ("uss3", 3), &say).await;
    assert_eq!(ran.error(), "it ended well");
    let proof = Proof::Other { name: hangar_roster::SEEN_DEAD.into(), values: vec!["uss3".into()] };
    let said = ran.own.roster().own_record().record().acknowledgements.iter().any(|one| one.proof == proof);
    assert!(said);
}

/// New leaves are ours alone, so that neither a registry that is down nor another's fork keeps anybody from them.
#[tokio::test(start_paused = true)]
async fn what_is_ours_alone_needs_no_carrier() {
    let away = minutes(0)..minutes(60);
    let slow = |shelf: &std::path::Path| -> Arc<dyn Carrier> {
        Arc::new(Slow { folder: Folder::new(shelf), since: Instant::now(), away, asks_after: minutes(60) })
    };
    let steps = Script::new(|n, _: &member::Roster, _: &Facts| match n {
        0 => Decision::Steps(vec![verb("a")]),
        _ => Decision::Done(Vec::new()),
    });
    let hands = Arc::new(Paper::new(nothing));
    let ran =
        run_heeding(Heeds::Nobody, &steps, Arc::clone(&hands) as _, slow, (Until::Goal, |_: &OwnRecord| ())).await;
    assert_eq!((ran.error().as_str(), hands.done()), ("it ended well", vec!["a".to_owned()]));
}

/// Its own fork may say that this installation was restored from before its authority was replaced.
#[tokio::test(start_paused = true)]
async fn our_own_fork_stops_what_is_ours_alone() {
    let done = Script::new(|_, _: &member::Roster, _: &Facts| Decision::Done(Vec::new()));
    let ran = heeding(Heeds::Nobody, ("uss1", 1), &done).await;
    assert!(ran.error().starts_with("the pool is frozen: "), "{}", ran.error());
}

/// Nor does it close a change, which may be known to be another one by now.
#[tokio::test(start_paused = true)]
async fn what_is_ours_alone_closes_no_change() {
    let proposed = |own: &OwnRecord| {
        own.step(|roster| next::propose(roster, Kind::Maintain, NOW + 86_400_000, NOW)).expect("a vote");
    };
    let done = Script::new(|_, _: &member::Roster, _: &Facts| Decision::Done(Vec::new()));
    for (heeds, is_closed) in [(Heeds::All, true), (Heeds::Nobody, false)] {
        let hands = Arc::new(Paper::new(nothing));
        let ran = run_heeding(heeds, &done, hands, folder, (Until::Goal, proposed)).await;
        assert_eq!(ran.error(), "it ended well");
        assert_eq!(ran.own.roster().own_record().record().vote.is_none(), is_closed);
    }
}

/// A disk that takes nothing is nobody else's.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_at_home_stops_everything() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let home = site.path().join("home");
    std::fs::create_dir(&home).expect("a folder");
    let shelf = Folder::new(&site.path().join("shelf"));
    let genesis = next::genesis(beginning("uss1", 1), "a test".to_owned(), NOW);
    let own = OwnRecord::begin(&home.join("us-east.json"), key(1), Arc::new(shelf), genesis).expect("a roster");
    own.change(|roster| roster.expect_joiner(key(2).public().fingerprint())).expect("writable");
    let asks = next::request(beginning("uss2", 2), NOW).sign(&key(2));
    std::fs::write(site.path().join("shelf").join("uss2.record.json"), asks.to_bytes()).expect("writable");
    std::fs::remove_dir_all(&home).and_then(|()| std::fs::write(&home, "no folder")).expect("removable");
    let heard = Heeds::Nobody.hear(&own, NOW);
    assert!(matches!(heard, Err(PoolError::Record(RecordError::Keep(_)))), "{heard:?}");
}
