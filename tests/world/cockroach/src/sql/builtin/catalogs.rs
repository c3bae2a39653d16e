//! Databases, tables and columns as relations.

use crate::sql::error::SqlError;
use crate::sql::relation::Relation;
use crate::sql::view::View;
use crate::state::catalog::TableName;
use crate::state::datum::{Datum, Kind};

/// `crdb_internal.databases`.
pub(super) fn databases(view: &View) -> Relation {
    let mut relation = Relation::with_columns(&[("name", Kind::Text), ("owner", Kind::Text)]);
    view.touch_shared(false);
    for (name, _) in view.catalog.databases() {
        relation.push(vec![Datum::text(name), Datum::text(owner(name))]);
    }
    relation
}

/// Who owns a database.
pub(in crate::sql) fn owner(database: &str) -> &'static str {
    if database == "system" { "node" } else { "root" }
}

/// `pg_catalog.pg_database`.
pub(super) fn pg_database(view: &View) -> Relation {
    let mut relation =
        Relation::with_columns(&[("oid", Kind::Int8), ("datname", Kind::Text), ("datallowconn", Kind::Bool)]);
    view.touch_shared(false);
    for ((name, _), oid) in view.catalog.databases().zip(100..) {
        relation.push(vec![Datum::Int(oid), Datum::text(name), Datum::Bool(true)]);
    }
    relation
}

/// `information_schema.tables` of the current database.
pub(super) fn tables(view: &View) -> Result<Relation, SqlError> {
    let mut relation = Relation::with_columns(&[
        ("table_catalog", Kind::Text),
        ("table_schema", Kind::Text),
        ("table_name", Kind::Text),
        ("table_type", Kind::Text),
        ("is_insertable_into", Kind::Text),
        ("version", Kind::Int8),
    ]);
    let database = current(view)?;
    for name in table_names(view, &database) {
        let version = view.table(&name).map_or(0, |table| table.version);
        relation.push(vec![
            Datum::text(&database),
            Datum::text("public"),
            Datum::text(&name.table),
            Datum::text("BASE TABLE"),
            Datum::text("YES"),
            Datum::Int(i64::try_from(version).unwrap_or(i64::MAX)),
        ]);
    }
    Ok(relation)
}

/// `information_schema.columns` of the current database.
pub(super) fn columns(view: &View) -> Result<Relation, SqlError> {
    let mut relation = Relation::with_columns(&[
        ("table_catalog", Kind::Text),
        ("table_schema", Kind::Text),
        ("table_name", Kind::Text),
        ("column_name", Kind::Text),
        ("ordinal_position", Kind::Int8),
        ("is_nullable", Kind::Text),
        ("data_type", Kind::Text),
    ]);
    let database = current(view)?;
    for name in table_names(view, &database) {
        let Some(table) = view.table(&name) else { continue };
        for (column, position) in table.columns.iter().zip(1..) {
            relation.push(vec![
                Datum::text(&database),
                Datum::text("public"),
                Datum::text(&name.table),
                Datum::text(&column.name),
                Datum::Int(position),
                Datum::text(if column.nullable { "YES" } else { "NO" }),
                Datum::text(column.kind.standard_name()),
            ]);
        }
    }
    Ok(relation)
}

/// `information_schema.schemata` of the current database.
pub(super) fn schemata(view: &View) -> Result<Relation, SqlError> {
    let mut relation = Relation::with_columns(&[("catalog_name", Kind::Text), ("schema_name", Kind::Text)]);
    let database = current(view)?;
    for schema in ["crdb_internal", "information_schema", "pg_catalog", "public"] {
        relation.push(vec![Datum::text(&database), Datum::text(schema)]);
    }
    Ok(relation)
}

/// These relations are of a database that must exist: here the DSS learns that it does not.
fn current(view: &View) -> Result<String, SqlError> {
    let database = view.session.database.clone();
    if view.has_database(&database) { Ok(database) } else { Err(SqlError::undefined_database(&database)) }
}

/// The tables of a database.
pub(in crate::sql) fn table_names(view: &View, database: &str) -> Vec<TableName> {
    let found = view.catalog.database(database);
    let tables = found.into_iter().flat_map(|database| database.tables.keys());
    tables.map(|table| TableName { database: database.to_owned(), table: table.clone() }).collect()
}
