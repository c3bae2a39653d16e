//! The roster as a strategy sees it.

use anyhow::{Context as _, Result};
use hangar_pki::Certificate;
use hangar_plan::strategy::member;
use hangar_roster::next;
use hangar_roster::{Kind, Record, State};

use crate::organisation::{NOW, Organisation, after, agreed, hear, id, key, pool, presence};

fn view(one: &Organisation) -> member::Roster {
    one.roster.view(|pem| Certificate::from_pem(pem).ok().as_ref().map(hangar_pki::authority))
}

fn seen<'a>(view: &'a member::Roster, name: &str) -> Result<&'a member::Member> {
    view.members.iter().find(|member| member.id == name).with_context(|| format!("nobody sees {name}"))
}

/// Where its votes bear it out, whatever it says of itself.
#[test]
fn a_joiner_is_shown_as_votes_have_it() -> Result<()> {
    let mut all = pool(2)?;
    let mut joiner = Organisation::joiner("uss2", 3);
    all[0].roster.expect_joiner(joiner.key.public().fingerprint());
    all[0].take_in(joiner.latest());
    let early = Record { state: State::Joining, ..after(joiner.latest()) }.sign(&key(3));
    let mut told = all[0].clone();
    assert_eq!(told.take_in(&early), []);
    assert_eq!(told.roster.state(&id("uss2")), Some(State::Asking));
    assert_eq!(told.roster.state(&id("uss1")), Some(State::Active));
    assert_eq!(told.roster.state(&id("uss7")), None);

    assert_eq!(all[0].roster.state(&id("uss2")), Some(State::Asking));
    let invitation = all[0].invitation_for(&id("uss2"), 1)?;
    let invited = next::invite(&all[0].roster, &invitation, NOW);
    all[0].publish(invited)?;
    joiner.roster.enter(&invitation, all[0].key.public().fingerprint(), NOW)?;
    let change = all[0].vote().context("it has voted")?.0.id;
    let latest = all[0].latest().clone();
    all[1].take_in(&latest);
    all[1].take_in(joiner.latest());
    assert_eq!(all[1].roster.state(&id("uss2")), Some(State::Asking), "voted on, and not open");
    let accepted = next::accept(&all[1].roster, change, NOW);
    all[1].publish(accepted)?;
    hear(&mut all);
    assert_eq!(all[1].roster.state(&id("uss2")), Some(State::Joining), "before it says so itself");
    assert_eq!(view(&all[1]).open.context("it is open")?.authority, None);
    Ok(())
}

#[test]
fn a_rotation_names_the_authority_that_is_gone_over_to() -> Result<()> {
    let mut all = pool(2)?;
    agreed(&mut all, 1, Kind::RotateCa)?;
    hear(&mut all);
    let mut wanted = all[1].latest().record().presence.clone();
    wanted.authorities.extend(presence("another").authorities);
    let newest = wanted.fingerprints()[1].to_string();
    let renewed = next::presence(&all[1].roster, wanted, NOW);
    all[1].publish(renewed)?;
    let latest = all[1].latest().clone();
    all[0].take_in(&latest);
    for one in &all {
        let open = view(one).open.context("it is open")?;
        assert_eq!((open.kind.as_str(), open.subject.as_str()), ("rotate-ca", "uss1"));
        assert_eq!(open.authority.as_ref(), Some(&newest));
    }
    assert_eq!(seen(&view(&all[0]), "uss1")?.authorities.len(), 2);
    Ok(())
}

#[test]
fn what_has_no_field_of_its_own_is_a_fact() -> Result<()> {
    let mut all = pool(2)?;
    let kept = next::cluster_id(&all[0].roster, "a-b", NOW);
    all[0].publish(kept)?;
    let mut next = after(all[1].latest());
    next.presence.flags.insert("locality-key".to_owned(), "zone".to_owned());
    next.presence.adopted = true;
    all[1].publish(Ok(Some(next)))?;
    let latest = all[1].latest().clone();
    all[0].take_in(&latest);
    let shown = view(&all[0]);
    let fact = |name: &str, key: &str| -> Result<Option<String>> {
        Ok(seen(&shown, name)?.facts.iter().find(|(fact, _)| fact == key).map(|(_, value)| value.clone()))
    };
    for (i, name) in ["uss0", "uss1"].into_iter().enumerate() {
        let latest = all[i].latest();
        assert_eq!(fact(name, "dss-version")?.as_deref(), Some("v0.22.0"));
        assert_eq!(fact(name, "record-sequence")?, Some(latest.record().sequence.to_string()));
        assert_eq!(fact(name, "record-digest")?, Some(latest.digest().to_string()));
    }
    assert_eq!((fact("uss0", "cluster-id")?.as_deref(), fact("uss1", "cluster-id")?), (Some("a-b"), None));
    assert_eq!((fact("uss0", "adopted")?, fact("uss1", "adopted")?.as_deref()), (None, Some("true")));
    assert_eq!(fact("uss1", "flag:locality-key")?.as_deref(), Some("zone"));
    assert_eq!(seen(&shown, "uss0")?.facts.len(), 4);
    Ok(())
}
