//! What `cockroach start` was told.

use std::path::PathBuf;
use std::time::Duration;

use crate::net::HostPort;
use crate::state::descriptor::{Locality, Tier};

/// What `--max-offset` is unless it is given.
pub const DEFAULT_MAX_OFFSET: Duration = Duration::from_millis(500);

/// Which database a node plays to its clients. Another one is built on this node's log, tables and wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    #[default]
    Cockroach,
    Yugabyte,
}

/// All settings of a node.
#[derive(Debug, Clone)]
pub struct StartConfig {
    pub certs_dir: PathBuf,
    pub cert_principal_map: Vec<(String, String)>,
    pub store: PathBuf,
    /// Never empty.
    pub join: Vec<HostPort>,
    pub listen_addr: HostPort,
    pub advertise_addr: HostPort,
    pub advertise_sql_addr: HostPort,
    pub http_addr: HostPort,
    pub advertise_http_addr: HostPort,
    pub locality: Locality,
    pub locality_advertise: Vec<(Tier, HostPort)>,
    pub cluster_name: String,
    pub disable_cluster_name_verification: bool,
    /// `attrs` of the store.
    pub attrs: Vec<String>,
    /// The largest distance of two clocks that the database is built for.
    pub max_offset: Duration,
    pub dialect: Dialect,
}
