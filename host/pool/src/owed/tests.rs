use std::sync::Arc;

use hangar_plan::strategy::action::{Check, Expectation, Verb};
use hangar_plan::strategy::decision::{Awaiting, Waiting};
use hangar_plan::strategy::member::{AcknowledgementKind, MemberState, Roster};
use hangar_plan::strategy::observation::{HttpAnswer, Observation};
use hangar_roster::next;

use super::*;
use crate::carrier::Folder;
use crate::testing::{NOW, Paper, Script, beginning, intent, key, probe, step};

/// What a founder owes by this rule, where every look is answered with this status.
async fn owed_by(rule: impl Fn(usize, &Facts) -> Decision + Send + Sync, status: u16) -> Result<Owed, PoolError> {
    owed_in(move |n, _, facts| rule(n, facts), status).await
}

/// The same by a rule that reads the records.
async fn owed_in(
    rule: impl Fn(usize, &Roster, &Facts) -> Decision + Send + Sync,
    status: u16,
) -> Result<Owed, PoolError> {
    let site = tempfile::tempdir().expect("a temporary folder");
    let carrier = Arc::new(Folder::new(&site.path().join("shelf")));
    let genesis = next::genesis(beginning("uss1", 1), "a test".to_owned(), NOW);
    let own = OwnRecord::begin(&site.path().join("us-east.json"), key(1), carrier, genesis).expect("a roster");
    let strategy = Script::new(rule);
    let hands = Paper::new(move |_, _| Observation::Http(HttpAnswer { status, body: String::new() }));
    let before = own.roster().own_record().clone();
    let owed = owed(&strategy, &hands, &own, &intent()).await;
    assert_eq!((hands.done().len(), own.roster().own_record()), (0, &before), "it only looks");
    owed
}

/// The hands call the empty overlay done.
fn release(key: &str, overlay: &str) -> Step {
    step(key, Action::ApplyRelease(overlay.into()))
}

fn verb(key: &str) -> Step {
    step(key, Action::Verb(Verb { name: "init".into(), arguments: Vec::new() }))
}

fn in_phase(phase: &str, step: Step) -> Step {
    Step { phase: phase.into(), ..step }
}

#[tokio::test]
async fn what_is_done_is_passed_over_and_what_would_act_is_told_by_its_phase() {
    let rule = |_: usize, facts: &Facts| {
        if !facts.done.contains(&"first".to_owned()) {
            return Decision::Steps(vec![release("first", "{}")]);
        }
        let steps = [
            ("b", release("second", r#"{"a":1}"#)),
            ("c", release("third", "{}")),
            ("b", verb("fourth")),
            ("d", verb("fifth")),
        ];
        Decision::Steps(steps.map(|(phase, step)| in_phase(phase, step)).to_vec())
    };
    let owed = owed_by(rule, 200).await.expect("an answer");
    assert_eq!(owed.phases, ["b", "d"]);
    assert_eq!(owed.releases, [r#"{"a":1}"#]);
    assert!(!owed.waits);
}

#[tokio::test]
async fn a_check_tells_before_the_hands_do() {
    let check = |step: Step| {
        let serves = Check { probe: probe("ready"), expectation: Expectation::Status(200) };
        Step { already_done: Some(serves), ..step }
    };
    // Of a verb the hands know nothing; of the release they do, and the check comes first.
    let rule = move |_: usize, facts: &Facts| match facts.done.len() {
        0 => Decision::Steps(vec![check(release("first", "{}"))]),
        _ => Decision::Done(Vec::new()),
    };
    assert_eq!(owed_by(rule, 200).await.expect("an answer").phases, Vec::<String>::new());
    assert_eq!(owed_by(rule, 503).await.expect("an answer").phases, ["work"]);
    let rule = move |_: usize, _: &Facts| Decision::Steps(vec![check(release("first", "{\"a\":1}"))]);
    assert_eq!(owed_by(rule, 200).await.expect("an answer").phases, ["work"], "the hands have the last word");
    let rule = |_: usize, _: &Facts| Decision::Steps(vec![verb("first")]);
    assert_eq!(owed_by(rule, 200).await.expect("an answer").phases, ["work"], "nobody can tell");
}

#[tokio::test]
async fn our_own_word_is_looked_for_in_our_record() {
    let rule = |_: usize, facts: &Facts| match facts.done.len() {
        0 => Decision::Steps(vec![step("active", Action::SetState(MemberState::Active))]),
        _ => {
            let said = AcknowledgementKind::Other(("seen".into(), Vec::new()));
            Decision::Steps(vec![
                step("say", Action::Acknowledge(said)),
                step("id", Action::RecordClusterId("a".into())),
            ])
        }
    };
    assert_eq!(owed_by(rule, 200).await.expect("an answer").phases, ["work"]);
}

/// A turn is claimed before the release is asked for: the plan shows the release all the same.
#[tokio::test]
async fn what_follows_a_word_of_ours_is_owed_with_it() {
    let says = |value: &str| {
        let kind = AcknowledgementKind::Other(("maintenance".into(), vec![value.to_owned()]));
        in_phase("a", step(value, Action::Acknowledge(kind)))
    };
    let said = |roster: &Roster| {
        let all = roster.members.iter().flat_map(|member| &member.acknowledgements);
        all.filter_map(|said| match &said.kind {
            AcknowledgementKind::Other((_, values)) => values.first().cloned(),
            _ => None,
        })
        .collect::<Vec<_>>()
    };
    let owed = owed_in(
        |_, roster, _| match said(roster).as_slice() {
            [] => Decision::Steps(vec![says("claimed")]),
            [claimed] if claimed == "claimed" => Decision::Steps(vec![says("held")]),
            held => {
                assert_eq!(held, ["held"], "one word takes the place of the other");
                Decision::Steps(vec![says("held"), in_phase("b", release("second", r#"{"a":1}"#))])
            }
        },
        200,
    );
    let owed = owed.await.expect("an answer");
    assert_eq!((owed.phases, owed.releases), (vec!["a".to_owned(), "b".to_owned()], vec![r#"{"a":1}"#.to_owned()]));
    assert!(!owed.waits);
}

#[tokio::test]
async fn who_waits_owes_nothing_yet_and_who_is_done_or_blocked_nothing() {
    let waiting = || Waiting { probes: Vec::new(), after_ms: 1, until_ms: 1, message: String::new() };
    let awaiting = || Awaiting { members: Vec::new(), what: String::new(), probes: Vec::new() };
    for (decision, waits) in [
        (Decision::Wait(waiting()), true),
        (Decision::Awaiting(awaiting()), true),
        (Decision::Done(Vec::new()), false),
        (Decision::Blocked(Vec::new()), false),
    ] {
        let owed = owed_by(move |_, _| decision.clone(), 200).await.expect("an answer");
        assert_eq!(owed, Owed { waits, ..Owed::default() });
    }
}

#[tokio::test]
async fn a_strategy_that_never_decides_is_told() {
    let err = owed_by(|_, _| Decision::Look(vec![probe("a")]), 200).await.expect_err("it only looks");
    assert_eq!(err.to_string(), "the pooling strategy looked 30 times and decided nothing");
    let seen = owed_by(
        |n, facts| match n {
            0..29 => Decision::Look(vec![probe("a")]),
            _ => {
                assert_eq!(facts.observations.len(), 8);
                Decision::Done(Vec::new())
            }
        },
        200,
    );
    assert_eq!(seen.await.expect("it decides at last"), Owed::default());
}
