//! Rows with named and typed columns.

use crate::state::datum::{Datum, Kind};

/// One column of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The table or alias it comes from.
    pub table: Option<String>,
    pub name: String,
    pub kind: Kind,
}

/// A table, or the result of a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Relation {
    pub fields: Vec<Field>,
    pub rows: Vec<Vec<Datum>>,
}

impl Relation {
    /// An empty relation with these columns.
    pub fn with_columns(columns: &[(&str, Kind)]) -> Self {
        let fields =
            columns.iter().map(|(name, kind)| Field { table: None, name: (*name).to_owned(), kind: *kind }).collect();
        Self { fields, rows: Vec::new() }
    }

    /// Adds a row; it must have one value for each column.
    pub fn push(&mut self, row: Vec<Datum>) {
        debug_assert_eq!(row.len(), self.fields.len(), "a row fits its columns");
        self.rows.push(row);
    }

    /// The same rows under another table name.
    #[must_use]
    pub fn named(mut self, table: &str) -> Self {
        for field in &mut self.fields {
            field.table = Some(table.to_owned());
        }
        self
    }
}
