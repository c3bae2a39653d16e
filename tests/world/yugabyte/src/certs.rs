//! Certificates by the database's names.

use std::path::Path;

use world_cockroach::certs::Certificates;

use crate::cli::EndError;
use crate::flags::Flags;

/// Flags about certificates, and others that both servers have.
pub const FLAGS: &[&str] = &[
    "allow_insecure_connections",
    "cert_node_filename",
    "certs_dir",
    "fs_data_dirs",
    "fs_wal_dirs",
    "logtostderr",
    "minloglevel",
    "node_to_node_encryption_use_client_certificates",
    "placement_cloud",
    "placement_region",
    "placement_zone",
    "replication_factor",
    "rpc_bind_addresses",
    "server_broadcast_addresses",
    "stderrthreshold",
    "use_node_to_node_encryption",
    "use_private_ip",
    "webserver_interface",
    "webserver_port",
];

/// Reads the certificates of a server.
///
/// # Errors
///
/// [`EndError`] where encryption is not asked for, or a file is missing or broken.
pub fn of_server(flags: &Flags) -> Result<Certificates, EndError> {
    flags.must_be("use_node_to_node_encryption", true, false)?;
    flags.must_be("node_to_node_encryption_use_client_certificates", true, false)?;
    flags.must_be("allow_insecure_connections", false, true)?;
    read(flags.needed("certs_dir")?, flags.needed("cert_node_filename")?)
}

/// As above, for who is a client: `name` is a node's whose certificate it shows.
///
/// # Errors
///
/// [`EndError::Start`] where a file is missing or broken.
pub fn read(dir: &str, name: &str) -> Result<Certificates, EndError> {
    Certificates::for_member(Path::new(dir), name)
        .map_err(|err| EndError::Start(format!("Unable to load certificates in {dir}: {err}")))
}
