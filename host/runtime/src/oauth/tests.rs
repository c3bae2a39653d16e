//! Tokens from an issuer that checks everything: who asks, by what, signed by whom, for whom, until when.

mod issuer;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::entra;
use super::google::{CLOUD_PLATFORM, from_file, metadata};
use super::{ClientProof, OauthError, Source, Wanted};
use crate::redact::Redactor;
use issuer::Issuer;

/// The key of no account.
const KEY: &str = include_str!("tests/service-account.pem");

fn wanted(scope: &str) -> Wanted {
    Wanted::of_scope(scope)
}

fn file(value: &Value) -> Result<Source, OauthError> {
    from_file(&SecretString::from(value.to_string()))
}

fn service_account(issuer: &Issuer) -> Value {
    json!({
        "type": "service_account",
        "project_id": "p1",
        "private_key_id": "k1",
        "private_key": KEY,
        "client_email": "dss@p1.iam.gserviceaccount.com",
        "token_uri": issuer.url("/token"),
    })
}

async fn token(source: &Source, scope: &str) -> String {
    let token = source.token(&wanted(scope)).await.expect("the issuer is content");
    token.expose_secret().to_owned()
}

#[tokio::test]
async fn a_service_account_signs_who_it_is_for_whom_and_until_when() {
    let issuer = Issuer::start().await;
    let source = file(&service_account(&issuer)).expect("a key file");
    assert_eq!(token(&source, CLOUD_PLATFORM).await, "token-1");
    // One that is still good is not asked for again; one of another scope is another.
    assert_eq!(token(&source, CLOUD_PLATFORM).await, "token-1");
    assert_eq!(token(&source, "https://www.googleapis.com/auth/ndev.clouddns.readonly").await, "token-2");
    assert_eq!(issuer.seen().len(), 2);
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_is_said_with_its_cure_and_without_the_key() {
    let issuer = Issuer::start().await;
    for (field, value) in [("client_email", "mallory@p1.iam.gserviceaccount.com"), ("private_key_id", "k2")] {
        let mut account = service_account(&issuer);
        account[field] = json!(value);
        let err = file(&account).expect("a key file").token(&wanted(CLOUD_PLATFORM)).await.expect_err("it is another");
        let said = err.to_string();
        assert!(said.contains("400 invalid_grant") && said.contains("make a new key"), "{said}");
    }
    let mut account = service_account(&issuer);
    account["private_key"] = json!("-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n");
    let err = file(&account).expect("a key file").token(&wanted("a")).await.expect_err("it is no key");
    assert_eq!(err.to_string(), "the private key of `dss@p1.iam.gserviceaccount.com` cannot be used");
}

#[tokio::test]
async fn a_client_of_entra_has_a_secret_or_a_federated_token() {
    let issuer = Issuer::start().await;
    let client = |proof| Source::Client { token_url: issuer.url("/token"), client_id: "c1".into(), proof };
    let scope = "https://management.azure.com/.default";
    assert_eq!(token(&client(ClientProof::Secret("secret-of-c1".into())), scope).await, "token-1");
    assert_eq!(token(&client(ClientProof::Assertion("federated-token".into())), scope).await, "token-2");
    let wrong = client(ClientProof::Secret("guess".into()));
    let err = wrong.token(&wanted(scope)).await.expect_err("it is another secret");
    assert!(err.to_string().contains("401 invalid_client"), "{err}");
    assert!(!err.to_string().contains("guess"));
}

#[tokio::test]
async fn a_person_who_signed_in_is_told_when_to_do_so_again() {
    let issuer = Issuer::start().await;
    let person = |refresh: &str| {
        json!({"type": "authorized_user", "client_id": "c1", "client_secret": "secret-of-c1", "refresh_token": refresh,
            "token_uri": issuer.url("/token")})
    };
    assert_eq!(token(&file(&person("long-lived")).expect("a file"), CLOUD_PLATFORM).await, "token-1");
    let expired = file(&person("expired")).expect("a file");
    let err = expired.token(&wanted(CLOUD_PLATFORM)).await.expect_err("it has expired");
    assert!(err.to_string().contains("gcloud auth application-default login"), "{err}");
}

#[tokio::test]
async fn a_federated_token_is_exchanged_and_an_account_is_stood_in_for() {
    let issuer = Issuer::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let subject = folder.path().join("token.json");
    std::fs::write(&subject, r#"{"access_token":"federated-token"}"#).expect("the folder is ours");
    let federation = json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/github",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": issuer.url("/exchange"),
        "credential_source": {"file": subject, "format": {"type": "json", "subject_token_field_name": "access_token"}},
        "service_account_impersonation_url": issuer.url("/dss:generateAccessToken"),
    });
    assert_eq!(token(&file(&federation).expect("a file"), "a b").await, "impersonated");
    let seen = issuer.seen();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen[1].contains(r#""scope":["a","b"]"#), "{seen:?}");
}

#[tokio::test]
async fn the_metadata_server_is_asked_as_it_wants_to_be_asked() {
    let issuer = Issuer::start().await;
    let source = metadata(&issuer.host()).expect("a host");
    assert_eq!(token(&source, CLOUD_PLATFORM).await, "token-1");
    let err = metadata("127.0.0.1:1").expect("a host").token(&wanted("a")).await.expect_err("nobody is there");
    assert!(err.to_string().contains("cannot be reached"), "{err}");
}

#[tokio::test]
async fn a_plugin_cannot_ask_in_the_name_of_another() {
    let source = Source::Fixed("t".into());
    for name in ["client_id", "grant_type", "assertion", "scope"] {
        let wanted = Wanted { parameters: vec![(name.into(), "x".into())], ..wanted("a") };
        let err = source.token(&wanted).await.expect_err("the host says that");
        assert_eq!(err.to_string(), format!("a plugin may not set the token parameter `{name}`"));
    }
}

#[tokio::test]
async fn a_secret_is_sent_nowhere_without_tls() {
    let proof = ClientProof::Secret("secret".into());
    let token_url = "http://issuer.example.com/token".parse().expect("a URL");
    let source = Source::Client { token_url, client_id: "c".into(), proof };
    let err = source.token(&wanted("a")).await.expect_err("it is plain");
    assert_eq!(err.to_string(), "the token endpoint `http://issuer.example.com/token` is not reached by https");
}

#[test]
fn a_bad_credential_file_is_named_without_what_is_in_it() {
    let said = |text: &str| from_file(&SecretString::from(text)).expect_err("it is bad").to_string();
    let secret = r#"{"type":"service_account","private_key":"hunter2hunter2hunter2"}"#;
    assert_eq!(
        said(secret),
        "the credential file of type `service_account` lacks a field of that type, or has one of another form"
    );
    assert_eq!(said("hunter2"), "the credential file is no JSON");
    assert!(said(r#"{"type":"gdch_service_account"}"#).contains("known are service_account, authorized_user"));
    let aws = r#"{"type":"external_account","audience":"a","subject_token_type":"t","token_url":"https://sts.googleapis.com",
        "credential_source":{"environment_id":"aws1"}}"#;
    assert!(said(aws).contains("AWS keys are not supported"));
}

#[tokio::test]
async fn nothing_secret_of_a_source_is_shown() {
    let issuer = Issuer::start().await;
    let source = file(&service_account(&issuer)).expect("a key file");
    let line = KEY.lines().nth(1).expect("a key has lines");
    assert!(!format!("{source:?}").contains(line));
    let redactor = Redactor::default();
    source.register(&redactor);
    assert!(!redactor.redact(line).contains(line));
}

#[tokio::test]
async fn a_principal_of_entra_signs_in_by_its_secret_or_by_a_federated_token() {
    let issuer = Issuer::start().await;
    let scope = "6dae42f8-4368-4678-94ff-3960e28e3630/.default";
    let of = |proof| entra::client(&issuer.url("/"), "tenant-1", "c1".into(), proof).expect("a tenant");
    assert_eq!(token(&of(ClientProof::Secret("secret-of-c1".into())), scope).await, "token-1");
    assert_eq!(token(&of(ClientProof::Assertion("federated-token".into())), scope).await, "token-2");
    let body = &issuer.seen()[0];
    assert!(body.contains("scope=6dae42f8-4368-4678-94ff-3960e28e3630%2F.default"), "{body}");

    let wrong = of(ClientProof::Secret("secret-of-another".into()));
    let said = wrong.token(&wanted(scope)).await.expect_err("another's secret").to_string();
    assert!(said.contains("401 invalid_client") && !said.contains("secret-of-another"), "{said}");
    let graph = of(ClientProof::Secret("secret-of-c1".into())).token(&wanted("openid profile")).await;
    assert!(graph.expect_err("no resource").to_string().contains("invalid_scope"));
}

#[tokio::test]
async fn a_machine_of_azure_is_known_to_its_metadata_server() {
    let issuer = Issuer::start().await;
    let scope = "https://management.azure.com/.default";
    let one = entra::instance(&issuer.host(), None).expect("a host");
    assert_eq!(token(&one, scope).await, "token-1");
    let named = entra::instance(&issuer.host(), Some("c1")).expect("a host");
    assert_eq!(token(&named, scope).await, "token-2");
    let unknown = entra::instance(&issuer.host(), Some("c2")).expect("a host");
    let said = unknown.token(&wanted(scope)).await.expect_err("no such identity").to_string();
    assert!(said.contains("invalid_request_unknown_identity"), "{said}");
    // Nothing is sent in clear text to anybody but a metadata server.
    let elsewhere = entra::instance("metadata.example.com", None).expect("a host");
    let said = elsewhere.token(&wanted(scope)).await.expect_err("another host").to_string();
    assert!(said.contains("is not reached by https"), "{said}");
}

/// The certificate of the key above, which the issuer knows.
fn certificate() -> String {
    let key = rcgen::KeyPair::from_pem(KEY).expect("a key of RSA");
    let mut of = rcgen::CertificateParams::new(Vec::new()).expect("no names");
    of.distinguished_name.push(rcgen::DnType::CommonName, "hangar");
    of.self_signed(&key).expect("the key signs").pem()
}

#[tokio::test]
async fn a_client_of_entra_signs_who_it_is_by_its_certificate() {
    let issuer = Issuer::start().await;
    let scope = "https://management.azure.com/.default";
    let pem = format!("{KEY}{}", certificate());
    issuer.knows(&pem);
    let of = |client: &str, pem: &str| {
        let proof = ClientProof::Certificate(pem.into());
        entra::client(&issuer.url("/"), "tenant-1", client.into(), proof).expect("a tenant")
    };
    assert_eq!(token(&of("c1", &pem), scope).await, "token-1");
    // Another client, and another certificate of the same key.
    for source in [of("c2", &pem), of("c1", &format!("{KEY}{}", certificate_of_another()))] {
        let said = source.token(&wanted(scope)).await.expect_err("it is another").to_string();
        assert!(said.contains("401 invalid_client"), "{said}");
    }
    let said = of("c1", KEY).token(&wanted(scope)).await.expect_err("no certificate").to_string();
    assert_eq!(said, "the private key of `c1` comes without its certificate in PEM");
    let redactor = Redactor::default();
    let source = of("c1", &pem);
    source.register(&redactor);
    let line = KEY.lines().nth(1).expect("a key has lines");
    assert!(!redactor.redact(line).contains(line) && !format!("{source:?}").contains(line));
}

fn certificate_of_another() -> String {
    let key = rcgen::KeyPair::generate().expect("a key");
    rcgen::CertificateParams::new(Vec::new()).expect("no names").self_signed(&key).expect("it signs").pem()
}

#[tokio::test]
async fn a_program_in_app_service_is_known_to_what_stands_beside_it() {
    let issuer = Issuer::start().await;
    let scope = "https://management.azure.com/.default";
    let of = |header: &str, client: Option<&str>| entra::service(issuer.url("/msi/token"), header.into(), client);
    let one = of("secret-of-this-program", None);
    assert_eq!(token(&one, scope).await, "token-1");
    // Until when it is good is a time here, and no length.
    assert_eq!(token(&one, scope).await, "token-1");
    assert_eq!(issuer.seen().len(), 1);
    assert_eq!(token(&of("secret-of-this-program", Some("c1")), scope).await, "token-2");
    let said = of("guess", Some("c3")).token(&wanted(scope)).await.expect_err("another program").to_string();
    assert!(said.contains("401 invalid_header") && !said.contains("guess"), "{said}");
}
