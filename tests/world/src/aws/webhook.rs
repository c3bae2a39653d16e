use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewStatus, UserInfo};
use k8s_openapi::jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;

use super::authenticator::Authenticator;
use super::refusal::Refusal;
use super::{Eks, Identity, arn};
use crate::pki::{self, write_private};
use crate::{WorldError, tls_server};

/// The authenticator as the API server calls it, and the file that tells the API server where it is.
pub(crate) struct Webhook {
    pub(crate) config: PathBuf,
}

const WHAT: &str = "the authenticator of EKS";

impl Webhook {
    /// Starts it on a free port of the loopback address. It lives as long as `tasks`.
    pub(crate) async fn start(
        eks: &Eks,
        organisation: &str,
        dir: &Path,
        tasks: &mut JoinSet<()>,
    ) -> Result<Self, WorldError> {
        let sts = token_service(eks)?;
        let failed = |err| WorldError::Pki { organisation: organisation.to_owned(), err };
        let ca = pki::authority(&format!("{organisation} authenticator CA")).map_err(failed)?;
        let pair = pki::server(&ca, "authenticator", Ipv4Addr::LOCALHOST.into()).map_err(failed)?;
        let acceptor = tls_server::acceptor(WHAT, &pair, None)?;
        let listen = |err| WorldError::Listen { what: WHAT, address: "127.0.0.1".to_owned(), err };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(listen)?;
        let port = listener.local_addr().map_err(listen)?.port();
        std::fs::create_dir_all(dir).map_err(WorldError::file("make", dir))?;
        let (ca_file, config) = (dir.join("authenticator-ca.crt"), dir.join("authenticator.kubeconfig"));
        write_private(&ca_file, &ca.pem())?;
        write_private(&config, &kubeconfig(port, &ca_file).to_string())?;
        let authenticator = Arc::new(Authenticator::new(eks.clone(), sts));
        let router = Router::new().route("/authenticate", post(review)).with_state(authenticator);
        tasks.spawn(tls_server::accept(listener, acceptor, router));
        Ok(Self { config })
    }
}

/// Plain http is for an emulator of this machine alone.
fn token_service(eks: &Eks) -> Result<Url, WorldError> {
    let wrong = |why: &str| WorldError::Options(format!("`{}` is no token service: {why}", eks.sts));
    let url = Url::parse(&eks.sts).map_err(|err| wrong(&err.to_string()))?;
    let is_loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        _ => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback => Ok(url),
        _ => Err(wrong("neither https nor on a loopback address")),
    }
}

/// In the form of a kubeconfig, as the API server wants it; JSON is YAML too.
fn kubeconfig(port: u16, ca_file: &Path) -> serde_json::Value {
    let server = format!("https://127.0.0.1:{port}/authenticate");
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "authenticator", "cluster": { "server": server, "certificate-authority": ca_file } }],
        "users": [{ "name": "kube-apiserver", "user": {} }],
        "contexts": [{ "name": "webhook", "context": { "cluster": "authenticator", "user": "kube-apiserver" } }],
        "current-context": "webhook",
    })
}

async fn review(
    State(authenticator): State<Arc<Authenticator>>,
    Json(mut review): Json<TokenReview>,
) -> Json<TokenReview> {
    let token = review.spec.token.take().unwrap_or_default();
    let verified = authenticator.verify(&token, Timestamp::now()).await;
    if let Err(refusal) = &verified {
        tracing::debug!(%refusal, "token of EKS refused");
    }
    review.status = Some(status(verified));
    Json(review)
}

fn status(verified: Result<Identity, Refusal>) -> TokenReviewStatus {
    match verified {
        Ok(identity) => {
            TokenReviewStatus { authenticated: Some(true), user: Some(user(&identity)), ..TokenReviewStatus::default() }
        }
        Err(refusal) => TokenReviewStatus {
            authenticated: Some(false),
            error: Some(refusal.to_string()),
            ..TokenReviewStatus::default()
        },
    }
}

/// Who that is to Kubernetes, with what EKS tells its audit log besides.
fn user(identity: &Identity) -> UserInfo {
    let (id, session) = identity.user_id.split_once(':').unwrap_or((&identity.user_id, ""));
    let extra = [
        ("arn", identity.arn.clone()),
        ("canonicalArn", arn::principal(&identity.arn).unwrap_or_default()),
        ("accessKeyId", identity.key_id.clone()),
        ("principalId", id.to_owned()),
        ("sessionName", session.to_owned()),
    ];
    let extra: BTreeMap<String, Vec<String>> =
        extra.into_iter().map(|(name, value)| (name.to_owned(), vec![value])).collect();
    UserInfo {
        username: Some(identity.arn.clone()),
        uid: Some(format!("aws-iam-authenticator:{}:{id}", identity.account)),
        groups: Some(identity.groups.clone()),
        extra: Some(extra),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        let eks = |sts: &str| Eks { cluster: "uss1".into(), sts: sts.into(), keys: Vec::new(), entries: Vec::new() };
        assert!(token_service(&eks("http://127.0.0.1:5000")).is_ok());
        assert!(token_service(&eks("https://sts.us-east-1.amazonaws.com")).is_ok());
        for sts in ["http://sts.us-east-1.amazonaws.com", "http://localhost:5000", "sts"] {
            assert!(token_service(&eks(sts)).is_err(), "{sts}");
        }
    }

    #[test]
    fn who_a_session_belongs_to_is_told_apart_from_the_session() {
        let identity = Identity {
            arn: "arn:aws:sts::123456789012:assumed-role/deployer/run-7".into(),
            account: "123456789012".into(),
            user_id: "AROAEXAMPLE:run-7".into(),
            key_id: "ASIAEXAMPLE".into(),
            groups: vec!["system:masters".into()],
        };
        let user = user(&identity);
        assert_eq!(user.uid.as_deref(), Some("aws-iam-authenticator:123456789012:AROAEXAMPLE"));
        let extra = user.extra.unwrap_or_default();
        assert_eq!(extra["sessionName"], ["run-7"]);
        assert_eq!(extra["canonicalArn"], ["arn:aws:iam::123456789012:role/deployer"]);
    }
}
