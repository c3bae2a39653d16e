//! The `SHOW` statements.

use super::builtin::{catalogs, kv};
use super::error::SqlError;
use super::parse::{RangesOf, Show};
use super::relation::Relation;
use super::view::View;
use crate::state::datum::{Datum, Kind};

/// The rows of a `SHOW`.
///
/// # Errors
///
/// What the database would say.
pub fn show(view: &View, show: &Show) -> Result<Relation, SqlError> {
    match show {
        Show::ClusterSetting(name) => cluster_setting(view, name),
        Show::AllClusterSettings => Ok(kv::settings(view)),
        Show::Databases => Ok(databases(view)),
        Show::Tables(database) => tables(view, database.as_deref()),
        Show::Ranges(of) => ranges(view, of),
        Show::Locality => Ok(one("locality", view.node.config.locality.to_string())),
        Show::Regions => Ok(regions(view)),
        Show::Users => Ok(users(view)),
        Show::Variable(name) => Ok(one(name, view.session.variable(name)?)),
    }
}

fn one(column: &str, value: String) -> Relation {
    let mut relation = Relation::with_columns(&[(column, Kind::Text)]);
    relation.push(vec![Datum::Text(value)]);
    relation
}

fn cluster_setting(view: &View, name: &str) -> Result<Relation, SqlError> {
    // The version is read from the system's ranges; the rest is known to every node.
    view.touch_shared(name == "version");
    let value = kv::setting(view, name);
    value.map(|value| one(name, value)).ok_or_else(|| SqlError::new("42704", format!("unknown setting: {name:?}")))
}

fn databases(view: &View) -> Relation {
    let mut relation = Relation::with_columns(&[
        ("database_name", Kind::Text),
        ("owner", Kind::Text),
        ("primary_region", Kind::Text),
        ("secondary_region", Kind::Text),
        ("regions", Kind::TextArray),
        ("survival_goal", Kind::Text),
    ]);
    view.touch_shared(false);
    for (name, _) in view.catalog.databases() {
        relation.push(vec![
            Datum::text(name),
            Datum::text(catalogs::owner(name)),
            Datum::Null,
            Datum::Null,
            Datum::TextArray(Vec::new()),
            Datum::Null,
        ]);
    }
    relation
}

fn tables(view: &View, database: Option<&str>) -> Result<Relation, SqlError> {
    let mut relation = Relation::with_columns(&[
        ("schema_name", Kind::Text),
        ("table_name", Kind::Text),
        ("type", Kind::Text),
        ("owner", Kind::Text),
        ("estimated_row_count", Kind::Int8),
        ("locality", Kind::Text),
    ]);
    let database = database.unwrap_or(&view.session.database).to_owned();
    if !view.has_database(&database) {
        return Err(SqlError::undefined_database(&database));
    }
    for name in catalogs::table_names(view, &database) {
        let rows = view.table(&name).map_or(0, |table| table.rows().len());
        relation.push(vec![
            Datum::text("public"),
            Datum::text(&name.table),
            Datum::text("table"),
            Datum::text("root"),
            Datum::Int(i64::try_from(rows).unwrap_or(i64::MAX)),
            Datum::Null,
        ]);
    }
    Ok(relation)
}

fn ranges(view: &View, of: &RangesOf) -> Result<Relation, SqlError> {
    let all = view.state.iter().flat_map(|state| state.ranges.iter());
    let database = match of {
        RangesOf::Cluster => return Ok(kv::show_ranges(view, &all.cloned().collect::<Vec<_>>())),
        RangesOf::CurrentDatabase | RangesOf::Table(_) => view.session.database.clone(),
        RangesOf::Database(name) => name.clone(),
    };
    if !view.has_database(&database) {
        return Err(SqlError::undefined_database(&database));
    }
    let mut chosen: Vec<_> = all.filter(|range| range.database.as_deref() == Some(&database)).cloned().collect();
    if let RangesOf::Table(table) = of {
        let name = crate::state::catalog::TableName {
            database: database.clone(),
            table: table.rsplit('.').next().unwrap_or(table).to_owned(),
        };
        let id = view.table(&name).ok_or_else(|| SqlError::undefined_table(table))?.id;
        let holder = view.state.as_ref().and_then(|state| state.ranges.of_table(&database, id)).map(|range| range.id);
        chosen.retain(|range| Some(range.id) == holder);
    }
    Ok(kv::show_ranges(view, &chosen))
}

fn regions(view: &View) -> Relation {
    let mut relation = Relation::with_columns(&[("region", Kind::Text), ("zones", Kind::TextArray)]);
    let mut known: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for descriptor in view.node.descriptors().into_values() {
        let value =
            |key: &str| descriptor.locality.0.iter().find(|tier| tier.key == key).map(|tier| tier.value.clone());
        if let Some(region) = value("region") {
            let zones = known.entry(region).or_default();
            zones.extend(value("zone").or_else(|| value("availability-zone")));
            zones.sort();
            zones.dedup();
        }
    }
    for (region, zones) in known {
        relation.push(vec![Datum::Text(region), Datum::TextArray(zones)]);
    }
    relation
}

fn users(view: &View) -> Relation {
    let mut relation = Relation::with_columns(&[
        ("username", Kind::Text),
        ("options", Kind::TextArray),
        ("member_of", Kind::TextArray),
    ]);
    view.touch_shared(true);
    for user in view.catalog.users() {
        let member_of = if user == "root" { vec!["admin".to_owned()] } else { Vec::new() };
        relation.push(vec![Datum::text(user), Datum::TextArray(Vec::new()), Datum::TextArray(member_of)]);
    }
    relation
}
