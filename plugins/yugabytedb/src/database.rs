//! What the procedures that every database shares have to know of this one.

use hangar_sdk::pooling::{self, Database, steps};
use hangar_sdk::pooling_strategy::{
    CertificatePolicy, Check, Decision, Error, Facts, Intent, Member, Node, Probe, Roster, Step, TlsCall,
};

use crate::config::Config;
use crate::names::{MASTER_PORT, Names, TSERVER_PORT};
use crate::universe::Universe;
use crate::{certificates, leave, values, verbs};

/// YugabyteDB, as the operator's block has it.
pub(crate) struct Yugabyte<'a> {
    pub(crate) config: Config,
    pub(crate) names: Names<'a>,
}

/// Everything a decision stands on.
pub(crate) type Situation<'a> = pooling::Situation<'a, Yugabyte<'a>>;

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
    let database = Yugabyte { config: Config::parse(config)?, names: Names::new(&intent.instance) };
    Ok(Situation { database, intent, roster, facts })
}

impl Database for Yugabyte<'_> {
    fn policy(&self, intent: &Intent) -> CertificatePolicy {
        certificates::policy(&self.config, intent)
    }

    fn workload(&self, _: &Intent) -> String {
        self.names.workload()
    }

    fn accepts_us(&self, member: &Member, node: &Node) -> Vec<Probe> {
        // A server that knows the authority waits for a call; one that does not says so.
        let ports = [MASTER_PORT, TSERVER_PORT];
        ports.map(|port| pooling::probes::accepts_us(member, node, port, TlsCall::None)).into()
    }

    fn values(&self, intent: &Intent, roster: &Roster) -> Result<serde_json::Value, Error> {
        values::database(&self.config, intent, roster)
    }

    fn load(&self, intent: &Intent, name: &str, loaded: Check, phase: &str, requires: &[Step]) -> Vec<Step> {
        // First the files are in every pod, then each process is told.
        let mounted = steps::reload(self.workload(intent), name, loaded, phase, requires);
        let told = verbs::reload_certificates(&self.names, intent, name, &mounted.key, phase);
        std::iter::once(mounted).chain(told).collect()
    }

    fn unhealthy(situation: &pooling::Situation<'_, Self>, before: &str) -> Option<Decision> {
        let universe = match Universe::seen(situation) {
            Ok(universe) => universe,
            Err(look) => return Some(look),
        };
        let trouble = universe.trouble(situation)?;
        Some(situation.wait(crate::universe::questions(situation), format!("a healthy universe {before}: {trouble}")))
    }

    fn lacks(situation: &pooling::Situation<'_, Self>, member: &Member) -> Option<Decision> {
        match Universe::seen(situation) {
            Ok(universe) => universe.lacks(situation, member),
            Err(look) => Some(look),
        }
    }

    fn taken_out<'a>(situation: &pooling::Situation<'a, Self>, own: &'a Member, stranger: &Member) -> Option<Decision> {
        leave::taken_out(situation, own, stranger)
    }
}
