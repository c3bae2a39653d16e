use std::fs::{File, OpenOptions};
use std::net::Ipv4Addr;

use nix::fcntl::{Flock, FlockArg};

use crate::WorldError;
use crate::address::OrganisationAddresses;

/// The part of 127.0.0.0/8 that one world has for itself: 127.(64+2n).0.0/16 and 127.(65+2n).0.0/16.
///
/// Held by a lock on a file in the temporary folder, which the kernel gives back when the process ends in any way.
#[derive(Debug)]
pub(crate) struct Block {
    number: u8,
    _lock: Flock<File>,
}

const BLOCKS: u8 = 96;

impl Block {
    pub(crate) fn acquire() -> Result<Self, WorldError> {
        (0..BLOCKS).find_map(Self::try_acquire).ok_or_else(|| WorldError::NoFreeBlock { folder: std::env::temp_dir() })
    }

    fn try_acquire(number: u8) -> Option<Self> {
        let path = std::env::temp_dir().join(format!("hangar-world-block-{number}.lock"));
        // Another user's file in a sticky folder cannot be opened: that block counts as taken.
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).ok()?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()?;
        Some(Self { number, _lock: lock })
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
