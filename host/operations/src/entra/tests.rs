//! The server of assertions against a client that asks as the library of terraform's provider for Azure does.

use std::path::Path;
use std::sync::Arc;

use hangar_config::{AzureFrom, AzureProof, Credential, Environment};
use hangar_runtime::Redactor;
use reqwest::Client;
use serde_json::Value;

use super::*;

async fn serving(file: &Path) -> (Renewable, Redactor) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let redactor = Redactor::default();
    let from = AzureFrom {
        authority: None,
        tenant_id: Some("t".into()),
        client_id: Some("c".into()),
        proof: Some(AzureProof::Federated(file.to_owned())),
    };
    let slots = Slots {
        credentials: [("azure".parse().expect("a slot's name"), Credential::Azure(from))].into(),
        environment: Arc::new(Environment::from_variables([("HOME", "/nowhere")]).expect("an environment")),
        keyring: Arc::default(),
        redactor: redactor.clone(),
    };
    (start("azure", slots).await.expect("a free port"), redactor)
}

#[tokio::test]
async fn a_tool_gets_the_token_that_is_in_the_file_now_and_nobody_else_gets_any() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("token");
    std::fs::write(&file, "token-of-now\n").expect("the folder is ours");
    let (serving, redactor) = serving(&file).await;
    let [(_, url), (_, secret)] = &serving.variables[..] else { panic!("two variables") };
    assert_eq!(serving.variables[0].0, "ARM_OIDC_REQUEST_URL");
    let (url, client) = (url.expose_secret().to_owned(), Client::new());
    let ask = async |token: &str| {
        let asked = client.get(format!("{url}?audience=api%3A%2F%2FAzureADTokenExchange")).bearer_auth(token);
        asked.header("accept", "application/json").send().await.expect("it answers")
    };
    let value = async || {
        let answer: Value = ask(secret.expose_secret()).await.json().await.expect("JSON");
        answer["value"].as_str().expect("a token").to_owned()
    };
    assert_eq!(value().await, "token-of-now");
    std::fs::write(&file, "token-of-later\n").expect("the folder is ours");
    assert_eq!(value().await, "token-of-later");
    assert_eq!(redactor.redact(&format!("token-of-later {}", secret.expose_secret())), "[redacted] [redacted]");
    assert_eq!(ask("guess").await.status(), 403);
    assert_eq!(client.get(&url).send().await.expect("it answers").status(), 403);

    std::fs::remove_file(&file).expect("it is there");
    let refused = ask(secret.expose_secret()).await;
    assert_eq!(refused.status(), 502);
    let said = refused.text().await.expect("text");
    assert!(said.contains("cannot read `"), "{said}");
}
