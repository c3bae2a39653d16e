//! What the DSS of each member says of itself: asked by its own interface, and by the tables that all of them share.

use std::collections::BTreeMap;
use std::time::Duration;

use hangar_plan::strategy::member::{MemberState, Roster};
use hangar_plan::strategy::observation::{Fact, Failure as Failed, FailureClass, HttpAnswer, Observation};
use hangar_plan::strategy::probe::{HttpQuestion, Probe, Question, SqlQuestion, Vantage};
use reqwest::Client;

use crate::failure::chain;

mod checks;
mod class;

pub(crate) use checks::findings;

/// For one question, its connection included.
const PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE_MS: u32 = 5_000;
/// Most bytes of an answer that are read.
const LONGEST: usize = 64 * 1024;
/// Port of core-service inside its cluster, as the chart has it.
const PORT: u16 = 8080;

/// What is asked. None of it needs a token, but for the pool's identity, which some configurations tell to nobody else.
pub(crate) const HEALTHY: &str = "/healthy";
pub(crate) const VERSION: &str = "/aux/v1/version";
pub(crate) const OPTIONS: &str = "/aux/v1/configuration/global_options";
pub(crate) const AUTHORITIES: &str = "/aux/v1/configuration/accepted_ca_certs";
pub(crate) const POOL: &str = "/aux/v1/pool";
const PATHS: [&str; 5] = [HEALTHY, VERSION, OPTIONS, AUTHORITIES, POOL];

/// Statements on the tables of the DSS.
pub(crate) const PARTICIPANTS: &str = "SELECT locality, public_endpoint FROM aux.pool_participants";
pub(crate) const RID: &str = "SELECT id FROM rid.subscriptions LIMIT 1";
pub(crate) const SCD: &str = "SELECT id FROM scd.scd_operations LIMIT 1";
const STATEMENTS: [&str; 3] = [PARTICIPANTS, RID, SCD];

/// What was asked of the services, and what came back.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Answers by member and path; our own from inside our cluster, those of others by their public endpoints.
    pub(crate) services: BTreeMap<String, BTreeMap<&'static str, Observation>>,
    /// Answers by statement, from a node of ours.
    pub(crate) tables: BTreeMap<&'static str, Observation>,
}

/// The questions that are asked inside our own cluster. `known` are probes of the strategy: only it knows where a node of ours
/// answers SQL.
pub(crate) fn own_questions(release: &str, namespace: &str, domain: &str, known: &[Fact]) -> Vec<Probe> {
    let ask =
        |id: String, question: Question| Probe { id, vantage: Vantage::OwnCluster, timeout_ms: PATIENCE_MS, question };
    let service = |path: &str| {
        Question::Http(HttpQuestion {
            host: format!("{release}-core-service.{namespace}.svc.{domain}"),
            port: PORT,
            tls: false,
            server_name: None,
            path: path.to_owned(),
        })
    };
    let mut all: Vec<Probe> = PATHS.iter().map(|path| ask(format!("dss{path}"), service(path))).collect();
    let node = known.iter().find_map(|fact| match &fact.probe.question {
        Question::Sql(question) => Some(question.clone()),
        _ => None,
    });
    if let Some(node) = node {
        let table = |statement: &str| Question::Sql(SqlQuestion { statement: statement.to_owned(), ..node.clone() });
        all.extend(STATEMENTS.iter().map(|statement| ask(format!("dss/{statement}"), table(statement))));
    }
    all
}

impl Seen {
    /// Sorts the answers of [`own_questions`].
    pub(crate) fn own(member: &str, facts: Vec<Fact>) -> Self {
        let mut seen = Self::default();
        let own = seen.services.entry(member.to_owned()).or_default();
        for fact in facts {
            let (id, observation) = (fact.probe.id, fact.observation);
            if let Some(path) = PATHS.iter().find(|path| id == format!("dss{path}")) {
                own.insert(path, observation);
            } else if let Some(statement) = STATEMENTS.iter().find(|statement| id == format!("dss/{statement}")) {
                seen.tables.insert(statement, observation);
            }
        }
        seen
    }

    /// Asks the public endpoints of all other members, all at once, from this machine: as anybody does who uses them.
    pub(crate) async fn ask_others(&mut self, roster: &Roster) {
        let Ok(client) = crate::web::client(PATIENCE).build() else { return };
        let others = roster.members.iter().filter(|member| !member.is_self && member.state == MemberState::Active);
        let mut asked = tokio::task::JoinSet::new();
        for member in others {
            for path in PATHS {
                let (client, id) = (client.clone(), member.id.clone());
                let url = format!("{}{path}", member.endpoint.trim_end_matches('/'));
                asked.spawn(async move { (id, path, get(&client, &url).await) });
            }
        }
        while let Some(Ok((id, path, observation))) = asked.join_next().await {
            self.services.entry(id).or_default().insert(path, observation);
        }
    }
}

async fn get(client: &Client, url: &str) -> Observation {
    match answer(client, url).await {
        Ok(answer) => Observation::Http(answer),
        Err(err) => {
            let class = if err.is_timeout() {
                FailureClass::TimedOut
            } else if err.is_connect() {
                FailureClass::Unreachable
            } else {
                FailureClass::Other
            };
            Observation::Failed(Failed { class, detail: chain(&err) })
        }
    }
}

async fn answer(client: &Client, url: &str) -> Result<HttpAnswer, reqwest::Error> {
    let mut response = client.get(url).send().await?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk[..chunk.len().min(LONGEST - body.len())]);
        if body.len() == LONGEST {
            break;
        }
    }
    Ok(HttpAnswer { status, body: String::from_utf8_lossy(&body).into_owned() })
}

#[cfg(test)]
mod tests;
