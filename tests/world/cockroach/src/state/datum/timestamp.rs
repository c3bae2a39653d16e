//! Times as text.

use time::OffsetDateTime;
use time::macros::format_description;

/// Reads a time in one of the forms people write; microseconds since 1970.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    use time::PrimitiveDateTime;
    use time::format_description::well_known::Rfc3339;
    if text.eq_ignore_ascii_case("now") {
        return Some(crate::clock::now_micros());
    }
    let zoned = text.replacen(' ', "T", 1);
    let zoned = match zoned.get(zoned.len().saturating_sub(3)..) {
        // `+00` is short for `+00:00`.
        Some(tail) if tail.starts_with(['+', '-']) => format!("{zoned}:00"),
        _ => zoned,
    };
    if let Ok(time) = OffsetDateTime::parse(&zoned, &Rfc3339) {
        return micros_of(time);
    }
    let plain = format_description!(
        "[year]-[month]-[day][optional [T]][optional [ ]][hour]:[minute]:[second][optional [.[subsecond]]]"
    );
    if let Ok(time) = PrimitiveDateTime::parse(&zoned, &plain) {
        return micros_of(time.assume_utc());
    }
    let date = time::Date::parse(text, &format_description!("[year]-[month]-[day]")).ok()?;
    micros_of(date.midnight().assume_utc())
}

fn micros_of(time: OffsetDateTime) -> Option<i64> {
    i64::try_from(time.unix_timestamp_nanos() / 1_000).ok()
}

/// The text form of a time, as the database prints it, with `zone` appended.
pub fn render_time(micros: i64, zone: &str) -> String {
    let time =
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let seconds = time
        .format(&format_description!("[year]-[month]-[day] [hour]:[minute]:[second]"))
        .expect("the format has only fields of a date and time");
    let fraction = format!("{:06}", time.microsecond());
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { format!("{seconds}{zone}") } else { format!("{seconds}.{fraction}{zone}") }
}

#[cfg(test)]
mod tests {
    use super::super::{Datum, Kind};

    #[test]
    fn times_are_read_in_the_forms_people_write() {
        for text in ["2024-08-06 14:15:29.5", "2024-08-06T14:15:29.5Z", "2024-08-06 14:15:29.5+00"] {
            let time = Datum::text(text).cast(Kind::TimestampTz).expect(text);
            assert_eq!(time.render().as_deref(), Some("2024-08-06 14:15:29.5+00"));
        }
    }
}
