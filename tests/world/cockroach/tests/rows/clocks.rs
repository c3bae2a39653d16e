//! Rows 38 and 39: clocks that differ.

use crate::support::cluster::{answers, id, settled};
use crate::support::http::metric;
use crate::support::psql::psql;
use crate::support::{Authority, Start, until};

#[test]
fn row_38_a_clock_far_from_half_of_the_others_ends_the_process_again_and_again() {
    let ca = Authority::new("alpha");
    let mut nodes = settled(&ca, 4, |_, start| start);
    let mut skewed = nodes.pop().expect("four nodes");
    skewed.control("{\"op\":\"clock\",\"offset_ms\":-2500}");
    for _ in 0..2 {
        let status = until("the end", || skewed.has_ended().ok_or_else(|| skewed.log()));
        assert_eq!(status.code(), Some(7));
        let text = "this node is more than 500ms away from at least half of the known nodes (";
        skewed.logs(&format!("clock synchronization error: {text}"));
        // The clock is the machine's fault, so a new process has it too.
        skewed.set_env("COCKROACH_WORLD_CLOCK_OFFSET_MS", "-2500");
        skewed.start_again();
    }
    until("the end", || skewed.has_ended().ok_or_else(|| skewed.log()));
    assert!(nodes.iter_mut().all(|node| node.has_ended().is_none()), "a majority agrees");
    skewed.set_env("COCKROACH_WORLD_CLOCK_OFFSET_MS", "0");
    skewed.start_again();
    skewed.serves();
}

#[test]
fn row_39_a_clock_a_little_off_shows_in_the_metrics_and_nowhere_else() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 3, |_, start| start);
    nodes[2].control("{\"op\":\"clock\",\"offset_ms\":200}");
    let is_close = |nanos: Option<f64>| nanos.is_some_and(|nanos| (-260e6..-140e6).contains(&nanos));
    until("the offset to be measured", || {
        let seen = metric(&nodes[2], "clock_offset_meannanos");
        if is_close(seen) { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    // Over SQL too, as whoever is about to touch a node asks for it.
    let own = format!(
        "SELECT metrics->>'clock-offset.meannanos' FROM crdb_internal.kv_node_status WHERE node_id = {}",
        id(&nodes[2])
    );
    until("the offset over SQL", || {
        let told = psql(&nodes[2], &own);
        if is_close(told.as_ref().ok().and_then(|nanos| nanos.trim().parse().ok())) {
            Ok(())
        } else {
            Err(format!("{told:?}"))
        }
    });
    answers(&nodes[0], "SELECT count(*) FROM crdb_internal.gossip_nodes WHERE is_live", "3");
}

#[test]
fn certificates_are_judged_by_the_nodes_own_clock() {
    let ca = Authority::new("alpha");
    let node = Start::of(&ca).start();
    node.init();
    node.control("{\"op\":\"clock\",\"offset_ms\":63072000000}");
    let late = psql(&node, "SELECT 1").expect_err("two years on, the client's certificate has expired");
    assert!(late.contains("certificate expired") || late.contains("expired certificate"), "{late}");
    node.logs("x509: certificate has expired or is not yet valid: current time 202");
    node.control("{\"op\":\"clock\",\"offset_ms\":0}");
    assert_eq!(psql(&node, "SELECT 1").as_deref(), Ok("1\n"));
}
