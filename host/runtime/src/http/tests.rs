//! The gate against real sockets.

mod server;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use hangar_plan::grant::{CredentialSlot, Egress, Limits};
use secrecy::SecretString;
use serde_json::json;

use super::{Gate, Resolver};
use crate::bindings::host::hangar::host::http::{Error, Request, Response, Signature, SignatureScheme, Sigv4};
use crate::credentials::{Credential, CredentialError, Credentials};
use crate::limits::{Limit, LimitReached, Meter};
use crate::services::Services;
use server::{Authority, Server};

/// Names resolve to what a test says.
struct Names {
    addresses: Vec<IpAddr>,
    n_asked: AtomicUsize,
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        self.n_asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.addresses.clone())
    }
}

struct Slots;

#[async_trait]
impl Credentials for Slots {
    async fn resolve(&self, _plugin: &str, slot: &str) -> Result<Credential, CredentialError> {
        Ok(match slot {
            "aws" => Credential::Aws {
                access_key_id: "AKIDEXAMPLE".into(),
                secret_access_key: SecretString::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                session_token: Some(SecretString::from("session-token-of-aws")),
            },
            "token" => Credential::Bearer(SecretString::from("token-of-bearer")),
            "user" => Credential::Basic { user: "ana".into(), password: SecretString::from("password-of-ana") },
            "tls" => {
                let (certificate_pem, key_pem) = Authority::client_pair();
                Credential::ClientTls { certificate_pem, key_pem: SecretString::from(key_pem) }
            }
            _ => return Err(CredentialError { slot: slot.into(), reason: "nothing is bound".into() }),
        })
    }
}

/// A gate, and what stands behind it.
struct Site {
    gate: Gate,
    services: Services,
    names: Arc<Names>,
    meter: Meter,
}

impl Site {
    fn new(egress: Vec<Egress>, addresses: &[&str]) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let slots: Vec<CredentialSlot> = serde_json::from_value(json!([
            {"name": "aws", "kind": "aws", "hosts": ["api.example.com"], "services": ["eks"]},
            {"name": "token", "kind": "bearer", "hosts": ["api.example.com"]},
            {"name": "user", "kind": "basic", "hosts": ["api.example.com"]},
            {"name": "tls", "kind": "client-tls", "hosts": ["api.example.com"]},
            {"name": "empty", "kind": "bearer", "hosts": ["api.example.com"]},
            {"name": "elsewhere", "kind": "bearer", "hosts": ["other.example.com"]},
        ]))
        .expect("slots");
        let addresses = addresses.iter().map(|address| address.parse().expect("an address")).collect();
        let names = Arc::new(Names { addresses, n_asked: AtomicUsize::new(0) });
        let services = Services { resolver: names.clone(), credentials: Arc::new(Slots), ..Services::default() };
        Self { gate: Gate::new("test".into(), &egress, &slots), services, names, meter: Meter::new(Limits::default()) }
    }

    /// A gate to one server, as `api.example.com`.
    fn to(server: &Server) -> Self {
        let egress = Egress {
            ca_pem: Some(server.authority_pem()),
            dev: true,
            ..Egress::new("api.example.com".parse().expect("a host"), server.port())
        };
        Self::new(vec![egress], &["127.0.0.1"])
    }

    async fn send(&mut self, request: Request) -> Result<Response, Error> {
        self.gate.send(request, &mut self.meter, &self.services).await.expect("no limit is reached")
    }
}

fn get(url: String) -> Request {
    Request { method: "GET".into(), url, headers: Vec::new(), body: None, signature: None, timeout_ms: Some(5000) }
}

fn signed(url: String, slot: &str, scheme: SignatureScheme) -> Request {
    Request { signature: Some(Signature { slot: slot.into(), scheme }), ..get(url) }
}

fn denied(result: Result<Response, Error>) -> String {
    match result {
        Err(Error::Denied(reason)) => reason,
        other => panic!("denied, not {other:?}"),
    }
}

#[tokio::test]
async fn a_granted_request_is_answered() {
    let server = Server::start("HTTP/1.1 200 OK\r\nX-One: 1\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nhi").await;
    let mut site = Site::to(&server);
    let response = site.send(get(server.url("/path?q=1"))).await.expect("an answer");
    assert_eq!((response.status, response.body.as_slice()), (200, b"hi".as_slice()));
    assert!(response.headers.contains(&("x-one".to_owned(), "1".to_owned())));
    assert!(response.headers.iter().all(|(name, _)| name != "set-cookie"));
    let seen = server.seen().await;
    assert!(seen.starts_with("GET /path?q=1 HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("host: api.example.com:{}", server.port())), "{seen}");
    assert_eq!(site.names.n_asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn another_host_port_or_method_is_denied() {
    let egress = Egress { methods: vec!["GET".into()], ..Egress::new("api.example.com".parse().expect("a host"), 443) };
    let mut site = Site::new(vec![egress], &["8.8.8.8"]);
    for url in [
        "https://evil.example.com/",
        "https://api.example.com:8443/",
        "https://api.example.com.evil.net/",
        "https://api.example.com@evil.net/",
        "https://8.8.8.8/",
    ] {
        denied(site.send(get(url.into())).await);
    }
    let post = Request { method: "POST".into(), ..get("https://api.example.com/".into()) };
    assert_eq!(denied(site.send(post).await), "POST https://api.example.com:443 is not granted to `test`");
    assert_eq!(site.names.n_asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_name_that_resolves_to_what_is_forbidden_is_denied() {
    for address in
        ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "10.0.0.1", "127.0.0.1"]
    {
        let egress = Egress::new("api.example.com".parse().expect("a host"), 443);
        let mut site = Site::new(vec![egress], &[address]);
        let reason = denied(site.send(get("https://api.example.com/".into())).await);
        assert!(reason.starts_with("api.example.com: "), "{reason}");
    }
}

#[tokio::test]
async fn a_metadata_service_is_denied_by_name_too() {
    let egress = Egress::new("metadata.google.internal".parse().expect("a host"), 443);
    let mut site = Site::new(vec![egress], &["8.8.8.8"]);
    let reason = denied(site.send(get("https://metadata.google.internal/".into())).await);
    assert_eq!(reason, "metadata.google.internal is a metadata service");
}

#[tokio::test]
async fn a_granted_address_is_checked_like_a_name() {
    let egress = Egress::new("169.254.169.254".parse().expect("a host"), 443);
    let mut site = Site::new(vec![egress], &[]);
    // Written as one number, it is the same address.
    for url in ["https://169.254.169.254/", "https://2852039166/", "https://0xa9fea9fe/"] {
        denied(site.send(get(url.into())).await);
    }
}

#[tokio::test]
async fn plain_http_is_for_loopback_in_development() {
    let (host, local) = ("api.example.com".parse().expect("a host"), "127.0.0.1".parse().expect("a host"));
    let egress = vec![Egress { dev: true, ..Egress::new(host, 80) }, Egress::new(local, 80)];
    let mut site = Site::new(egress, &["127.0.0.1"]);
    denied(site.send(get("http://api.example.com/".into())).await);
    denied(site.send(get("http://127.0.0.1/".into())).await);
    denied(site.send(get("ftp://127.0.0.1/".into())).await);
    let server = Server::start_plain("HTTP/1.1 204 No Content\r\n\r\n").await;
    let egress = Egress { dev: true, ..Egress::new("127.0.0.1".parse().expect("a host"), server.port()) };
    let mut site = Site::new(vec![egress], &[]);
    let url = format!("http://127.0.0.1:{}/", server.port());
    assert_eq!(site.send(get(url)).await.expect("an answer").status, 204);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let server =
        Server::start("HTTP/1.1 302 Found\r\nLocation: https://evil.example.com/\r\nContent-Length: 0\r\n\r\n").await;
    let mut site = Site::to(&server);
    assert_eq!(site.send(get(server.url("/"))).await.expect("an answer").status, 302);
    assert_eq!(site.names.n_asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_authority_that_is_not_the_granted_one_is_not_trusted() {
    let server = Server::start("HTTP/1.1 200 OK\r\n\r\n").await;
    let other = Server::start("HTTP/1.1 200 OK\r\n\r\n").await;
    let egress = Egress {
        ca_pem: Some(other.authority_pem()),
        dev: true,
        ..Egress::new("api.example.com".parse().expect("a host"), server.port())
    };
    let mut site = Site::new(vec![egress], &["127.0.0.1"]);
    let result = site.send(get(server.url("/"))).await;
    assert!(matches!(result, Err(Error::Tls(_))), "{result:?}");
}

#[tokio::test]
async fn no_answer_in_time_is_an_error() {
    let server = Server::start("").await;
    let mut site = Site::to(&server);
    let request = Request { timeout_ms: Some(100), ..get(server.url("/")) };
    assert!(matches!(site.send(request).await, Err(Error::TimedOut(100))));
}

#[tokio::test]
async fn nobody_there_is_an_error() {
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let egress = Egress { dev: true, ..Egress::new("127.0.0.1".parse().expect("a host"), port) };
    let mut site = Site::new(vec![egress], &[]);
    let url = format!("http://127.0.0.1:{port}/");
    assert!(matches!(site.send(get(url)).await, Err(Error::Connection(_))));
}

#[tokio::test]
async fn a_name_without_address_is_an_error() {
    let egress = Egress::new("api.example.com".parse().expect("a host"), 443);
    let mut site = Site::new(vec![egress], &[]);
    assert!(matches!(site.send(get("https://api.example.com/".into())).await, Err(Error::Unresolved(_))));
}

#[tokio::test]
async fn bodies_are_bounded_one_by_one_and_together() {
    let server = Server::start(&format!("HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n{}", "x".repeat(3000))).await;
    let mut site = Site::to(&server);
    site.meter = Meter::new(Limits { payload_kib: 2, ..Limits::default() });
    assert!(matches!(site.send(get(server.url("/"))).await, Err(Error::TooLarge(2048))));
    site.meter = Meter::new(Limits { http_kib: 4, ..Limits::default() });
    site.send(get(server.url("/"))).await.expect("the first answer");
    let reached = site.gate.send(get(server.url("/")), &mut site.meter, &site.services).await;
    assert_eq!(reached.err(), Some(LimitReached { limit: Limit::HttpBytes, bound: 4 }));
}

#[tokio::test]
async fn the_host_signs_for_aws() {
    let server = Server::start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let mut site = Site::to(&server);
    let scope = Sigv4 { service: "eks".into(), region: "us-east-1".into() };
    let request = Request {
        method: "POST".into(),
        headers: vec![
            ("X-Amz-Target".into(), "Service.Operation".into()),
            ("content-type".into(), "application/json".into()),
        ],
        body: Some(b"{}".to_vec()),
        ..signed(server.url("/clusters"), "aws", SignatureScheme::Sigv4(scope))
    };
    site.send(request).await.expect("an answer");
    let seen = server.seen().await.to_ascii_lowercase();
    assert!(seen.contains("authorization: aws4-hmac-sha256 credential=akidexample/"), "{seen}");
    assert!(seen.contains("/us-east-1/eks/aws4_request"), "{seen}");
    assert!(seen.contains("signedheaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target"), "{seen}");
    assert!(seen.contains("x-amz-security-token: session-token-of-aws"), "{seen}");
    assert!(!seen.contains("wjalrxutnfemi"), "{seen}");
    assert_eq!(site.services.redactor.redact("session-token-of-aws"), crate::REDACTED);
}

#[tokio::test]
async fn the_host_signs_with_tokens_and_passwords() {
    for (slot, scheme, header) in [
        ("token", SignatureScheme::Bearer, "authorization: Bearer token-of-bearer"),
        ("user", SignatureScheme::Basic, "authorization: Basic YW5hOnBhc3N3b3JkLW9mLWFuYQ=="),
    ] {
        let server = Server::start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let mut site = Site::to(&server);
        site.send(signed(server.url("/"), slot, scheme)).await.expect("an answer");
        let seen = server.seen().await;
        assert!(seen.contains(header), "{seen}");
    }
}

#[tokio::test]
async fn the_host_shows_a_client_certificate() {
    let server = Server::start_mutual("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let mut site = Site::to(&server);
    assert!(site.send(get(server.url("/"))).await.is_err());
    let response = site.send(signed(server.url("/"), "tls", SignatureScheme::ClientTls)).await;
    assert_eq!(response.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_credential_signs_only_for_its_hosts_services_and_kind() {
    let egress = Egress::new("api.example.com".parse().expect("a host"), 443);
    let mut site = Site::new(vec![egress], &["127.0.0.1"]);
    let scope = |service: &str| SignatureScheme::Sigv4(Sigv4 { service: service.into(), region: "r".into() });
    for (slot, scheme) in [
        ("unknown", SignatureScheme::Bearer),
        ("elsewhere", SignatureScheme::Bearer),
        ("token", SignatureScheme::Basic),
        ("aws", scope("iam")),
        ("token", scope("eks")),
        ("token", SignatureScheme::Other("new".into())),
    ] {
        denied(site.send(signed("https://api.example.com/".into(), slot, scheme)).await);
    }
    assert_eq!(site.names.n_asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_empty_slot_says_what_is_missing() {
    let egress = Egress::new("api.example.com".parse().expect("a host"), 443);
    let mut site = Site::new(vec![egress], &["127.0.0.1"]);
    let result = site.send(signed("https://api.example.com/".into(), "empty", SignatureScheme::Bearer)).await;
    assert!(matches!(result, Err(Error::Credential(reason)) if reason == "slot `empty`: nothing is bound"));
}
