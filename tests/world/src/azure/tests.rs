use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;

use super::*;
use crate::{jwt, rsa};

const PATH: &str = "http://e/t/oauth2/v2.0/token";

fn known(principal: Principal, token_file: Option<&Path>) -> Known {
    Known::new(principal, "http://e", token_file, Duration::from_secs(3600))
}

fn code(known: &Known, form: &str) -> u32 {
    known.token("t", form.as_bytes()).expect_err(form).code
}

#[test]
fn only_the_principal_has_a_token_and_only_for_what_entra_knows() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "a-token\n").expect("the folder is ours");
    let known = known(Principal::with_secret("t", "c", "s"), Some(&token_file));
    let good = format!("grant_type=client_credentials&client_id=c&client_secret=s&scope={SERVER}%2F.default");
    assert_eq!(known.token("t", good.as_bytes()).expect("it is good").0, "a-token");
    assert_eq!(known.token("u", good.as_bytes()).expect_err("another tenant").code, 90002);
    let wrong = [
        (good.replace("client_credentials", "password"), 70003),
        (good.replace("client_id=c", "client_id=d"), 700_016),
        (good.replace("client_secret=s", "client_secret=x"), 7_000_215),
        (good.replace("client_secret=s", "client_secret="), 7_000_218),
        (good.replace("client_secret=s", "client_assertion=a.b.c"), 50_012),
        (good.replace(SERVER, "https://vault.azure.net"), 500_011),
        (good.replace("%2F.default", ""), 1_002_012),
    ];
    for (form, number) in wrong {
        assert_eq!(code(&known, &form), number, "{form}");
    }
    known.kept().is_secret_over = true;
    assert_eq!(code(&known, &good), 7_000_222);
}

fn asserting(assertion: &str) -> String {
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    format!(
        "grant_type=client_credentials&client_id=c&client_assertion_type={kind}&client_assertion={assertion}&scope=http%3A%2F%2Fe%2F.default"
    )
}

#[tokio::test]
async fn an_assertion_is_taken_once_and_only_as_the_certificates_key_signs_it() {
    let (ours, theirs) = (rsa::key().await.expect("a key"), rsa::key().await.expect("a key"));
    let certificate = rsa::certified(&ours).expect("a certificate");
    let thumbprint = proof::thumbprint(&certificate);
    let principal = Principal { certificate: Some(certificate), ..Principal::with_secret("t", "c", "s") };
    let known = known(principal, None);
    let now = jwt::now_s();
    let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint });
    let claims = json!({ "iss": "c", "sub": "c", "aud": PATH, "jti": "1", "nbf": now, "exp": now + 300 });
    let good = jwt::sign(&ours, jwt::PS256, &header, &claims);
    assert!(known.token("t", asserting(&good).as_bytes()).is_ok());
    assert_eq!(code(&known, &asserting(&good)), 50_027, "twice");

    let with = |key: &str, value: Value| {
        let mut claims = claims.clone();
        claims["jti"] = json!("2");
        claims[key] = value;
        code(&known, &asserting(&jwt::sign(&ours, jwt::PS256, &header, &claims)))
    };
    for (key, value) in [
        ("iss", json!("d")),
        ("sub", json!("d")),
        ("aud", json!("http://e/u/oauth2/v2.0/token")),
        ("jti", json!("")),
        ("exp", json!(now + 3600)),
    ] {
        assert_eq!(with(key, value), 50_027, "{key}");
    }
    assert_eq!(with("exp", json!(now)), 700_024);
    assert_eq!(with("nbf", json!(now + 400)), 700_024);
    let other = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": "x" });
    assert_eq!(code(&known, &asserting(&jwt::sign(&ours, jwt::PS256, &other, &claims))), 700_027);
    assert_eq!(code(&known, &asserting(&jwt::sign(&theirs, jwt::PS256, &header, &claims))), 700_027);
    assert_eq!(code(&known, &asserting(&jwt::sign(&ours, jwt::RS256, &header, &claims))), 700_027);
}

#[tokio::test]
async fn a_federated_token_is_taken_of_one_issuer_for_one_subject() {
    let key_pem = rsa::key().await.expect("a key");
    let federation = Federation { issuer: "https://i".into(), subject: "system:serviceaccount:a:b".into(), key_pem };
    let principal = Principal { federation: Some(federation.clone()), ..Principal::with_secret("t", "c", "s") };
    let known = known(principal, None);
    assert!(known.token("t", asserting(&federation.token(60)).as_bytes()).is_ok());
    assert_eq!(code(&known, &asserting(&federation.token(0))), 700_024);
    let other = Federation { issuer: "https://j".into(), ..federation.clone() };
    assert_eq!(code(&known, &asserting(&other.token(60))), 700_211);
    let other = Federation { subject: "system:serviceaccount:a:c".into(), ..federation.clone() };
    assert_eq!(code(&known, &asserting(&other.token(60))), 700_213);
    let other = Federation { key_pem: rsa::key().await.expect("a key"), ..federation };
    assert_eq!(code(&known, &asserting(&other.token(60))), 50_013);
}

#[test]
fn the_management_api_answers_nobody_without_a_token_of_its_own() {
    let known = known(Principal::with_secret("t", "c", "s"), None);
    let uri: Uri = "/subscriptions/00000000-0000-0000-0000-000000000001?api-version=2022-12-01".parse().expect("a URI");
    let asked = |token: &str| {
        let mut headers = HeaderMap::new();
        if !token.is_empty() {
            let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a header");
            headers.insert(AUTHORIZATION, value);
        }
        known.manage(&Method::GET, &uri, &headers)
    };
    let ours = known.kept().bearers.give("http://e").0;
    let theirs = known.kept().bearers.give(MANAGEMENT).0;
    assert_eq!(asked(&ours).status(), 200);
    for token in ["", "made-up", theirs.as_str()] {
        let refused = asked(token);
        assert_eq!(refused.status(), 401, "{token}");
        assert!(refused.headers().contains_key("www-authenticate"));
    }
    known.kept().bearers.revoke();
    assert_eq!(asked(&ours).status(), 401);
    assert_eq!(known.kept().bearers.n_refused(), 4);
}
