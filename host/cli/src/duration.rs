//! A time as it is typed.

use std::time::Duration;

/// Units, and how many seconds each has.
const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];

/// Reads a number with one unit, such as `90s`, `10m`, `12h` or `3d`; never nothing at all.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let read = |(unit, seconds): &(&str, u64)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs)
    };
    UNITS.iter().find_map(read).ok_or_else(|| "a time is a number with a unit: `90s`, `10m`, `12h` or `3d`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_one_unit_and_is_some_time() {
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("3d"), Ok(Duration::from_secs(259_200)));
        for wrong in ["", "90", "s", "0m", "-1h", "1h30m", "99999999999999999999d"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
