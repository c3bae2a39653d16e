//! Bounds of what is read from others. A record past one of them is refused whole.
//!
//! They are far above what 100 organisations with 10 nodes each need, and low enough that a hostile carrier costs little.

use super::acknowledgement::Proof;
use super::{Record, VERSION};
use crate::authority::AuthorityMark;
use crate::change::Kind;

/// Bytes of one envelope.
pub const ENVELOPE_BYTES: usize = 512 * 1024;
/// Signatures of one envelope: two when a key changes.
pub const SIGNATURES: usize = 2;
/// Envelopes looked at in one go; the rest is left for the next.
pub const ENVELOPES: usize = 4096;
/// Members of a pool, those who ask included.
pub const MEMBERS: usize = 1024;
/// Members who ask at one time.
pub const ASKING: usize = 32;
/// Authorities of one member: one, two in a rotation, and room.
pub const AUTHORITIES: usize = 8;
/// Nodes of one member.
pub const NODES: usize = 128;
/// Addresses of one node.
pub const ADDRESSES: usize = 16;
/// Egress ranges of one member.
pub const EGRESS: usize = 128;
/// Tiers of a locality.
pub const TIERS: usize = 8;
/// Flags of one member.
pub const FLAGS: usize = 64;
/// Acknowledgements of one member: each peer twice, and room.
pub const ACKNOWLEDGEMENTS: usize = 4 * MEMBERS;
/// Characters of any text but a certificate.
pub const TEXT: usize = 512;
/// Characters of a certificate in PEM.
pub const PEM: usize = 16 * 1024;

const _: () = assert!(ACKNOWLEDGEMENTS >= 3 * MEMBERS, "each peer twice, and room");
const _: () = assert!(PEM >= 8 * 1024, "an RSA key of 16,384 bits, and room for names");

/// Says what is wrong with a record by itself, whoever signed it.
pub(crate) fn check(record: &Record) -> Result<(), String> {
    if record.version != VERSION {
        return Err(format!("version {} is not known here, only {VERSION}", record.version));
    }
    if record.sequence == 0 || (record.sequence == 1) != record.previous.is_none() {
        return Err("sequence and former record do not fit".to_owned());
    }
    counts(record)?;
    texts(record)?;
    for pem in &record.presence.authorities {
        AuthorityMark::read(pem).map_err(|reason| format!("an authority is {reason}"))?;
    }
    votes(record)?;
    if record.seen.contains_key(&record.member) {
        return Err("it says it has seen itself".to_owned());
    }
    Ok(())
}

fn votes(record: &Record) -> Result<(), String> {
    for (slot, is_eviction) in [(&record.vote, false), (&record.eviction, true)] {
        let Some(vote) = slot else { continue };
        if vote.change.id != vote.change.computed_id() {
            return Err("its vote's change has an id that is not its own".to_owned());
        }
        if vote.since == 0 || vote.since > record.sequence {
            return Err("its vote is from a later record".to_owned());
        }
        if (vote.change.kind == Kind::Evict) != is_eviction {
            return Err(format!("its vote for a change `{}` stands in the wrong place", vote.change.kind));
        }
    }
    if record.eviction.as_ref().is_some_and(|vote| vote.change.subject == record.member) {
        return Err("it votes to put itself out".to_owned());
    }
    Ok(())
}

fn counts(record: &Record) -> Result<(), String> {
    let presence = &record.presence;
    let n_addresses = presence.nodes.iter().map(|node| node.addresses.len()).max().unwrap_or(0);
    for (what, n, most) in [
        ("authorities", presence.authorities.len(), AUTHORITIES),
        ("nodes", presence.nodes.len(), NODES),
        ("addresses of a node", n_addresses, ADDRESSES),
        ("egress ranges", presence.egress.len(), EGRESS),
        ("tiers", presence.locality.len(), TIERS),
        ("flags", presence.flags.len(), FLAGS),
        ("acknowledgements", record.acknowledgements.len(), ACKNOWLEDGEMENTS),
        ("records seen", record.seen.len(), MEMBERS),
        ("members put out", record.evicted.len(), MEMBERS),
        ("keys vouched for", record.vouches.len(), MEMBERS),
    ] {
        if n > most {
            return Err(format!("{n} {what}, and at most {most} are read"));
        }
    }
    Ok(())
}

fn texts(record: &Record) -> Result<(), String> {
    let presence = &record.presence;
    let mut all = vec![
        presence.endpoint.as_str(),
        presence.dss_version.as_str(),
        presence.datastore.kind.as_str(),
        presence.datastore.version.as_str(),
    ];
    all.extend(presence.nodes.iter().map(|node| node.host.as_str()));
    all.extend(presence.locality.iter().flat_map(|tier| [tier.key.as_str(), tier.value.as_str()]));
    all.extend(presence.flags.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]));
    if let Some(genesis) = &record.genesis {
        all.push(&genesis.created_by);
        all.extend(genesis.cluster_id.as_deref());
    }
    for acknowledgement in &record.acknowledgements {
        // Names and fingerprints are bounded by their types, and their number by the envelope: it ends long before as many
        // authorities as a pool can have.
        if let Proof::Other { name, values } = &acknowledgement.proof {
            all.push(name);
            all.extend(values.iter().take(NODES).map(String::as_str));
            if values.len() > NODES {
                return Err(format!("a proof has more than {NODES} values"));
            }
        }
    }
    // Control characters would let a record write on an operator's terminal.
    if all.iter().any(|text| text.chars().count() > TEXT || text.chars().any(char::is_control)) {
        return Err(format!("a text has control characters or more than {TEXT} of any"));
    }
    if presence.authorities.iter().any(|pem| pem.len() > PEM) {
        return Err(format!("an authority is longer than {PEM} characters"));
    }
    Ok(())
}
