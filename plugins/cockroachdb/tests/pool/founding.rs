//! A cluster is initialised at most once, by the founder, and never by a joiner.

use crate::site::{CLUSTER, Site, deployed, has_init, healthy, http, member, steps, uninitialised, value};
use hangar_sdk::pooling_strategy::{Action, Decision, Goal, MemberState, Observation, Probe, Question};

fn founder() -> Site {
    Site::new("uss1", Goal::Create, vec![member("uss1", MemberState::Active)])
}

#[test]
fn certificates_live_as_many_days_as_the_block_says() {
    let hours = |block: &str| {
        let policy = plugin_cockroachdb::certificates(block, &founder().intent).expect("the block is good");
        (policy.profiles.iter().map(|one| one.lifetime_hours).collect::<Vec<_>>(), policy.authority_lifetime_hours)
    };
    assert_eq!(hours(r#"{"leaf_days":30,"authority_days":400}"#), (vec![30 * 24; 2], 400 * 24));
    assert_eq!(hours("{}").1, 10 * 365 * 24);
}

#[test]
fn a_founder_starts_quiet_pods_before_it_initialises() {
    let mut site = founder();
    let steps = steps(site.settle(|_| Observation::Absent));
    let kinds: Vec<_> = steps.iter().map(|step| step.key.split('/').next().unwrap_or_default()).collect();
    assert_eq!(kinds, ["put-secret", "put-secret", "apply-release"]);
    let Action::ApplyRelease(values) = &steps[2].action else { panic!("the third applies the release") };
    let values: serde_json::Value = serde_json::from_str(values).expect("values are JSON");
    assert_eq!(values["coreService"]["enabled"], false);
    assert_eq!(steps[2].requires.len(), 2, "no pod before its certificates");
}

#[test]
fn init_runs_only_when_every_own_node_was_just_seen_waiting() {
    let mut site = founder();
    let rule = |probe: &Probe| match &probe.question {
        Question::Release(_) => deployed(),
        _ => uninitialised(),
    };
    assert!(has_init(&site.settle(rule)));

    let mut site = founder();
    let one_serves = |probe: &Probe| match probe.id.as_str() {
        "ready/1" => http(200, "{}"),
        _ => rule(probe),
    };
    assert!(matches!(site.settle(one_serves), Decision::Wait(_)));

    let mut site = founder();
    let one_is_silent = |probe: &Probe| match probe.id.as_str() {
        "ready/2" => Observation::Absent,
        _ => rule(probe),
    };
    assert!(matches!(site.settle(one_is_silent), Decision::Wait(_)));
}

#[test]
fn nodes_that_wait_again_are_not_initialised_again_once_the_identity_is_kept() {
    let mut site = founder();
    site.intent.pool.cluster_id = Some(CLUSTER.into());
    let rule = |probe: &Probe| match &probe.question {
        Question::Release(_) => deployed(),
        _ => uninitialised(),
    };
    assert!(matches!(site.settle(rule), Decision::Wait(_)));
}

#[test]
fn an_old_look_is_not_built_on() {
    let mut site = founder();
    let rule = |probe: &Probe| match &probe.question {
        Question::Release(_) => deployed(),
        _ => uninitialised(),
    };
    assert!(has_init(&site.settle(rule)));
    site.facts.now_ms += 60_000;
    assert!(matches!(site.decide(), Decision::Look(_)));
}

#[test]
fn nodes_with_two_identities_block() {
    let mut site = founder();
    let rule = |probe: &Probe| match probe.id.as_str() {
        "cluster-id/1" => value("another"),
        _ => healthy(probe),
    };
    let Decision::Blocked(findings) = site.settle(rule) else { panic!("two clusters must block") };
    assert!(findings[0].message.contains("two database clusters"));
}

#[test]
fn the_identity_is_kept_and_then_the_api_starts() {
    let mut site = founder();
    let first = steps(site.settle(healthy));
    assert!(matches!(&first[0].action, Action::RecordClusterId(id) if id == CLUSTER));
    site.intent.pool.cluster_id = Some(CLUSTER.into());
    let second = steps(site.settle(healthy));
    let Action::ApplyRelease(values) = &second[0].action else { panic!("it applies the release") };
    assert!(values.contains(r#""schema":{"run":true}"#));
    site.facts.done.push(second[0].key.clone());
    for step in steps(site.settle(healthy)) {
        if let Action::Acknowledge(kind) = step.action {
            site.acknowledge("uss1", kind);
        }
        site.facts.done.push(step.key);
    }
    assert!(matches!(site.settle(healthy), Decision::Done(_)), "the founder ends as a member");
}

#[test]
fn who_did_not_found_the_pool_cannot_found_it_again() {
    let members = vec![member("uss1", MemberState::Active), member("uss2", MemberState::Active)];
    let site = Site::new("uss2", Goal::Create, members);
    assert!(matches!(site.decide(), Decision::Blocked(_)));
}

/// Whatever a joiner sees, and whatever the roster says, it never initialises.
#[test]
fn a_joiner_never_initialises() {
    let answers = [uninitialised(), http(200, "{}"), http(500, ""), Observation::Absent, deployed(), value(CLUSTER)];
    for state in [MemberState::Asking, MemberState::Joining, MemberState::Active, MemberState::Gone] {
        for first in &answers {
            for second in &answers {
                for opened in [false, true] {
                    let members = vec![member("uss1", MemberState::Active), member("uss2", state)];
                    let mut site = Site::new("uss2", Goal::Join, members);
                    if opened {
                        site.open("uss2");
                    }
                    for _ in 0..8 {
                        let decision = site.decide();
                        assert!(!has_init(&decision));
                        let (Decision::Look(probes)
                        | Decision::Wait(hangar_sdk::pooling_strategy::Waiting { probes, .. })) = decision
                        else {
                            break;
                        };
                        site.answer(
                            &probes,
                            |probe| {
                                if probe.id.ends_with('0') { first.clone() } else { second.clone() }
                            },
                        );
                    }
                }
            }
        }
    }
}
