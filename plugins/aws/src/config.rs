//! The plugin's own block.

use std::collections::BTreeMap;

use hangar_sdk::config::{Problem, parse};
use hangar_sdk::infra_provider::{Diagnostic, Error, Instance};
use serde::{Deserialize, Serialize};

/// The `infra "aws"` block as typed; what it leaves out is the module's default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) region: String,
    pub(crate) cluster_name: String,
    pub(crate) availability_zones: Option<Vec<String>>,
    pub(crate) kubernetes_version: Option<String>,
    pub(crate) instance_type: Option<String>,
    pub(crate) node_count: Option<NodeCount>,
    pub(crate) vpc_cidr: Option<String>,
    pub(crate) api_allowed_cidrs: Option<Vec<String>>,
    pub(crate) route53_zone_id: Option<String>,
    pub(crate) tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) endpoints: BTreeMap<String, String>,
}

/// Nodes of the cluster.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeCount {
    min: u32,
    desired: u32,
    max: u32,
}

impl Config {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        Ok(parse(text)?)
    }

    /// The zones the nodes are spread over.
    pub(crate) fn zones(&self) -> Vec<String> {
        let default = || ["a", "b", "c"].map(|letter| format!("{}{letter}", self.region)).to_vec();
        self.availability_zones.clone().unwrap_or_else(default)
    }

    fn problems(&self, instance: &Instance) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, zone) in self.zones().iter().enumerate() {
            if !zone.starts_with(&self.region) {
                let message = format!("zone `{zone}` is not of region `{}`", self.region);
                let problem = Problem::new(format!("/availability_zones/{index}"), message);
                problems.push(problem.hint(format!("a zone of it is `{}a`", self.region)));
            }
        }
        if let Some(count) = self.node_count
            && !(count.min <= count.desired && count.desired <= count.max)
        {
            let message = format!("node counts do not rise: {}, {}, {}", count.min, count.desired, count.max);
            problems.push(Problem::new("/node_count", message).hint("keep min <= desired <= max"));
        }
        // EKS takes 100 characters, an IAM role 64: the longest suffix of ours is `-cluster`.
        if self.cluster_name.len() > 56 {
            problems.push(Problem::new("/cluster_name", "roles named after it would pass 64 characters"));
        }
        if instance.nodes > 9 {
            problems.push(Problem::new("", format!("{} database nodes are more than 9", instance.nodes)));
        }
        problems
    }
}

/// Checks the block beyond its schema; all findings at once.
pub fn validate(config: &str, instance: &Instance) -> Vec<Diagnostic> {
    match parse::<Config>(config) {
        Ok(config) => config.problems(instance).into_iter().map(Into::into).collect(),
        Err(problem) => vec![problem.into()],
    }
}
