//! Types and values of expressions.

mod kinds;
mod values;

use std::cmp::Ordering;

use std::collections::BTreeMap;

use std::sync::Mutex;

pub use kinds::kind;
use sqlparser::ast::{self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments};
pub use values::value;

use super::error::SqlError;

use super::names;

use super::relation::Field;

use super::view::View;

use crate::state::datum::{Datum, Kind};

/// What the placeholders stand for.
#[derive(Debug, Default)]
pub struct Params {
    /// Types given by the client or found in the statement.
    kinds: Mutex<BTreeMap<usize, Kind>>,
    /// Values; empty while a statement is only described.
    pub values: Vec<Datum>,
    /// Only columns are wanted, no rows.
    pub describe: bool,
}

impl Params {
    /// For a statement that is only described.
    pub fn describing(kinds: BTreeMap<usize, Kind>) -> Self {
        Self { kinds: Mutex::new(kinds), values: Vec::new(), describe: true }
    }

    /// For a statement that runs with these values.
    pub fn with_values(values: Vec<Datum>, kinds: BTreeMap<usize, Kind>) -> Self {
        Self { kinds: Mutex::new(kinds), values, describe: false }
    }

    /// The types known so far.
    pub fn known(&self) -> BTreeMap<usize, Kind> {
        self.kinds.lock().expect("no holder panics").clone()
    }

    /// Takes over types found elsewhere.
    pub fn learn(&self, kinds: BTreeMap<usize, Kind>) {
        self.kinds.lock().expect("no holder panics").extend(kinds);
    }

    /// The type of a placeholder, which takes `hint` if nothing is known yet.
    fn kind_of(&self, index: usize, hint: Option<Kind>) -> Kind {
        let mut kinds = self.kinds.lock().expect("no holder panics");
        if let (None, Some(hint)) = (kinds.get(&index), hint) {
            kinds.insert(index, hint);
        }
        kinds.get(&index).copied().unwrap_or(Kind::Text)
    }
}

/// Where names are looked up, and in which rows.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    pub view: &'a View,
    pub params: &'a Params,
    pub fields: &'a [Field],
    pub row: &'a [Datum],
    /// The rows that an aggregate runs over.
    pub group: Option<&'a [Vec<Datum>]>,
}

impl Env<'_> {
    /// The position of a column.
    pub(crate) fn position(&self, table: Option<&str>, name: &str) -> Result<usize, SqlError> {
        let matches =
            |field: &Field| field.name == name && table.is_none_or(|table| field.table.as_deref() == Some(table));
        let mut found = self.fields.iter().enumerate().filter(|(_, field)| matches(field)).map(|(index, _)| index);
        let shown = || table.map_or_else(|| name.to_owned(), |table| format!("{table}.{name}"));
        let first = found.next().ok_or_else(|| SqlError::undefined_column(&shown()))?;
        if found.next().is_some() {
            return Err(SqlError::new("42702", format!("column reference {:?} is ambiguous", shown())));
        }
        Ok(first)
    }

    fn column(&self, expr: &Expr) -> Option<Result<usize, SqlError>> {
        match expr {
            Expr::Identifier(name) => Some(self.position(None, &names::ident(name))),
            Expr::CompoundIdentifier(parts) => {
                let (name, table) = parts.split_last()?;
                Some(self.position(table.last().map(names::ident).as_deref(), &names::ident(name)))
            }
            _ => None,
        }
    }
}

/// The number of a placeholder, from 0.
fn placeholder(expr: &Expr) -> Option<usize> {
    let Expr::Value(value) = expr else { return None };
    let ast::Value::Placeholder(text) = &value.value else { return None };
    text.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)
}

/// A literal's value.
fn literal(value: &ast::Value) -> Result<Datum, SqlError> {
    Ok(match value {
        ast::Value::Null => Datum::Null,
        ast::Value::Boolean(value) => Datum::Bool(*value),
        ast::Value::SingleQuotedString(text)
        | ast::Value::EscapedStringLiteral(text)
        | ast::Value::DoubleQuotedString(text) => Datum::text(text),
        ast::Value::DollarQuotedString(text) => Datum::text(&text.value),
        ast::Value::Number(digits, _) => match digits.parse::<i64>() {
            Ok(number) => Datum::Int(number),
            Err(_) => Datum::Decimal(digits.parse().map_err(|_| SqlError::syntax(digits))?),
        },
        other => return Err(SqlError::unsupported(other)),
    })
}

/// The unnamed arguments of a call.
///
/// # Errors
///
/// `0A000` for named ones.
pub fn arguments(args: &FunctionArguments) -> Result<Vec<&Expr>, SqlError> {
    let FunctionArguments::List(list) = args else { return Ok(Vec::new()) };
    list.args
        .iter()
        .filter_map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(Ok(expr)),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => None,
            other => Some(Err(SqlError::unsupported(other))),
        })
        .collect()
}

/// Converts a value, as `::` does.
///
/// # Errors
///
/// `22P02` when the text is no such value, `42846` when there is no such cast.
pub fn cast(datum: &Datum, to: Kind) -> Result<Datum, SqlError> {
    datum.cast(to).ok_or_else(|| match datum {
        Datum::Text(text) => {
            let name = to.name();
            SqlError::new("22P02", format!("could not parse {text:?} as type {name}"))
        }
        other => {
            let from = other.kind().map_or("unknown", Kind::name);
            SqlError::new("42846", format!("invalid cast: {from} -> {}", to.name()))
        }
    })
}

/// Compares two values; a text is read as the other's type.
pub fn compare(left: &Datum, right: &Datum) -> Option<Ordering> {
    match (left, right) {
        (Datum::Text(_), Datum::Text(_)) => left.compare(right),
        (Datum::Text(_), other) => left.cast(other.kind()?)?.compare(right),
        (other, Datum::Text(_)) => left.compare(&right.cast(other.kind()?)?),
        _ => left.compare(right),
    }
}
