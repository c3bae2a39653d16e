//! Rows 42 to 46 and 49 to 51: how nodes leave for good.

use crate::support::cluster::{answers, id, settle, settled, succeed};
use crate::support::http::get;
use crate::support::psql::psql;
use crate::support::{Authority, TestNode, until};

fn membership(node: &TestNode, id: &str) -> String {
    let sql = format!("SELECT membership FROM crdb_internal.gossip_liveness WHERE node_id = {id}");
    psql(node, &sql).unwrap_or_default().trim().to_owned()
}

#[test]
fn row_42_a_check_that_fails_changes_nothing() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 3, |_, start| start);
    let id = id(&nodes[2]);
    let (asked, _, err) = nodes[0].cockroach(&["node", "decommission", &id, "--dry-run", "--checks=strict"]);
    assert!(!asked && err.contains("ERROR: Cannot decommission nodes."), "{err}");
    let why = "replicas blocked with error: \"0 of 2 live stores are able to take a new replica for the range (2 already \
               have a voter, 0 already have a non-voter); likely not enough nodes in cluster\"\n";
    // Whoever of the two looks dead for a moment is not counted.
    let (out, err) = until("a check that counts both of the others", || {
        let (done, out, err) = nodes[0].cockroach(&["node", "decommission", &id]);
        assert!(!done, "{out}{err}");
        if err.contains(why) { Ok((out, err)) } else { Err(err) }
    });
    assert!(out.contains("readiness\tblocking_ranges") && out.contains("allocation errors"), "{out}");
    assert!(err.contains("ranges blocking decommission detected\n"), "{err}");
    assert!(err.ends_with("ERROR: Cannot decommission nodes.\nFailed running \"node decommission\"\n"), "{err}");
    answers(&nodes[1], "SELECT count(*) FROM crdb_internal.gossip_liveness WHERE membership = 'active'", "3");
    let (done, _, err) = nodes[0].cockroach(&["node", "decommission", "9"]);
    assert!(!done && err.contains("ERROR: node does not exist"), "{err}");
    let (done, _, err) = nodes[0].cockroach(&["node", "decommission"]);
    assert!(!done && err.contains("no node ID specified"), "{err}");
}

#[test]
fn row_43_a_node_that_may_leave_is_emptied_drained_and_gone() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 4, |_, start| start);
    let (stays, leaver) = (&nodes[0], &nodes[3]);
    let id = id(leaver);
    // Asked only whether it may, nothing has changed.
    succeed(stays, &["node", "decommission", &id, "--dry-run", "--checks=strict"]);
    assert_eq!(membership(stays, &id), "active");
    let (mut child, said) = stays.begin(&["node", "decommission", &id, "--checks=skip"], "0.15");
    until("the leaver to be unready", || match get(leaver, "/health?ready=1") {
        Ok((503, _)) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(get(leaver, "/health").map(|answer| answer.0), Ok(200));
    until("the end", || {
        child.try_wait().expect("our own child").ok_or_else(|| std::fs::read_to_string(&said).unwrap_or_default())
    });
    let said = std::fs::read_to_string(said).expect("what it said");
    assert!(said.contains(&format!("draining node n{id}\n")), "{said}");
    assert!(said.contains(&format!("node n{id} drained successfully\n")), "{said}");
    assert!(said.contains(&format!("{id}\ttrue\t0\ttrue\tdecommissioned\ttrue\n")), "{said}");
    assert!(
        said.ends_with(
            "No more data reported on target nodes. Please verify cluster health before removing the nodes.\n"
        )
    );
    // No longer among the nodes that have a status, for ever among those that were.
    assert_eq!(
        psql(stays, &format!("SELECT count(*) FROM crdb_internal.kv_node_status WHERE node_id = {id}")).as_deref(),
        Ok("0\n")
    );
    answers(
        stays,
        &format!("SELECT membership FROM crdb_internal.gossip_liveness WHERE node_id = {id}"),
        "decommissioned",
    );
    let (_, status, err) = stays.cockroach(&["node", "status", "--decommission"]);
    assert!(
        status.lines().any(|line| line.starts_with(&format!("{id}\t")) && line.contains("decommissioned")),
        "{status}{err}"
    );
    settle(&[&nodes[0], &nodes[1], &nodes[2]]);
    let holders = psql(stays, "SHOW CLUSTER RANGES").expect("a serving node");
    assert!(!holders.contains(&format!(",{id}}}")), "{holders}");
}

#[test]
fn row_44_a_node_that_cannot_be_emptied_is_said_to_stall_and_may_stay() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 3, |_, start| start);
    let id = id(&nodes[1]);
    // The command's own patience runs fast; the cluster's pace is its own.
    let (mut child, said) = nodes[0].begin(&["node", "decommission", &id, "--checks=skip"], "0.01");
    let said = until("the stall to be noticed", || {
        let said = std::fs::read_to_string(&said).unwrap_or_default();
        if said.contains("still has replica id") { Ok(said) } else { Err(said) }
    });
    child.kill().expect("our own child");
    child.wait().expect("our own child");
    assert!(said.contains("possible decommission stall detected\n"), "{said}");
    assert_eq!(said.matches(&format!("n{id} still has replica id ")).count() % 5, 0, "{said}");
    until("it to be on its way out", || match membership(&nodes[0], &id) {
        now if now == "decommissioning" => Ok(()),
        now => Err(now),
    });
    // Said again to an active node it changes nothing.
    until("it to stay, alive", || {
        let (done, out, err) = nodes[0].cockroach(&["node", "recommission", &id]);
        let stays = out.contains(&format!("{id}\ttrue\t")) && out.contains("\tfalse\tactive\tfalse\n");
        if done && stays { Ok(()) } else { Err(format!("{out}{err}")) }
    });
    answers(&nodes[2], &format!("SELECT membership FROM crdb_internal.gossip_liveness WHERE node_id = {id}"), "active");
    nodes[1].serves();
}

#[test]
fn row_44_a_full_disk_is_no_target() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 3, |_, start| start);
    let spare = crate::support::Start::of(&ca).joining(&[&nodes[0]]).env("COCKROACH_WORLD_TIME_SCALE", "0.15").start();
    spare.serves();
    nodes[0].logs("connection is now healthy (n4");
    spare.control("{\"op\":\"disk\",\"full\":true}");
    let leaver = id(&nodes[2]);
    let (mut child, said) = nodes[0].begin(&["node", "decommission", &leaver, "--checks=skip"], "0.15");
    let refused = || nodes.iter().any(|node| node.log().contains("store has no room for r"));
    until("the refusal of a replica", || if refused() { Ok(()) } else { Err("no refusal".to_owned()) });
    assert!(child.try_wait().expect("our own child").is_none());
    spare.control("{\"op\":\"disk\",\"full\":false}");
    until("the end", || {
        child.try_wait().expect("our own child").ok_or_else(|| std::fs::read_to_string(&said).unwrap_or_default())
    });
    answers(
        &nodes[0],
        &format!("SELECT membership FROM crdb_internal.gossip_liveness WHERE node_id = {leaver}"),
        "decommissioned",
    );
}

#[test]
fn rows_45_and_46_a_half_done_decommission_is_taken_back_or_completed() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 4, |_, start| start);
    let leaver = id(&nodes[3]);
    let run = |args: &[&str]| nodes[0].cockroach(&[&["node"], args].concat());
    let status = |wanted: &str| {
        answers(
            &nodes[1],
            &format!("SELECT membership FROM crdb_internal.gossip_liveness WHERE node_id = {leaver}"),
            wanted,
        );
    };
    // One round, then nobody calls again.
    let (out, err) = succeed(&nodes[0], &["node", "decommission", &leaver, "--wait=none"]);
    assert!(out.contains("\tdecommissioning\t"), "{out}{err}");
    status("decommissioning");
    let (done, _, err) = run(&["recommission", &leaver]);
    assert!(done, "{err}");
    status("active");
    let (done, _, err) = run(&["recommission", &leaver]);
    assert!(done, "an active node stays active: {err}");
    succeed(&nodes[0], &["node", "decommission", &leaver, "--wait=none"]);
    until("an empty node that nobody removes", || {
        let ranges = crate::support::http::metric(&nodes[3], "replicas{");
        if ranges == Some(0.0) { Ok(()) } else { Err(format!("{ranges:?}")) }
    });
    status("decommissioning");
    let (out, err) = succeed(&nodes[0], &["node", "decommission", &leaver]);
    assert!(
        err.contains(&format!("warning: node {leaver} is already decommissioning or decommissioned")),
        "{out}{err}"
    );
    status("decommissioned");
    let (done, _, err) = run(&["recommission", &leaver]);
    assert!(!done);
    let text = format!("ERROR: can only recommission a decommissioning node; n{leaver} found to be decommissioned");
    assert!(err.contains(&text), "{err}");
    // Once more changes nothing.
    succeed(&nodes[0], &["node", "decommission", &leaver]);
}

#[test]
fn row_49_a_node_that_serves_its_own_decommission_is_not_drained_by_it() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 4, |_, start| start);
    let leaver = id(&nodes[3]);
    let (_, out, err) = nodes[3].cockroach(&["node", "decommission", "--self", "--checks=skip"]);
    let text = format!("skipping drain step for node n{leaver}; it is decommissioning and serving the request\n");
    assert!(err.contains(&text), "{out}{err}");
    // Its own answer may be lost; the others know.
    answers(
        &nodes[0],
        &format!("SELECT membership FROM crdb_internal.gossip_liveness WHERE node_id = {leaver}"),
        "decommissioned",
    );
}

#[test]
fn row_50_a_dead_node_is_decommissioned_once_its_replicas_are_elsewhere() {
    let ca = Authority::new("alpha");
    let mut nodes = settled(&ca, 4, |_, start| start);
    let leaver = id(&nodes[3]);
    nodes[3].kill();
    answers(&nodes[0], &format!("SELECT is_live FROM crdb_internal.gossip_nodes WHERE node_id = {leaver}"), "f");
    let (out, err) = succeed(&nodes[0], &["node", "decommission", &leaver]);
    assert!(out.contains(&format!("{leaver}\tfalse\t0\ttrue\tdecommissioned\tfalse\n")), "{out}{err}");
    assert!(err.contains(&format!("skipping drain step for node n{leaver}; it is not live\n")), "{err}");
    settle(&[&nodes[0], &nodes[1], &nodes[2]]);
}

#[test]
fn row_51_all_at_once_is_judged_at_once_and_one_by_one_ends_at_the_last() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 5, |_, start| start);
    let ids: Vec<String> = nodes.iter().map(id).collect();
    let run = |ids: &[&str]| nodes[0].cockroach(&[&["node", "decommission"], ids].concat());
    // Three of five leave two: nothing changes for any of them.
    let (done, _, err) = run(&[&ids[2], &ids[3], &ids[4]]);
    assert!(!done && err.contains("Cannot decommission nodes."), "{err}");
    succeed(&nodes[0], &["node", "decommission", &ids[3], &ids[4]]);
    // No replica went to a node that was leaving too.
    let log = std::fs::read_to_string(nodes[0].store().join("raft/log.jsonl")).expect("the log");
    let since = log.rfind("\"to\":\"Decommissioning\"").expect("the decommission");
    for leaver in &ids[3..] {
        assert!(!log[since..].contains(&format!("\"add\":{leaver},")), "a replica was sent to n{leaver}");
    }
    let (done, _, err) = run(&[&ids[2]]);
    assert!(!done && err.contains("Cannot decommission nodes."), "the last that may leave has left: {err}");
}
