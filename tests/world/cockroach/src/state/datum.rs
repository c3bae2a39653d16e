//! Values of columns, and their types.

pub mod timestamp;

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use timestamp::{parse_time, render_time};

/// The type of a column or an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Bool,
    Int8,
    Int4,
    Float,
    Decimal,
    Text,
    Timestamp,
    TimestampTz,
    Uuid,
    Json,
    Bytes,
    IntArray,
    TextArray,
}

/// One value. Times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Datum {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Decimal(f64),
    Text(String),
    Timestamp(i64),
    TimestampTz(i64),
    Uuid(Uuid),
    Json(serde_json::Value),
    Bytes(Vec<u8>),
    IntArray(Vec<i64>),
    TextArray(Vec<String>),
}

impl Kind {
    /// The name in errors and `SHOW` output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int8 => "int",
            Self::Int4 => "int4",
            Self::Float => "float",
            Self::Decimal => "decimal",
            Self::Text => "string",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamptz",
            Self::Uuid => "uuid",
            Self::Json => "jsonb",
            Self::Bytes => "bytes",
            Self::IntArray => "int[]",
            Self::TextArray => "string[]",
        }
    }

    /// The name in `information_schema.columns.data_type`.
    pub fn standard_name(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int8 => "bigint",
            Self::Int4 => "integer",
            Self::Float => "double precision",
            Self::Decimal => "numeric",
            Self::Text => "text",
            Self::Timestamp => "timestamp without time zone",
            Self::TimestampTz => "timestamp with time zone",
            Self::Uuid => "uuid",
            Self::Json => "jsonb",
            Self::Bytes => "bytea",
            Self::IntArray | Self::TextArray => "ARRAY",
        }
    }

    /// Whether values of this type are numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int8 | Self::Int4 | Self::Float | Self::Decimal)
    }
}

impl Datum {
    /// A text value.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A timestamp without zone from nanoseconds since 1970.
    pub fn timestamp_from_nanos(nanos: i64) -> Self {
        Self::Timestamp(nanos / 1_000)
    }

    /// Whether the value is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The type, unless NULL.
    pub fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int8,
            Self::Float(_) => Kind::Float,
            Self::Decimal(_) => Kind::Decimal,
            Self::Text(_) => Kind::Text,
            Self::Timestamp(_) => Kind::Timestamp,
            Self::TimestampTz(_) => Kind::TimestampTz,
            Self::Uuid(_) => Kind::Uuid,
            Self::Json(_) => Kind::Json,
            Self::Bytes(_) => Kind::Bytes,
            Self::IntArray(_) => Kind::IntArray,
            Self::TextArray(_) => Kind::TextArray,
        })
    }

    /// The value as a number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) | Self::Decimal(value) => Some(*value),
            _ => None,
        }
    }

    /// The text form of the wire protocol. NULL has none.
    pub fn render(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(value) => if *value { "t" } else { "f" }.to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) | Self::Decimal(value) => value.to_string(),
            Self::Text(value) => value.clone(),
            Self::Timestamp(micros) => render_time(*micros, ""),
            Self::TimestampTz(micros) => render_time(*micros, "+00"),
            Self::Uuid(value) => value.to_string(),
            Self::Json(value) => render_json(value),
            Self::Bytes(value) => {
                let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("\\x{digits}")
            }
            Self::IntArray(values) => {
                let values: Vec<String> = values.iter().map(i64::to_string).collect();
                format!("{{{}}}", values.join(","))
            }
            Self::TextArray(values) => {
                let values: Vec<String> = values.iter().map(|value| array_element(value)).collect();
                format!("{{{}}}", values.join(","))
            }
        })
    }

    /// The order of two values of comparable types; `None` if one is NULL or they cannot be compared.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => Some(left.cmp(right)),
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(right)),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Timestamp(left) | Self::TimestampTz(left), Self::Timestamp(right) | Self::TimestampTz(right)) => {
                Some(left.cmp(right))
            }
            (Self::Uuid(left), Self::Uuid(right)) => Some(left.cmp(right)),
            (Self::Bytes(left), Self::Bytes(right)) => Some(left.cmp(right)),
            (Self::Json(left), Self::Json(right)) => Some(left.to_string().cmp(&right.to_string())),
            (Self::IntArray(left), Self::IntArray(right)) => Some(left.cmp(right)),
            (Self::TextArray(left), Self::TextArray(right)) => Some(left.cmp(right)),
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }

    /// The order of `ORDER BY`: NULL first, values that cannot be compared are equal.
    pub fn sort_order(&self, other: &Self) -> Ordering {
        match (self.is_null(), other.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.compare(other).unwrap_or(Ordering::Equal),
        }
    }

    /// Turns the value into another type, as a cast or an assignment does. `None` if that has no meaning.
    pub fn cast(&self, to: Kind) -> Option<Self> {
        if self.is_null() || self.kind() == Some(to) {
            return Some(self.clone());
        }
        if let Self::Text(text) = self {
            return parse(text, to);
        }
        Some(match (self, to) {
            (value, Kind::Text) => Self::Text(match value {
                Self::Bool(value) => value.to_string(),
                other => other.render()?,
            }),
            (Self::Int(value), Kind::Int4) => Self::Int(i64::from(i32::try_from(*value).ok()?)),
            (Self::Int(value), Kind::Bool) => Self::Bool(*value != 0),
            (Self::Bool(value), Kind::Int8 | Kind::Int4) => Self::Int(i64::from(*value)),
            (value, Kind::Float) => Self::Float(value.number()?),
            (value, Kind::Decimal) => Self::Decimal(decimal(value)?),
            (value, Kind::Int8 | Kind::Int4) => Self::Int(whole(value)?),
            (Self::Timestamp(micros), Kind::TimestampTz) => Self::TimestampTz(*micros),
            (Self::TimestampTz(micros), Kind::Timestamp) => Self::Timestamp(*micros),
            _ => return None,
        })
    }
}

/// A time cast to a number is its seconds since 1970.
fn decimal(value: &Datum) -> Option<f64> {
    match value {
        Datum::Timestamp(micros) | Datum::TimestampTz(micros) => Some(*micros as f64 / 1e6),
        other => other.number(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "casts of SQL round, and saturate where SQL would fail")]
fn whole(value: &Datum) -> Option<i64> {
    decimal(value).map(|value| value.round() as i64)
}

fn parse(text: &str, to: Kind) -> Option<Datum> {
    let trimmed = text.trim();
    Some(match to {
        Kind::Text => Datum::text(text),
        Kind::Bool => match trimmed.to_ascii_lowercase().as_str() {
            "t" | "true" | "yes" | "on" | "1" => Datum::Bool(true),
            "f" | "false" | "no" | "off" | "0" => Datum::Bool(false),
            _ => return None,
        },
        Kind::Int8 => Datum::Int(trimmed.parse().ok()?),
        Kind::Int4 => Datum::Int(i64::from(trimmed.parse::<i32>().ok()?)),
        Kind::Float => Datum::Float(trimmed.parse().ok()?),
        Kind::Decimal => Datum::Decimal(trimmed.parse().ok()?),
        Kind::Uuid => Datum::Uuid(Uuid::parse_str(trimmed).ok()?),
        Kind::Json => Datum::Json(serde_json::from_str(text).ok()?),
        Kind::Timestamp => Datum::Timestamp(parse_time(trimmed)?),
        Kind::TimestampTz => Datum::TimestampTz(parse_time(trimmed)?),
        Kind::Bytes => Datum::Bytes(parse_bytes(text)?),
        Kind::IntArray => {
            let inner = trimmed.strip_prefix('{')?.strip_suffix('}')?;
            let parts = inner.split(',').filter(|part| !part.is_empty());
            Datum::IntArray(parts.map(|part| part.trim().parse().ok()).collect::<Option<_>>()?)
        }
        Kind::TextArray => {
            let inner = trimmed.strip_prefix('{')?.strip_suffix('}')?;
            let parts = inner.split(',').filter(|part| !part.is_empty());
            Datum::TextArray(parts.map(|part| part.trim_matches('"').to_owned()).collect())
        }
    })
}

fn parse_bytes(text: &str) -> Option<Vec<u8>> {
    let Some(digits) = text.strip_prefix("\\x") else { return Some(text.as_bytes().to_vec()) };
    let digits = digits.as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// JSON with the spaces that the database puts in.
fn render_json(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Array(items) => {
            let items: Vec<String> = items.iter().map(render_json).collect();
            format!("[{}]", items.join(", "))
        }
        serde_json::Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{}: {}", serde_json::Value::from(name.as_str()), render_json(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

fn array_element(value: &str) -> String {
    let plain = !value.is_empty() && value.chars().all(|letter| letter.is_alphanumeric() || "=._-:/".contains(letter));
    if plain { value.to_owned() } else { format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiration_can_be_compared_with_now() {
        let expiration = Datum::text("1724000000.5").cast(Kind::Decimal).expect("a number");
        let now = Datum::TimestampTz(1_724_000_000_000_000).cast(Kind::Decimal).expect("a time");
        assert_eq!(expiration.compare(&now), Some(Ordering::Greater));
    }

    #[test]
    fn json_has_the_spaces_of_the_database() {
        let json = Datum::text("{\"a\":[1,2],\"b\":null}").cast(Kind::Json).expect("json");
        assert_eq!(json.render().as_deref(), Some("{\"a\": [1, 2], \"b\": null}"));
    }
}
