//! A universe is founded by masters that start alone, so whoever may not found it never starts alone.

use hangar_sdk::pooling_strategy::{Action, Decision, Error, Fact, Facts, Goal, MemberState, Observation, Roster};
use hangar_sdk::testing::pool::{self, member};
use serde_json::Value;

use crate::universe::{Yugabyte, founding};

fn roster(members: &[(&str, MemberState)], own: &str) -> Roster {
    let mut all: Vec<_> = members.iter().map(|(id, state)| member::<Yugabyte>(id, *state)).collect();
    all.iter_mut().for_each(|one| one.is_self = one.id == own);
    Roster { founder: all[0].id.clone(), members: all, open: None }
}

fn facts(observations: Vec<Fact>) -> Facts {
    Facts { now_ms: pool::NOW_MS, observations, in_doubt: Vec::new(), done: Vec::new(), issued: Vec::new() }
}

fn values(own: &str, roster: &Roster) -> Result<Value, Error> {
    let intent = pool::intent::<Yugabyte>(own, Goal::Operate);
    plugin_yugabytedb::values("{}", &intent, roster).map(|text| serde_json::from_str(&text).expect("JSON"))
}

#[test]
fn the_founder_starts_with_its_own_masters_alone() {
    let values = values("uss1", &roster(&[("uss1", MemberState::Active)], "uss1")).expect("it founds");
    let masters = &values["yugabytedb"]["masters"];
    assert_eq!(masters[0], "0.db.uss1.example.com:7100");
    assert_eq!(masters.as_array().map(Vec::len), Some(3));
    assert_eq!(values["datastore"], "yugabytedb");
    assert_eq!(values["yugabytedb"]["image"], "docker.io/interuss/yugabyte:2025.1.2.1-interuss");
}

/// Whatever the roster looks like, there are no values with which an organisation that is not the founder would start alone.
#[test]
fn nobody_else_ever_has_such_values() {
    use MemberState::{Active, Asking, Gone, Joining, Leaving};
    for first in [Asking, Joining, Active, Leaving, Gone] {
        for own in [Asking, Joining, Active, Leaving, Gone] {
            let Ok(values) = values("uss2", &roster(&[("uss1", first), ("uss2", own)], "uss2")) else { continue };
            let masters = values["yugabytedb"]["masters"].as_array().cloned().unwrap_or_default();
            let foreign = masters.iter().filter_map(Value::as_str).any(|one| one.contains(".uss1."));
            assert!(foreign, "{first:?} and {own:?} would found a second universe");
        }
    }
}

#[test]
fn a_founder_starts_quiet_pods_and_serves_once_the_identity_is_kept() {
    let mut world = founding();
    world.round("uss0", usize::MAX);
    assert_eq!(world.play.n_universes, 1);
    assert_eq!(world.cluster_id, None, "nobody has asked the database yet");
    world.round("uss0", usize::MAX);
    assert!(world.cluster_id.is_some());
}

#[test]
fn too_few_nodes_for_the_copies_are_refused_before_a_pod_starts() {
    let mut intent = pool::intent::<Yugabyte>("uss1", Goal::Create);
    intent.instance.nodes.truncate(1);
    let roster = roster(&[("uss1", MemberState::Active)], "uss1");
    let facts = facts(Vec::new());
    let decided =
        |config: &str| plugin_yugabytedb::decide(config, &intent, &roster, &facts).expect("the block is good");
    let Decision::Blocked(findings) = decided("{}") else { panic!("1 node cannot hold 3 copies") };
    assert!(findings[0].message.contains("1 nodes cannot hold 3 copies"), "{}", findings[0].message);
    assert!(!matches!(decided(r#"{"replication_factor":1}"#), Decision::Blocked(_)));
}

#[test]
fn another_databases_image_is_refused() {
    let mut intent = pool::intent::<Yugabyte>("uss1", Goal::Create);
    intent.instance.image = "docker.io/cockroachdb/cockroach:v24.1.3".into();
    let facts = facts(Vec::new());
    let roster = roster(&[("uss1", MemberState::Active)], "uss1");
    let Ok(Decision::Blocked(findings)) = plugin_yugabytedb::decide("{}", &intent, &roster, &facts) else {
        panic!("it would never start")
    };
    assert!(findings[0].cure.as_ref().is_some_and(|cure| cure.contains("database_image")));
}

/// The certificates of several nodes lie in one Secret, which is put in one step.
#[test]
fn a_secret_is_put_once_with_the_leaves_of_every_node() {
    let mut world = founding();
    world.round("uss0", 1);
    let intent = pool::intent::<Yugabyte>("uss0", Goal::Create);
    let policy = plugin_yugabytedb::certificates("{}", &intent).expect("the block is good");
    let secrets: Vec<&str> = policy.profiles.iter().map(|profile| profile.placement.secret.as_str()).collect();
    assert_eq!(secrets, ["dss-yugabytedb-node", "dss-yugabytedb-node", "dss-yugabytedb-node", "dss-yugabytedb-client"]);
    let files: Vec<&str> = policy.profiles.iter().map(|profile| profile.placement.certificate_file.as_str()).collect();
    assert_eq!(files[1], "node.1.db.uss0.example.com.crt");
    assert_eq!(files[3], "client.yugabyte.crt");
    let facts = facts(vec![Fact {
        probe: hangar_sdk::pooling::probes::release("dss"),
        observation: Observation::Absent,
        at_ms: pool::NOW_MS,
    }]);
    let roster = roster(&[("uss0", MemberState::Active)], "uss0");
    let Ok(Decision::Steps(steps)) = plugin_yugabytedb::decide("{}", &intent, &roster, &facts) else {
        panic!("it starts")
    };
    let puts: Vec<usize> = steps
        .iter()
        .filter_map(|step| if let Action::PutSecret(put) = &step.action { Some(put.files.len()) } else { None })
        .collect();
    assert_eq!(puts, [7, 3], "three leaves with their keys and the bundle; one with its key and the bundle");
}
