use std::net::Ipv4Addr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use crate::WorldError;
use crate::address::OrganisationAddresses;

/// The part of 127.0.0.0/8 that one world has for itself: 127.(64+2n).0.0/16 and 127.(65+2n).0.0/16.
///
/// Held by an abstract socket: such a name exists once in each network namespace, which is exactly where the addresses
/// exist once, and the kernel takes it back when the process ends in any way.
#[derive(Debug)]
pub(crate) struct Block {
    number: u8,
    _name: UnixListener,
}

pub(crate) const BLOCKS: u8 = 96;

impl Block {
    pub(crate) fn acquire() -> Result<Self, WorldError> {
        (0..BLOCKS).find_map(Self::try_acquire).ok_or(WorldError::NoFreeBlock)
    }

    fn try_acquire(number: u8) -> Option<Self> {
        let name = SocketAddr::from_abstract_name(format!("hangar-world-block-{number}")).ok()?;
        Some(Self { number, _name: UnixListener::bind_addr(&name).ok()? })
    }

    pub(crate) fn number(&self) -> u8 {
        self.number
    }

    /// The resolver of public names.
    pub(crate) fn dns(&self) -> Ipv4Addr {
        Ipv4Addr::new(127, self.pods(), 0, 53)
    }

    /// `index` counts from 1.
    pub(crate) fn organisation(&self, index: u8) -> OrganisationAddresses {
        OrganisationAddresses::new(self.pods(), self.pods() + 1, index)
    }

    fn pods(&self) -> u8 {
        64 + 2 * self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_worlds_never_share_a_block() {
        let (one, two) = (Block::acquire().expect("free"), Block::acquire().expect("free"));
        assert_ne!(one.number(), two.number());
        assert_ne!(one.dns(), two.dns());
    }
}
