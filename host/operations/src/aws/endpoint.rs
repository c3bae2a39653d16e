//! Keys for a tool that outlives them: it asks here for new ones, as a container of AWS asks what stands beside it.
//!
//! The tool's environment then holds an address of this machine and the name of a file, and no key. Who asks must show what is
//! in that file, which only this user can read. It answers as long as it is not dropped; a tool that outlives the host goes on
//! with the keys that it has.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use hangar_config::AwsChain;
use hangar_runtime::Redactor;
use hyper::StatusCode;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{AwsError, Keyring};
use crate::loopback::{self, Answer, Answers, Loopback};
use crate::scratch::Scratch;

const PATH: &str = "/keys";
const TOKEN_FILE: &str = "aws-token";

/// Where a tool gets the keys of one chain.
pub(crate) struct Endpoint {
    token: SecretString,
    folder: Scratch,
    server: Loopback,
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
        let token = loopback::secret(&redactor)?;
        let server = Loopback::start(Giver { from, keyring, redactor, token: token.clone() }).await?;
        Ok(Self { token, folder, server })
    }

    /// What a tool of AWS reads from its environment to ask here. Writes the file, in case somebody swept it.
    pub(crate) fn variables(&self) -> Result<[(&'static str, String); 2], hangar_durable::WriteError> {
        let file = self.token_file();
        hangar_durable::private_dir(self.folder.path())?;
        hangar_durable::write_private(&file, self.token.expose_secret().as_bytes())?;
        Ok([
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}{PATH}", self.server.address())),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.display().to_string()),
        ])
    }

    fn token_file(&self) -> PathBuf {
        self.folder.path().join(TOKEN_FILE)
    }
}

#[async_trait]
impl Answers for Giver {
    async fn answer(&self, asked: &Parts) -> Answer {
        if asked.uri.path() != PATH {
            return refuse(StatusCode::NOT_FOUND, "NotFound", "nothing is here");
        }
        if !loopback::is(&self.token, asked.headers.get(AUTHORIZATION).map(|value| value.as_bytes())) {
            return refuse(StatusCode::FORBIDDEN, "AccessDenied", "the token is another");
        }
        match self.keyring.keys(&self.from).await {
            Ok(keys) => {
                keys.register(&self.redactor);
                let expires = keys.expires.and_then(|expires| jiff::Timestamp::try_from(expires).ok());
                let token = keys.session_token.as_ref().map(|token| token.expose_secret());
                let mut body: Value = json!({
                    "AccessKeyId": keys.access_key_id,
                    "SecretAccessKey": keys.secret_access_key.expose_secret(),
                    "Token": token.unwrap_or_default(),
                });
                if let Some(expires) = expires {
                    body["Expiration"] = json!(expires.to_string());
                }
                loopback::json(StatusCode::OK, &body)
            }
            Err(err) => refuse(StatusCode::BAD_GATEWAY, "NoKeys", &AwsError::words(&err)),
        }
    }
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Answer {
    loopback::json(status, &json!({ "code": code, "message": message }))
}
