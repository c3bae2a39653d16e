//! The metadata server against a client that asks as Google's libraries do, and an issuer whose tokens end when the test says.

use std::sync::{Arc, Mutex};

use hangar_config::{Credential, Environment};
use hangar_runtime::Redactor;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

const LONG_LIVED: &str = "what-a-person-has-left-here";

/// What an issuer answers from now on: seconds that its next token is good for; none refuses.
type Lifetime = Arc<Mutex<Option<u64>>>;

/// A person's credential file, the issuer it leads to, and the server under test.
struct Site {
    _folder: TempDir,
    lifetime: Lifetime,
    issuer: JoinHandle<()>,
    redactor: Redactor,
    server: Renewable,
    client: Client,
}

impl Site {
    async fn start() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/token", listener.local_addr().expect("an address"));
        let lifetime = Lifetime::default();
        let issuer = tokio::spawn(issue(listener, Arc::clone(&lifetime)));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("credential.json");
        let credential = json!({
            "type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": LONG_LIVED, "token_uri": url,
        });
        std::fs::write(&file, credential.to_string()).expect("the folder is ours");
        let redactor = Redactor::default();
        let slots = Slots {
            credentials: [("google".parse().expect("a slot's name"), Credential::GoogleFile(file))].into(),
            environment: Arc::new(Environment::from_variables([("HOME", "/nowhere")]).expect("an environment")),
            keyring: Arc::default(),
            redactor: redactor.clone(),
        };
        let server = start("google", slots).await.expect("a free port");
        Self { _folder: folder, lifetime, issuer, redactor, server, client: Client::new() }
    }

    fn issues(&self, lifetime_s: Option<u64>) {
        *self.lifetime.lock().expect("no test panics with it") = lifetime_s;
    }

    /// The variable that a tool reads.
    fn variable(&self) -> (&'static str, &str) {
        let [(name, host)] = &self.server.variables[..] else { panic!("one variable") };
        (name, host.expose_secret())
    }

    /// Asks as Google's libraries do.
    async fn ask(&self) -> Response {
        let url = format!("http://{}/{TOKEN}?scopes=https%3A%2F%2Fa%2Chttps%3A%2F%2Fb", self.variable().1);
        self.client.get(url).header("Metadata-Flavor", "Google").send().await.expect("it answers")
    }

    async fn token(&self) -> (String, u64) {
        let answer: Value = self.ask().await.json().await.expect("JSON");
        assert_eq!(answer["token_type"], "Bearer", "{answer}");
        let token = answer["access_token"].as_str().expect("a token").to_owned();
        (token, answer["expires_in"].as_u64().expect("seconds"))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.issuer.abort();
    }
}

/// Gives token after token to whoever has signed in.
async fn issue(listener: TcpListener, lifetime: Lifetime) {
    for number in 1.. {
        let (mut caller, _) = listener.accept().await.expect("a caller");
        let (mut asked, mut part) = (String::new(), [0; 1024]);
        while !asked.contains(&format!("refresh_token={LONG_LIVED}")) {
            let n = caller.read(&mut part).await.expect("a request");
            asked.push_str(&String::from_utf8_lossy(&part[..n]));
        }
        let lifetime = *lifetime.lock().expect("no test panics with it");
        let (status, body) = match lifetime {
            Some(left) => ("200 OK", json!({ "access_token": format!("ya29.number-{number}"), "expires_in": left })),
            None => ("400 Bad Request", json!({ "error": "invalid_grant", "error_description": "it was revoked" })),
        };
        let body = body.to_string();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        caller.write_all((head + &body).as_bytes()).await.expect("the caller listens");
    }
}

#[tokio::test]
async fn a_tool_gets_a_token_as_often_as_it_asks_and_another_before_the_last_one_ends() {
    let site = Site::start().await;
    site.issues(Some(3600));
    let (first, left) = site.token().await;
    assert_eq!(first, "ya29.number-1");
    assert!((3590..=3600).contains(&left), "{left}");
    assert_eq!(site.token().await.0, first);

    let site = Site::start().await;
    // Less than five minutes: the tool may well be still at work when that ends.
    site.issues(Some(299));
    assert_eq!(site.token().await.0, "ya29.number-1");
    assert_eq!(site.token().await.0, "ya29.number-2");
    site.issues(None);
    assert_eq!(site.token().await.0, "ya29.number-2", "what is still good outlives a failure to make it anew");
}

#[tokio::test]
async fn who_does_not_know_its_path_or_only_follows_a_link_gets_no_token() {
    let site = Site::start().await;
    site.issues(Some(3600));
    let (name, host) = site.variable();
    assert_eq!(name, "GCE_METADATA_HOST");
    let (address, secret) = host.split_once('/').expect("an address and a path");
    assert_eq!(secret.len(), 64);
    let guesses = [
        format!("http://{address}/{TOKEN}"),
        format!("http://{address}/{}/{TOKEN}", "0".repeat(64)),
        format!("http://{address}/{secret}/computeMetadata/v1/instance/service-accounts/other/token"),
        format!("http://{address}/{secret}/computeMetadata/v1/project/project-id"),
    ];
    for url in guesses {
        let answer = site.client.get(&url).header("Metadata-Flavor", "Google").send().await.expect("it answers");
        assert_eq!(answer.status(), 404, "{url}");
    }
    let url = format!("http://{host}/{TOKEN}");
    assert_eq!(site.client.get(&url).send().await.expect("it answers").status(), 403);
    assert_eq!(site.redactor.redact(&url), format!("http://{address}/[redacted]/{TOKEN}"));
    assert_eq!(site.ask().await.status(), 200);

    let client = site.client.clone();
    drop(site);
    client.get(&url).send().await.expect_err("nobody is there any more");
}

#[tokio::test]
async fn a_tool_is_told_why_there_is_no_token() {
    let site = Site::start().await;
    let answer = site.ask().await;
    assert_eq!(answer.status(), 502);
    let said = answer.text().await.expect("text");
    assert!(said.contains("400 invalid_grant") && said.contains("sign in again"), "{said}");
    assert!(!said.contains(LONG_LIVED), "{said}");
}
