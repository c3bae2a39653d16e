use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::Ipv4Net;

/// From where the calls of each organisation's pods come, as others see it.
///
/// A cloud leads them out by a gateway with an address of its own. Which one is written into the organisation's file by whoever
/// has made the gateway; without a file a pod's own address is seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nat(Arc<Vec<(Ipv4Net, PathBuf)>>);

/// Name of the file, in the folder of an organisation.
pub(crate) const FILE: &str = "egress";

impl Nat {
    /// By the range of an organisation's pods, the file with their address outside.
    pub(crate) fn new(files: impl IntoIterator<Item = (Ipv4Net, PathBuf)>) -> Self {
        Self(Arc::new(files.into_iter().collect()))
    }

    /// The address that others see. The file is read anew each time: a gateway may come, and go.
    pub(crate) fn outside(&self, from: Ipv4Addr) -> Ipv4Addr {
        let file = self.0.iter().find(|(pods, _)| pods.contains(&from)).map(|(_, file)| file);
        let written = file.and_then(|file| std::fs::read_to_string(file).ok());
        written.and_then(|text| text.trim().parse().ok()).unwrap_or(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_seen_behind_its_gateway_once_there_is_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join(FILE);
        let nat = Nat::new([("127.64.1.0/24".parse().expect("a range"), file.clone())]);
        let (ours, theirs) = (Ipv4Addr::new(127, 64, 1, 7), Ipv4Addr::new(127, 64, 2, 7));
        assert_eq!(nat.outside(ours), ours);
        std::fs::write(&file, "203.0.113.9\n").expect("the folder is ours");
        assert_eq!(nat.outside(ours), Ipv4Addr::new(203, 0, 113, 9));
        assert_eq!(nat.outside(theirs), theirs);
        std::fs::write(&file, "nonsense").expect("the folder is ours");
        assert_eq!(nat.outside(ours), ours);
    }
}
