//! Signing in, and what a registry can do with it.

use registry_client::{Credentials, Failure};

use crate::{
    fake::Answer,
    site::{Site, client},
};

fn password() -> Credentials {
    Credentials::Password { user: "ana".into(), password: "hunter2".into() }
}

/// Credentials as `az acr login` and the like store them.
fn identity_token(folder: &tempfile::TempDir, site: &Site) -> Credentials {
    let file = folder.path().join("config.json");
    let auths = serde_json::json!({ "auths": { site.fake.address.to_string(): { "identitytoken": "hunter2" } } });
    std::fs::write(&file, auths.to_string()).unwrap();
    Credentials::Files(vec![file])
}

fn ask_for_token(site: &Site, realm: &str) {
    let challenge = format!("Bearer realm=\"{realm}\",service=\"registry.test\"");
    site.fake.answer("GET /v2/", Answer::status(401).header("www-authenticate", &challenge));
}

const TOKEN_LINE: &str = "GET /token?scope=repository%3Ahangar%2Faws%3Apull&client_id=hangar&service=registry.test";

#[tokio::test]
async fn an_anonymous_token_is_fetched_and_used() {
    let site = Site::new().await;
    site.serve_plugin();
    ask_for_token(&site, &format!("http://{}/token", site.fake.address));
    site.fake.answer(TOKEN_LINE, Answer::ok(r#"{"token":"abc"}"#));
    site.pull().await.unwrap();
    let seen = site.fake.seen();
    let with_token = seen.iter().filter(|request| request.authorization.as_deref() == Some("Bearer abc"));
    assert_eq!(with_token.count(), 4, "tag, manifest, config, content: {seen:#?}");
}

#[tokio::test]
async fn a_password_goes_to_the_token_service_and_nowhere_else() {
    let site = Site::with(password()).await;
    site.serve_plugin();
    ask_for_token(&site, &format!("http://{}/token", site.fake.address));
    let line = TOKEN_LINE.replace("?scope", "?account=ana&scope");
    site.fake.answer(&line, Answer::ok(r#"{"access_token":"abc"}"#));
    site.pull().await.unwrap();
    let basic: Vec<_> = site
        .fake
        .seen()
        .into_iter()
        .filter(|request| request.authorization.as_deref().is_some_and(|value| value.starts_with("Basic ")))
        .collect();
    assert_eq!(basic.len(), 1);
    assert_eq!(basic[0].line, line);
}

#[tokio::test]
async fn an_identity_token_is_exchanged_by_the_refresh_grant() {
    let site = Site::new().await;
    site.serve_plugin();
    ask_for_token(&site, &format!("http://{}/token", site.fake.address));
    site.fake.answer("POST /token", Answer::ok(r#"{"access_token":"abc"}"#));
    let folder = tempfile::tempdir().unwrap();
    let client = client(identity_token(&folder, &site));
    client.pull(&site.store, &site.reference(":0.1"), Default::default(), &|_| {}).await.unwrap();
    let post = site.fake.seen().into_iter().find(|request| request.line.starts_with("POST")).unwrap();
    assert_eq!(
        post.body,
        "grant_type=refresh_token&client_id=hangar&service=registry.test\
         &scope=repository%3Ahangar%2Faws%3Apull&refresh_token=hunter2"
    );
}

#[tokio::test]
async fn a_registry_that_takes_no_identity_token_is_a_clear_error() {
    let site = Site::new().await;
    ask_for_token(&site, &format!("http://{}/token", site.fake.address));
    let folder = tempfile::tempdir().unwrap();
    let client = client(identity_token(&folder, &site));
    let err = client.resolve(&site.reference(":0.1")).await.unwrap_err();
    assert!(matches!(*err.failure, Failure::IdentityToken { .. }));
    insta::assert_snapshot!(site.stable(format!("{err}\n{}\n{}", err.failure, err.hint().unwrap())), @"
    cannot resolve `REGISTRY/hangar/aws:0.1`; nothing was changed
    registry `REGISTRY` did not exchange the stored identity token for an access token: registry `REGISTRY` has no token service for identity tokens
    store a user name and password or access token for `REGISTRY` instead
    ");
}

#[tokio::test]
async fn credentials_are_never_sent_over_plain_http_to_another_machine() {
    let site = Site::with(password()).await;
    ask_for_token(&site, "http://auth.example.com/token?a=b");
    let err = site.client.resolve(&site.reference(":0.1")).await.unwrap_err();
    let Failure::UnsafeAddress { url, .. } = *err.failure else { panic!("unsafe address") };
    assert_eq!(url, "http://auth.example.com/token");
}

#[tokio::test]
async fn a_refusal_says_as_whom_we_asked_and_never_the_secret() {
    let site = Site::with(password()).await;
    site.fake.answer("GET /v2/", Answer::status(401).header("www-authenticate", "Basic realm=\"r\""));
    let denied = r#"{"errors":[{"code":"DENIED","message":"requested access\nis denied"}]}"#;
    site.fake.answer("HEAD /v2/hangar/aws/manifests/0.1", Answer::ok(""));
    site.fake.answer("GET /v2/hangar/aws/manifests/0.1", Answer::status(403).body(denied));
    let err = site.client.resolve(&site.reference(":0.1")).await.unwrap_err();
    assert!(matches!(*err.failure, Failure::Unauthorised { .. }));
    let text = site.stable(format!("{err}\n{}\n{}", err.failure, err.hint().unwrap()));
    insta::assert_snapshot!(text, @"
    cannot resolve `REGISTRY/hangar/aws:0.1`; nothing was changed
    registry `REGISTRY` refused access to user `ana`: requested access is denied (DENIED)
    sign in again with `docker login REGISTRY`, or ask for access to the repository
    ");
    assert!(!format!("{err:?}").contains("hunter2"));
    assert_eq!(site.fake.n_seen("GET /v2/hangar"), 1, "being refused is not tried again");
}

#[tokio::test]
async fn without_credentials_the_hint_says_how_to_sign_in() {
    let site = Site::new().await;
    site.fake.answer("GET /v2/", Answer::status(401).header("www-authenticate", "Basic realm=\"r\""));
    let err = site.client.resolve(&site.reference(":0.1")).await.unwrap_err();
    insta::assert_snapshot!(site.stable(format!("{err}\n{}\n{}", err.failure, err.hint().unwrap())), @"
    cannot resolve `REGISTRY/hangar/aws:0.1`; nothing was changed
    registry `REGISTRY` refused access without credentials: it wants a user name and password
    no credentials for `REGISTRY` were found; sign in with `docker login REGISTRY` or `podman login REGISTRY`
    ");
}

#[tokio::test]
async fn an_answer_that_is_no_registry_is_told_apart() {
    let site = Site::new().await;
    for answer in [Answer::status(401), Answer::status(302).header("location", "/login"), Answer::status(404)] {
        site.fake.answer("GET /v2/", answer);
        site.fake.answer("GET /login", Answer::status(418).body("<html>teapot</html>"));
        let err = site.client.resolve(&site.reference(":0.1")).await.unwrap_err();
        assert!(matches!(*err.failure, Failure::Protocol { .. } | Failure::NotFound { .. }), "{err:?}");
    }
}
