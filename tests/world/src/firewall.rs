use std::net::Ipv4Addr;
use std::path::PathBuf;

use ipnet::Ipv4Net;

use crate::nat::Nat;

/// Whom one organisation's load balancers let in.
#[derive(Clone, Debug)]
pub(crate) struct Firewall {
    nat: Nat,
    refused: PathBuf,
}

/// Name of the file with the ranges that are refused, in the folder of an organisation.
pub(crate) const FILE: &str = "refused";

impl Firewall {
    pub(crate) fn new(nat: Nat, refused: PathBuf) -> Self {
        Self { nat, refused }
    }

    /// Whether a new connection is let in by the ranges of a Service (everybody where there are none), and by the file, which is
    /// read anew each time. A line that is no range refuses nobody.
    pub(crate) fn lets_in(&self, from: Ipv4Addr, ranges: &[Ipv4Net]) -> bool {
        let from = self.nat.outside(from);
        let refused = std::fs::read_to_string(&self.refused).unwrap_or_default();
        let mut refused = refused.lines().filter_map(|line| line.trim().parse::<Ipv4Net>().ok());
        let is_allowed = ranges.is_empty() || ranges.iter().any(|range| range.contains(&from));
        is_allowed && !refused.any(|range| range.contains(&from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_in_the_file_is_refused_whatever_the_service_allows() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let firewall = Firewall::new(Nat::default(), folder.path().join(FILE));
        let (ours, theirs) = (Ipv4Addr::new(127, 64, 1, 7), Ipv4Addr::new(127, 64, 2, 7));
        let allowed = ["127.64.1.0/24".parse().expect("a range")];
        assert!(firewall.lets_in(ours, &allowed) && !firewall.lets_in(theirs, &allowed));
        assert!(firewall.lets_in(theirs, &[]));
        std::fs::write(folder.path().join(FILE), "nonsense\n127.64.1.0/24\n").expect("the folder is ours");
        assert!(!firewall.lets_in(ours, &allowed) && !firewall.lets_in(ours, &[]) && firewall.lets_in(theirs, &[]));
        std::fs::remove_file(folder.path().join(FILE)).expect("it is there");
        assert!(firewall.lets_in(ours, &allowed));
    }
}
