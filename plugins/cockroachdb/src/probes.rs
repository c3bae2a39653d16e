//! The questions this strategy asks.

use hangar_sdk::pooling_strategy::{
    HttpQuestion, Identity, Member, Node, Probe, Question, SqlQuestion, TlsCall, TlsQuestion, Vantage,
};

use crate::names::{HTTP_PORT, Names, RPC_PORT};

/// A look at one address; a hang is a normal state of this database.
const LOOK_MS: u32 = 5_000;

/// Answered by every node, waiting ones too, to any client whose authority it knows.
const HEALTH_RPC: &str = "/cockroach.server.serverpb.Admin/Health";

/// Every node that one gateway knows of: liveness joined with gossip, as the database's own `node status` does.
pub(crate) const NODES_SQL: &str = "SELECT l.node_id, n.advertise_address, n.locality, n.build_tag, \
     CAST(n.is_live AS STRING), l.membership FROM crdb_internal.gossip_liveness AS l \
     LEFT JOIN crdb_internal.gossip_nodes AS n ON l.node_id = n.node_id ORDER BY l.node_id";

pub(crate) const CLUSTER_ID_SQL: &str = "SELECT CAST(crdb_internal.cluster_id() AS STRING)";

/// Ranges without enough replicas, and without a majority, as the stores report them.
pub(crate) const RANGES_SQL: &str = "SELECT \
     CAST(sum(CAST(metrics->>'ranges.underreplicated' AS DECIMAL)) AS STRING), \
     CAST(sum(CAST(metrics->>'ranges.unavailable' AS DECIMAL)) AS STRING) FROM crdb_internal.kv_store_status";

pub(crate) fn secret(name: String) -> Probe {
    Probe {
        id: format!("secret/{name}"),
        vantage: Vantage::Host,
        timeout_ms: LOOK_MS,
        question: Question::Secret(name),
    }
}

pub(crate) fn workload(name: String) -> Probe {
    Probe {
        id: format!("workload/{name}"),
        vantage: Vantage::Host,
        timeout_ms: LOOK_MS,
        question: Question::Workload(name),
    }
}

pub(crate) fn release(name: &str) -> Probe {
    Probe {
        id: format!("release/{name}"),
        vantage: Vantage::Host,
        timeout_ms: LOOK_MS,
        question: Question::Release(name.into()),
    }
}

/// What every pod of a workload has mounted and loaded, as its sidecar says.
pub(crate) fn mounted(workload: String) -> Probe {
    Probe {
        id: format!("mounted/{workload}"),
        vantage: Vantage::OwnCluster,
        timeout_ms: LOOK_MS,
        question: Question::Mounted(workload),
    }
}

/// Whether an own node is initialised and ready to serve.
pub(crate) fn ready(names: &Names<'_>, ordinal: u32) -> Probe {
    Probe {
        id: format!("ready/{ordinal}"),
        vantage: Vantage::OwnCluster,
        timeout_ms: LOOK_MS,
        question: Question::Http(HttpQuestion {
            host: names.pod_host(ordinal),
            port: HTTP_PORT,
            tls: true,
            server_name: None,
            path: "/health?ready=1".into(),
        }),
    }
}

/// One statement on an own node.
pub(crate) fn sql(names: &Names<'_>, ordinal: u32, what: &str, statement: &str) -> Probe {
    Probe {
        id: format!("{what}/{ordinal}"),
        vantage: Vantage::OwnCluster,
        timeout_ms: LOOK_MS,
        question: Question::Sql(SqlQuestion {
            host: names.pod_host(ordinal),
            port: RPC_PORT,
            server_name: None,
            database: "defaultdb".into(),
            statement: statement.into(),
        }),
    }
}

/// Whether a node of another member takes a leaf of our own authority.
pub(crate) fn accepts_us(member: &Member, node: &Node) -> Probe {
    Probe {
        id: format!("accepts/{}/{}", member.id, node.ordinal),
        vantage: Vantage::OwnCluster,
        timeout_ms: LOOK_MS,
        question: Question::Tls(TlsQuestion {
            host: node.host.clone(),
            port: node.port,
            server_name: None,
            identity: Identity::Probe,
            call: TlsCall::Grpc(HEALTH_RPC.into()),
        }),
    }
}
