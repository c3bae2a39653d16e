//! Values on the wire, as text and in binary.

use bytes::{BufMut as _, BytesMut};
use pgwire::api::Type;
use pgwire::api::portal::Format;
use pgwire::api::results::{FieldFormat, FieldInfo};
use pgwire::error::PgWireResult;
use pgwire::messages::data::DataRow;

use crate::sql::error::SqlError;
use crate::sql::relation::Field;
use crate::state::datum::{Datum, Kind};

/// Microseconds from 1970 to 2000, where the protocol's times begin.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// The protocol's type of a column.
pub fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Bool => Type::BOOL,
        Kind::Int8 => Type::INT8,
        Kind::Int4 => Type::INT4,
        Kind::Float => Type::FLOAT8,
        Kind::Decimal => Type::NUMERIC,
        Kind::Text => Type::TEXT,
        Kind::Timestamp => Type::TIMESTAMP,
        Kind::TimestampTz => Type::TIMESTAMPTZ,
        Kind::Uuid => Type::UUID,
        Kind::Json => Type::JSONB,
        Kind::Bytes => Type::BYTEA,
        Kind::IntArray => Type::INT8_ARRAY,
        Kind::TextArray => Type::TEXT_ARRAY,
    }
}

/// The type a client named; `None` if it leaves the choice to us.
pub fn kind_of(given: &Type) -> Option<Kind> {
    Some(match *given {
        Type::BOOL => Kind::Bool,
        Type::INT8 => Kind::Int8,
        Type::INT4 | Type::INT2 => Kind::Int4,
        Type::FLOAT8 | Type::FLOAT4 => Kind::Float,
        Type::NUMERIC => Kind::Decimal,
        Type::TEXT | Type::VARCHAR => Kind::Text,
        Type::TIMESTAMP => Kind::Timestamp,
        Type::TIMESTAMPTZ => Kind::TimestampTz,
        Type::UUID => Kind::Uuid,
        Type::JSONB | Type::JSON => Kind::Json,
        Type::BYTEA => Kind::Bytes,
        Type::INT8_ARRAY => Kind::IntArray,
        Type::TEXT_ARRAY => Kind::TextArray,
        _ => return None,
    })
}

/// The description of a result column.
pub fn field(column: &Field, format: &Format, index: usize) -> FieldInfo {
    let format = if is_binary(format, index) { FieldFormat::Binary } else { FieldFormat::Text };
    FieldInfo::new(column.name.clone(), None, None, type_of(column.kind), format)
}

fn is_binary(format: &Format, index: usize) -> bool {
    match format {
        Format::UnifiedText => false,
        Format::UnifiedBinary => true,
        Format::Individual(codes) => codes.get(index) == Some(&1),
    }
}

/// One row.
///
/// # Errors
///
/// None; the protocol's library wants rows that may fail.
pub fn encode_row(row: &[Datum], fields: &[Field], format: &Format) -> PgWireResult<DataRow> {
    let mut buffer = BytesMut::new();
    for (index, (datum, field)) in row.iter().zip(fields).enumerate() {
        // What an expression gives may be narrower than the type announced.
        let datum = datum.cast(field.kind).unwrap_or_else(|| datum.clone());
        let start = buffer.len();
        buffer.put_i32(-1);
        if datum.is_null() {
            continue;
        }
        if is_binary(format, index) {
            encode_binary(&datum, field.kind, &mut buffer);
        } else {
            buffer.put_slice(datum.render().unwrap_or_default().as_bytes());
        }
        let length = i32::try_from(buffer.len() - start - 4).unwrap_or(i32::MAX);
        buffer[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
    let n_fields = i16::try_from(fields.len()).unwrap_or(i16::MAX);
    Ok(DataRow::new(buffer, n_fields))
}

fn encode_binary(datum: &Datum, kind: Kind, buffer: &mut BytesMut) {
    match datum {
        Datum::Null => {}
        Datum::Bool(value) => buffer.put_u8(u8::from(*value)),
        Datum::Int(value) if kind == Kind::Int4 => buffer.put_i32(i32::try_from(*value).unwrap_or(i32::MAX)),
        Datum::Int(value) => buffer.put_i64(*value),
        Datum::Float(value) => buffer.put_f64(*value),
        Datum::Decimal(value) => encode_decimal(*value, buffer),
        Datum::Text(value) => buffer.put_slice(value.as_bytes()),
        Datum::Timestamp(micros) | Datum::TimestampTz(micros) => buffer.put_i64(micros - EPOCH_MICROS),
        Datum::Uuid(value) => buffer.put_slice(value.as_bytes()),
        Datum::Json(_) => {
            // JSONB has a version in front.
            buffer.put_u8(1);
            buffer.put_slice(datum.render().unwrap_or_default().as_bytes());
        }
        Datum::Bytes(value) => buffer.put_slice(value),
        Datum::IntArray(values) => {
            encode_array(&Type::INT8, values.len(), buffer, |at, buffer| buffer.put_i64(values[at]))
        }
        Datum::TextArray(values) => {
            encode_array(&Type::TEXT, values.len(), buffer, |at, buffer| buffer.put_slice(values[at].as_bytes()));
        }
    }
}

fn encode_array(of: &Type, n_items: usize, buffer: &mut BytesMut, item: impl Fn(usize, &mut BytesMut)) {
    buffer.put_i32(i32::from(n_items > 0));
    buffer.put_i32(0);
    buffer.put_u32(of.oid());
    if n_items == 0 {
        return;
    }
    buffer.put_i32(i32::try_from(n_items).unwrap_or(i32::MAX));
    buffer.put_i32(1);
    for at in 0..n_items {
        let mut bytes = BytesMut::new();
        item(at, &mut bytes);
        buffer.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        buffer.put_slice(&bytes);
    }
}

/// A number in groups of four decimal digits.
fn encode_decimal(value: f64, buffer: &mut BytesMut) {
    let text = value.abs().to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let scale = fraction.len();
    let whole = format!("{}{whole}", "0".repeat((4 - whole.len() % 4) % 4));
    let fraction = format!("{fraction}{}", "0".repeat((4 - fraction.len() % 4) % 4));
    let digits: String = whole.clone() + &fraction;
    let groups: Vec<i16> = (0..digits.len()).step_by(4).map(|at| digits[at..at + 4].parse().unwrap_or(0)).collect();
    buffer.put_i16(i16::try_from(groups.len()).unwrap_or(i16::MAX));
    buffer.put_i16(i16::try_from(whole.len() / 4).unwrap_or(i16::MAX) - 1);
    buffer.put_u16(if value < 0.0 { 0x4000 } else { 0 });
    buffer.put_i16(i16::try_from(scale).unwrap_or(i16::MAX));
    groups.into_iter().for_each(|group| buffer.put_i16(group));
}

/// Reads a parameter.
///
/// # Errors
///
/// `22P02` or `22P03` for bytes that are no such value.
pub fn decode(bytes: Option<&[u8]>, kind: Kind, binary: bool) -> Result<Datum, SqlError> {
    let Some(bytes) = bytes else { return Ok(Datum::Null) };
    if binary {
        let bad = || SqlError::new("22P03", format!("could not decode a binary value of type {}", kind.name()));
        return decode_binary(bytes, kind).ok_or_else(bad);
    }
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| SqlError::new("22021", "invalid UTF-8 sequence"))?;
    crate::sql::expr::cast(&Datum::Text(text), kind)
}

fn decode_binary(bytes: &[u8], kind: Kind) -> Option<Datum> {
    let whole = || match bytes.len() {
        2 => Some(i64::from(i16::from_be_bytes(bytes.try_into().ok()?))),
        4 => Some(i64::from(i32::from_be_bytes(bytes.try_into().ok()?))),
        8 => Some(i64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    };
    let text = || String::from_utf8(bytes.to_vec()).ok();
    Some(match kind {
        Kind::Bool => Datum::Bool(bytes == [1]),
        Kind::Int8 | Kind::Int4 => Datum::Int(whole()?),
        Kind::Float if bytes.len() == 4 => Datum::Float(f64::from(f32::from_be_bytes(bytes.try_into().ok()?))),
        Kind::Float => Datum::Float(f64::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Text => Datum::Text(text()?),
        Kind::Timestamp => Datum::Timestamp(whole()? + EPOCH_MICROS),
        Kind::TimestampTz => Datum::TimestampTz(whole()? + EPOCH_MICROS),
        Kind::Uuid => Datum::Uuid(uuid::Uuid::from_slice(bytes).ok()?),
        Kind::Json => Datum::Json(serde_json::from_slice(bytes.strip_prefix(&[1]).unwrap_or(bytes)).ok()?),
        Kind::Bytes => Datum::Bytes(bytes.to_vec()),
        Kind::IntArray => Datum::IntArray(
            array_items(bytes)?
                .into_iter()
                .map(|item| Some(i64::from_be_bytes(item.try_into().ok()?)))
                .collect::<Option<_>>()?,
        ),
        Kind::TextArray => Datum::TextArray(
            array_items(bytes)?.into_iter().map(|item| String::from_utf8(item.to_vec()).ok()).collect::<Option<_>>()?,
        ),
        Kind::Decimal => return None,
    })
}

fn array_items(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let number = |at: usize| Some(i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if number(0)? == 0 {
        return Some(Vec::new());
    }
    let n_items = usize::try_from(number(12)?).ok()?;
    let mut at = 20;
    let mut items = Vec::new();
    for _ in 0..n_items {
        let length = usize::try_from(number(at)?).ok()?;
        items.push(bytes.get(at + 4..at + 4 + length)?);
        at += 4 + length;
    }
    Some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_come_back_as_they_went() {
        let mut buffer = BytesMut::new();
        encode_binary(&Datum::IntArray(vec![1, -2]), Kind::IntArray, &mut buffer);
        assert_eq!(decode_binary(&buffer, Kind::IntArray), Some(Datum::IntArray(vec![1, -2])));
    }

    #[test]
    fn a_decimal_is_written_in_groups_of_four_digits() {
        let mut buffer = BytesMut::new();
        encode_decimal(-12.5, &mut buffer);
        assert_eq!(buffer.as_ref(), [0, 2, 0, 0, 0x40, 0, 0, 1, 0, 12, 0x13, 0x88]);
    }
}
