//! Several nodes in one cluster, settled.

use super::http::metric;
use super::psql::psql;
use super::{Authority, Start, TestNode, until};

/// Nodes of one organisation in one cluster, with all replicas in place and as many voters as there can be. `with`
/// says how node `index` starts.
#[track_caller]
pub(crate) fn settled<'a>(
    ca: &'a Authority,
    n_nodes: usize,
    with: impl Fn(usize, Start<'a>) -> Start<'a>,
) -> Vec<TestNode> {
    let first = with(0, Start::of(ca)).start();
    first.init();
    let mut nodes = vec![first];
    for index in 1..n_nodes {
        let node = with(index, Start::of(ca).joining(&[&nodes[0]])).start();
        nodes.push(node);
    }
    nodes.iter().for_each(TestNode::serves);
    settle(&nodes.iter().collect::<Vec<_>>());
    nodes
}

/// Waits until no range is short of replicas and the voters are an odd number, the largest there can be.
#[track_caller]
pub(crate) fn settle(nodes: &[&TestNode]) {
    let wanted = if nodes.len().is_multiple_of(2) { nodes.len() - 1 } else { nodes.len() };
    until("voters and replicas", || {
        let voters = voters(nodes[0]);
        let missing = under_replicated(nodes);
        if voters == wanted && missing == 0.0 { Ok(()) } else { Err(format!("{voters} voters, {missing} ranges")) }
    });
}

/// Ranges that are short of replicas, by what all these nodes report.
pub(crate) fn under_replicated(nodes: &[&TestNode]) -> f64 {
    nodes.iter().filter_map(|node| metric(node, "ranges_underreplicated{")).sum()
}

/// Waits until all these nodes tell that every range has its majority. On a busy machine one may miss another for a moment.
#[track_caller]
pub(crate) fn have_majorities(nodes: &[&TestNode]) {
    until("every range to have its majority", || {
        let lost: Vec<_> = nodes.iter().map(|node| metric(node, "ranges_unavailable{")).collect();
        if lost.iter().all(|lost| *lost == Some(0.0)) { Ok(()) } else { Err(format!("{lost:?}")) }
    });
}

/// How many nodes vote, by what a node has written down.
pub(crate) fn voters(node: &TestNode) -> usize {
    let log = std::fs::read_to_string(node.store().join("raft/log.jsonl")).unwrap_or_default();
    let last = log.lines().rev().find(|line| line.contains("\"Voters\""));
    last.map_or(1, |line| line.split("\"Voters\":[").nth(1).unwrap_or_default().split(',').count())
}

/// The node's number in its cluster.
#[track_caller]
pub(crate) fn id(node: &TestNode) -> String {
    psql(node, "SELECT crdb_internal.node_id()").expect("a serving node").trim().to_owned()
}

/// Runs a command that must succeed. On a busy machine a node may look dead for a moment, and then a check says no.
#[track_caller]
pub(crate) fn succeed(node: &TestNode, args: &[&str]) -> (String, String) {
    until(&format!("{args:?} to be done"), || match node.cockroach(args) {
        (true, out, err) => Ok((out, err)),
        (false, out, err) => Err(format!("{out}{err}")),
    })
}

/// Waits until the heartbeats of a node have come twice: the second says all that it measures when this is called.
#[track_caller]
pub(crate) fn beats_twice(node: &TestNode, id: &str) {
    let sql = format!("SELECT expiration FROM crdb_internal.gossip_liveness WHERE node_id = {id}");
    for _ in 0..2 {
        let before = psql(node, &sql).expect("a serving node");
        until("a heartbeat", || match psql(node, &sql)? {
            now if now == before => Err(now),
            _ => Ok(()),
        });
    }
}

/// Asks until a query answers so.
#[track_caller]
pub(crate) fn answers(node: &TestNode, sql: &str, wanted: &str) {
    until(&format!("{sql} to answer {wanted:?}"), || {
        let answer = psql(node, sql);
        if answer.as_deref().map(str::trim) == Ok(wanted) { Ok(()) } else { Err(format!("{answer:?}")) }
    });
}
