//! The parts of AWS that give keys: token service, sign-in portal, metadata server, what stands beside a container. Each wants
//! to be shown exactly what AWS wants, and refuses in AWS's words. Ends when it is dropped.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const SESSION: &str = "token-of-the-metadata-server";
const SIGNED_IN: &str = "signed-in";
const ACCOUNT: &str = "arn:aws:iam::123456789012:role/";

pub(super) struct Amazon {
    url: String,
    record: Arc<Record>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Record {
    seen: Mutex<Vec<String>>,
    /// Who signed the calls of the token service.
    asked_by: Mutex<Vec<String>>,
}

type Answer = (u16, String);

impl Amazon {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let record = Arc::new(Record::default());
        let shared = Arc::clone(&record);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let record = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(request, Arc::clone(&record)));
                    drop(
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Self { url, record, task }
    }

    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// Method and path of what came.
    pub(super) fn seen(&self) -> Vec<String> {
        self.record.seen.lock().expect("no test panics with it").clone()
    }

    pub(super) fn asked_by(&self) -> Vec<String> {
        self.record.asked_by.lock().expect("no test panics with it").clone()
    }

    /// What `aws sso login` leaves in a home: good for `left_s` seconds.
    pub(super) fn sign_in(&self, home: &Path, session: &str, left_s: i64) {
        let token = json!({ "accessToken": SIGNED_IN, "expiresAt": after(left_s), "region": "eu-central-1" });
        write(home, session, &token);
    }

    /// The same of a session that can be renewed; its token is worth nothing by itself.
    pub(super) fn sign_in_renewable(&self, home: &Path, session: &str, left_s: i64) {
        let token = json!({
            "accessToken": "spent",
            "expiresAt": after(left_s),
            "region": "eu-central-1",
            "clientId": "client",
            "clientSecret": "secret",
            "refreshToken": "long-lived",
            "registrationExpiresAt": after(90 * 24 * 3600),
        });
        write(home, session, &token);
    }
}

impl Drop for Amazon {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The cache's name for a session is the SHA-1 of its name, or of its start URL.
fn write(home: &Path, session: &str, token: &Value) {
    let name = match session {
        "corp" => "ee0bfd2552fbd840c02cc48b6e823320543c450f",
        "https://corp.example.com/start" => "320c065519a2fc37b0f28a1bd477dc924a630080",
        other => panic!("nobody has looked up the digest of `{other}`"),
    };
    let folder = home.join(".aws/sso/cache");
    std::fs::create_dir_all(&folder).expect("the home is ours");
    std::fs::write(folder.join(format!("{name}.json")), token.to_string()).expect("the home is ours");
}

pub(super) fn after(left_s: i64) -> String {
    let now = SystemTime::now();
    let length = Duration::from_secs(left_s.unsigned_abs());
    let time = if left_s < 0 { now - length } else { now + length };
    jiff::Timestamp::try_from(time).expect("a time").strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

async fn answer(request: Request<Incoming>, record: Arc<Record>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let (path, method) = (head.uri.path().to_owned(), head.method.to_string());
    record.seen.lock().expect("no test panics with it").push(format!("{method} {path}"));
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let of = |text: &str| url::form_urlencoded::parse(text.as_bytes()).into_owned().collect::<HashMap<_, _>>();
    let (status, text) = match (method.as_str(), path.as_str()) {
        ("POST", "/") => {
            let signer = header("authorization").split("Credential=").nth(1).and_then(|rest| rest.split('/').next());
            record.asked_by.lock().expect("no test panics with it").push(signer.unwrap_or_default().to_owned());
            token_service(signer, &of(&String::from_utf8_lossy(&body)))
        }
        ("GET", "/federation/credentials") => {
            portal(header("x-amz-sso_bearer_token"), &of(head.uri.query().unwrap_or_default()))
        }
        ("POST", "/token") => renewal(&serde_json::from_slice(&body).unwrap_or_default()),
        ("PUT", "/latest/api/token") if !header("x-aws-ec2-metadata-token-ttl-seconds").is_empty() => {
            (200, SESSION.to_owned())
        }
        ("GET", path) if path.starts_with("/latest/") => metadata(path, header("x-aws-ec2-metadata-token")),
        ("GET", "/container") if header("authorization") == "pod-token" => {
            let keys = json!({
                "AccessKeyId": "ASIACONTAINER", "SecretAccessKey": "s", "Token": "t", "Expiration": after(3600),
            });
            (200, keys.to_string())
        }
        ("GET", "/container") => (403, r#"{"code":"AccessDenied","message":"the token is another"}"#.to_owned()),
        _ => (404, String::new()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
    // The metadata server tells the lifetime of its token so.
    response
        .headers_mut()
        .insert("x-aws-ec2-metadata-token-ttl-seconds", hyper::header::HeaderValue::from_static("21600"));
    Ok(response)
}

/// `AssumeRole` is signed, `AssumeRoleWithWebIdentity` is not.
fn token_service(signer: Option<&str>, form: &HashMap<String, String>) -> Answer {
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let role = field("RoleArn").strip_prefix(ACCOUNT).unwrap_or_default();
    let denied = |message: &str| refusal(403, "AccessDenied", message);
    match (field("Action"), signer) {
        ("AssumeRole", None) => refusal(403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
        ("AssumeRole", Some("AKIAWRONG")) => {
            refusal(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        }
        ("AssumeRole", Some(signer)) => match (role, signer) {
            ("hub", "AKIAKEYS" | "ASIAINSTANCE") => given("AssumeRole", "ASIAHUB"),
            ("deploy", "ASIAHUB") if field("ExternalId") == "uss1" => given("AssumeRole", "ASIAROLE"),
            ("deploy", "ASIASSO") => given("AssumeRole", "ASIAROLE"),
            _ => denied(&format!(
                "User: {signer} is not authorized to perform: sts:AssumeRole on resource: {ACCOUNT}{role}"
            )),
        },
        ("AssumeRoleWithWebIdentity", None) => match (role, field("WebIdentityToken")) {
            ("deploy", "of-the-cluster") => given("AssumeRoleWithWebIdentity", "ASIAWEB"),
            ("deploy", _) => {
                refusal(400, "ExpiredTokenException", "Token expired: current date/time must be before the expiration")
            }
            _ => denied("Not authorized to perform sts:AssumeRoleWithWebIdentity"),
        },
        _ => refusal(400, "InvalidAction", "no such action"),
    }
}

fn given(action: &str, id: &str) -> Answer {
    let expires = after(3600);
    let text = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
         <AccessKeyId>{id}</AccessKeyId><SecretAccessKey>secret-of-{id}</SecretAccessKey><SessionToken>session</SessionToken>\
         <Expiration>{expires}</Expiration></Credentials></{action}Result></{action}Response>"
    );
    (200, text)
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    let text = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>r1</RequestId></ErrorResponse>"
    );
    (status, text)
}

fn portal(token: &str, query: &HashMap<String, String>) -> Answer {
    let asked = |name: &str| query.get(name).map_or("", String::as_str);
    if token != SIGNED_IN {
        return (401, r#"{"__type":"UnauthorizedException","message":"Session token not found or invalid"}"#.into());
    }
    if (asked("account_id"), asked("role_name")) != ("123456789012", "deploy") {
        return (403, r#"{"__type":"ForbiddenException","message":"No access"}"#.into());
    }
    let expires = (jiff::Timestamp::now() + Duration::from_secs(3600)).as_millisecond();
    let keys = json!({
        "accessKeyId": "ASIASSO", "secretAccessKey": "s", "sessionToken": "t", "expiration": expires,
    });
    (200, json!({ "roleCredentials": keys }).to_string())
}

fn renewal(asked: &Value) -> Answer {
    let wanted = json!({
        "clientId": "client", "clientSecret": "secret", "grantType": "refresh_token", "refreshToken": "long-lived",
    });
    if *asked != wanted {
        return (400, r#"{"__type":"InvalidGrantException","error":"invalid_grant"}"#.into());
    }
    (
        200,
        json!({ "accessToken": SIGNED_IN, "expiresIn": 3600, "tokenType": "Bearer", "refreshToken": "next" })
            .to_string(),
    )
}

/// Only version 2 of it: who has not asked for a token of it gets nothing.
fn metadata(path: &str, token: &str) -> Answer {
    if token != SESSION {
        return (401, String::new());
    }
    match path.strip_prefix("/latest/meta-data/iam/security-credentials/") {
        Some("") => (200, "role-of-the-instance".into()),
        Some("role-of-the-instance") => {
            let keys = json!({
                "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": after(-60), "AccessKeyId": "ASIAINSTANCE",
                "SecretAccessKey": "s", "Token": "t", "Expiration": after(3600),
            });
            (200, keys.to_string())
        }
        _ => (404, String::new()),
    }
}
