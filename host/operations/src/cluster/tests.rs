use std::sync::Arc;

use hangar_config::{Credential as Kept, Environment, SecretFrom};
use hangar_plan::infrastructure::Slot;
use secrecy::ExposeSecret as _;

use super::*;

const KUBECONFIG: &str = "{apiVersion: v1, kind: Config, current-context: x,
    clusters: [{name: c, cluster: {server: 'https://api.example:6443', tls-server-name: inside.example}}],
    users: [{name: u, user: {tokenFile: token}}], contexts: [{name: x, context: {cluster: c, user: u}}]}";

/// What an operator keeps: a folder, and slots that lead into it.
struct Keeping {
    folder: tempfile::TempDir,
    slots: Arc<Slots>,
}

fn kept(text: &str) -> Keeping {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("config");
    std::fs::write(&file, text).expect("the folder is ours");
    std::fs::write(folder.path().join("token"), "sesame\n").expect("the folder is ours");
    let bound = [
        ("kubeconfig", Kept::Kubeconfig { file, context: None }),
        ("cluster", Kept::Bearer(SecretFrom::File(folder.path().join("token")))),
    ];
    let credentials = bound.map(|(name, kept)| (name.parse().expect("a slot's name"), kept)).into();
    let environment = Arc::new(Environment::from_variables([("HOME", "/nowhere")]).expect("an environment"));
    Keeping {
        folder,
        slots: Arc::new(Slots { credentials, environment, keyring: Default::default(), redactor: Default::default() }),
    }
}

fn slot(name: &str, kind: SlotKind) -> TokenRecipe {
    TokenRecipe::Slot(Slot { name: name.into(), kind })
}

fn api(endpoint: &str) -> Api {
    Api { endpoint: endpoint.into(), ca_pem: None, server_name: Some("provider.example".into()) }
}

async fn shown(access: &Access) -> String {
    let Credential::Token(tokens) = &access.credential else { return "a client certificate".into() };
    tokens.current().await.expect("a token").expose_secret().to_owned()
}

#[tokio::test]
async fn a_token_that_its_owner_renews_is_read_anew_and_shown_nowhere() {
    let kept = kept(KUBECONFIG);
    let recipes = [slot("kubeconfig", SlotKind::Kubeconfig), slot("cluster", SlotKind::Bearer)];
    for recipe in &recipes {
        std::fs::write(kept.folder.path().join("token"), "sesame\n").expect("the folder is ours");
        let found = access(&api("https://api.example"), None, recipe, &kept.slots).await.expect("an access");
        assert_eq!(shown(&found).await, "sesame");
        std::fs::write(kept.folder.path().join("token"), "open-barley\n").expect("the folder is ours");
        let next = token(recipe, &kept.slots).await.expect("a token");
        assert_eq!(next.expose_secret(), "open-barley");
        assert_eq!(kept.slots.redactor.redact("sesame, open-barley"), "[redacted], [redacted]");
    }
    std::fs::remove_file(kept.folder.path().join("token")).expect("it is there");
    let failure = token(&recipes[1], &kept.slots).await.expect_err("nobody keeps it");
    assert_eq!(failure.to_string(), "no credential for the Kubernetes API");
}

#[tokio::test]
async fn a_kubeconfig_says_all_of_it_and_the_workspace_beats_it() {
    let kept = kept(KUBECONFIG);
    let recipe = slot("kubeconfig", SlotKind::Kubeconfig);
    let found = access(&api(""), None, &recipe, &kept.slots).await.expect("a kubeconfig");
    assert_eq!(found.endpoint, "https://api.example:6443");
    assert_eq!(found.server_name.as_deref(), Some("inside.example"));
    assert_eq!(shown(&found).await, "sesame");

    let ca_file = kept.folder.path().join("ca.pem");
    std::fs::write(&ca_file, "PEM").expect("the folder is ours");
    let over = Override {
        endpoint: Some("https://bastion.example:8443/".parse().expect("a URL")),
        ca_file: Some(ca_file),
        proxy: Some("socks5://127.0.0.1:1080".parse().expect("a URL")),
    };
    let found = access(&api(""), Some(&over), &recipe, &kept.slots).await.expect("a kubeconfig");
    assert_eq!(found.endpoint, "https://bastion.example:8443/");
    assert_eq!(found.server_name, None);
    assert_eq!(found.ca_pem.as_deref(), Some("PEM"));
    assert!(found.proxy.is_some_and(|proxy| proxy.starts_with("socks5://127.0.0.1:1080")));
}

#[tokio::test]
async fn a_kubeconfig_that_runs_a_program_is_refused_with_a_way_out() {
    let kept = kept(&KUBECONFIG.replace("{tokenFile: token}", "{exec: {apiVersion: v1, command: kubelogin}}"));
    let recipe = slot("kubeconfig", SlotKind::Kubeconfig);
    let failure = access(&api(""), None, &recipe, &kept.slots).await.expect_err("a program");
    assert_eq!(failure.cause(), Cause::Refused);
    assert_eq!(failure.to_string(), "cannot use the kubeconfig of slot `kubeconfig`");
    let cause = std::error::Error::source(&failure).expect("a cause").to_string();
    assert!(cause.contains("wants `kubelogin` run"), "{cause}");
    assert!(failure.hint().is_some_and(|hint| hint.contains("kubectl create token")), "{failure:?}");
}

#[tokio::test]
async fn an_api_that_nobody_names_is_asked_for() {
    let kept = kept(KUBECONFIG);
    let bearer = slot("cluster", SlotKind::Bearer);
    let failure = access(&api(""), None, &bearer, &kept.slots).await.expect_err("no endpoint");
    assert_eq!(failure.to_string(), "nobody says where the Kubernetes API is");
    let found = access(&api("https://api.example"), None, &bearer, &kept.slots).await.expect("an endpoint");
    assert_eq!(found.server_name.as_deref(), Some("provider.example"));
}

#[tokio::test]
async fn a_slot_of_another_kind_is_no_kubeconfig() {
    let kept = kept(KUBECONFIG);
    let failure = access(&api(""), None, &slot("cluster", SlotKind::Kubeconfig), &kept.slots).await;
    assert!(failure.expect_err("a token").to_string().contains("does not hold a kubeconfig"));
}
