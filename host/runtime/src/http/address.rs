//! Which addresses a request may go to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hangar_plan::grant::Egress;

/// What an address is to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Anybody's.
    Public,
    /// Of a private network: only in a range that the grant names.
    Private,
    /// This machine: only in development.
    Loopback,
    /// Never, whatever a grant says; with the reason.
    Never(&'static str),
}

/// Addresses under which clouds hand out credentials to whoever asks. Some lie in ranges that a grant may name.
const METADATA: [IpAddr; 9] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Says whether a request under this grant may go to this address; if not, why.
pub(super) fn check(address: IpAddr, egress: &Egress) -> Result<(), String> {
    let address = canonical(address);
    match class(address) {
        Class::Public => Ok(()),
        Class::Loopback if egress.dev => Ok(()),
        Class::Loopback => Err(format!("{address} is this machine, which needs `dev = true`")),
        Class::Private if egress.private.iter().any(|range| range.contains(&address)) => Ok(()),
        Class::Private => Err(format!("{address} is private, and in no range of the grant")),
        Class::Never(what) => Err(format!("{address} is {what}")),
    }
}

/// The IPv4 address inside an IPv6 one, for every way of writing one that a network may take at its word.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let s = v6.segments();
    let low = || Ipv4Addr::from((u32::from(s[6]) << 16) | u32::from(s[7]));
    match s {
        // Mapped (::ffff:0:0/96), translated (::ffff:0:0:0/96), compatible (::/96, but for :: and ::1).
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] => low().into(),
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => low().into(),
        // NAT64 by the well-known prefix (RFC 6052). The local-use one (RFC 8215) is reserved as a whole.
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => low().into(),
        // 6to4.
        [0x2002, a, b, ..] => Ipv4Addr::from((u32::from(a) << 16) | u32::from(b)).into(),
        _ => address,
    }
}

fn class(address: IpAddr) -> Class {
    if METADATA.contains(&address) {
        return Class::Never("a metadata service");
    }
    match address {
        IpAddr::V4(v4) => class_v4(v4),
        IpAddr::V6(v6) => class_v6(v6),
    }
}

/// The IPv4 special-purpose registry (RFC 6890 and its successors).
fn class_v4(address: Ipv4Addr) -> Class {
    match address.octets() {
        [0, ..] => Class::Never("unspecified"),
        [127, ..] => Class::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Class::Private,
        [169, 254, ..] => Class::Never("link-local"),
        [192, 0, 0, _] | [192, 88, 99, _] => Class::Never("reserved for protocols"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Class::Never("for documentation"),
        [198, 18..=19, ..] => Class::Never("for benchmarks"),
        [224..=239, ..] => Class::Never("multicast"),
        [240..=255, ..] => Class::Never("reserved"),
        _ => Class::Public,
    }
}

/// The IPv6 special-purpose registry. Only what is handed out (2000::/3) is public.
fn class_v6(address: Ipv6Addr) -> Class {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::Never("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Loopback,
        [0xfc00..=0xfdff, ..] => Class::Private,
        [0xfe80..=0xfebf, ..] => Class::Never("link-local"),
        [0xff00..=0xffff, ..] => Class::Never("multicast"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => Class::Never("for documentation"),
        [0x2001, 0..=0x1ff, ..] => Class::Never("reserved for protocols"),
        [0x2000..=0x3fff, ..] => Class::Public,
        _ => Class::Never("reserved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(private: &[&str], dev: bool) -> Egress {
        let host = "example.com".parse().expect("a host");
        let private = private.iter().map(|range| range.parse().expect("a range")).collect();
        Egress { private, dev, ..Egress::new(host, 443) }
    }

    fn allowed(address: &str, egress: &Egress) -> bool {
        check(address.parse().expect("an address"), egress).is_ok()
    }

    #[test]
    fn public_addresses_are_allowed() {
        for address in ["8.8.8.8", "52.94.236.248", "2600:1f18::1", "2a00:1450:4001:81d::200e"] {
            assert!(allowed(address, &egress(&[], false)), "{address}");
        }
    }

    #[test]
    fn metadata_services_are_refused_in_every_spelling_and_under_every_grant() {
        let all = egress(&["0.0.0.0/0", "::/0"], true);
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "::ffff:0:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "169.254.170.2",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "fd00:ec2::254",
            "fd20:ce::254",
        ] {
            assert!(!allowed(address, &all), "{address}");
        }
    }

    #[test]
    fn a_private_address_needs_its_range() {
        for (address, range) in [
            ("10.1.2.3", "10.1.0.0/16"),
            ("172.16.0.1", "172.16.0.0/12"),
            ("192.168.1.1", "192.168.1.0/24"),
            ("100.64.0.1", "100.64.0.0/10"),
            ("fd12::1", "fd12::/16"),
            ("::ffff:10.1.2.3", "10.1.0.0/16"),
        ] {
            assert!(!allowed(address, &egress(&[], true)), "{address}");
            assert!(!allowed(address, &egress(&["10.9.0.0/16"], true)), "{address}");
            assert!(allowed(address, &egress(&[range], false)), "{address}");
        }
    }

    #[test]
    fn loopback_is_for_development() {
        for address in ["127.0.0.1", "127.64.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
            assert!(!allowed(address, &egress(&["127.0.0.0/8", "::/0"], false)), "{address}");
            assert!(allowed(address, &egress(&[], true)), "{address}");
        }
    }

    #[test]
    fn what_is_special_is_refused_whatever_is_granted() {
        let all = egress(&["0.0.0.0/0", "::/0"], true);
        for address in [
            "0.0.0.0",
            "169.254.1.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "100::1",
            "5f00::1",
            "3fff::1",
        ] {
            assert!(!allowed(address, &all), "{address}");
        }
    }
}
