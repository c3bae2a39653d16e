//! TLS probes: one handshake, and one call, because under TLS 1.3 a refusal comes only after the handshake.

use std::sync::Arc;
use std::time::Duration;

use hangar_pki::{Certificate, check};
use hangar_plan::strategy::certificate::KeyUsage;
use hangar_plan::strategy::observation::{FailureClass, Observation, TlsAnswer, TlsOutcome};
use hangar_plan::strategy::probe::{Identity, TlsCall, TlsQuestion};
use rustls::pki_types::ServerName;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::now_ms;
use crate::probe::{Round, chain, credentials, failed};

mod call;
mod tap;
mod verdict;
mod witness;

use call::Ended;
use tap::Tap;
use verdict::Verdict;
use witness::Witness;

/// How long a peer that has closed without a word is listened to in a second connection, and how long a handshake alone waits
/// for a refusal. A refusal follows the handshake after one round trip.
const LISTEN: Duration = Duration::from_secs(2);

pub(super) async fn look(round: &Round, question: &TlsQuestion, budget: Duration) -> Observation {
    let Some(verifier) = round.credentials.verifier() else {
        return answer(Verdict::other("no bundle of authorities to trust the server by"), None, None);
    };
    let witness = Arc::new(Witness::new(verifier));
    let deadline = Instant::now() + budget;
    let attempt = attempt(round, question, &witness, deadline);
    let verdict = tokio::time::timeout_at(deadline, attempt).await.unwrap_or_else(|_| {
        let seen =
            if witness.leaf().is_some() { "after the server showed its certificate" } else { "without a handshake" };
        Verdict::new(TlsOutcome::TimedOut, format!("no answer within {} ms, {seen}", budget.as_millis()))
    });
    let leaf = witness.leaf().and_then(|der| Certificate::from_der(der).ok());
    let authority = leaf.as_ref().and_then(|leaf| {
        let bundle = round.credentials.bundle()?;
        check::vouching(leaf, bundle, KeyUsage::ServerAuth, now_ms())
    });
    answer(verdict, leaf.map(|leaf| leaf.fingerprint().to_string()), authority.map(|ca| ca.to_string()))
}

/// The leaf that a server shows to whoever asks, trusted or not. Nothing is called, and nothing of ours is shown.
pub(super) async fn shown(round: &Round, host: &str, port: u16) -> Observation {
    let Some(verifier) = round.credentials.verifier() else {
        return failed(FailureClass::Other, "no bundle of authorities to trust the server by".to_owned());
    };
    let witness = Arc::new(Witness::new(verifier));
    let question = TlsQuestion {
        host: host.to_owned(),
        port,
        server_name: None,
        identity: Identity::Anonymous,
        call: TlsCall::None,
    };
    let connected = connect(round, &question, &witness).await;
    match (witness.leaf().and_then(|der| Certificate::from_der(der).ok()), connected) {
        (Some(leaf), _) => Observation::Certificates(vec![hangar_pki::observed(&format!("{host}:{port}"), &leaf)]),
        (None, Err(verdict)) => failed(FailureClass::Tls, verdict.detail),
        (None, Ok(_)) => failed(FailureClass::Tls, "the server shows no certificate".to_owned()),
    }
}

fn answer(verdict: Verdict, peer_leaf: Option<String>, peer_authority: Option<String>) -> Observation {
    Observation::Tls(TlsAnswer { outcome: verdict.outcome, peer_leaf, peer_authority, detail: verdict.detail })
}

async fn attempt(round: &Round, question: &TlsQuestion, witness: &Arc<Witness>, deadline: Instant) -> Verdict {
    let tap = match connect(round, question, witness).await {
        Ok(tap) => tap,
        Err(verdict) => return verdict,
    };
    let heard = tap.ear();
    let patience = (deadline - Instant::now()).min(LISTEN) / 2;
    let ended = call::call(tap, question, patience).await;
    match (ended, heard.error()) {
        (Ended::Answered(verdict), _) => verdict,
        (Ended::Cut(_), Some(alert)) => verdict::of(&alert),
        (Ended::Cut(detail), None) => {
            // A server that refuses closes at once, and what we wrote meanwhile can turn its word into a reset. So once more,
            // without writing anything.
            let silent = TlsQuestion { call: TlsCall::None, ..question.clone() };
            let Ok(tap) = connect(round, &silent, witness).await else { return Verdict::other(detail) };
            let heard = tap.ear();
            call::listen(tap, patience).await;
            heard.error().map_or_else(|| Verdict::other(detail), |alert| verdict::of(&alert))
        }
    }
}

async fn connect(round: &Round, question: &TlsQuestion, witness: &Arc<Witness>) -> Result<Tap<call::Stream>, Verdict> {
    let shows = match question.identity {
        Identity::Anonymous => None,
        Identity::Probe => match round.credentials.identity() {
            Some(key) => Some(key),
            None => return Err(Verdict::other("no leaf for probes is mounted")),
        },
    };
    let name = question.server_name.as_ref().unwrap_or(&question.host);
    let server =
        ServerName::try_from(name.clone()).map_err(|_| Verdict::other(format!("`{name}` is no name of a server")))?;
    let mut config = credentials::config(Arc::clone(witness) as Arc<_>, shows);
    config.alpn_protocols = match question.call {
        TlsCall::Grpc(_) => vec![b"h2".to_vec()],
        TlsCall::Http(_) => vec![b"http/1.1".to_vec()],
        TlsCall::None | TlsCall::Other(_) => Vec::new(),
    };
    let stream = round
        .dialer
        .dial(&question.host, question.port)
        .await
        .map_err(|err| Verdict::new(TlsOutcome::Unreachable, chain(&err)))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(server, stream).await;
    connected.map(Tap::new).map_err(|err| verdict::of_handshake(&err))
}
