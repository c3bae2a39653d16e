//! Rows 31, 52 and 53: how a node stops serving.

use crate::support::cluster::{answers, have_majorities, id, settled, under_replicated};
use crate::support::http::{get, metric};
use crate::support::psql::{psql, session};
use crate::support::{Authority, Start, TestNode, until};

#[test]
fn row_31_a_stopped_node_gives_its_leases_away_first_and_nobody_else_notices() {
    let ca = Authority::new("alpha");
    let mut nodes = settled(&ca, 3, |_, start| start);
    psql(&nodes[0], "CREATE TABLE t (k INT PRIMARY KEY)").expect("a serving node");
    let leaver = id(&nodes[2]);
    until("leases on every node", || match metric(&nodes[2], "replicas_leaseholders{") {
        Some(count) if count > 0.0 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let stopped = std::thread::scope(|scope| {
        let last = nodes.last_mut().expect("three nodes");
        scope.spawn(|| last.stop()).join().expect("no panic")
    });
    assert_eq!(stopped.code(), Some(0));
    // No lease was left behind, so nothing has to wait for the liveness record to run out.
    let left = psql(&nodes[0], &format!("SELECT count(*) FROM crdb_internal.ranges WHERE lease_holder = {leaver}"));
    assert_eq!(left.as_deref(), Ok("0\n"));
    for key in 0..5 {
        let written = psql(&nodes[key % 2], &format!("SET statement_timeout = '3s'; INSERT INTO t VALUES ({key})"));
        assert!(written.is_ok(), "{written:?}");
    }
    answers(&nodes[1], &format!("SELECT draining FROM crdb_internal.gossip_liveness WHERE node_id = {leaver}"), "t");
    answers(&nodes[1], &format!("SELECT is_live FROM crdb_internal.gossip_nodes WHERE node_id = {leaver}"), "f");
    until("the lack of replicas to be told", || {
        let missing = under_replicated(&[&nodes[0], &nodes[1]]);
        if missing > 0.0 { Ok(()) } else { Err("nothing is missing".to_owned()) }
    });
    have_majorities(&[&nodes[0]]);
}

#[test]
fn rows_52_and_53_a_drain_waits_for_transactions_only_so_long_and_new_clients_are_sent_away() {
    let ca = Authority::new("alpha");
    let node = Start::of(&ca).env("COCKROACH_WORLD_TIME_SCALE", "0.3").start();
    node.init();
    let mut open = session(&node, "BEGIN; SELECT 1;");
    let (done, out, err) = node.cockroach(&["node", "drain", "--drain-wait=1s"]);
    assert!(!done && out.is_empty(), "{out}{err}");
    assert!(err.ends_with("ERROR: drain timeout\nFailed running \"node drain\"\n"), "{err}");
    assert!(matches!(get(&node, "/health?ready=1"), Ok((503, text)) if text.contains("node is shutting down")));
    let refused = psql(&node, "SELECT 1").expect_err("no new clients");
    assert!(refused.contains("FATAL:  server is not accepting clients, try another node"), "{refused}");
    open.kill().expect("our own child");
    open.wait().expect("our own child");
    // A lone node has nobody to give its leases to; with its clients gone it still keeps those.
    let (_, _, err) = node.cockroach(&["node", "drain", "--drain-wait=5s"]);
    assert!(err.contains("range lease iterations: ") && !err.contains("SQL clients"), "{err}");
}

#[test]
fn row_52_a_second_drain_completes() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 3, |_, start| start);
    let mut open = session(&nodes[1], "BEGIN; SELECT 1;");
    let (done, _, err) = nodes[1].cockroach(&["node", "drain", "--drain-wait=150ms"]);
    assert!(!done && err.contains("ERROR: drain timeout"), "{err}");
    open.kill().expect("our own child");
    open.wait().expect("our own child");
    // Asked through another node, by number.
    let (done, out, err) = nodes[0].cockroach(&["node", "drain", &id_of(&nodes[1], &nodes[0])]);
    assert!(done && out == "drain ok\n", "{out}{err}");
    assert!(err.contains("node is draining... remaining: 0 (complete)"), "{err}");
    assert_eq!(metric(&nodes[1], "replicas_leaseholders{"), Some(0.0));
    // It is alive all the while.
    answers(&nodes[0], "SELECT count(*) FROM crdb_internal.gossip_nodes WHERE is_live", "3");
}

fn id_of(node: &TestNode, seen_by: &TestNode) -> String {
    let sql = format!("SELECT node_id FROM crdb_internal.gossip_nodes WHERE address = '{}'", node.address);
    psql(seen_by, &sql).expect("a serving node").trim().to_owned()
}
