use std::net::{Ipv4Addr, TcpListener};

use crate::WorldError;

/// Ports a control plane needs in a row: API, etcd client, etcd peer, controller manager, scheduler.
pub(crate) const PORTS: u16 = 5;

// Below the range from which Linux takes ports for outgoing connections (32768 and up).
const FIRST: u16 = 16_400;
const LAST: u16 = 32_000;
const PER_BLOCK: u16 = 150;

/// Finds free consecutive ports, starting where no other world looks first.
///
/// A port is free if it can be bound now; a world that loses it in between starts its control plane again
/// with `attempt` one higher.
pub(crate) fn find(block: u8, index: u8, attempt: u16, organisation: &str) -> Result<u16, WorldError> {
    let own = FIRST + u16::from(block) * PER_BLOCK + u16::from(index - 1) % (PER_BLOCK / PORTS) * PORTS;
    let own = own + attempt * 7;
    let starts = (own..LAST).step_by(usize::from(PORTS)).chain((FIRST..own).step_by(usize::from(PORTS)));
    starts
        .into_iter()
        .find(|start| (*start..start + PORTS).all(is_free))
        .ok_or_else(|| WorldError::NoFreePorts { organisation: organisation.to_owned(), wanted: PORTS })
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_moves_the_block() {
        let first = find(90, 1, 0, "uss1").expect("free ports");
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first + 2)).expect("it was free");
        let second = find(90, 1, 0, "uss1").expect("free ports");
        assert!(second >= first + PORTS || second < first);
    }

    #[test]
    fn organisations_start_looking_apart() {
        assert_ne!(find(91, 1, 0, "uss1").expect("free"), find(91, 2, 0, "uss2").expect("free"));
    }
}
