//! A member whose nodes are somewhere else now.

use hangar_sdk::pooling_strategy::{Action, Decision, Goal, MemberState, SubjectAlternative};
use serde_json::json;

use crate::site::{Site, healthy, member, steps};

fn site() -> Site {
    Site::new("uss0", Goal::Operate, (0..2).map(|i| member(&format!("uss{i}"), MemberState::Active)).collect())
}

/// Until its release is another one a node advertises its former name, and is called by it.
#[test]
fn a_leaf_is_for_the_former_names_beside_the_new_ones() {
    let mut site = site();
    for node in &mut site.intent.instance.nodes {
        node.host = format!("{}.db.elsewhere.example.com", node.ordinal);
    }
    site.intent.instance.facts.push(("former-host".into(), "0.db.uss0.example.com".into()));
    let policy = plugin_cockroachdb::certificates("{}", &site.intent).expect("the block is good");
    let names = |name: &str| {
        policy.profiles[0].alternatives.iter().any(|one| matches!(one, SubjectAlternative::Dns(dns) if dns == name))
    };
    assert!(
        names("0.db.uss0.example.com") && names("0.db.elsewhere.example.com") && names("2.db.elsewhere.example.com")
    );
    let client = &policy.profiles[1];
    assert!(client.alternatives.is_empty(), "a client has no name but its own");
}

/// A name that leads nowhere is of no use to whoever still calls it.
#[test]
fn former_names_lead_to_the_nodes_beside_the_new_ones() {
    let mut site = site();
    let advertised = |site: &Site| {
        let values = plugin_cockroachdb::values("{}", &site.intent, &site.roster).expect("the block is good");
        serde_json::from_str::<serde_json::Value>(&values).expect("values are JSON")["cockroachdb"]["advertise"].take()
    };
    assert_eq!(advertised(&site), json!({"suffix": "db.uss0.example.com", "formerSuffixes": []}));
    for node in &mut site.intent.instance.nodes {
        let former = std::mem::replace(&mut node.host, format!("{}.db.elsewhere.example.com", node.ordinal));
        site.intent.instance.facts.push(("former-host".into(), former));
    }
    let both = json!({"suffix": "db.elsewhere.example.com", "formerSuffixes": ["db.uss0.example.com"]});
    assert_eq!(advertised(&site), both, "each once");
}

/// Its leaf is put before the release that advertises the new names.
#[test]
fn certificates_come_before_the_release_that_advertises_other_names() {
    let mut site = site();
    for _ in 0..4 {
        let Decision::Look(looks) = site.decide() else { break };
        site.answer(&looks, healthy);
    }
    let asked = steps(site.decide());
    let release = asked.iter().find(|step| matches!(step.action, Action::ApplyRelease(_))).expect("a release");
    let puts = asked.iter().filter(|step| matches!(step.action, Action::PutSecret(_)));
    assert!(puts.clone().count() == 2 && puts.clone().all(|put| release.requires.contains(&put.key)));
}

#[test]
fn who_calls_from_elsewhere_is_let_in_by_a_release_of_its_own() {
    let mut site = site();
    let key = |site: &Site| {
        let asked = steps(site.decide());
        let release = asked.iter().find(|step| step.key.starts_with("apply-release/")).expect("a release");
        let Action::ApplyRelease(values) = release.action.clone() else { panic!("it applies a release") };
        (release.key.clone(), values)
    };
    let (before, _) = key(&site);
    site.facts.done.push(before.clone());
    site.roster.members[1].egress.push("203.0.113.0/24".into());
    let (after, values) = key(&site);
    assert_ne!(before, after, "what was applied before does not stand for it");
    assert!(values.contains("203.0.113.0/24"));
    site.roster.members[1].nodes[0].host = "0.db.elsewhere.example.com".into();
    let (moved, values) = key(&site);
    assert!(
        moved != after && values.contains("0.db.elsewhere.example.com:26257"),
        "and whoever starts joins by its new names"
    );
}
