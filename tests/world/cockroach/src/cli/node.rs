//! `cockroach node`: who is in the cluster, and who leaves it.

mod admin;
pub mod decommission;
pub mod drain;

use std::process::ExitCode;

use super::client::{self, Target, sql_error, text_rows};
use super::error::CliError;
use super::flags::{Flags, Spec, switch, value};
use super::output::{Format, Table};
use super::print_out;

/// Flags of `node ls` and `node status`.
pub const FLAGS: &[Spec] = &[
    switch("all"),
    client::CERTS_DIR,
    client::CLUSTER_NAME,
    switch("decommission"),
    client::DISABLE_VERIFICATION,
    value("format"),
    client::HOST,
    client::LOG_TO_STDERR,
    client::PORT,
    switch("ranges"),
    switch("stats"),
    value("timeout"),
];

const MEMBERS: &str = " WHERE membership = 'active' OR split_part(expiration,',',1)::decimal > now()::decimal";
const BASE: &str = "SELECT node_id AS id, address, sql_address, build_tag AS build, started_at, updated_at, locality, \
     CASE WHEN split_part(expiration,',',1)::decimal > now()::decimal THEN true ELSE false END AS is_available, \
     ifnull(is_live, false) AS is_live \
     FROM crdb_internal.gossip_liveness LEFT JOIN crdb_internal.gossip_nodes USING (node_id)";
const RANGES: &str = "SELECT node_id AS id, \
     sum((metrics->>'replicas.leaders')::DECIMAL)::INT AS replicas_leaders, \
     sum((metrics->>'replicas.leaseholders')::DECIMAL)::INT AS replicas_leaseholders, \
     sum((metrics->>'replicas')::DECIMAL)::INT AS ranges, \
     sum((metrics->>'ranges.unavailable')::DECIMAL)::INT AS ranges_unavailable, \
     sum((metrics->>'ranges.underreplicated')::DECIMAL)::INT AS ranges_underreplicated \
     FROM crdb_internal.kv_store_status GROUP BY node_id";
const STATS: &str = "SELECT node_id AS id, \
     sum((metrics->>'livebytes')::DECIMAL)::INT AS live_bytes, sum((metrics->>'keybytes')::DECIMAL)::INT AS key_bytes, \
     sum((metrics->>'valbytes')::DECIMAL)::INT AS value_bytes, \
     sum((metrics->>'intentbytes')::DECIMAL)::INT AS intent_bytes, \
     sum((metrics->>'sysbytes')::DECIMAL)::INT AS system_bytes \
     FROM crdb_internal.kv_store_status GROUP BY node_id";
const DECOMMISSION: &str = "SELECT node_id AS id, ranges AS gossiped_replicas, membership != 'active' AS is_decommissioning, \
     membership AS membership, draining AS is_draining \
     FROM crdb_internal.gossip_liveness LEFT JOIN crdb_internal.gossip_nodes USING (node_id)";

/// Lists node IDs.
///
/// # Errors
///
/// As printed.
pub fn ls(flags: &Flags) -> Result<ExitCode, CliError> {
    let query = format!("SELECT node_id FROM crdb_internal.gossip_liveness{MEMBERS} ORDER BY node_id");
    print(flags, "cockroach node ls", &query, vec!["id"], "r")
}

/// Shows one node or all.
///
/// # Errors
///
/// As printed.
pub fn status(flags: &Flags) -> Result<ExitCode, CliError> {
    let wants = |name: &str| flags.is_on("all") || flags.is_on(name);
    let members = if wants("decommission") { "" } else { MEMBERS };
    let mut headers = vec![
        "id",
        "address",
        "sql_address",
        "build",
        "started_at",
        "updated_at",
        "locality",
        "is_available",
        "is_live",
    ];
    let mut align = "rllllllll".to_owned();
    let mut query = format!("{BASE}{members}");
    for (name, part, columns) in [
        (
            "ranges",
            RANGES,
            ["replicas_leaders", "replicas_leaseholders", "ranges", "ranges_unavailable", "ranges_underreplicated"]
                .as_slice(),
        ),
        ("stats", STATS, &["live_bytes", "key_bytes", "value_bytes", "intent_bytes", "system_bytes"]),
        ("decommission", DECOMMISSION, &["gossiped_replicas", "is_decommissioning", "membership", "is_draining"]),
    ] {
        if wants(name) {
            query = format!("({query}) LEFT JOIN ({part}) USING (id)");
            headers.extend(columns);
            align.push_str(&"r".repeat(columns.len()));
        }
    }
    let condition = match flags.rest.as_slice() {
        [] => " ORDER BY id".to_owned(),
        [id] => {
            let id: i64 = id.parse().map_err(|_| CliError::new(format!("could not parse node_id {id}")))?;
            format!(" WHERE id = {id}")
        }
        _ => return Err(CliError::new("expected no arguments or a single node ID")),
    };
    let query = if query.starts_with('(') { query } else { format!("({query})") };
    print(flags, "cockroach node status", &format!("SELECT * FROM ({query}){condition}"), headers, &align)
}

fn print(flags: &Flags, application: &str, query: &str, headers: Vec<&str>, align: &str) -> Result<ExitCode, CliError> {
    let target = Target::of(flags)?;
    let format = Format::of(flags)?;
    super::runtime()?.block_on(async {
        let client = target.sql("root", "system", application).await?;
        // From 26.1 on internals are closed to others; earlier releases do not know the variable.
        drop(client.simple_query("SET allow_unsafe_internals = true").await);
        if let Some(timeout) = flags.get("timeout") {
            client
                .simple_query(&format!("SET statement_timeout = '{timeout}'"))
                .await
                .map_err(|err| sql_error(&err))?;
        }
        let messages = client.simple_query(query).await.map_err(|err| sql_error(&err))?;
        let mut rows = text_rows(&messages);
        if let (true, Some(id)) = (rows.is_empty(), flags.rest.first()) {
            return Err(CliError::new(format!("node {id} doesn't exist")));
        }
        for row in &mut rows {
            for (cell, header) in row.iter_mut().zip(&headers) {
                match (header.starts_with("is_"), cell.as_str()) {
                    (true, "t") => "true".clone_into(cell),
                    (true, "f") => "false".clone_into(cell),
                    _ => {}
                }
            }
        }
        let headers = headers.into_iter().map(str::to_owned).collect();
        print_out(&Table { headers, rows, align: align.to_owned() }.render(format));
        Ok(ExitCode::SUCCESS)
    })
}
