//! Numbers of bytes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{ParseError, Part, Problem};

/// A number of bytes. Serialised as that number; read from and shown to people with binary units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(u64);

/// Largest first, so that the first one that fits is the one to print.
const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl ByteSize {
    /// Takes a number of bytes.
    #[must_use]
    pub const fn bytes(n: u64) -> Self {
        Self(n)
    }

    /// Takes a number of KiB (2^10 bytes).
    #[must_use]
    pub const fn kib(n: u64) -> Self {
        Self(n << 10)
    }

    /// Takes a number of MiB (2^20 bytes).
    #[must_use]
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, unit)| self.0 >= *unit) {
            None => write!(f, "{} B", self.0),
            Some((name, unit)) if self.0.is_multiple_of(*unit) => {
                write!(f, "{} {name}", self.0 / unit)
            }
            // Tenths, cut and not rounded: a size over a limit must never print as the limit.
            Some((name, unit)) => {
                let tenths = u128::from(self.0) * 10 / u128::from(*unit);
                write!(f, "{}.{} {name}", tenths / 10, tenths % 10)
            }
        }
    }
}

impl FromStr for ByteSize {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = |offset, problem| Err(ParseError::new(Part::Size, text, offset, problem));
        let n_digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if n_digits == 0 {
            return refuse(0, Problem::Missing("a whole number"));
        }
        let unit_text = text[n_digits..].trim_start();
        let unit = match unit_text {
            "" | "B" => 1,
            _ => match UNITS.iter().find(|(name, _)| *name == unit_text) {
                Some((_, unit)) => *unit,
                None => {
                    let at = text.len() - unit_text.len();
                    return refuse(at, Problem::Number("the unit is none of B, KiB, MiB, GiB, TiB"));
                }
            },
        };
        match text[..n_digits].parse::<u64>().ok().and_then(|n| n.checked_mul(unit)) {
            Some(n) => Ok(Self(n)),
            None => refuse(0, Problem::Number("the number is too large")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_print_with_the_largest_unit_that_fits() {
        let show = |n| ByteSize::bytes(n).to_string();
        assert_eq!(show(0), "0 B");
        assert_eq!(show(1023), "1023 B");
        assert_eq!(show(4 << 20), "4 MiB");
        assert_eq!(show((4 << 20) + 1), "4.0 MiB");
        assert_eq!(show(1536), "1.5 KiB");
        assert_eq!(show(u64::MAX), "16777215.9 TiB");
    }

    #[test]
    fn sizes_are_read_with_and_without_unit() {
        assert_eq!("64 MiB".parse(), Ok(ByteSize::mib(64)));
        assert_eq!("64MiB".parse(), Ok(ByteSize::mib(64)));
        assert_eq!("17".parse(), Ok(ByteSize::bytes(17)));
        for bad in ["", "MiB", "1 MB", "-1", "1.5 MiB", "99999999999999999999", "99999999999 TiB"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
    }
}
