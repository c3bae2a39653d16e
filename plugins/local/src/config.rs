//! The plugin's own keys of the `infra` block.

use std::net::IpAddr;

use hangar_sdk::config::{Problem, parse};
use hangar_sdk::infra_provider::{Diagnostic, Error, Instance};
use hangar_sdk::net::Range;
use serde::Deserialize;

/// What an operator says about a cluster that stands already.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// URL of the Kubernetes API; none leaves it to the workspace.
    pub(crate) endpoint: Option<String>,
    /// Its authority in PEM.
    pub(crate) ca_pem: Option<String>,
    /// What opens it.
    pub(crate) token: Token,
    /// Name of the Kubernetes cluster; none takes the instance's.
    pub(crate) cluster_name: Option<String>,
    /// Public addresses of the database nodes, by ordinal; empty leaves them to the cluster.
    pub(crate) addresses: Vec<String>,
    /// Public address of the DSS API.
    pub(crate) gateway_address: Option<String>,
    /// Ranges from which the nodes call partners; none takes their own addresses.
    pub(crate) egress: Option<Vec<String>>,
    /// Storage class of the database volumes.
    pub(crate) storage_class: Option<String>,
}

/// What opens the Kubernetes API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Token {
    /// The bearer token of slot `cluster`.
    #[default]
    Bearer,
    /// The kubeconfig of slot `kubeconfig`.
    Kubeconfig,
}

impl Config {
    /// Reads a block that fits the instance.
    pub(crate) fn of(text: &str, instance: &Instance) -> Result<Self, Error> {
        let config: Self = parse(text)?;
        let problems = config.problems(instance);
        if problems.is_empty() { Ok(config) } else { Err(problems.into()) }
    }

    /// The ranges from which the nodes call partners.
    pub(crate) fn ranges(&self) -> Vec<String> {
        let own = || {
            let parsed = self.addresses.iter().filter_map(|address| address.parse::<IpAddr>().ok());
            parsed.map(|address| Range::from(address).to_string()).collect()
        };
        self.egress.clone().unwrap_or_else(own)
    }

    fn problems(&self, instance: &Instance) -> Vec<Problem> {
        let mut problems = Vec::new();
        let n_nodes = instance.nodes as usize;
        if !self.addresses.is_empty() && self.addresses.len() != n_nodes {
            let message = format!("{} addresses for {n_nodes} nodes", self.addresses.len());
            problems.push(Problem::new("/addresses", message).hint("name one for each node, or none"));
        }
        for (n, address) in self.addresses.iter().enumerate() {
            if address.parse::<IpAddr>().is_err() {
                problems.push(Problem::new(format!("/addresses/{n}"), format!("`{address}` is no address")));
            } else if self.addresses[..n].contains(address) {
                problems.push(Problem::new(format!("/addresses/{n}"), format!("`{address}` stands twice")));
            }
        }
        if let Some(address) = self.gateway_address.as_ref().filter(|address| address.parse::<IpAddr>().is_err()) {
            problems.push(Problem::new("/gateway_address", format!("`{address}` is no address")));
        }
        for (n, range) in self.egress.iter().flatten().enumerate() {
            if range.parse::<Range>().is_err() {
                let problem = Problem::new(format!("/egress/{n}"), format!("`{range}` is no range"));
                problems.push(problem.hint("write an address and a length, such as `192.0.2.0/24`"));
            }
        }
        if self.endpoint.as_ref().is_some_and(|endpoint| !endpoint.starts_with("https://")) {
            problems.push(Problem::new("/endpoint", "only https is spoken with the Kubernetes API"));
        }
        problems
    }
}

/// Checks the block; all findings at once.
#[must_use]
pub fn validate(config: &str, instance: &Instance) -> Vec<Diagnostic> {
    match parse::<Config>(config) {
        Ok(config) => config.problems(instance).into_iter().map(Into::into).collect(),
        Err(problem) => vec![problem.into()],
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn instance() -> Instance {
        Instance {
            name: "uss1".into(),
            hostname: "dss.uss1.example.com".into(),
            db_suffix: "db.dss.uss1.example.com".into(),
            nodes: 3,
            namespace: "default".into(),
            db_port: 26257,
            facts: Vec::new(),
        }
    }

    #[test]
    fn every_finding_comes_at_once() {
        let findings = validate(
            r#"{"addresses": ["10.0.0.1", "10.0.0.1"], "egress": ["10.0.0.0"], "gateway_address": "x"}"#,
            &instance(),
        );
        let pointers: Vec<_> = findings.iter().map(|finding| finding.pointer.as_str()).collect();
        assert_eq!(pointers, ["/addresses", "/addresses/1", "/gateway_address", "/egress/0"]);
    }

    #[test]
    fn an_empty_block_is_enough() {
        assert_eq!(validate("{}", &instance()), []);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert_eq!(validate(r#"{"adresses": []}"#, &instance())[0].pointer, "/adresses");
    }

    #[test]
    fn without_ranges_the_nodes_call_from_their_own_addresses() {
        let config = Config::of(r#"{"addresses": ["10.0.0.1", "10.0.0.2", "fd00::3"]}"#, &instance()).expect("a block");
        assert_eq!(config.ranges(), ["10.0.0.1/32", "10.0.0.2/32", "fd00::3/128"]);
    }
}
