//! Databases, tables and rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::datum::{Datum, Kind};

/// Databases every cluster has.
pub const FOUNDED: [&str; 3] = ["defaultdb", "postgres", "system"];
/// The first number of a user table.
const FIRST_TABLE: u32 = 104;

/// All databases.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Catalog {
    next_table: u32,
    databases: BTreeMap<String, Database>,
    users: Vec<String>,
}

/// One database.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Database {
    pub tables: BTreeMap<String, Table>,
}

/// One table with its rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table {
    pub id: u32,
    pub columns: Vec<Column>,
    /// Positions of the primary key's columns; empty for a table with hidden row IDs.
    pub primary_key: Vec<usize>,
    /// Grows with every change, so that a transaction sees whether what it read still stands.
    pub version: u64,
    next_row: u64,
    rows: BTreeMap<String, Vec<Datum>>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub nullable: bool,
    /// Source text of the default.
    pub default: Option<String>,
}

/// A table's full name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
    pub database: String,
    pub table: String,
}

/// One change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Change {
    CreateDatabase(String),
    DropDatabase(String),
    CreateUser(String),
    CreateTable {
        name: TableName,
        columns: Vec<Column>,
        primary_key: Vec<usize>,
    },
    DropTable(TableName),
    AddColumn {
        name: TableName,
        column: Column,
    },
    /// Replaces the row with the same primary key, or adds one.
    Put {
        name: TableName,
        row: Vec<Datum>,
    },
    /// Takes a row away by its key (see [`Table::key`]).
    Delete {
        name: TableName,
        key: String,
    },
}

impl Catalog {
    /// The catalog of a new cluster.
    pub fn founded() -> Self {
        let databases = FOUNDED.iter().map(|name| ((*name).to_owned(), Database::default())).collect();
        Self { next_table: FIRST_TABLE, databases, users: vec!["admin".to_owned(), "root".to_owned()] }
    }

    /// Databases by name.
    pub fn databases(&self) -> impl Iterator<Item = (&String, &Database)> {
        self.databases.iter()
    }

    /// One database.
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases.get(name)
    }

    /// One table.
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        self.databases.get(&name.database)?.tables.get(&name.table)
    }

    /// Users and roles.
    pub fn users(&self) -> &[String] {
        &self.users
    }

    /// Makes one change. A change that does not fit (its table is gone) changes nothing.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::CreateDatabase(name) => drop(self.databases.entry(name).or_default()),
            Change::DropDatabase(name) => drop(self.databases.remove(&name)),
            Change::CreateUser(name) => {
                if !self.users.contains(&name) {
                    self.users.push(name);
                }
            }
            Change::CreateTable { name, columns, primary_key } => {
                let id = self.next_table;
                if let Some(database) = self.databases.get_mut(&name.database) {
                    let table = Table { id, columns, primary_key, version: 0, next_row: 1, rows: BTreeMap::new() };
                    database.tables.insert(name.table, table);
                    self.next_table += 1;
                }
            }
            Change::DropTable(name) => {
                if let Some(database) = self.databases.get_mut(&name.database) {
                    drop(database.tables.remove(&name.table));
                }
            }
            Change::AddColumn { name, column } => {
                if let Some(table) = self.table_mut(&name) {
                    table.columns.push(column);
                    table.rows.values_mut().for_each(|row| row.push(Datum::Null));
                    table.version += 1;
                }
            }
            Change::Put { name, row } => {
                if let Some(table) = self.table_mut(&name) {
                    table.put(row);
                }
            }
            Change::Delete { name, key } => {
                if let Some(table) = self.table_mut(&name) {
                    table.rows.remove(&key);
                    table.version += 1;
                }
            }
        }
    }

    fn table_mut(&mut self, name: &TableName) -> Option<&mut Table> {
        self.databases.get_mut(&name.database)?.tables.get_mut(&name.table)
    }
}

impl Table {
    /// The rows with their keys, in the order of the primary key.
    pub fn rows(&self) -> Vec<(&String, &Vec<Datum>)> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by(|(_, left), (_, right)| {
            let parts = self.primary_key.iter().map(|&position| left[position].sort_order(&right[position]));
            parts.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
        rows
    }

    /// The key a row is stored under; `None` in a table with hidden row IDs.
    pub fn key(&self, row: &[Datum]) -> Option<String> {
        if self.primary_key.is_empty() {
            return None;
        }
        let parts: Vec<&Datum> = self.primary_key.iter().map(|&position| &row[position]).collect();
        Some(serde_json::to_string(&parts).expect("data are plain"))
    }

    /// The row stored under a key.
    pub fn row(&self, key: &str) -> Option<&Vec<Datum>> {
        self.rows.get(key)
    }

    /// The position of a column.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|candidate| candidate.name == column)
    }

    fn put(&mut self, row: Vec<Datum>) {
        let key = self.key(&row).unwrap_or_else(|| {
            let key = format!("{:020}", self.next_row);
            self.next_row += 1;
            key
        });
        self.rows.insert(key, row);
        self.version += 1;
    }
}
