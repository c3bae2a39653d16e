//! What the procedures that every database shares have to know of this one.

use hangar_sdk::pooling::{self, Database};
use hangar_sdk::pooling_strategy::{
    CertificatePolicy, Decision, Error, Facts, Intent, Member, Node, Observation, Probe, Roster, TlsCall,
};

use crate::certificates;
use crate::cluster::{self, Cluster};
use crate::config::Config;
use crate::evict;
use crate::names::Names;
use crate::{maintenance, values};

/// Answered by every node, waiting ones too, to any client whose authority it knows.
const HEALTH_RPC: &str = "/cockroach.server.serverpb.Admin/Health";

/// CockroachDB, as the operator's block has it.
pub(crate) struct Cockroach<'a> {
    pub(crate) config: Config,
    pub(crate) names: Names<'a>,
}

/// Everything a decision stands on.
pub(crate) type Situation<'a> = pooling::Situation<'a, Cockroach<'a>>;

/// What an own node says of itself over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Initialised, live and serving.
    Serving,
    /// Runs, and waits for `init` or for a node to join.
    Uninitialised,
    /// Anything else: not there yet, not live, draining.
    Absent,
}

/// Takes up what a decision stands on.
///
/// # Errors
///
/// [`Error::Invalid`] about the block.
pub(crate) fn situation<'a>(
    config: &str,
    intent: &'a Intent,
    roster: &'a Roster,
    facts: &'a Facts,
) -> Result<Situation<'a>, Error> {
    let config = Config::parse(config)?;
    let database = Cockroach { names: Names::new(&intent.instance, config.layout), config };
    Ok(Situation { database, intent, roster, facts })
}

pub(crate) fn readiness(situation: &Situation<'_>, probe: &Probe) -> Readiness {
    match situation.seen(probe) {
        Some(Observation::Http(answer)) if answer.status == 200 => Readiness::Serving,
        Some(Observation::Http(answer)) if answer.body.contains("waiting for cluster initialization") => {
            Readiness::Uninitialised
        }
        _ => Readiness::Absent,
    }
}

impl Database for Cockroach<'_> {
    fn policy(&self, intent: &Intent) -> CertificatePolicy {
        certificates::policy(&self.config, intent)
    }

    fn workload(&self, _: &Intent) -> String {
        self.names.workload()
    }

    fn accepts_us(&self, member: &Member, node: &Node) -> Vec<Probe> {
        vec![accepts_us(member, node)]
    }

    fn values(&self, intent: &Intent, roster: &Roster) -> Result<serde_json::Value, Error> {
        values::database(&self.config, intent, roster)
    }

    fn unhealthy(situation: &pooling::Situation<'_, Self>, before: &str) -> Option<Decision> {
        if let Some(decision) = maintenance::somebody_else(situation) {
            return Some(decision);
        }
        let cluster = match Cluster::seen(situation) {
            Ok(cluster) => cluster,
            Err(look) => return Some(look),
        };
        if let Some(decision) = cluster.skew() {
            return Some(decision);
        }
        let trouble = cluster.trouble(&[])?;
        Some(situation.wait(cluster::questions(situation), format!("a healthy cluster {before}: {trouble}")))
    }

    fn lacks(situation: &pooling::Situation<'_, Self>, member: &Member) -> Option<Decision> {
        match Cluster::seen(situation) {
            Ok(cluster) => cluster.lacks(situation, member),
            Err(look) => Some(look),
        }
    }

    fn taken_out<'a>(situation: &pooling::Situation<'a, Self>, own: &'a Member, stranger: &Member) -> Option<Decision> {
        let cluster = match Cluster::seen(situation) {
            Ok(cluster) => cluster,
            Err(look) => return Some(look),
        };
        evict::taken_out(situation, &cluster, stranger, own)
    }
}

/// Whether a node of another member takes a leaf of our own authority.
pub(crate) fn accepts_us(member: &Member, node: &Node) -> Probe {
    pooling::probes::accepts_us(member, node, node.port, TlsCall::Grpc(HEALTH_RPC.into()))
}
