//! Row 40: a new node is there at once, and gets its replicas one by one.

use crate::support::cluster::{have_majorities, under_replicated};
use crate::support::http::metric;
use crate::support::psql::psql;
use crate::support::{Authority, Start, TestNode, until};

fn column(node: &TestNode, sql: &str) -> Vec<i64> {
    psql(node, sql).unwrap_or_default().lines().filter_map(|line| line.parse().ok()).collect()
}

#[test]
fn row_40_a_new_node_is_listed_at_once_and_fills_slowly() {
    let ca = Authority::new("alpha");
    let first = Start::of(&ca).arg("--locality=zone=a").start();
    first.init();
    assert!(under_replicated(&[&first]) > 0.0, "one node cannot hold three replicas");
    let second = Start::of(&ca).arg("--locality=zone=b").joining(&[&first]).start();
    second.serves();
    // Two nodes are no better than one, so nothing moves yet.
    let ranges = column(&first, "SELECT ranges FROM crdb_internal.gossip_nodes ORDER BY node_id");
    assert_eq!(ranges.get(1), Some(&0), "{ranges:?}");
    // Slow enough for steps to be seen.
    psql(&first, "SET CLUSTER SETTING kv.snapshot_rebalance.max_rate = '2 MiB'").expect("a serving node");
    let third = Start::of(&ca).arg("--locality=zone=c").joining(&[&first]).start();
    third.serves();
    let mut seen: Vec<f64> = Vec::new();
    until("all ranges to have their replicas", || {
        let now = under_replicated(&[&first, &second, &third]);
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        if now == 0.0 { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    assert!(seen.len() > 3, "it went in steps: {seen:?}");
    let spread = psql(&first, "SHOW RANGES FROM DATABASE defaultdb").expect("a serving node");
    assert!(spread.lines().all(|line| line.contains("{zone=a,zone=b,zone=c}")), "{spread}");
    have_majorities(&[&first, &second, &third]);
    let leases = [&first, &second, &third].map(|node| metric(node, "replicas_leaseholders{").unwrap_or(0.0));
    assert!(leases.iter().sum::<f64>() > 0.0);
    until("a status that says so", || {
        let (done, status, err) = first.cockroach(&["node", "status", "--ranges", "--format=json"]);
        let n_full = status.matches("\"ranges_underreplicated\":\"0\"").count();
        if done && n_full == 3 { Ok(()) } else { Err(format!("{status}{err}")) }
    });
}
