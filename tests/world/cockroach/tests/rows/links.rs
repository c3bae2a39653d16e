//! Rows 29, 30 and 58: some nodes reach each other, some do not.

use crate::support::cluster::{answers, id, settled};
use crate::support::psql::psql;
use crate::support::{Authority, Start, TestNode, until};

fn link(from: &TestNode, to: &TestNode) -> Option<f64> {
    link_to(from, &to.address.to_string())
}

fn link_to(from: &TestNode, address: &str) -> Option<f64> {
    let page = crate::support::http::get(from, "/_status/vars").ok()?.1;
    let address = format!("remote_addr=\"{address}\"");
    let line = page.lines().find(|line| line.starts_with("rpc_connection_healthy{") && line.contains(&address))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn row_29_a_name_that_one_member_cannot_resolve_makes_a_partial_partition() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 3, |index, start| {
        let start = start.arg(&format!("--locality=zone={}", ["a", "b", "c"][index]));
        // The third gives members of zone b a name that leads nowhere.
        if index == 2 { start.arg("--locality-advertise-addr=zone=b@db.nowhere.invalid:26257") } else { start }
    });
    until("links to settle", || {
        let links =
            (link(&nodes[0], &nodes[2]), link_to(&nodes[1], "db.nowhere.invalid:26257"), link(&nodes[2], &nodes[1]));
        if links == (Some(1.0), Some(0.0), Some(1.0)) { Ok(()) } else { Err(format!("{links:?}")) }
    });
    nodes[1].logs("dial tcp: lookup db.nowhere.invalid: no such host");
    answers(&nodes[1], "SELECT count(*) FROM crdb_internal.gossip_nodes WHERE is_live", "3");
}

#[test]
fn row_30_behind_a_one_way_firewall_both_are_live_and_some_calls_fail() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 3, |_, start| start);
    psql(&nodes[0], "CREATE TABLE t (k INT PRIMARY KEY); INSERT INTO t VALUES (1)").expect("a serving node");
    let far = id(&nodes[2]);
    nodes[1].cut(&[&nodes[2]]);
    until("the link to fail in one direction", || {
        let links = (link(&nodes[1], &nodes[2]), link(&nodes[2], &nodes[1]));
        if links == (Some(0.0), Some(1.0)) { Ok(()) } else { Err(format!("{links:?}")) }
    });
    answers(&nodes[0], "SELECT count(*) FROM crdb_internal.gossip_nodes WHERE is_live", "3");
    // A range whose leaseholder is out of reach stalls through this gateway, and through no other.
    let theirs = "SELECT range_id FROM crdb_internal.ranges WHERE database_name = 'defaultdb' AND lease_holder = ";
    // A lease may move between two looks.
    until("a statement that stalls only where its leaseholder is far", || {
        let stalled = psql(&nodes[1], "SET statement_timeout = '500ms'; SELECT count(*) FROM t");
        let held = psql(&nodes[0], &format!("{theirs}{far}"))?;
        let table = psql(&nodes[0], "SHOW RANGES FROM TABLE t")?;
        let range = table.split('|').nth(2).ok_or("no range")?;
        let is_far = held.lines().any(|id| id == range);
        if stalled.is_err() == is_far { Ok(()) } else { Err(format!("{stalled:?} {held} {table}")) }
    });
    assert_eq!(psql(&nodes[0], "SELECT count(*) FROM t").as_deref(), Ok("1\n"));
    nodes[1].control("{\"op\":\"heal\"}");
    answers(&nodes[1], "SELECT count(*) FROM t", "1");
}

#[test]
fn row_58_two_gateways_list_different_members_until_news_arrive() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 3, |index, start| {
        // Whoever comes late would tell the third of itself, and finds no way there.
        if index == 2 { start.arg("--locality-advertise-addr=zone=late@db.nowhere.invalid:26257") } else { start }
    });
    let others = [&nodes[0], &nodes[1]];
    nodes[2].cut(&others);
    others.iter().for_each(|node| node.cut(&[&nodes[2]]));
    let late = Start::of(&ca).arg("--locality=zone=late").joining(&[&nodes[0]]).start();
    late.serves();
    let count = "SELECT count(*) FROM crdb_internal.gossip_nodes";
    answers(&nodes[0], count, "4");
    assert_eq!(psql(&nodes[2], count).as_deref(), Ok("3\n"));
    nodes.iter().for_each(|node| drop(node.control("{\"op\":\"heal\"}")));
    answers(&nodes[2], count, "4");
}

#[test]
fn a_slow_or_lossy_link_is_slow_and_carries_everything() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 3, |_, start| start);
    let address = nodes[0].address.ip();
    let shown = nodes[1].control(&format!("{{\"op\":\"link\",\"to\":\"{address}\",\"delay_ms\":40,\"loss\":0.05}}"));
    assert!(shown.contains("\"delay_ms\":40"), "{shown}");
    psql(&nodes[1], "CREATE TABLE slow (k INT PRIMARY KEY)").expect("a serving node");
    for key in 0..5 {
        psql(&nodes[1], &format!("INSERT INTO slow VALUES ({key})")).expect("a slow link is a link");
    }
    assert_eq!(psql(&nodes[0], "SELECT count(*) FROM slow").as_deref(), Ok("5\n"));
}
