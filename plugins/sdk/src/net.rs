//! Addresses, ranges and names as operators write them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses: an address and how many of its bits are the range's own, such as `192.0.2.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    address: IpAddr,
    length: u8,
}

/// Text that is no range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRange;

impl Range {
    /// How many bits are the range's own.
    #[must_use]
    pub fn length(self) -> u8 {
        self.length
    }

    /// Whether it is one of version 4.
    #[must_use]
    pub fn is_v4(self) -> bool {
        self.address.is_ipv4()
    }

    /// The same range by its first address. Clouds refuse one that is written by another.
    #[must_use]
    pub fn network(self) -> Self {
        let bits = self.bits() & self.mask();
        let address = match self.address {
            IpAddr::V4(_) => IpAddr::V4(u32::try_from(bits >> 96).expect("96 bits are gone").into()),
            IpAddr::V6(_) => IpAddr::V6(bits.into()),
        };
        Self { address, ..self }
    }

    /// Whether all of another range is in this one.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.is_v4() == other.is_v4() && self.length <= other.length && (self.bits() ^ other.bits()) & self.mask() == 0
    }

    /// Whether any address is in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// The address in the upper bits.
    fn bits(self) -> u128 {
        match self.address {
            IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
            IpAddr::V6(address) => address.into(),
        }
    }

    fn mask(self) -> u128 {
        u128::MAX.checked_shl(128 - u32::from(self.length)).unwrap_or(0)
    }
}

impl FromStr for Range {
    type Err = NoRange;

    fn from_str(text: &str) -> Result<Self, NoRange> {
        let (address, length) = text.split_once('/').ok_or(NoRange)?;
        let address: IpAddr = address.parse().map_err(|_| NoRange)?;
        // Terraform and the clouds take neither `+8` nor `08`.
        if length.is_empty() || !length.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(NoRange);
        }
        if length.len() > 1 && length.starts_with('0') {
            return Err(NoRange);
        }
        let length: u8 = length.parse().map_err(|_| NoRange)?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        if length > widest { Err(NoRange) } else { Ok(Self { address, length }) }
    }
}

impl From<IpAddr> for Range {
    /// The range of one address.
    fn from(address: IpAddr) -> Self {
        Self { address, length: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Whether a text is a whole DNS name of lower-case labels, such as `dss.example.com`.
#[must_use]
pub fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label) && text.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        text.parse().unwrap_or_else(|NoRange| panic!("`{text}` is a range"))
    }

    #[test]
    fn what_terraform_would_refuse_is_no_range() {
        for text in
            ["", "10.0.0.0", "10.0.0/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/08", "::/129", "a/8"]
        {
            assert_eq!(text.parse::<Range>(), Err(NoRange), "{text}");
        }
    }

    #[test]
    fn a_range_is_written_by_its_first_address() {
        assert_eq!(range("192.0.2.77/24").network(), range("192.0.2.0/24"));
        assert_eq!(range("192.0.2.77/0").network().to_string(), "0.0.0.0/0");
        assert_eq!(range("fd00::1/64").network().to_string(), "fd00::/64");
        assert_eq!(range("192.0.2.77/32").network(), range("192.0.2.77/32"));
    }

    #[test]
    fn ranges_of_one_version_can_hold_each_other() {
        assert!(range("10.0.0.0/8").contains(range("10.20.0.0/16")));
        assert!(!range("10.20.0.0/16").contains(range("10.0.0.0/8")));
        assert!(range("10.20.0.0/16").overlaps(range("10.0.0.0/8")));
        assert!(!range("10.20.0.0/16").overlaps(range("10.21.0.0/16")));
        assert!(!range("0.0.0.0/0").overlaps(range("::/0")));
        assert!(range("0.0.0.0/0").contains("203.0.113.9".parse::<IpAddr>().expect("an address").into()));
    }

    #[test]
    fn a_name_has_labels_and_is_no_address() {
        assert!(is_dns_name("0.db.dss.uss1.example.com"));
        for text in [
            "localhost",
            "Dss.example.com",
            "dss..com",
            "-a.com",
            "a-.com",
            "192.0.2.1",
            "a_b.com",
            "",
            &"a.".repeat(130),
        ] {
            assert!(!is_dns_name(text), "{text}");
        }
    }
}
