//! Statements that change something: they are turned into changes of the catalog, which the log then orders.

use sqlparser::ast::{
    self, AlterTableOperation, Assignment, AssignmentTarget, ColumnOption, ConflictTarget, Expr, FromTable, ObjectName,
    ObjectType, OnConflictAction, OnInsert, SelectItem, TableConstraint, TableFactor, TableObject, TableWithJoins,
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
        ast::Statement::Insert(insert) => self::insert(view, params, insert, upsert)?,
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
        ast::Statement::CreateTable(create) => create_table(view, create)?,
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
            drop_objects(view, *object_type, *if_exists, names)?
        }
        ast::Statement::AlterTable(alter) => alter_table(view, alter)?,
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

fn insert(view: &View, params: &Params, insert: &ast::Insert, upsert: bool) -> Result<Effect, SqlError> {
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

fn check_null(value: &Datum, column: &Column) -> Result<(), SqlError> {
    if value.is_null() && !column.nullable {
        let name = &column.name;
        return Err(SqlError::new("23502", format!("null value in column {name:?} violates not-null constraint")));
    }
    Ok(())
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

fn create_table(view: &View, create: &ast::CreateTable) -> Result<Effect, SqlError> {
    let name = view.resolve(&create.name)?;
    if !view.has_database(&name.database) {
        let table = &name.table;
        return Err(SqlError::new(
            "3F000",
            format!("cannot create {table:?} because the target database or schema does not exist"),
        )
        .with_hint("verify that the current database and search_path are valid and/or the target database exists"));
    }
    if view.table(&name).is_some() {
        if create.if_not_exists {
            return Ok(Effect::ddl("CREATE TABLE", Vec::new()));
        }
        return Err(SqlError::new(
            "42P07",
            format!("relation \"{}.public.{}\" already exists", name.database, name.table),
        ));
    }
    let mut columns = Vec::new();
    let mut primary_key = Vec::new();
    for (index, definition) in create.columns.iter().enumerate() {
        let mut column = Column {
            name: names::ident(&definition.name),
            kind: names::kind(&definition.data_type)?,
            nullable: true,
            default: None,
        };
        for option in &definition.options {
            match &option.option {
                ColumnOption::NotNull => column.nullable = false,
                ColumnOption::Default(expr) => column.default = Some(expr.to_string()),
                ColumnOption::PrimaryKey(_) => primary_key.push(index),
                _ => {}
            }
        }
        columns.push(column);
    }
    for constraint in &create.constraints {
        if let TableConstraint::PrimaryKey(key) = constraint {
            for part in &key.columns {
                let column = part.column.expr.to_string().trim_matches('"').to_lowercase();
                let at = columns.iter().position(|candidate| candidate.name == column);
                primary_key.push(at.ok_or_else(|| SqlError::undefined_column(&column))?);
            }
        }
    }
    for at in &primary_key {
        columns[*at].nullable = false;
    }
    Ok(Effect::ddl("CREATE TABLE", vec![Change::CreateTable { name, columns, primary_key }]))
}

fn drop_objects(view: &View, kind: ObjectType, if_exists: bool, objects: &[ObjectName]) -> Result<Effect, SqlError> {
    let mut changes = Vec::new();
    for object in objects {
        match kind {
            ObjectType::Table => {
                let name = view.resolve(object)?;
                match (view.table(&name).is_some(), if_exists) {
                    (true, _) => changes.push(Change::DropTable(name)),
                    (false, true) => {}
                    (false, false) => return Err(SqlError::undefined_table(&object.to_string())),
                }
            }
            ObjectType::Database => {
                let name = names::last(object)?;
                match (view.has_database(&name), if_exists) {
                    (true, _) if name == "system" => {
                        return Err(SqlError::new(
                            "42501",
                            "user root does not have DROP privilege on database system",
                        ));
                    }
                    (true, _) => changes.push(Change::DropDatabase(name)),
                    (false, true) => {}
                    (false, false) => return Err(SqlError::undefined_database(&name)),
                }
            }
            ObjectType::Index => {}
            other => return Err(SqlError::unsupported(format!("DROP {other}"))),
        }
    }
    Ok(Effect::ddl(&format!("DROP {kind}"), changes))
}

fn alter_table(view: &View, alter: &ast::AlterTable) -> Result<Effect, SqlError> {
    let (name, table) = table_of(view, &alter.name)?;
    let mut changes = Vec::new();
    for operation in &alter.operations {
        let AlterTableOperation::AddColumn { column_def, if_not_exists, .. } = operation else {
            return Err(SqlError::unsupported(operation));
        };
        let column_name = names::ident(&column_def.name);
        match (table.position(&column_name), if_not_exists) {
            (Some(_), true) => {}
            (Some(_), false) => {
                return Err(SqlError::new(
                    "42701",
                    format!("column {column_name:?} of relation {:?} already exists", name.table),
                ));
            }
            (None, _) => changes.push(Change::AddColumn {
                name: name.clone(),
                column: Column {
                    name: column_name,
                    kind: names::kind(&column_def.data_type)?,
                    nullable: true,
                    default: None,
                },
            }),
        }
    }
    Ok(Effect::ddl("ALTER TABLE", changes))
}
