//! Restarts, stops and kills.

use std::time::{Duration, Instant};

use crate::joining::three;
use crate::support::http::{get, metric};
use crate::support::psql::psql;
use crate::support::{Authority, Start, until};

#[test]
fn a_node_comes_back_with_its_identity_and_its_data() {
    let ca = Authority::new("alpha");
    let mut node = Start::of(&ca).start();
    node.init();
    psql(&node, "CREATE DATABASE rid").expect("a serving node");
    psql(&node, "CREATE TABLE rid.t (k INT PRIMARY KEY, v STRING)").expect("a serving node");
    psql(&node, "INSERT INTO rid.t VALUES (1, 'one')").expect("a serving node");
    let id = psql(&node, "SELECT crdb_internal.cluster_id()").expect("a serving node");
    assert_eq!(node.stop().code(), Some(0));
    node.logs("initiating graceful shutdown of server");
    node.logs("server drained and shutdown completed");
    node.start_again();
    node.serves();
    node.logs("restarted pre-existing node");
    assert_eq!(psql(&node, "SELECT crdb_internal.cluster_id()"), Ok(id));
    node.kill();
    node.start_again();
    node.serves();
    assert_eq!(psql(&node, "SELECT v FROM rid.t").as_deref(), Ok("one\n"));
}

#[test]
fn a_cluster_goes_on_without_one_of_three_and_stalls_without_two() {
    let ca = Authority::new("alpha");
    let [mut first, second, mut third] = three(&ca);
    psql(&second, "CREATE TABLE t (k INT PRIMARY KEY)").expect("a serving node");
    first.kill();
    until("a new leader", || psql(&second, "UPSERT INTO t VALUES (1)"));
    assert_eq!(psql(&third, "SELECT k FROM t").as_deref(), Ok("1\n"));
    until("the dead node to be noticed", || match metric(&second, "liveness_livenodes") {
        Some(2.0) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    third.kill();
    // A statement of its own session still answers; what needs a majority does not.
    assert_eq!(psql(&second, "SELECT 1").as_deref(), Ok("1\n"));
    let stalled = psql(&second, "SET statement_timeout = '700ms'; INSERT INTO t VALUES (2)").expect_err("no quorum");
    assert!(stalled.contains("57014"), "{stalled}");
    let read = psql(&second, "SET statement_timeout = '700ms'; SELECT * FROM crdb_internal.kv_node_status")
        .expect_err("no quorum");
    assert!(read.contains("57014"), "{read}");
    until("the node to see that it is alone", || {
        match (get(&second, "/health?ready=1"), metric(&second, "liveness_livenodes")) {
            (Ok((503, text)), Some(0.0)) if text.contains("node is not healthy") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert!(metric(&second, "ranges_unavailable{").is_some_and(|count| count > 0.0));
    first.start_again();
    until("the quorum", || psql(&second, "SET statement_timeout = '2s'; UPSERT INTO t VALUES (3)"));
    assert_eq!(psql(&first, "SELECT count(*) FROM t WHERE k = 1").as_deref(), Ok("1\n"));
}

#[test]
fn row_61_a_whole_cluster_comes_back_by_itself_from_addresses_it_remembers() {
    let ca = Authority::new("alpha");
    let mut nodes = three(&ca);
    until("addresses to be written", || match std::fs::read_to_string(nodes[0].store().join("addresses.json")) {
        Ok(text) if text.matches("host").count() == 2 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    nodes.iter_mut().for_each(crate::support::TestNode::kill);
    nodes.iter_mut().for_each(crate::support::TestNode::start_again);
    nodes.iter().for_each(crate::support::TestNode::serves);
    let (done, _, err) = nodes[2].cockroach(&["init"]);
    assert!(!done && err.contains("cluster has already been initialized"), "{err}");
}

#[test]
fn a_node_is_up_quickly_stays_small_and_idles() {
    let ca = Authority::new("alpha");
    let start = || {
        let before = Instant::now();
        let node = Start::of(&ca).env("COCKROACH_WORLD_TIME_SCALE", "1").start();
        (before.elapsed(), node)
    };
    // What a busy machine adds it does not add each time.
    let (took, node) = [start(), start(), start()].into_iter().min_by_key(|(took, _)| *took).expect("three of them");
    assert!(took < Duration::from_secs(2), "{took:?}");
    node.init();
    let memory = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).expect("a living process");
    let resident = memory.lines().find(|line| line.starts_with("VmRSS:")).expect("a resident size");
    let kib: u64 = resident.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number");
    assert!(kib < 40 * 1024, "{resident}");
}
