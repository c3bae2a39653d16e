//! The questions this strategy asks.

use hangar_sdk::pooling::probes as shared;
use hangar_sdk::pooling_strategy::{HttpQuestion, Probe};

use crate::database::Situation;
use crate::names::{HTTP_PORT, Names, RPC_PORT};

/// Every node that one gateway knows of: liveness joined with gossip, as the database's own `node status` does. `address` is what a
/// node advertises to everybody; `advertise_address` is where this gateway calls it, which for one of its own locality is its pod.
pub(crate) const NODES_SQL: &str = "SELECT l.node_id, n.address, n.locality, n.build_tag, \
     CAST(n.is_live AS STRING), l.membership FROM crdb_internal.gossip_liveness AS l \
     LEFT JOIN crdb_internal.gossip_nodes AS n ON l.node_id = n.node_id ORDER BY l.node_id";

/// Nodes that are not out for good.
pub(crate) const MEMBERS_SQL: &str =
    "SELECT node_id FROM crdb_internal.gossip_liveness WHERE membership != 'decommissioned'";

/// What the cluster is at, whatever its nodes run.
pub(crate) const VERSION_SQL: &str = "SHOW CLUSTER SETTING version";
/// Whether the cluster goes over to a new series by itself.
pub(crate) const HELD_SQL: &str =
    "SELECT value FROM crdb_internal.cluster_settings WHERE variable = 'cluster.auto_upgrade.enabled'";
/// What each node last wrote of itself: how far its clock is from those of the others, on average, and where and what it is. It
/// stays until the node is out for good, where the gateway forgets a node two hours after it was last heard; and it needs a
/// majority.
pub(crate) const STATUSES_SQL: &str =
    "SELECT node_id, metrics->>'clock-offset.meannanos', address, locality, tag FROM crdb_internal.kv_node_status";

pub(crate) const CLUSTER_ID_SQL: &str = "SELECT CAST(crdb_internal.cluster_id() AS STRING)";

/// Ranges without enough replicas, and without a majority, as the stores of live nodes report them: the last word of a dead one
/// stays until it is out for good.
pub(crate) const RANGES_SQL: &str = "SELECT \
     CAST(sum(CAST(s.metrics->>'ranges.underreplicated' AS DECIMAL)) AS STRING), \
     CAST(sum(CAST(s.metrics->>'ranges.unavailable' AS DECIMAL)) AS STRING) FROM crdb_internal.kv_store_status AS s \
     JOIN crdb_internal.gossip_nodes AS n ON s.node_id = n.node_id WHERE n.is_live";

/// How many replicas each node holds, as its stores last wrote.
pub(crate) const REPLICAS_SQL: &str = "SELECT node_id, CAST(sum(CAST(metrics->>'replicas' AS DECIMAL)) AS STRING) \
     FROM crdb_internal.kv_store_status GROUP BY node_id";

/// Whether an own node is initialised and ready to serve.
pub(crate) fn ready(names: &Names<'_>, ordinal: u32) -> Probe {
    let question = HttpQuestion {
        host: names.pod_host(ordinal),
        port: HTTP_PORT,
        tls: true,
        server_name: None,
        path: "/health?ready=1".into(),
    };
    shared::http(format!("ready/{ordinal}"), question)
}

/// One statement on an own node.
pub(crate) fn sql(names: &Names<'_>, ordinal: u32, what: &str, statement: &str) -> Probe {
    shared::sql(format!("{what}/{ordinal}"), (names.pod_host(ordinal), RPC_PORT), "defaultdb", statement)
}

/// The identity of the cluster by every own node.
pub(crate) fn cluster_ids(situation: &Situation<'_>) -> Vec<Probe> {
    let names = &situation.database.names;
    situation.ordinals().map(|ordinal| sql(names, ordinal, "cluster-id", CLUSTER_ID_SQL)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the manifest does not ask for the host refuses.
    #[test]
    fn the_manifest_asks_for_every_statement_and_no_other() {
        let manifest = include_str!("../plugin.toml");
        let all =
            [NODES_SQL, MEMBERS_SQL, VERSION_SQL, HELD_SQL, STATUSES_SQL, CLUSTER_ID_SQL, RANGES_SQL, REPLICAS_SQL];
        let asked: Vec<&str> = manifest.lines().filter_map(|line| line.trim().strip_prefix('"')).collect();
        let asked: Vec<&str> = asked.into_iter().filter_map(|line| line.strip_suffix("\",")).collect();
        for statement in all {
            assert!(asked.contains(&statement), "`{statement}` is not asked for");
        }
        let is_statement = |line: &&&str| line.starts_with("SELECT ") || line.starts_with("SHOW ");
        assert_eq!(asked.iter().filter(is_statement).count(), all.len());
    }
}
