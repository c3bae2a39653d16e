//! Names to addresses, checked before anything connects.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use hangar_plan::grant::Egress;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address;

/// Names that stand for metadata services, whatever they resolve to.
const METADATA_NAMES: [&str; 3] = ["metadata.google.internal", "metadata", "instance-data"];

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// Returns the addresses of a name.
    ///
    /// # Errors
    ///
    /// If there are none, or nobody can be asked.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// Asks the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Resolves for one entry of a grant: what it returns is what is connected to, so nothing can resolve otherwise later.
pub(super) struct Checked {
    pub(super) egress: Egress,
    pub(super) resolver: Arc<dyn Resolver>,
}

/// Why a name gives no address.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreachable {
    #[error("{0}")]
    Unresolved(String),
    #[error("{0}")]
    Forbidden(String),
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (egress, resolver) = (self.egress.clone(), self.resolver.clone());
        Box::pin(async move {
            let addresses = checked(name.as_str(), &egress, &*resolver).await?;
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

/// The addresses of a name that the grant allows; an error if there is none.
pub(super) async fn checked(host: &str, egress: &Egress, resolver: &dyn Resolver) -> Result<Vec<IpAddr>, Unreachable> {
    if METADATA_NAMES.contains(&host) {
        return Err(Unreachable::Forbidden(format!("{host} is a metadata service")));
    }
    // Nobody is asked about this name, so that nobody can answer otherwise.
    let found = if host == "localhost" {
        vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    } else {
        resolver.resolve(host).await.map_err(|err| Unreachable::Unresolved(format!("{host}: {err}")))?
    };
    if found.is_empty() {
        return Err(Unreachable::Unresolved(format!("{host} has no address")));
    }
    let mut refused = String::new();
    let allowed: Vec<IpAddr> = found
        .into_iter()
        .filter(|address| match address::check(*address, egress) {
            Ok(()) => true,
            Err(reason) => {
                refused = reason;
                false
            }
        })
        .collect();
    if allowed.is_empty() { Err(Unreachable::Forbidden(format!("{host}: {refused}"))) } else { Ok(allowed) }
}
