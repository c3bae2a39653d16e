//! What is left of a node that is gone: gossip forgets where it was, and its status stays until it is decommissioned.

use std::time::Duration;

use crate::support::cluster::{answers, beats_twice, id, settled, succeed};
use crate::support::http::metric;
use crate::support::psql::psql;
use crate::support::wait::stays;
use crate::support::{Authority, TestNode, until};

const MEMORY: (&str, &str) = ("COCKROACH_WORLD_GOSSIP_MEMORY_MS", "4000");

/// As whoever is about to touch nodes asks who is there.
fn known(node: &TestNode, id: &str) -> String {
    let sql = format!(
        "SELECT l.node_id, n.address, n.locality, n.build_tag, CAST(n.is_live AS STRING), l.membership \
         FROM crdb_internal.gossip_liveness AS l LEFT JOIN crdb_internal.gossip_nodes AS n ON l.node_id = n.node_id \
         WHERE l.node_id = {id}"
    );
    psql(node, &sql).unwrap_or_default().trim().to_owned()
}

#[test]
fn a_node_that_is_gone_for_long_has_no_address_in_gossip_and_keeps_its_status() {
    let ca = Authority::new("alpha");
    let mut nodes = settled(&ca, 4, |_, start| start.arg("--locality=zone=a").env(MEMORY.0, MEMORY.1));
    let lost = id(&nodes[3]);
    let (address, live) = (nodes[3].address.to_string(), nodes[1].address.to_string());
    nodes[3].kill();
    // It is not forgotten at once.
    until("it to be dead", || match known(&nodes[0], &lost) {
        row if row == format!("{lost}|{address}|zone=a|v24.1.3|false|active") => Ok(()),
        row => Err(row),
    });
    until("it to be forgotten", || match known(&nodes[0], &lost) {
        row if row == format!("{lost}|||||active") => Ok(()),
        row => Err(row),
    });
    // Who lives says again and again where it is.
    let second = id(&nodes[1]);
    // On a busy machine it may look dead for a moment, which is another matter.
    let remembered = [true, false].map(|is_live| format!("{second}|{live}|zone=a|v24.1.3|{is_live}|active"));
    stays("the others are remembered", Duration::from_secs(6), || remembered.contains(&known(&nodes[0], &second)));
    until("it to be live", || match known(&nodes[0], &second) {
        row if row == remembered[0] => Ok(()),
        row => Err(row),
    });
    let status = format!("SELECT address, locality, tag FROM crdb_internal.kv_node_status WHERE node_id = {lost}");
    answers(&nodes[0], &status, &format!("{address}|zone=a|v24.1.3"));
    succeed(&nodes[0], &["node", "decommission", &lost]);
    answers(&nodes[0], &status, "");
    until("it to be out for good", || match known(&nodes[0], &lost) {
        row if row == format!("{lost}|||||decommissioned") => Ok(()),
        row => Err(row),
    });
}

#[test]
fn what_a_dead_node_wrote_last_stays_and_live_nodes_are_told_apart_from_it() {
    let ca = Authority::new("alpha");
    let mut nodes = settled(&ca, 5, |_, start| start);
    let ids: Vec<String> = nodes.iter().map(id).collect();
    // The least that the database takes: what the dead held is rebuilt once they are given up.
    psql(&nodes[0], "SET CLUSTER SETTING server.time_until_store_dead = '75s'").expect("a serving node");
    nodes[4].kill();
    nodes[2].control("{\"op\":\"clock\",\"offset_ms\":200}");
    until("the third to measure both", || {
        let seen = [metric(&nodes[2], "ranges_underreplicated{"), metric(&nodes[2], "clock_offset_meannanos")];
        let is_so = matches!(seen, [Some(ranges), Some(nanos)] if ranges > 0.0 && nanos < -140e6);
        if is_so { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    beats_twice(&nodes[0], &ids[2]);
    nodes[2].kill();
    answers(&nodes[0], &format!("SELECT is_live FROM crdb_internal.gossip_nodes WHERE node_id = {}", ids[2]), "f");
    // With the first of the two out there are as many replicas as there can be.
    succeed(&nodes[0], &["node", "decommission", &ids[4]]);
    let live = "SELECT CAST(sum(CAST(s.metrics->>'ranges.underreplicated' AS DECIMAL)) AS STRING), \
         CAST(sum(CAST(s.metrics->>'ranges.unavailable' AS DECIMAL)) AS STRING) FROM crdb_internal.kv_store_status AS s \
         JOIN crdb_internal.gossip_nodes AS n ON s.node_id = n.node_id WHERE n.is_live";
    answers(&nodes[0], live, "0|0");
    let last = |column: &str, table: &str| {
        let sql = format!("SELECT metrics->>'{column}' FROM crdb_internal.{table} WHERE node_id = {}", ids[2]);
        psql(&nodes[0], &sql).expect("a serving node").trim().parse::<f64>().expect("a number")
    };
    assert!(last("ranges.underreplicated", "kv_store_status") > 0.0);
    // What it said of itself, and no other: they were 200 ms away from one node only.
    assert!(last("clock-offset.meannanos", "kv_node_status") < -100e6);
}
