//! Members whose authorities other tools made, all under one subject.

use anyhow::Result;
use hangar_roster::{Presence, Problem};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};

use crate::organisation::{Organisation, bring_in, exchange, id, presence};

/// An authority under the name that the vendor's tool gives every one of them.
fn authority() -> Result<String> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Cockroach CA");
    Ok(params.self_signed(&KeyPair::generate()?)?.pem())
}

fn standing(name: &str, authority: &str, adopted: bool) -> Presence {
    Presence { authorities: vec![authority.to_owned()], adopted, ..presence(name) }
}

#[test]
fn members_that_were_adopted_may_share_a_subject() -> Result<()> {
    let mut pool = vec![Organisation::founder_at("uss0", 1, standing("uss0", &authority()?, true))];
    bring_in(&mut pool, Organisation::joiner_at("uss1", 2, standing("uss1", &authority()?, true)))?;
    bring_in(&mut pool, Organisation::joiner("uss2", 3))?;
    exchange(&mut pool);
    for one in &pool {
        assert_eq!(one.roster.in_pool().count(), 3);
    }
    Ok(())
}

#[test]
fn a_newcomer_may_not_share_a_subject_and_nobody_an_authority() -> Result<()> {
    let ours = authority()?;
    for (theirs, is_adopted) in [(authority()?, false), (ours.clone(), true)] {
        let mut founder = Organisation::founder_at("uss0", 1, standing("uss0", &ours, true));
        let joiner = Organisation::joiner_at("uss1", 2, standing("uss1", &theirs, is_adopted));
        founder.roster.expect_joiner(joiner.key.public().fingerprint());
        let found = founder.take_in(joiner.latest());
        let clash = Problem::Clash { field: "subject of a certificate authority", other: id("uss0") };
        assert_eq!(found.iter().map(|one| &one.problem).collect::<Vec<_>>(), [&clash]);
    }
    Ok(())
}
