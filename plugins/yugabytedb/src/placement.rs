//! Where copies have to lie: one in every organisation, as long as there are no more organisations than copies.
//!
//! Without that the database may keep every copy of a tablet with one organisation. Whoever comes or goes changes it. A placement that
//! somebody has made by hand, down to zones, is left alone.

use std::collections::BTreeSet;
use std::slice;

use hangar_sdk::pooling::blocked;
use hangar_sdk::pooling_strategy::{Decision, Member, Observation, Probe};
use serde::Deserialize;

use crate::config::Config;
use crate::database::Situation;
use crate::{probes, verbs};

/// A cloud, a region of one, or a zone of that: one copy lies in each of those that were said.
type Blocks = BTreeSet<String>;

#[derive(Deserialize)]
struct ConfigPage {
    #[serde(default)]
    replication_info: Option<Replication>,
    // What any such page has, so that an error is not taken for a universe without a placement.
    #[serde(rename = "cluster_uuid")]
    _universe: String,
}

#[derive(Deserialize)]
struct Replication {
    #[serde(default)]
    live_replicas: Option<LiveReplicas>,
}

#[derive(Deserialize)]
struct LiveReplicas {
    #[serde(default)]
    placement_blocks: Vec<Block>,
}

#[derive(Deserialize)]
struct Block {
    #[serde(default)]
    cloud_info: Place,
}

#[derive(Deserialize, Default)]
struct Place {
    #[serde(default)]
    placement_cloud: String,
    #[serde(default)]
    placement_region: String,
    #[serde(default)]
    placement_zone: String,
}

/// What is due so that copies lie with exactly these members; nothing once they do.
pub(crate) fn due<'a>(
    situation: &Situation<'_>,
    members: impl IntoIterator<Item = &'a Member>,
    phase: &str,
) -> Option<Decision> {
    let config = &situation.database.config;
    let look = probes::config(&situation.database.names, situation.ordinals().next().unwrap_or_default());
    if let Some(decision) = situation.look(slice::from_ref(&look)) {
        return Some(decision);
    }
    let Some(set) = read(situation, &look, config) else {
        return Some(situation.wait(vec![look], "an own master to say where copies have to lie"));
    };
    let regions = regions(config, members);
    if let Some(by_hand) = set.iter().find(|block| block.split('.').count() == 3) {
        return beyond(&set, &regions).then(|| {
            let message = format!(
                "copies have to lie where nobody of the pool will be, by a placement made by hand: `{by_hand}`"
            );
            blocked("pool", message, "make it anew with `yb-admin modify_placement_info`, then the same again", None)
        });
    }
    let wanted = wanted(config, regions);
    if set == wanted {
        return None;
    }
    let step = verbs::place(situation, &Vec::from_iter(wanted), phase);
    if situation.did(&step.key) {
        return Some(situation.wait(vec![look], "the universe to take up where copies have to lie"));
    }
    Some(Decision::Steps(vec![step]))
}

/// Where these members' nodes are.
fn regions<'a>(config: &Config, members: impl IntoIterator<Item = &'a Member>) -> Blocks {
    let region =
        |member: &'a Member| member.locality.last().map(|(_, region)| format!("{}.{region}", config.placement_cloud));
    members.into_iter().filter_map(region).collect()
}

/// One block a member; the whole cloud where one is alone, or where copies do not suffice for all.
fn wanted(config: &Config, regions: Blocks) -> Blocks {
    if (2..=config.replication_factor).contains(&regions.len()) { regions } else { anywhere(config) }
}

fn anywhere(config: &Config) -> Blocks {
    Blocks::from([config.placement_cloud.clone()])
}

/// Whether a block lies in none of these regions.
fn beyond(set: &Blocks, regions: &Blocks) -> bool {
    set.iter().any(|block| {
        block.contains('.') && !regions.iter().any(|region| format!("{block}.").starts_with(&format!("{region}.")))
    })
}

/// What the universe was told; the whole cloud where it was told nothing.
fn read(situation: &Situation<'_>, probe: &Probe, config: &Config) -> Option<Blocks> {
    let Some(Observation::Http(answer)) = situation.seen(probe) else { return None };
    let page: ConfigPage = serde_json::from_str(&answer.body).ok().filter(|_| answer.status == 200)?;
    let blocks = page.replication_info.and_then(|info| info.live_replicas).map(|live| live.placement_blocks);
    let place = |Block { cloud_info: place }: Block| {
        let parts = [place.placement_cloud, place.placement_region, place.placement_zone];
        parts.into_iter().take_while(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
    };
    let set: Blocks = blocks.into_iter().flatten().map(place).collect();
    Some(if set.is_empty() { anywhere(config) } else { set })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(all: &[&str]) -> Blocks {
        all.iter().map(|&block| block.to_owned()).collect()
    }

    #[test]
    fn every_organisation_has_a_copy_as_long_as_they_suffice() {
        let config = Config::default();
        let of = |n: usize| wanted(&config, (0..n).map(|n| format!("dss.uss{n}")).collect());
        assert_eq!(of(1), blocks(&["dss"]));
        assert_eq!(of(2), blocks(&["dss.uss0", "dss.uss1"]));
        assert_eq!(of(3), blocks(&["dss.uss0", "dss.uss1", "dss.uss2"]));
        assert_eq!(of(4), blocks(&["dss"]), "3 copies are not enough for 4");
    }

    #[test]
    fn a_placement_by_hand_stands_in_the_way_of_whoever_it_names_and_goes() {
        let regions = blocks(&["dss.uss1"]);
        assert!(beyond(&blocks(&["dss.uss1.a", "dss.uss10.a"]), &regions));
        assert!(!beyond(&blocks(&["dss.uss1.a", "dss.uss1.b", "dss"]), &regions));
    }
}
