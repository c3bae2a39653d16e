//! An issuer that is strict and fair. Dies when it is dropped.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// Length of the key within a subject public key info of RSA with 2048 bits.
const PUBLIC_KEY: usize = 270;

pub(super) struct Issuer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    /// Digest of the certificate of client `c1`.
    certificate: Arc<Mutex<Option<String>>>,
    task: JoinHandle<()>,
}

impl Issuer {
    pub(super) async fn start() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let certificate = Arc::<Mutex<Option<String>>>::default();
        let known = Arc::clone(&certificate);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let known = known.lock().expect("no test panics with it").clone();
                serve(stream, address, &record, known.as_deref()).await;
            }
        });
        Self { address, seen, certificate, task }
    }

    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }

    /// Has client `c1` registered with this certificate.
    pub(super) fn knows(&self, pem: &str) {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate));
        *self.certificate.lock().expect("no test panics with it") = Some(digest);
    }

    pub(super) fn url(&self, path: &str) -> Url {
        format!("http://{}{path}", self.address).parse().expect("a URL")
    }

    /// Bodies of all requests that were content with themselves.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no test panics with it").clone()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, address: SocketAddr, seen: &Mutex<Vec<String>>, certificate: Option<&str>) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.is_ok_and(|n| n == 0) {
            return;
        }
    }
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.expect("a body of the length that was said");
    let body = String::from_utf8(body).expect("text");
    let (status, answer) = match answer(&head, &body, address, certificate) {
        Ok(mut answer) => {
            let mut seen = seen.lock().expect("no test panics with it");
            seen.push(body);
            if answer.get("access_token").is_some_and(|token| token == "token-N") {
                answer["access_token"] = json!(format!("token-{}", seen.len()));
            }
            (200, answer)
        }
        Err((status, code)) => (status, json!({"error": code, "error_description": "as the test says"})),
    };
    let answer = answer.to_string();
    let head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.len());
    stream.write_all(format!("{head}{answer}").as_bytes()).await.expect("the client listens");
}

type Refusal = (u16, &'static str);

fn answer(head: &str, body: &str, address: SocketAddr, certificate: Option<&str>) -> Result<Value, Refusal> {
    let token = json!({"access_token": "token-N", "expires_in": 3599, "token_type": "Bearer"});
    let path = head.split_whitespace().nth(1).unwrap_or_default();
    if path.starts_with("/computemetadata/v1/instance/service-accounts/default/token?scopes=") {
        return if head.contains("metadata-flavor: google") { Ok(token) } else { Err((403, "no flavour")) };
    }
    if let Some(query) = path.strip_prefix("/metadata/identity/oauth2/token?") {
        return azure_instance(head, query).map(|()| token);
    }
    if let Some(query) = path.strip_prefix("/msi/token?") {
        return app_service(head, query);
    }
    if path == "/dss:generateaccesstoken" {
        let is_signed = head.contains("authorization: bearer token-1\r\n");
        return if is_signed { Ok(json!({"accessToken": "impersonated"})) } else { Err((403, "PERMISSION_DENIED")) };
    }
    let form: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    match (path, field("grant_type")) {
        ("/tenant-1/oauth2/v2.0/token", "client_credentials") => {
            let audience = format!("http://{address}{path}");
            entra(head, &field, &audience, certificate)
                .map_err(|code| (if code == "invalid_client" { 401 } else { 400 }, code))?;
        }
        ("/token", "urn:ietf:params:oauth:grant-type:jwt-bearer") => {
            assertion(field("assertion"), &format!("http://{address}/token")).map_err(|code| (400, code))?;
        }
        ("/token", "client_credentials") => {
            let is_assertion = field("client_assertion_type")
                == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
                && field("client_assertion") == "federated-token";
            if field("client_id") != "c1" || !(is_assertion || field("client_secret") == "secret-of-c1") {
                return Err((401, "invalid_client"));
            }
        }
        ("/token", "refresh_token") if field("refresh_token") != "long-lived" => return Err((400, "invalid_grant")),
        ("/token", "refresh_token") => {}
        ("/exchange", "urn:ietf:params:oauth:grant-type:token-exchange")
            if field("subject_token") == "federated-token"
                && field("audience").starts_with("//iam.googleapis.com/") => {}
        _ => return Err((400, "unsupported_grant_type")),
    }
    Ok(token)
}

/// As Entra does: a form, a scope of one resource, and a secret or a federated token of this very client.
fn entra<'a>(
    head: &str,
    field: &impl Fn(&str) -> &'a str,
    audience: &str,
    certificate: Option<&str>,
) -> Result<(), &'static str> {
    if !head.contains("content-type: application/x-www-form-urlencoded") {
        return Err("invalid_request");
    }
    if !field("scope").ends_with("/.default") || field("scope").contains(' ') {
        return Err("invalid_scope");
    }
    let is_signed = || own_assertion(field("client_assertion"), audience, certificate).is_ok();
    let federated = field("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        && (field("client_assertion") == "federated-token" || is_signed())
        && field("client_secret").is_empty();
    let secret = field("client_secret") == "secret-of-c1" && field("client_assertion").is_empty();
    if field("client_id") == "c1" && (federated || secret) { Ok(()) } else { Err("invalid_client") }
}

/// As the metadata server of Azure does: it answers nobody who was forwarded, and only who says that he means it.
fn azure_instance(head: &str, query: &str) -> Result<(), Refusal> {
    let query: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let is_meant = head.contains("metadata: true\r\n") && !head.contains("x-forwarded-for");
    if !is_meant {
        return Err((400, "bad_request_102"));
    }
    let is_known = query.get("client_id").is_none_or(|client| client == "c1");
    let is_asked = query.get("api-version").is_some_and(|version| version == "2018-02-01")
        && query.get("resource").is_some_and(|resource| resource == "https://management.azure.com");
    match (is_known, is_asked) {
        (true, true) => Ok(()),
        (false, _) => Err((400, "invalid_request_unknown_identity")),
        (_, false) => Err((400, "invalid_resource")),
    }
}

/// As App Service does: who is beside it knows its header, and until when a token is good is a time.
fn app_service(head: &str, query: &str) -> Result<Value, Refusal> {
    let query: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    if !head.contains("x-identity-header: secret-of-this-program\r\n") {
        return Err((401, "invalid_header"));
    }
    let is_asked = query.get("api-version").is_some_and(|version| version == "2019-08-01")
        && query.get("resource").is_some_and(|resource| resource == "https://management.azure.com");
    if !is_asked || query.get("client_id").is_some_and(|client| client != "c1") {
        return Err((400, "invalid_request"));
    }
    Ok(json!({"access_token": "token-N", "expires_on": (now() + 3600).to_string(), "token_type": "Bearer"}))
}

/// As Entra does with what a client says of itself: the certificate is named and known, and its key has signed.
fn own_assertion(assertion: &str, audience: &str, certificate: Option<&str>) -> Result<(), &'static str> {
    let (header, claims) = parts(assertion, rustls::SignatureScheme::RSA_PSS_SHA256)?;
    let is_good = certificate.is_some_and(|digest| header == json!({"alg": "PS256", "typ": "JWT", "x5t#S256": digest}))
        && claims["iss"] == "c1"
        && claims["sub"] == "c1"
        && claims["aud"] == audience
        && claims["jti"].as_str().is_some_and(|id| id.len() == 32)
        && claims["nbf"].as_u64().is_some_and(|from| from <= now() + 5)
        && claims["exp"].as_u64().is_some_and(|until| until > now());
    if is_good { Ok(()) } else { Err("invalid_client") }
}

/// Checks header, signature, issuer, audience and times, as Google's endpoint does.
fn assertion(assertion: &str, audience: &str) -> Result<(), &'static str> {
    let wrong = "invalid_grant";
    let (header, claims) = parts(assertion, rustls::SignatureScheme::RSA_PKCS1_SHA256)?;
    let now = now();
    let (issued, expires) = (claims["iat"].as_u64().ok_or(wrong)?, claims["exp"].as_u64().ok_or(wrong)?);
    let is_good = header == json!({"alg": "RS256", "typ": "JWT", "kid": "k1"})
        && claims["iss"] == "dss@p1.iam.gserviceaccount.com"
        && claims["aud"] == audience
        && claims["scope"].as_str().is_some_and(|scope| !scope.is_empty())
        && issued <= now + 5
        && expires > now
        && expires - issued <= 3600;
    if is_good { Ok(()) } else { Err(wrong) }
}

/// Header and claims, once the signature is verified.
fn parts(assertion: &str, scheme: rustls::SignatureScheme) -> Result<(Value, Value), &'static str> {
    let wrong = "invalid_grant";
    let (signed, signature) = assertion.rsplit_once('.').ok_or(wrong)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| wrong);
    verify(signed.as_bytes(), &decode(signature)?, scheme).map_err(|()| wrong)?;
    let (header, claims) = signed.split_once('.').ok_or(wrong)?;
    let read = |part: &str| serde_json::from_slice(&decode(part)?).map_err(|_| wrong);
    Ok((read(header)?, read(claims)?))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

fn verify(message: &[u8], signature: &[u8], scheme: rustls::SignatureScheme) -> Result<(), ()> {
    let key = PrivateKeyDer::from_pem_slice(super::KEY.as_bytes()).expect("a key");
    let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("a key of RSA");
    let info = key.public_key().expect("a key pair");
    let public = &info[info.len() - PUBLIC_KEY..];
    let known = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let schemes = known.mapping.iter().find(|(known, _)| *known == scheme);
    let (_, algorithms) = schemes.expect("rustls knows it");
    algorithms[0].verify_signature(public, message, signature).map_err(|_| ())
}
