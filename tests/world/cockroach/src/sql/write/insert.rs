//! Rows that come in.

use sqlparser::ast::{self, ConflictTarget, Expr, OnConflictAction, OnInsert, TableObject};

use super::{Effect, assign, assigned, check_null, fields_of, position, returning, table_of};
use crate::sql::error::SqlError;
use crate::sql::expr::{self, Env, Params};
use crate::sql::view::View;
use crate::sql::{names, select};
use crate::state::catalog::{Change, Column, Table, TableName};
use crate::state::datum::Datum;

pub(super) fn insert(view: &View, params: &Params, insert: &ast::Insert, upsert: bool) -> Result<Effect, SqlError> {
    let TableObject::TableName(name) = &insert.table else { return Err(SqlError::unsupported(&insert.table)) };
    let (name, table) = table_of(view, name)?;
    let fields = fields_of(table, &name.table);
    let targets: Vec<usize> = if insert.columns.is_empty() {
        // Without a list the first columns are meant, as many as there are values.
        let given = match insert.source.as_ref().map(|source| source.body.as_ref()) {
            Some(ast::SetExpr::Values(values)) => values.rows.first().map_or(0, |row| row.content.len()),
            _ => table.columns.len(),
        };
        (0..table.columns.len().min(given)).collect()
    } else {
        insert.columns.iter().map(|column| position(table, &names::last(column)?)).collect::<Result<_, _>>()?
    };
    let rows = source_rows(view, params, insert, table, &targets)?;
    let mut changes = Vec::new();
    let mut written: Vec<Vec<Datum>> = Vec::new();
    for given in rows {
        let mut row = complete(view, params, table, &targets, given)?;
        let key = table.key(&row);
        let pending = key.as_ref().and_then(|key| written.iter().find(|row| table.key(row).as_ref() == Some(key)));
        let existing = pending.or_else(|| key.as_ref().and_then(|key| table.row(key))).cloned();
        if let Some(old) = existing {
            match (&insert.on, upsert) {
                (_, true) => {
                    let kept = |index: usize| !targets.contains(&index);
                    row = row
                        .into_iter()
                        .enumerate()
                        .map(|(at, new)| if kept(at) { old[at].clone() } else { new })
                        .collect();
                }
                (Some(OnInsert::OnConflict(conflict)), false) => match &conflict.action {
                    OnConflictAction::DoNothing => continue,
                    OnConflictAction::DoUpdate(update) => {
                        check_target(table, conflict.conflict_target.as_ref())?;
                        // `excluded` is the row that could not go in.
                        let mut both = fields.clone();
                        both.extend(fields_of(table, "excluded"));
                        let values: Vec<Datum> = old.iter().chain(&row).cloned().collect();
                        let env = Env { view, params, fields: &both, row: &values, group: None };
                        if let Some(condition) = &update.selection
                            && expr::value(env, condition)? != Datum::Bool(true)
                        {
                            continue;
                        }
                        row = assigned(env, table, &name.table, &old, &update.assignments)?;
                    }
                },
                _ => return Err(duplicate(table, &name, &row)),
            }
        }
        written.push(row.clone());
        changes.push(Change::Put { name: name.clone(), row });
    }
    let n_rows = Some(written.len());
    let returned = returning(view, params, insert.returning.as_deref(), &fields, &written)?;
    Ok(Effect { changes, tag: "INSERT 0".to_owned(), n_rows, returned })
}

fn check_target(table: &Table, target: Option<&ConflictTarget>) -> Result<(), SqlError> {
    let Some(ConflictTarget::Columns { columns, .. }) = target else { return Ok(()) };
    let mut named: Vec<usize> =
        columns.iter().map(|column| position(table, &names::ident(column))).collect::<Result<_, _>>()?;
    let mut key = table.primary_key.clone();
    named.sort_unstable();
    key.sort_unstable();
    if named == key {
        return Ok(());
    }
    Err(SqlError::new("42P10", "there is no unique or exclusion constraint matching the ON CONFLICT specification"))
}

fn duplicate(table: &Table, name: &TableName, row: &[Datum]) -> SqlError {
    let columns: Vec<&str> = table.primary_key.iter().map(|at| table.columns[*at].name.as_str()).collect();
    let values: Vec<String> = table
        .primary_key
        .iter()
        .map(|at| match &row[*at] {
            Datum::Text(text) => format!("'{text}'"),
            other => other.render().unwrap_or_else(|| "NULL".to_owned()),
        })
        .collect();
    SqlError::new("23505", format!("duplicate key value violates unique constraint \"{}_pkey\"", name.table))
        .with_detail(format!("Key ({})=({}) already exists.", columns.join(", "), values.join(", ")))
}

/// The rows to insert. Placeholders take the types of the columns they go to.
fn source_rows(
    view: &View,
    params: &Params,
    insert: &ast::Insert,
    table: &Table,
    targets: &[usize],
) -> Result<Vec<Vec<Datum>>, SqlError> {
    let Some(source) = &insert.source else { return Ok(vec![Vec::new()]) };
    let ast::SetExpr::Values(values) = source.body.as_ref() else {
        let relation = select::query(view, params, source)?;
        count_matches(relation.fields.len(), targets.len())?;
        return Ok(relation.rows);
    };
    let env = Env { view, params, fields: &[], row: &[], group: None };
    let mut rows = Vec::new();
    for row in &values.rows {
        count_matches(row.content.len(), targets.len())?;
        let mut given = Vec::new();
        for (item, target) in row.content.iter().zip(targets) {
            let column = &table.columns[*target];
            if is_default(item) {
                given.push(default_value(view, params, column)?);
                continue;
            }
            let found = expr::kind(env, item, Some(column.kind))?;
            if !params.describe {
                given.push(assign(expr::value(env, item)?, column, found)?);
            }
        }
        if !params.describe {
            rows.push(given);
        }
    }
    Ok(rows)
}

fn is_default(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(name) if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("default"))
}

fn count_matches(given: usize, wanted: usize) -> Result<(), SqlError> {
    if given == wanted {
        return Ok(());
    }
    let more = if given > wanted { "expressions than target columns" } else { "target columns than expressions" };
    Err(SqlError::new("42601", format!("INSERT has more {more}, {given} expressions for {wanted} targets")))
}

fn complete(
    view: &View,
    params: &Params,
    table: &Table,
    targets: &[usize],
    given: Vec<Datum>,
) -> Result<Vec<Datum>, SqlError> {
    let mut row = Vec::new();
    for (position, column) in table.columns.iter().enumerate() {
        let index = targets.iter().position(|target| *target == position);
        let value = match index.and_then(|index| given.get(index)) {
            Some(value) => value.cast(column.kind).unwrap_or_else(|| value.clone()),
            None => default_value(view, params, column)?,
        };
        check_null(&value, column)?;
        row.push(value);
    }
    Ok(row)
}

fn default_value(view: &View, params: &Params, column: &Column) -> Result<Datum, SqlError> {
    let Some(source) = &column.default else { return Ok(Datum::Null) };
    let expr = sqlparser::parser::Parser::new(&sqlparser::dialect::PostgreSqlDialect {})
        .try_with_sql(source)
        .and_then(|mut parser| parser.parse_expr())
        .map_err(|_| SqlError::syntax(source))?;
    let value = expr::value(Env { view, params, fields: &[], row: &[], group: None }, &expr)?;
    expr::cast(&value, column.kind)
}
