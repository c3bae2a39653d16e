//! Statements that change something: they are turned into changes of the catalog, which the log then orders.

mod insert;
mod objects;

use sqlparser::ast::{
    self, Assignment, AssignmentTarget, Expr, FromTable, ObjectName, SelectItem, TableFactor, TableWithJoins,
};

use super::error::SqlError;

use super::expr::{self, Env, Params};

use super::names;

use super::relation::{Field, Relation};

use super::select;

use super::view::View;

use crate::state::catalog::{Change, Column, Table, TableName};

use crate::state::datum::{Datum, Kind};

/// What a statement wants changed, and what it answers.
#[derive(Debug, Default)]
pub struct Effect {
    pub changes: Vec<Change>,
    pub tag: String,
    pub n_rows: Option<usize>,
    /// Rows of `RETURNING`.
    pub returned: Option<Relation>,
}

impl Effect {
    fn ddl(tag: &str, changes: Vec<Change>) -> Self {
        Self { changes, tag: tag.to_owned(), n_rows: None, returned: None }
    }
}

/// What a statement would change now; `None` if it changes nothing by its kind.
///
/// # Errors
///
/// What the database would say.
pub fn effect(
    view: &View,
    params: &Params,
    statement: &ast::Statement,
    upsert: bool,
) -> Result<Option<Effect>, SqlError> {
    Ok(Some(match statement {
        ast::Statement::Insert(insert) => self::insert::insert(view, params, insert, upsert)?,
        ast::Statement::Update(update) => self::update(view, params, update)?,
        ast::Statement::Delete(delete) => self::delete(view, params, delete)?,
        ast::Statement::CreateDatabase { db_name, if_not_exists, .. } => {
            let name = names::last(db_name)?;
            match (view.has_database(&name), if_not_exists) {
                (true, false) => return Err(SqlError::new("42P04", format!("database {name:?} already exists"))),
                (true, true) => Effect::ddl("CREATE DATABASE", Vec::new()),
                (false, _) => Effect::ddl("CREATE DATABASE", vec![Change::CreateDatabase(name)]),
            }
        }
        ast::Statement::CreateTable(create) => objects::create_table(view, create)?,
        ast::Statement::CreateIndex(_) => Effect::ddl("CREATE INDEX", Vec::new()),
        ast::Statement::CreateSchema { .. } => return Err(SqlError::unsupported("CREATE SCHEMA")),
        ast::Statement::CreateUser(create) => {
            let user = names::ident(&create.name);
            view.touch_shared(true);
            match (view.catalog.users().contains(&user), create.if_not_exists) {
                (true, false) => {
                    return Err(SqlError::new("42710", format!("a role/user named {user} already exists")));
                }
                (true, true) => Effect::ddl("CREATE ROLE", Vec::new()),
                (false, _) => Effect::ddl("CREATE ROLE", vec![Change::CreateUser(user)]),
            }
        }
        ast::Statement::CreateRole(create) => {
            let users = create.names.iter().map(names::last).collect::<Result<Vec<_>, _>>()?;
            view.touch_shared(true);
            let known = users.iter().find(|user| view.catalog.users().contains(user));
            match known {
                Some(user) if !create.if_not_exists => {
                    return Err(SqlError::new("42710", format!("a role/user named {user} already exists")));
                }
                _ => Effect::ddl("CREATE ROLE", users.into_iter().map(Change::CreateUser).collect()),
            }
        }
        ast::Statement::Drop { object_type, if_exists, names, .. } => {
            objects::drop_objects(view, *object_type, *if_exists, names)?
        }
        ast::Statement::AlterTable(alter) => objects::alter_table(view, alter)?,
        ast::Statement::Truncate(truncate) => {
            let mut changes = Vec::new();
            for target in &truncate.table_names {
                let (name, table) = table_of(view, &target.name)?;
                changes.extend(
                    table.rows().into_iter().map(|(key, _)| Change::Delete { name: name.clone(), key: key.clone() }),
                );
            }
            Effect::ddl("TRUNCATE", changes)
        }
        _ => return Ok(None),
    }))
}

fn table_of<'a>(view: &'a View, name: &ObjectName) -> Result<(TableName, &'a Table), SqlError> {
    let full = view.resolve(name)?;
    let table = view.table(&full).ok_or_else(|| SqlError::undefined_table(&name.to_string()))?;
    Ok((full, table))
}

fn fields_of(table: &Table, name: &str) -> Vec<Field> {
    let field = |column: &Column| Field { table: Some(name.to_owned()), name: column.name.clone(), kind: column.kind };
    table.columns.iter().map(field).collect()
}

/// Fits a value to a column.
fn assign(value: Datum, column: &Column, found: Kind) -> Result<Datum, SqlError> {
    if let Some(value) = value.cast(column.kind) {
        return Ok(value);
    }
    let (wanted, name) = (column.kind.name(), &column.name);
    match &value {
        Datum::Text(text) => Err(SqlError::new("22P02", format!("could not parse {text:?} as type {wanted}"))),
        _ => Err(SqlError::new(
            "42804",
            format!("value type {} doesn't match type {wanted} of column {name:?}", found.name()),
        )),
    }
}

fn check_null(value: &Datum, column: &Column) -> Result<(), SqlError> {
    if value.is_null() && !column.nullable {
        let name = &column.name;
        return Err(SqlError::new("23502", format!("null value in column {name:?} violates not-null constraint")));
    }
    Ok(())
}

fn position(table: &Table, column: &str) -> Result<usize, SqlError> {
    table.position(column).ok_or_else(|| SqlError::undefined_column(column))
}

/// The row after a list of assignments. `env` sees the row before.
fn assigned(
    env: Env<'_>,
    table: &Table,
    table_name: &str,
    old: &[Datum],
    assignments: &[Assignment],
) -> Result<Vec<Datum>, SqlError> {
    let mut row = old.to_vec();
    for assignment in assignments {
        let AssignmentTarget::ColumnName(target) = &assignment.target else {
            return Err(SqlError::unsupported(&assignment.target));
        };
        let column = names::last(target)?;
        let at = table.position(&column).ok_or_else(|| {
            SqlError::new("42703", format!("column {column:?} of relation {table_name:?} does not exist"))
        })?;
        let found = expr::kind(env, &assignment.value, Some(table.columns[at].kind))?;
        if !env.params.describe {
            row[at] = assign(expr::value(env, &assignment.value)?, &table.columns[at], found)?;
            check_null(&row[at], &table.columns[at])?;
        }
    }
    Ok(row)
}

fn single_table(tables: &[TableWithJoins]) -> Result<(&ObjectName, Option<String>), SqlError> {
    match tables {
        [TableWithJoins { relation: TableFactor::Table { name, alias, .. }, joins }] if joins.is_empty() => {
            Ok((name, alias.as_ref().map(|alias| names::ident(&alias.name))))
        }
        _ => Err(SqlError::unsupported("several tables in one change")),
    }
}

/// The rows of a table that a condition chooses, with their keys.
fn chosen(
    view: &View,
    params: &Params,
    table: &Table,
    fields: &[Field],
    condition: Option<&Expr>,
) -> Result<Vec<(String, Vec<Datum>)>, SqlError> {
    let env = Env { view, params, fields, row: &[], group: None };
    if let Some(condition) = condition {
        expr::kind(env, condition, Some(Kind::Bool))?;
    }
    let mut rows = Vec::new();
    if params.describe {
        return Ok(rows);
    }
    for (key, row) in table.rows() {
        let holds = match condition {
            Some(condition) => expr::value(Env { row, ..env }, condition)? == Datum::Bool(true),
            None => true,
        };
        if holds {
            rows.push((key.clone(), row.clone()));
        }
    }
    Ok(rows)
}

fn update(view: &View, params: &Params, update: &ast::Update) -> Result<Effect, SqlError> {
    let (name, alias) = single_table(std::slice::from_ref(&update.table))?;
    let (name, table) = table_of(view, name)?;
    let fields = fields_of(table, alias.as_deref().unwrap_or(&name.table));
    let blank = vec![Datum::Null; fields.len()];
    // Types first, so that a wrong column shows even when no row is chosen.
    let described = Params::describing(params.known());
    let env = Env { view, params: &described, fields: &fields, row: &blank, group: None };
    assigned(env, table, &name.table, &blank, &update.assignments)?;
    params.learn(described.known());
    let mut changes = Vec::new();
    let mut written = Vec::new();
    for (key, old) in chosen(view, params, table, &fields, update.selection.as_ref())? {
        let env = Env { view, params, fields: &fields, row: &old, group: None };
        let row = assigned(env, table, &name.table, &old, &update.assignments)?;
        if table.key(&row).as_ref() != Some(&key) {
            changes.push(Change::Delete { name: name.clone(), key });
        }
        changes.push(Change::Put { name: name.clone(), row: row.clone() });
        written.push(row);
    }
    let returned = returning(view, params, update.returning.as_deref(), &fields, &written)?;
    Ok(Effect { changes, tag: "UPDATE".to_owned(), n_rows: Some(written.len()), returned })
}

fn delete(view: &View, params: &Params, delete: &ast::Delete) -> Result<Effect, SqlError> {
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
    let (name, alias) = single_table(tables)?;
    let (name, table) = table_of(view, name)?;
    let fields = fields_of(table, alias.as_deref().unwrap_or(&name.table));
    let rows = chosen(view, params, table, &fields, delete.selection.as_ref())?;
    let gone: Vec<Vec<Datum>> = rows.iter().map(|(_, row)| row.clone()).collect();
    let returned = returning(view, params, delete.returning.as_deref(), &fields, &gone)?;
    let n_rows = Some(rows.len());
    let changes = rows.into_iter().map(|(key, _)| Change::Delete { name: name.clone(), key }).collect();
    Ok(Effect { changes, tag: "DELETE".to_owned(), n_rows, returned })
}

fn returning(
    view: &View,
    params: &Params,
    items: Option<&[SelectItem]>,
    fields: &[Field],
    rows: &[Vec<Datum>],
) -> Result<Option<Relation>, SqlError> {
    let Some(items) = items else { return Ok(None) };
    let source = Relation { fields: fields.to_vec(), rows: rows.to_vec() };
    select::project(view, params, &source, items).map(Some)
}
