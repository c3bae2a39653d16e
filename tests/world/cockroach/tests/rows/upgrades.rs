//! Rows 24 to 26, 56 and 57: releases.

use crate::support::cluster::answers;
use crate::support::psql::{psql, session};
use crate::support::{Authority, Start, until};

const VERSION: &str = "COCKROACH_VERSION";

#[test]
fn row_24_an_older_release_is_refused_and_so_is_one_that_is_too_new() {
    let ca = Authority::new("alpha");
    let member = Start::of(&ca).start();
    member.init();
    let mut older = Start::of(&ca).env(VERSION, "v23.2.0").joining(&[&member]).start();
    let status = until("the end", || older.has_ended().ok_or_else(|| older.log()));
    assert_eq!(status.code(), Some(1));
    older.logs(&format!("{} is running a version higher than our binary version 23.2", member.address));
    older.logs("ERROR: cockroach server exited with error: binary is incompatible with the cluster attempted to join");
    let mut newer = Start::of(&ca).env(VERSION, "v25.2.0").joining(&[&member]).start();
    until("the end", || newer.has_ended().ok_or_else(|| newer.log()));
    newer.logs("cluster version 24.1 is too old for running version (minimum supported version 24.3)");
}

#[test]
fn rows_25_and_26_the_last_upgraded_node_ends_the_upgrade_unless_it_is_held_back_and_then_there_is_no_way_back() {
    let ca = Authority::new("alpha");
    let mut first = Start::of(&ca).start();
    first.init();
    let wrong = psql(&first, "SET CLUSTER SETTING cluster.preserve_downgrade_option = '23.2'").expect_err("not ours");
    assert!(
        wrong.contains("cannot set cluster.preserve_downgrade_option to 23.2 (cluster version is 24.1)"),
        "{wrong}"
    );
    psql(&first, "SET CLUSTER SETTING cluster.preserve_downgrade_option = '24.1'").expect("a serving node");
    psql(&first, "SET CLUSTER SETTING cluster.auto_upgrade.enabled = false").expect("a serving node");
    let held = "SELECT value FROM crdb_internal.cluster_settings WHERE variable = 'cluster.auto_upgrade.enabled'";
    assert_eq!(psql(&first, held).as_deref(), Ok("false\n"));
    let mut second = Start::of(&ca).env(VERSION, "v24.3.1").joining(&[&first]).start();
    second.serves();
    let version = "SHOW CLUSTER SETTING version";
    assert_eq!(psql(&second, version).as_deref(), Ok("24.1\n"));
    let early = psql(&second, "SET CLUSTER SETTING version = '24.3'").expect_err("one node is not upgraded");
    assert!(early.contains("cannot upgrade to 24.3: node 1 running 24.1 binary"), "{early}");
    first.stop();
    first.set_env(VERSION, "v24.3.1");
    first.start_again();
    first.serves();
    crate::support::wait::stays("held back", std::time::Duration::from_millis(1_500), || {
        psql(&first, version).as_deref() == Ok("24.1\n")
    });
    psql(&first, "RESET CLUSTER SETTING cluster.preserve_downgrade_option").expect("a serving node");
    assert_eq!(psql(&first, version).as_deref(), Ok("24.1\n"), "either setting holds it back");
    psql(&first, "RESET CLUSTER SETTING cluster.auto_upgrade.enabled").expect("a serving node");
    answers(&first, version, "24.3");
    let back = psql(&first, "SET CLUSTER SETTING version = '24.1'").expect_err("no way back");
    assert!(back.contains("versions cannot be downgraded"), "{back}");
    second.stop();
    second.set_env(VERSION, "v24.1.3");
    second.start_again();
    second.logs(
        "version compatibility check failed on ping request: cluster requires at least version 24.3, but peer has version \
         24.1",
    );
    second.stop();
    second.set_env(VERSION, "v24.3.1");
    second.start_again();
    second.serves();
}

#[test]
fn row_56_internals_are_closed_from_26_1_on_unless_a_session_opens_them() {
    let ca = Authority::new("alpha");
    let node = Start::of(&ca).env(VERSION, "v26.2.1").start();
    node.init();
    for closed in ["SELECT crdb_internal.cluster_id()", "SELECT * FROM crdb_internal.gossip_nodes"] {
        let refused = psql(&node, closed).expect_err("closed");
        assert!(refused.contains("42501: Access to crdb_internal and system is restricted."), "{refused}");
        let open = psql(&node, &format!("SET allow_unsafe_internals = true; {closed}"));
        assert!(open.is_ok(), "{open:?}");
    }
    assert!(psql(&node, "SHOW CLUSTER SETTING version").is_ok(), "statements of its own are exempt");
    let (done, _, err) = node.cockroach(&["node", "status"]);
    assert!(done, "and so is the command line: {err}");
    let older = Start::of(&ca).start();
    older.init();
    let unknown = psql(&older, "SET allow_unsafe_internals = true").expect_err("unknown before 25.4");
    assert!(unknown.contains("42704: unrecognized configuration parameter \"allow_unsafe_internals\""), "{unknown}");
}

#[test]
fn row_57_without_a_licence_the_sixth_open_transaction_is_refused_after_a_week() {
    let ca = Authority::new("alpha");
    let node = Start::of(&ca).env(VERSION, "v24.3.1").start();
    node.init();
    let open: Vec<_> = (0..5).map(|_| session(&node, "BEGIN; SELECT 1;")).collect();
    psql(&node, "BEGIN; SELECT 1; COMMIT").expect("the first week is free");
    // Eight days.
    node.control("{\"op\":\"clock\",\"offset_ms\":691200000}");
    node.serves();
    let refused = psql(&node, "BEGIN; SELECT 1; COMMIT").expect_err("five are open");
    assert!(
        refused.contains(
            "XXC02: No license installed. The maximum number of concurrently open transactions has been reached."
        ),
        "{refused}"
    );
    assert!(refused.contains("Obtain and install a valid license to continue."), "{refused}");
    let nonsense = psql(&node, "SET CLUSTER SETTING enterprise.license = 'nonsense'").expect_err("no key");
    assert!(nonsense.contains("invalid license string"), "{nonsense}");
    for mut session in open {
        session.kill().expect("our own child");
        session.wait().expect("our own child");
    }
    until("the sessions to end", || psql(&node, "BEGIN; SELECT 1; COMMIT"));
    // Enterprise, for ever.
    psql(&node, "SET CLUSTER SETTING enterprise.license = 'crl-0-GAE'").expect("a key");
}
