//! Address ranges, as far as a plan must know them.

use std::net::Ipv4Addr;

/// A range of addresses of version 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    first: u32,
    bits: u32,
}

impl Range {
    /// Reads `192.0.2.0/24`; the error ends a sentence that begins with the text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let none = || "is no range such as 203.0.113.0/24".to_owned();
        let (address, bits) = text.split_once('/').ok_or_else(none)?;
        let first = u32::from(address.parse::<Ipv4Addr>().map_err(|_| none())?);
        let bits = bits.parse().ok().filter(|bits| *bits <= 32).ok_or_else(none)?;
        let range = Self { first, bits };
        if first & !range.mask() != 0 {
            return Err(format!("has bits set behind its {bits}th"));
        }
        Ok(range)
    }

    pub(crate) fn bits(self) -> u32 {
        self.bits
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        let mask = self.mask() & other.mask();
        self.first & mask == other.first & mask
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - self.bits).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_overlap_if_one_is_within_the_other() {
        let range = |text| Range::parse(text).expect("a range");
        assert!(range("10.0.0.0/8").overlaps(range("10.20.0.0/20")));
        assert!(range("0.0.0.0/0").overlaps(range("192.0.2.1/32")));
        assert!(!range("10.20.0.0/20").overlaps(range("10.20.16.0/20")));
    }
}
