//! Rows 32 to 37: nodes and organisations that are gone for a while or for good.

use std::time::{Duration, Instant};

use crate::support::cluster::{answers, have_majorities, id, settled, under_replicated};
use crate::support::http::{get, metric};
use crate::support::psql::psql;
use crate::support::{Authority, TestNode, until};

fn unavailable(nodes: &[&TestNode]) -> f64 {
    nodes.iter().filter_map(|node| metric(node, "ranges_unavailable{")).sum()
}

#[test]
fn rows_32_and_33_a_killed_node_costs_its_leases_some_seconds_and_its_replicas_are_rebuilt_when_it_is_dead() {
    let ca = Authority::new("alpha");
    let mut nodes = settled(&ca, 4, |_, start| start);
    psql(&nodes[0], "CREATE TABLE t (k INT PRIMARY KEY)").expect("a serving node");
    // The least that the database takes; the default is five minutes.
    let refused = psql(&nodes[0], "SET CLUSTER SETTING server.time_until_store_dead = '10s'").expect_err("too short");
    assert!(refused.contains("cannot set server.time_until_store_dead to a value less than 75s"), "{refused}");
    psql(&nodes[0], "SET CLUSTER SETTING server.time_until_store_dead = '75s'").expect("a serving node");
    let number = id(&nodes[3]);
    nodes[3].kill();
    let others = [&nodes[0], &nodes[1], &nodes[2]].map(|node| (node, node.address));
    psql(others[1].0, "SET statement_timeout = '8s'; INSERT INTO t VALUES (1)").expect("the lease moves");
    answers(others[0].0, &format!("SELECT is_live FROM crdb_internal.gossip_nodes WHERE node_id = {number}"), "f");
    let gone = |node: &TestNode| {
        let sql = format!("SELECT count(*) FROM crdb_internal.ranges WHERE lease_holder = {number}");
        psql(node, &sql).unwrap_or_default().trim().to_owned()
    };
    until("its leases to move", || if gone(&nodes[0]) == "0" { Ok(()) } else { Err(gone(&nodes[0])) });
    // Unavailable, not dead: its replicas stay where they are, and it catches up when it is back.
    have_majorities(&[&nodes[0]]);
    nodes[3].start_again();
    nodes[3].logs("restarted pre-existing node");
    answers(&nodes[3], "SELECT count(*) FROM t", "1");
    until("replicas", || {
        let missing = under_replicated(&nodes.iter().collect::<Vec<_>>());
        if missing == 0.0 { Ok(()) } else { Err(format!("{missing} missing")) }
    });
    // Dead: what it held is rebuilt on those that are left.
    nodes[3].kill();
    until("its replicas to be rebuilt", || {
        let held = psql(&nodes[0], "SELECT ranges FROM crdb_internal.gossip_nodes ORDER BY node_id DESC LIMIT 1");
        if held.as_deref() == Ok("0\n") { Ok(()) } else { Err(format!("{held:?}")) }
    });
    // Every node counts for itself, at its own pace.
    until("every node to count them", || {
        let missing = under_replicated(&[&nodes[0], &nodes[1], &nodes[2]]);
        if missing == 0.0 { Ok(()) } else { Err(format!("{missing} missing")) }
    });
}

#[test]
fn rows_34_and_37_without_a_majority_statements_hang_and_then_say_which_replicas_are_lost() {
    let ca = Authority::new("alpha");
    let mut nodes = settled(&ca, 3, |index, start| start.arg(&format!("--locality=zone={}", ["a", "b", "c"][index])));
    psql(&nodes[0], "CREATE TABLE t (k INT PRIMARY KEY)").expect("a serving node");
    psql(&nodes[0], "SET CLUSTER SETTING kv.replica_circuit_breaker.slow_replication_threshold = '12s'")
        .expect("a serving node");
    // One organisation in maintenance is borne (row 35)...
    nodes[1].stop();
    until("the loss to be told", || {
        let seen = (under_replicated(&[&nodes[0], &nodes[2]]), unavailable(&[&nodes[0], &nodes[2]]));
        if seen.0 > 0.0 && seen.1 == 0.0 { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    psql(&nodes[0], "INSERT INTO t VALUES (1)").expect("two of three");
    // ... a second one is not.
    nodes[2].stop();
    let alone = &nodes[0];
    let before = Instant::now();
    let lost = psql(alone, "INSERT INTO t VALUES (2)").expect_err("no majority");
    assert!(lost.contains("ERROR:  58C00: replica unavailable: ") && lost.contains("lost quorum (down: "), "{lost}");
    assert!(before.elapsed().as_millis() >= 1_500, "it hung first: {:?}", before.elapsed());
    assert_eq!(psql(alone, "SELECT 1").as_deref(), Ok("1\n"));
    for refused in [
        "SELECT * FROM crdb_internal.kv_node_status",
        "CREATE DATABASE d",
        "SHOW CLUSTER SETTING version",
        "SELECT * FROM t",
    ] {
        let text = psql(alone, &format!("SET statement_timeout = '300ms'; {refused}")).expect_err(refused);
        assert!(text.contains("57014"), "{refused}: {text}");
    }
    let (done, _, err) = alone.cockroach(&["node", "decommission", "2", "--checks=skip"]);
    assert!(!done && err.contains("DeadlineExceeded"), "{err}");
    until("the node to see that it is alone", || match get(alone, "/health?ready=1") {
        Ok((503, text)) if text.contains("node is not healthy") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let vars = get(alone, "/_status/vars").expect("the page that survives");
    assert!(vars.0 == 200 && vars.1.contains("\nliveness_livenodes 0\n"), "{}", vars.1);
    assert!(unavailable(&[alone]) > 0.0);
    assert_eq!(psql(alone, "SELECT count(*) FROM crdb_internal.gossip_nodes").as_deref(), Ok("3\n"));
}

#[test]
fn row_35_one_organisation_of_three_may_go_when_each_holds_one_replica() {
    let ca = Authority::new("alpha");
    let mut nodes = settled(&ca, 3, |index, start| start.arg(&format!("--locality=zone={}", ["a", "b", "c"][index])));
    psql(&nodes[0], "CREATE TABLE t (k INT PRIMARY KEY)").expect("a serving node");
    nodes[2].kill();
    let left = [&nodes[0], &nodes[1]];
    for (key, node) in [(1, left[0]), (2, left[1])] {
        psql(node, &format!("SET statement_timeout = '8s'; INSERT INTO t VALUES ({key})")).expect("a majority");
    }
    until("the lack to be told", || {
        let missing = under_replicated(&left);
        if missing > 0.0 { Ok(()) } else { Err(format!("{missing}")) }
    });
    have_majorities(&left);
    answers(left[1], "SELECT count(*) FROM t", "2");
}

#[test]
fn row_36_without_localities_an_organisation_may_hold_two_of_three_replicas() {
    let ca = Authority::new("alpha");
    let mut nodes = settled(&ca, 5, |_, start| start);
    let ids: Vec<String> = nodes.iter().map(id).collect();
    psql(&nodes[0], "CREATE TABLE t (k INT PRIMARY KEY)").expect("a serving node");
    // Once the allocator has spread its replicas: two answers agree.
    let shown = until("the table's range to stay where it is", || {
        let before = psql(&nodes[0], "SHOW RANGES FROM TABLE t")?;
        std::thread::sleep(Duration::from_millis(500));
        let after = psql(&nodes[0], "SHOW RANGES FROM TABLE t")?;
        if before == after { Ok(after) } else { Err(format!("{before}{after}")) }
    });
    let replicas = shown.split(['{', '}']).nth(1).expect("replicas").to_owned();
    assert_eq!(replicas.split(',').count(), 3, "{shown}");
    // The two nodes of one organisation happen to hold two of the three.
    let organisation: Vec<usize> =
        (1..5).filter(|index| replicas.split(',').any(|holder| holder == ids[*index])).take(2).collect();
    let range = shown.split('|').nth(2).expect("a range").to_owned();
    organisation.iter().for_each(|index| nodes[*index].kill());
    let left: Vec<&TestNode> =
        (0..5).filter(|index| !organisation.contains(index)).map(|index| &nodes[index]).collect();
    until("ranges to be unavailable", || {
        let lost = unavailable(&left);
        if lost > 0.0 { Ok(()) } else { Err(format!("{lost}")) }
    });
    // The system's ranges have five replicas and go on; the table's has three and does not.
    answers(left[0], "SELECT count(*) FROM crdb_internal.kv_node_liveness", "5");
    let stalled = psql(left[0], "SET statement_timeout = '700ms'; SELECT * FROM t").expect_err("two of three are gone");
    assert!(stalled.contains("57014"), "r{range}: {stalled}");
}
