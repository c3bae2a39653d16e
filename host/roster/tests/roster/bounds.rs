//! How much is read of what others sign: to the last one that is allowed, and not one more.

use anyhow::{Context as _, Result};
use hangar_roster::{
    Acknowledgement, EnvelopeError, InvitationError, OrganisationKey, Problem, Proof, Record, Seen, SignedInvitation,
    Tier, limits,
};

use crate::organisation::{LATER, NOW, Organisation, after, id, key, pool};

/// What makes a record carry this many of something.
type Fill<'a> = Box<dyn Fn(&mut Record, usize) + 'a>;

/// What is said of a record by who reads it; nothing if it is taken in.
fn refused(reader: &Organisation, record: Record, key: &OrganisationKey) -> Option<String> {
    let mut reader = reader.clone();
    let found = reader.take_in(&record.sign(key));
    found.into_iter().find_map(|finding| match finding.problem {
        Problem::Unreadable { detail } => Some(detail),
        Problem::Envelope(err) => Some(err.to_string()),
        _ => None,
    })
}

fn proof(i: usize) -> Acknowledgement {
    Acknowledgement { proof: Proof::Other { name: format!("p{i}"), values: Vec::new() }, at_ms: NOW }
}

#[test]
fn a_record_is_read_up_to_each_bound_and_refused_beyond() -> Result<()> {
    let all = pool(2)?;
    let seen = || all[1].latest().record().seen.values().next().copied();
    let one: Seen = seen().context("it has seen the other")?;
    let authority = all[1].latest().record().presence.authorities[0].clone();
    let many = |n: usize| (0..n).map(|i| id(&format!("m{i}")));
    let n_before = all[1].latest().record().acknowledgements.len();
    let cases: [(&str, usize, Fill<'_>); 10] = [
        ("authorities", limits::AUTHORITIES, Box::new(|to, n| to.presence.authorities = vec![authority.clone(); n])),
        ("nodes", limits::NODES, Box::new(|to, n| to.presence.nodes = vec![to.presence.nodes[0].clone(); n])),
        (
            "addresses of a node",
            limits::ADDRESSES,
            Box::new(|to, n| to.presence.nodes[0].addresses = vec![to.presence.nodes[0].addresses[0]; n]),
        ),
        ("egress ranges", limits::EGRESS, Box::new(|to, n| to.presence.egress = vec![to.presence.egress[0]; n])),
        (
            "tiers",
            limits::TIERS,
            Box::new(|to, n| {
                to.presence.locality = (0..n).map(|i| Tier { key: format!("k{i}"), value: "v".to_owned() }).collect();
            }),
        ),
        (
            "flags",
            limits::FLAGS,
            Box::new(|to, n| to.presence.flags = (0..n).map(|i| (format!("f{i}"), "v".to_owned())).collect()),
        ),
        (
            "acknowledgements",
            limits::ACKNOWLEDGEMENTS,
            Box::new(move |to, n| to.acknowledgements.extend((n_before..n).map(proof))),
        ),
        ("records seen", limits::MEMBERS, Box::new(|to, n| to.seen.extend(many(n - 1).map(|member| (member, one))))),
        (
            "members put out",
            limits::MEMBERS,
            Box::new(|to, n| to.evicted = many(n).map(|member| (member, one)).collect()),
        ),
        (
            "keys vouched for",
            limits::MEMBERS,
            Box::new(|to, n| to.vouches = many(n).map(|member| (member, key(9).public().fingerprint())).collect()),
        ),
    ];
    for (what, most, fill) in cases {
        let with = |n: usize| {
            let mut next = after(all[1].latest());
            fill(&mut next, n);
            refused(&all[0], next, &all[1].key)
        };
        assert_eq!(with(most), None, "{what}");
        assert_eq!(with(most + 1), Some(format!("{} {what}, and at most {most} are read", most + 1)));
    }
    Ok(())
}

#[test]
fn a_text_is_read_up_to_its_bound_and_a_proof_to_its_own() -> Result<()> {
    let all = pool(2)?;
    let with = |fill: fn(&mut Record, usize), n: usize| {
        let mut next = after(all[1].latest());
        fill(&mut next, n);
        refused(&all[0], next, &all[1].key)
    };
    let texts: [fn(&mut Record, usize); 8] = [
        |to, n| to.presence.endpoint = "e".repeat(n),
        |to, n| to.presence.dss_version = "v".repeat(n),
        |to, n| to.presence.datastore.kind = "k".repeat(n),
        |to, n| to.presence.datastore.version = "v".repeat(n),
        |to, n| to.presence.nodes[0].host = "h".repeat(n),
        |to, n| to.presence.locality[0].value = "l".repeat(n),
        |to, n| drop(to.presence.flags.insert("flag".to_owned(), "f".repeat(n))),
        |to, n| {
            let proof = Proof::Other { name: "p".to_owned(), values: vec!["x".repeat(n)] };
            to.acknowledgements.push(Acknowledgement { proof, at_ms: NOW });
        },
    ];
    let too_long = format!("a text has control characters or more than {} of any", limits::TEXT);
    for (i, fill) in texts.into_iter().enumerate() {
        assert_eq!(with(fill, limits::TEXT), None, "text {i}");
        assert_eq!(with(fill, limits::TEXT + 1), Some(too_long.clone()), "text {i}");
    }
    let values = |to: &mut Record, n: usize| {
        let proof = Proof::Other { name: "p".to_owned(), values: vec![String::new(); n] };
        to.acknowledgements.push(Acknowledgement { proof, at_ms: NOW });
    };
    assert_eq!(with(values, limits::NODES), None);
    assert_eq!(with(values, limits::NODES + 1), Some(format!("a proof has more than {} values", limits::NODES)));
    let pem = |to: &mut Record, n: usize| {
        let short = to.presence.authorities[0].clone();
        to.presence.authorities[0] = format!("{short}{}", "\n".repeat(n - short.len()));
    };
    assert_eq!(with(pem, limits::PEM), None);
    assert_eq!(with(pem, limits::PEM + 1), Some(format!("an authority is longer than {} characters", limits::PEM)));
    Ok(())
}

/// White space between two tokens makes an envelope as long as one likes.
#[test]
fn an_envelope_is_read_up_to_its_bound() -> Result<()> {
    let all = pool(2)?;
    let mut reader = all[0].clone();
    let signed = after(all[1].latest()).sign(&all[1].key);
    let padded = |n: usize| {
        let mut bytes = signed.to_bytes();
        bytes.resize(n, b' ');
        bytes
    };
    let (longest, longer) = (padded(limits::ENVELOPE_BYTES), padded(limits::ENVELOPE_BYTES + 1));
    let found = reader.roster.take_in([("carrier", longer.as_slice())]);
    let too_large = EnvelopeError::TooLarge { n_bytes: longer.len(), most: limits::ENVELOPE_BYTES };
    assert_eq!(found[0].problem, Problem::Envelope(too_large));
    assert_eq!(reader.roster.take_in([("carrier", longest.as_slice())]), []);
    assert_eq!(reader.roster.signed(&id("uss1")), Some(&signed));
    Ok(())
}

#[test]
fn an_invitation_names_no_more_members_than_a_pool_can_have() -> Result<()> {
    let mut founder = Organisation::founder("uss0", 1);
    let joiner = Organisation::joiner("uss1", 2);
    founder.roster.expect_joiner(joiner.key.public().fingerprint());
    founder.take_in(joiner.latest());
    let with = |n: usize| {
        let made = hangar_roster::Invitation::new(&founder.roster, &joiner.id(), [1; 16], LATER);
        let mut invitation = made.expect("the joiner's record is held");
        let others = (1..n).map(|i| (id(&format!("m{i}")), key(9).public().fingerprint()));
        invitation.members.extend(others);
        SignedInvitation::parse(&invitation.sign(&founder.key).to_bytes())
    };
    assert_eq!(with(limits::MEMBERS)?.invitation().members.len(), limits::MEMBERS);
    let detail = format!("more than {} members", limits::MEMBERS);
    assert_eq!(with(limits::MEMBERS + 1).err(), Some(InvitationError::Unreadable { detail }));
    Ok(())
}
