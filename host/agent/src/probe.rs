//! One round of probes.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hangar_plan::strategy::observation::{Failure, FailureClass, Observation};
use hangar_plan::strategy::probe::{Probe, Question, Vantage};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::{AgentError, Answer, Report, Spec, now_ms};

mod credentials;
mod dial;
mod http;
mod mounted;
mod sql;
mod tls;

use credentials::Credentials;
pub(crate) use credentials::client_config;
pub(crate) use dial::Dialer;
pub(crate) use http::get;

/// Where the round finds what it may use.
#[derive(Debug, Clone, Default)]
pub struct Means {
    /// Folder of the probe leaf: `tls.crt`, `tls.key` and perhaps `ca.crt`.
    pub identity: Option<PathBuf>,
    /// Folder of the instance's client, with the files that the specification names and `ca.crt`. For SQL alone.
    pub client: Option<PathBuf>,
    /// Address to call from.
    pub source: Option<IpAddr>,
}

/// What every probe of a round shares.
struct Round {
    spec: Spec,
    credentials: Credentials,
    dialer: Dialer,
}

/// Looks at everything once, in bounded parallel, and answers in the order of the specification. That a look fails is an
/// answer too; so is that its time was up.
///
/// # Errors
///
/// [`AgentError`] only where nothing at all could be looked at.
pub async fn run(spec: Spec, means: &Means) -> Result<Report, AgentError> {
    let credentials = Credentials::read(&spec, means)?;
    let permits = Arc::new(Semaphore::new(spec.parallel.max(1)));
    let round = Arc::new(Round { spec, credentials, dialer: Dialer::new(means.source) });
    let mut looks = JoinSet::new();
    for i in 0..round.spec.probes.len() {
        let (round, permits) = (Arc::clone(&round), Arc::clone(&permits));
        looks.spawn(async move {
            // A probe's own time starts only once it is its turn.
            let _permit = permits.acquire().await.expect("never closed");
            let probe = &round.spec.probes[i];
            let observation = look(&round, probe).await;
            (i, Answer { id: probe.id.clone(), at_ms: now_ms(), observation })
        });
    }
    let mut answers = looks.join_all().await;
    answers.sort_by_key(|(i, _)| *i);
    Ok(Report { version: 1, results: answers.into_iter().map(|(_, answer)| answer).collect() })
}

async fn look(round: &Round, probe: &Probe) -> Observation {
    if probe.vantage != Vantage::OwnCluster {
        return failed(FailureClass::Other, "asked of the host, not of the own cluster".to_owned());
    }
    let budget = Duration::from_millis(u64::from(probe.timeout_ms));
    let looking = async {
        match &probe.question {
            Question::Sql(question) => sql::look(round, question, budget).await,
            Question::Http(question) => http::look(round, question).await,
            // It says more than that its time was up, so it keeps the time itself.
            Question::Tls(question) => return tls::look(round, question, budget).await,
            Question::Mounted(workload) => mounted::look(round, workload).await,
            other => match other.as_shown_certificate() {
                Some((host, port)) => tls::shown(round, host, port).await,
                None => failed(FailureClass::Other, "not a question that the agent can answer".to_owned()),
            },
        }
    };
    if matches!(probe.question, Question::Tls(_)) {
        return looking.await;
    }
    let late = || failed(FailureClass::TimedOut, format!("no answer within {} ms", probe.timeout_ms));
    tokio::time::timeout(budget, looking).await.unwrap_or_else(|_| late())
}

fn failed(class: FailureClass, detail: String) -> Observation {
    Observation::Failed(Failure { class, detail })
}

/// An error with all its causes, in one line.
fn chain(err: &(dyn std::error::Error + 'static)) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        let more = err.to_string();
        // Some libraries repeat the cause in their own text.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = err.source();
    }
    text
}

/// The TLS error somewhere below an error.
fn tls_error<'a>(err: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(err);
    while let Some(err) = cause {
        if let Some(tls) = err.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        // The inner error of an I/O error is not its source, but stands in its place.
        let inner = err.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(tls) = inner.and_then(|inner| tls_error(inner)) {
            return Some(tls);
        }
        cause = err.source();
    }
    None
}

fn read(path: &Path) -> Result<Vec<u8>, AgentError> {
    std::fs::read(path).map_err(AgentError::file(path))
}
