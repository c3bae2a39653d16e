//! Relations that nobody created: `crdb_internal`, `information_schema`, and a little of `pg_catalog`.

pub(super) mod catalogs;
mod gossip;
pub(super) mod kv;

use super::error::SqlError;
use super::relation::Relation;
use super::view::View;
use crate::state::datum::{Datum, Kind};

/// The relation a name stands for, or `None` if it is an ordinary table's.
///
/// # Errors
///
/// `42P01` for an unknown name in a schema of ours, `42501` where internals are closed, `3D000` when the current
/// database is gone.
pub fn relation(view: &View, parts: &[String]) -> Result<Option<Relation>, SqlError> {
    let (schema, table) = match parts {
        [schema, table] | [_, schema, table] => (schema.as_str(), table.as_str()),
        _ => return Ok(None),
    };
    let shown = || SqlError::undefined_table(&parts.join("."));
    let found = match schema {
        "crdb_internal" => {
            view.check_internals()?;
            match table {
                "gossip_nodes" => gossip::nodes(view),
                "gossip_liveness" => gossip::liveness(view),
                "gossip_network" => gossip::network(view),
                "node_build_info" => build_info(view),
                "kv_node_status" => kv::node_status(view),
                "kv_node_liveness" => kv::node_liveness(view),
                "kv_store_status" => kv::store_status(view),
                "ranges" | "ranges_no_leases" => kv::ranges(view),
                "cluster_settings" => kv::settings(view),
                "databases" => catalogs::databases(view),
                _ => return Err(shown()),
            }
        }
        "information_schema" => match table {
            "tables" => catalogs::tables(view)?,
            "columns" => catalogs::columns(view)?,
            "schemata" => catalogs::schemata(view)?,
            _ => return Err(shown()),
        },
        "pg_catalog" => match table {
            "pg_database" => catalogs::pg_database(view),
            _ => return Err(shown()),
        },
        _ => return Ok(None),
    };
    Ok(Some(found))
}

fn build_info(view: &View) -> Relation {
    let mut relation = Relation::with_columns(&[("node_id", Kind::Int8), ("field", Kind::Text), ("value", Kind::Text)]);
    let Some(identity) = view.identity() else { return relation };
    for (field, value) in view.node.build.fields() {
        let value = if field == "ClusterID" { identity.cluster_id.to_string() } else { value };
        relation.push(vec![Datum::Int(i64::from(identity.node_id.0)), Datum::text(field), Datum::Text(value)]);
    }
    relation
}
