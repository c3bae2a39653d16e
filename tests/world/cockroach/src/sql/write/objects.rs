//! Databases, tables and columns that come and go.

use sqlparser::ast::{self, AlterTableOperation, ColumnOption, ObjectName, ObjectType, TableConstraint};

use super::{Effect, table_of};
use crate::sql::error::SqlError;
use crate::sql::names;
use crate::sql::view::View;
use crate::state::catalog::{Change, Column};

pub(super) fn create_table(view: &View, create: &ast::CreateTable) -> Result<Effect, SqlError> {
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

pub(super) fn drop_objects(
    view: &View,
    kind: ObjectType,
    if_exists: bool,
    objects: &[ObjectName],
) -> Result<Effect, SqlError> {
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

pub(super) fn alter_table(view: &View, alter: &ast::AlterTable) -> Result<Effect, SqlError> {
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
