//! Keys for a tool that outlives them: it asks here for new ones, as a container of AWS asks what stands beside it.
//!
//! The tool's environment then holds an address of this machine and the name of a file, and no key. Who asks must show what is
//! in that file, which only this user can read. It answers as long as it is not dropped; a tool that outlives the host goes on
//! with the keys that it has.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hangar_config::AwsChain;
use hangar_runtime::Redactor;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{AwsError, Keyring};
use crate::scratch::Scratch;

const PATH: &str = "/keys";
const TOKEN_FILE: &str = "aws-token";
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a tool gets the keys of one chain.
pub(crate) struct Endpoint {
    url: String,
    token: SecretString,
    folder: Scratch,
    task: JoinHandle<()>,
}

/// What every connection looks at.
struct Giver {
    from: AwsChain,
    keyring: Arc<Keyring>,
    redactor: Redactor,
    token: SecretString,
}

impl Endpoint {
    /// Listens on a port of this machine, and answers from then on.
    pub(crate) async fn start(
        from: AwsChain,
        keyring: Arc<Keyring>,
        redactor: Redactor,
        folder: Scratch,
    ) -> io::Result<Self> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let token = SecretString::from(hex::encode(random));
        redactor.register(token.expose_secret());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}{PATH}", listener.local_addr()?);
        let giver = Arc::new(Giver { from, keyring, redactor, token: token.clone() });
        let task = tokio::spawn(serve(listener, giver));
        Ok(Self { url, token, folder, task })
    }

    /// What a tool of AWS reads from its environment to ask here. Writes the file, in case somebody swept it.
    pub(crate) fn variables(&self) -> Result<[(&'static str, String); 2], hangar_durable::WriteError> {
        let file = self.token_file();
        hangar_durable::private_dir(self.folder.path())?;
        hangar_durable::write_private(&file, self.token.expose_secret().as_bytes())?;
        Ok([
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", self.url.clone()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.display().to_string()),
        ])
    }

    fn token_file(&self) -> PathBuf {
        self.folder.path().join(TOKEN_FILE)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, giver: Arc<Giver>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors: that passes.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let giver = Arc::clone(&giver);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let giver = Arc::clone(&giver);
                async move { Ok::<_, Infallible>(giver.answer(&request).await) }
            });
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
            // How a connection ends is the caller's to report.
            drop(server.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

impl Giver {
    async fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if request.uri().path() != PATH {
            return answer(StatusCode::NOT_FOUND, &refusal("NotFound", "nothing is here"));
        }
        if !self.is_allowed(request.headers().get(AUTHORIZATION)) {
            return answer(StatusCode::FORBIDDEN, &refusal("AccessDenied", "the token is another"));
        }
        match self.keyring.keys(&self.from).await {
            Ok(keys) => {
                keys.register(&self.redactor);
                let expires = keys.expires.and_then(|expires| jiff::Timestamp::try_from(expires).ok());
                let token = keys.session_token.as_ref().map(|token| token.expose_secret());
                let mut body = json!({
                    "AccessKeyId": keys.access_key_id,
                    "SecretAccessKey": keys.secret_access_key.expose_secret(),
                    "Token": token.unwrap_or_default(),
                });
                if let Some(expires) = expires {
                    body["Expiration"] = json!(expires.to_string());
                }
                answer(StatusCode::OK, &body)
            }
            Err(err) => answer(StatusCode::BAD_GATEWAY, &refusal("NoKeys", &AwsError::words(&err))),
        }
    }

    fn is_allowed(&self, given: Option<&HeaderValue>) -> bool {
        let given = given.map(|value| Sha256::digest(value.as_bytes()));
        // Digests compare in a time that says nothing of the token.
        given == Some(Sha256::digest(self.token.expose_secret()))
    }
}

fn refusal(code: &str, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

fn answer(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
