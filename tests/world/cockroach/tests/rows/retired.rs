//! Rows 47 and 48: what is left of a node that was removed for good.

use crate::support::cluster::{id, settled, succeed};
use crate::support::http::get;
use crate::support::psql::psql;
use crate::support::{Authority, until};

#[test]
fn rows_47_and_48_a_removed_node_is_heard_by_nobody_and_needs_an_empty_volume() {
    let ca = Authority::new("alpha");
    let mut nodes = settled(&ca, 4, |_, start| start);
    let mut retired = nodes.pop().expect("four nodes");
    let old = id(&retired);
    succeed(&nodes[0], &["node", "decommission", &old]);
    let text = format!("n{old} was permanently removed from the cluster at 20");
    retired.logs(&text);
    retired.logs("; it is not allowed to rejoin the cluster");
    assert!(retired.has_ended().is_none(), "the process itself goes on");
    until("the node to be unready", || match get(&retired, "/health?ready=1") {
        Ok((503, _)) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    // It was drained, so nobody gets as far as a statement.
    let refused = psql(&retired, "SELECT count(*) FROM crdb_internal.kv_node_status").expect_err("no SQL");
    assert!(refused.contains("server is not accepting clients"), "{refused}");
    retired.stop();
    retired.start_again();
    let status = until("the end", || retired.has_ended().ok_or_else(|| "it runs".to_owned()));
    assert_eq!(status.code(), Some(1));
    retired.logs(&format!("ERROR: cockroach server exited with error: {text}"));
    std::fs::remove_dir_all(retired.store()).expect("our own folder");
    retired.start_again();
    retired.serves();
    let new = id(&retired);
    assert_ne!(new, old);
    assert_eq!(new, "5");
}
