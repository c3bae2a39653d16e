//! The questions this strategy asks.

use hangar_sdk::pooling::probes as shared;
use hangar_sdk::pooling_strategy::{HttpQuestion, Probe};

use crate::database::Situation;
use crate::names::{MASTER_WEB_PORT, Names, SQL_PORT, USER};

/// The universe that a tablet server is in: one value, or more where masters disagree.
pub(crate) const UNIVERSE_SQL: &str = "SELECT DISTINCT CAST(universe_uuid AS TEXT) FROM yb_servers()";

/// Every tablet server that is alive, in the form in which the host shows nodes: number, address, place, release, live, membership.
pub(crate) const NODES_SQL: &str =
    "SELECT uuid, host || ':9100', cloud || '.' || region || '.' || zone, '', 'true', 'active' FROM yb_servers()";

/// The nodes that an own tablet server's universe knows.
pub(crate) fn nodes(names: &Names<'_>, ordinal: u32) -> Probe {
    shared::sql(format!("nodes/{ordinal}"), (names.pod_host(ordinal), SQL_PORT), USER, NODES_SQL)
}

/// The masters, as one own master's leader knows them. A master that is in no universe knows none.
pub(crate) fn masters(names: &Names<'_>, ordinal: u32) -> Probe {
    page(names, ordinal, "masters")
}

/// The tablet servers, as one own master's leader knows them.
pub(crate) fn tablet_servers(names: &Names<'_>, ordinal: u32) -> Probe {
    page(names, ordinal, "tablet-servers")
}

/// Where copies have to lie, as one own master's leader knows it.
pub(crate) fn config(names: &Names<'_>, ordinal: u32) -> Probe {
    page(names, ordinal, "cluster-config")
}

/// Tablets with too few copies, as one own master's leader knows them.
pub(crate) fn health(names: &Names<'_>, ordinal: u32) -> Probe {
    page(names, ordinal, "health-check")
}

fn page(names: &Names<'_>, ordinal: u32, what: &str) -> Probe {
    let question = HttpQuestion {
        host: names.pod_host(ordinal),
        port: MASTER_WEB_PORT,
        // Pages carry nothing secret, and are served inside the cluster alone.
        tls: false,
        server_name: None,
        path: format!("/api/v1/{what}"),
    };
    shared::http(format!("{what}/{ordinal}"), question)
}

/// The identity of the universe by every own tablet server.
pub(crate) fn universe_ids(situation: &Situation<'_>) -> Vec<Probe> {
    situation.ordinals().map(|ordinal| universe_id(&situation.database.names, ordinal)).collect()
}

pub(crate) fn universe_id(names: &Names<'_>, ordinal: u32) -> Probe {
    shared::sql(format!("cluster-id/{ordinal}"), (names.pod_host(ordinal), SQL_PORT), USER, UNIVERSE_SQL)
}
