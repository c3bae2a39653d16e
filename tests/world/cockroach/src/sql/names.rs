//! Names of columns, tables and types.

use sqlparser::ast::{ArrayElemTypeDef, DataType, Ident, ObjectName, ObjectNamePart};

use super::error::SqlError;
use crate::state::datum::Kind;

/// An identifier, folded to lower case unless quoted.
pub fn ident(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// The parts of a dotted name.
///
/// # Errors
///
/// When a part is no plain name.
pub fn parts(name: &ObjectName) -> Result<Vec<String>, SqlError> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(part) => Ok(ident(part)),
            ObjectNamePart::Function(_) => Err(SqlError::unsupported(name)),
        })
        .collect()
}

/// The last part of a dotted name.
///
/// # Errors
///
/// When there is none.
pub fn last(name: &ObjectName) -> Result<String, SqlError> {
    parts(name)?.pop().ok_or_else(|| SqlError::syntax("."))
}

/// The type a declaration names.
///
/// # Errors
///
/// `42704` for a type the offline world does not have.
pub fn kind(data_type: &DataType) -> Result<Kind, SqlError> {
    if let DataType::Array(ArrayElemTypeDef::SquareBracket(of, _) | ArrayElemTypeDef::AngleBracket(of)) = data_type {
        return Ok(if kind(of)?.is_number() { Kind::IntArray } else { Kind::TextArray });
    }
    let text = data_type.to_string().to_lowercase();
    let name = text.split('(').next().unwrap_or_default().trim();
    Ok(match name {
        "bool" | "boolean" => Kind::Bool,
        "int" | "integer" | "int8" | "bigint" | "int64" | "smallint" | "int2" | "oid" => Kind::Int8,
        "int4" => Kind::Int4,
        "float" | "float8" | "float4" | "real" | "double" | "double precision" => Kind::Float,
        "decimal" | "numeric" | "dec" => Kind::Decimal,
        "string" | "text" | "varchar" | "char" | "character" | "character varying" | "char varying" | "name"
        | "interval" => Kind::Text,
        "timestamp" | "timestamp without time zone" => Kind::Timestamp,
        "timestamptz" | "timestamp with time zone" | "date" => Kind::TimestampTz,
        "uuid" => Kind::Uuid,
        "json" | "jsonb" => Kind::Json,
        "bytes" | "bytea" | "blob" => Kind::Bytes,
        other => return Err(SqlError::new("42704", format!("type {other:?} does not exist"))),
    })
}
