use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::Ipv4Net;

/// The addresses of one organisation: a /24 for pods and a /24 for load balancers.
///
/// Pod `i` really has `127.P.k.i`; the Kubernetes API refuses loopback addresses in endpoints, so the pod's
/// status says `10.P.k.i`. Of the pod range, 1 is the node and 53 the resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrganisationAddresses {
    pods: u8,
    load_balancers: u8,
    index: u8,
}

const NODE: u8 = 1;
const RESOLVER: u8 = 53;

impl OrganisationAddresses {
    pub(crate) fn new(pods: u8, load_balancers: u8, index: u8) -> Self {
        Self { pods, load_balancers, index }
    }

    pub(crate) fn index(self) -> u8 {
        self.index
    }

    pub(crate) fn pod_range(self) -> Ipv4Net {
        net(Ipv4Addr::new(127, self.pods, self.index, 0))
    }

    pub(crate) fn load_balancer_range(self) -> Ipv4Net {
        net(Ipv4Addr::new(127, self.load_balancers, self.index, 0))
    }

    pub(crate) fn node(self) -> Ipv4Addr {
        Ipv4Addr::new(127, self.pods, self.index, NODE)
    }

    pub(crate) fn resolver(self) -> Ipv4Addr {
        Ipv4Addr::new(127, self.pods, self.index, RESOLVER)
    }

    /// What the API may say of a pod's address.
    pub(crate) fn reported(address: Ipv4Addr) -> Ipv4Addr {
        let [_, a, b, c] = address.octets();
        Ipv4Addr::new(10, a, b, c)
    }

    /// The real address behind what the API says; nothing for an address that is no pod's of this organisation.
    pub(crate) fn real(self, reported: Ipv4Addr) -> Option<Ipv4Addr> {
        let [_, a, b, c] = reported.octets();
        let real = Ipv4Addr::new(127, a, b, c);
        (reported.octets()[0] == 10 && self.pod_range().contains(&real)).then_some(real)
    }
}

fn net(address: Ipv4Addr) -> Ipv4Net {
    Ipv4Net::new_assert(address, 24)
}

/// Gives out the addresses of a /24, each once, going round so that a freed one rests as long as possible.
#[derive(Debug)]
pub(crate) struct AddressPool {
    net: Ipv4Net,
    state: Mutex<PoolState>,
}

#[derive(Debug)]
struct PoolState {
    taken: BTreeSet<u8>,
    next: u8,
}

/// An address that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    pool: Arc<AddressPool>,
    address: Ipv4Addr,
}

impl AddressPool {
    pub(crate) fn pods(addresses: OrganisationAddresses) -> Arc<Self> {
        Self::new(addresses.pod_range(), [NODE, RESOLVER])
    }

    pub(crate) fn load_balancers(addresses: OrganisationAddresses) -> Arc<Self> {
        Self::new(addresses.load_balancer_range(), [])
    }

    fn new(net: Ipv4Net, reserved: impl IntoIterator<Item = u8>) -> Arc<Self> {
        let taken = reserved.into_iter().chain([0, 255]).collect();
        Arc::new(Self { net, state: Mutex::new(PoolState { taken, next: 1 }) })
    }

    /// The next free address, or nothing when all are taken.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Lease> {
        let mut state = self.state();
        let after = (state.next..=254).chain(1..state.next);
        let last = after.into_iter().find(|last| !state.taken.contains(last))?;
        state.next = if last == 254 { 1 } else { last + 1 };
        state.taken.insert(last);
        Some(self.lease(last))
    }

    /// That very address, if it is of this pool and free.
    pub(crate) fn take_this(self: &Arc<Self>, address: Ipv4Addr) -> Option<Lease> {
        let last = address.octets()[3];
        (self.net.contains(&address) && self.state().taken.insert(last)).then(|| self.lease(last))
    }

    fn lease(self: &Arc<Self>, last: u8) -> Lease {
        let [a, b, c, _] = self.net.addr().octets();
        Lease { pool: self.clone(), address: Ipv4Addr::new(a, b, c, last) }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.state().taken.remove(&self.address.octets()[3]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uss2() -> OrganisationAddresses {
        OrganisationAddresses::new(66, 67, 2)
    }

    #[test]
    fn a_reported_address_leads_back_to_the_real_one() {
        let real = Ipv4Addr::new(127, 66, 2, 9);
        assert_eq!(uss2().real(OrganisationAddresses::reported(real)), Some(real));
        assert_eq!(uss2().real(Ipv4Addr::new(10, 66, 3, 9)), None);
        assert_eq!(uss2().real(Ipv4Addr::new(192, 66, 2, 9)), None);
    }

    #[test]
    fn pods_never_get_the_address_of_the_node_or_the_resolver() {
        let pool = AddressPool::pods(uss2());
        let leases: Vec<Lease> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(leases.len(), 252);
        assert!(leases.iter().all(|lease| ![0, 1, 53, 255].contains(&lease.address().octets()[3])));
    }

    #[test]
    fn a_freed_address_is_not_given_out_at_once() {
        let pool = AddressPool::load_balancers(uss2());
        let first = pool.take().expect("an empty pool").address();
        let second = pool.take().expect("one is taken");
        assert_ne!(first, second.address());
    }

    #[test]
    fn an_address_of_another_range_or_a_taken_one_is_refused() {
        let pool = AddressPool::load_balancers(uss2());
        let wanted = Ipv4Addr::new(127, 67, 2, 77);
        let lease = pool.take_this(wanted).expect("free");
        assert!(pool.take_this(wanted).is_none());
        assert!(pool.take_this(Ipv4Addr::new(127, 67, 3, 77)).is_none());
        drop(lease);
        assert!(pool.take_this(wanted).is_some());
    }
}
