//! What `helm test` asks of an instance that was deployed: yes, or why not.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::probe::Dialer;
use crate::{AgentError, Datastore};

/// How often a question is asked again while time is left.
const LOOK: Duration = Duration::from_secs(1);

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// A question to the API.
#[derive(Debug, Clone)]
pub struct Api {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path.
    pub path: String,
    /// The status that is right.
    pub status: u16,
    /// Address to call from.
    pub source: Option<IpAddr>,
}

/// The identity of the cluster that a node is in, for each kind of database.
const IDENTITIES: [(&str, &str); 2] = [
    ("cockroachdb", "SELECT CAST(crdb_internal.cluster_id() AS TEXT)"),
    ("yugabytedb", "SELECT DISTINCT CAST(universe_uuid AS TEXT) FROM yb_servers()"),
];

/// A question to every node of the database.
#[derive(Debug, Clone)]
pub struct Nodes {
    /// Each node.
    pub nodes: Vec<Datastore>,
    /// Name of a database to ask in.
    pub database: String,
    /// `cockroachdb` or `yugabytedb`.
    pub kind: String,
    /// The identity that is right; none: that of the first node.
    pub identity: Option<String>,
}

/// Asks until the answer is right or time is up.
///
/// # Errors
///
/// The last reason why not.
pub async fn until<T>(limit: Duration, mut ask: impl AsyncFnMut() -> Result<T, AgentError>) -> Result<T, AgentError> {
    let deadline = Instant::now() + limit;
    loop {
        let late =
            |_| Err(AgentError::Answer { what: "the question".to_owned(), answer: "nothing in time".to_owned() });
        match tokio::time::timeout(ANSWER.min(limit), ask()).await.unwrap_or_else(late) {
            Err(_) if Instant::now() + LOOK < deadline => tokio::time::sleep(LOOK).await,
            done => return done,
        }
    }
}

impl Api {
    /// Asks once, without a token.
    ///
    /// # Errors
    ///
    /// [`AgentError::Unreachable`]; [`AgentError::Answer`] for another status.
    pub async fn ask(&self) -> Result<String, AgentError> {
        let Self { host, port, path, status, source } = self;
        let unreachable =
            |err: Box<dyn std::error::Error + Send + Sync>| AgentError::Unreachable { host: host.clone(), err };
        let stream = Dialer::new(*source).dial(host, *port).await.map_err(|err| unreachable(err.into()))?;
        let answer = crate::probe::get(stream, (host, *port), path).await.map_err(|err| unreachable(err.into()))?;
        if answer.status == *status {
            return Ok(format!("http://{host}:{port}{path} answers {status}"));
        }
        let what = format!("http://{host}:{port}{path}, which should answer {status},");
        Err(AgentError::Answer { what, answer: answer.status.to_string() })
    }
}

impl Nodes {
    /// Asks every node once.
    ///
    /// # Errors
    ///
    /// [`AgentError::Answer`] where a node is in another cluster; others where one cannot be asked.
    pub async fn ask(&self) -> Result<String, AgentError> {
        let statement = IDENTITIES.iter().find(|(kind, _)| *kind == self.kind).map(|(_, statement)| *statement);
        let unknown = || AgentError::Answer { what: "a kind of database".to_owned(), answer: self.kind.clone() };
        let statement = statement.ok_or_else(unknown)?;
        let mut right = self.identity.clone();
        for node in &self.nodes {
            let client = node.connect(&self.database).await?;
            let row = client.query_one(statement, &[]).await.map_err(AgentError::sql(&node.host))?;
            let found: String = row.get(0);
            let right = right.get_or_insert_with(|| found.clone());
            if *right != found {
                let what = format!("node `{}`, which should be in cluster {right},", node.host);
                return Err(AgentError::Answer { what, answer: found });
            }
        }
        Ok(format!("{} nodes are in cluster {}", self.nodes.len(), right.unwrap_or_default()))
    }
}
