use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use url::Url;

use super::call::element;
use super::{AccessKey, AwsError, Call};
use crate::bound::{Bound, Server};
use crate::options::{find_runner, find_tool};
use crate::{WorldError, images};

/// A running emulator of AWS, with one account. It ends when this is dropped.
#[derive(Debug)]
pub struct Emulator {
    _process: Bound,
    endpoint: Url,
    hold: PathBuf,
    client: reqwest::Client,
}

/// A user of the account who may do everything, and a key of theirs.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Who they are to IAM.
    pub arn: String,
    /// What signs their calls.
    pub key: AccessKey,
}

/// What Python runs before the emulator: it mends how that checks signatures.
const MENDED: &str = include_str!("sitecustomize.py");
/// Services that whoever lays down a cluster calls, by the names that terraform's provider has for them.
pub const SERVICES: [&str; 12] = [
    "acm",
    "autoscaling",
    "ec2",
    "eks",
    "elbv2",
    "iam",
    "kms",
    "route53",
    "s3",
    "secretsmanager",
    "servicequotas",
    "sts",
];
const NAME: &str = "moto_server";
/// As long as this file lies beside what is mended, no certificate is issued.
const HOLD: &str = "hold-certificates";
const DEADLINE: Duration = Duration::from_secs(90);
const ATTEMPTS: u32 = 4;
/// IAM and Route 53 have no region of their own.
const GLOBAL: &str = "us-east-1";
const IAM_VERSION: (&str, &str) = ("Version", "2010-05-08");

impl Emulator {
    /// Starts it, empty, with its log in `dir`, and returns once it answers. Until [`Self::require_signatures`] it takes any call.
    ///
    /// # Errors
    ///
    /// If `HANGAR_MOTO_SERVER` does not name it, or it does not start.
    pub async fn start(dir: &Path) -> Result<Self, AwsError> {
        let program = find_tool(NAME, "HANGAR_MOTO_SERVER")?;
        let python = dir.join("python");
        std::fs::create_dir_all(&python).map_err(WorldError::file("make", &python))?;
        let mended = python.join("sitecustomize.py");
        std::fs::write(&mended, MENDED).map_err(WorldError::file("write", &mended))?;
        let mut attempt = 1;
        loop {
            match Self::try_start(&program, dir).await {
                // Somebody took the port between our look and its start.
                Err(AwsError::Start(WorldError::Ended { .. })) if attempt < ATTEMPTS => attempt += 1,
                other => return other,
            }
        }
    }

    async fn try_start(program: &Path, dir: &Path) -> Result<Self, AwsError> {
        let listen = |err| WorldError::Listen { what: NAME, address: "127.0.0.1".to_owned(), err };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(listen)?;
        let port = listener.local_addr().map_err(listen)?.port();
        drop(listener);
        let mut process = Bound::start(Server {
            runner: &find_runner()?,
            program,
            arguments: ["-H", "127.0.0.1", "-p"].map(Into::into).into_iter().chain([port.to_string().into()]).collect(),
            variables: vec![
                ("MOTO_IAM_LOAD_MANAGED_POLICIES", "true".to_owned()),
                ("MOTO_ACM_VALIDATION_WAIT", "1".to_owned()),
                ("PYTHONPATH", dir.join("python").display().to_string()),
                ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
            ],
            log: dir.join("moto.log"),
        })?;
        let endpoint = Url::parse(&format!("http://127.0.0.1:{port}")).expect("it is a URL");
        let (client, start) = (images::http_client(), Instant::now());
        let look = endpoint.join("/moto-api/").expect("it is a URL");
        loop {
            let last_seen = match client.get(look.clone()).send().await {
                Ok(answer) if answer.status().is_success() => {
                    let hold = dir.join("python").join(HOLD);
                    return Ok(Self { _process: process, endpoint, hold, client });
                }
                Ok(answer) => answer.status().to_string(),
                Err(err) => err.to_string(),
            };
            let organisation = "the world".to_owned();
            if let Some(status) = process.exited() {
                let last_words = process.last_words();
                return Err(WorldError::Ended { program: NAME, organisation, status, last_words }.into());
            }
            if start.elapsed() > DEADLINE {
                let seconds = DEADLINE.as_secs();
                return Err(WorldError::NotReady { program: NAME, organisation, seconds, last_seen }.into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// `http://127.0.0.1:PORT`: every service is behind it.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.endpoint.as_str().trim_end_matches('/')
    }

    /// Makes a user who may do everything, and a key of theirs.
    ///
    /// # Errors
    ///
    /// If the emulator does not do it.
    pub async fn add_operator(&self, name: &str) -> Result<Operator, AwsError> {
        let anybody = AccessKey::new("AKIAIOSFODNN7EXAMPLE", "unchecked");
        let (arn, key) = self.make_user(&anybody, name).await?;
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
        });
        let policy = policy.to_string();
        let everything = [
            ("Action", "PutUserPolicy"),
            IAM_VERSION,
            ("UserName", name),
            ("PolicyName", "everything"),
            ("PolicyDocument", &policy),
        ];
        self.call(&anybody, &Call::form("iam", GLOBAL, &everything)).await?;
        Ok(Operator { arn, key })
    }

    /// Makes a user who may do nothing yet, by the key of one who may, and returns a key of theirs.
    ///
    /// # Errors
    ///
    /// If the emulator does not do it.
    pub async fn add_user(&self, name: &str, by: &AccessKey) -> Result<AccessKey, AwsError> {
        Ok(self.make_user(by, name).await?.1)
    }

    async fn make_user(&self, by: &AccessKey, name: &str) -> Result<(String, AccessKey), AwsError> {
        let iam = async |action| {
            let parameters = [("Action", action), IAM_VERSION, ("UserName", name)];
            self.call(by, &Call::form("iam", GLOBAL, &parameters)).await
        };
        let user = iam("CreateUser").await?;
        let key = iam("CreateAccessKey").await?;
        let part = |answer: &str, wanted: &'static str| {
            let call = format!("the making of user `{name}`");
            element(answer, wanted).map(ToOwned::to_owned).ok_or(AwsError::Answer { call, wanted })
        };
        let key = AccessKey::new(part(&key, "AccessKeyId")?, part(&key, "SecretAccessKey")?);
        Ok((part(&user, "Arn")?, key))
    }

    /// Makes a public hosted zone and returns its id.
    ///
    /// # Errors
    ///
    /// If the emulator does not do it.
    pub async fn add_hosted_zone(&self, key: &AccessKey, name: &str) -> Result<String, AwsError> {
        let body = format!(
            "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>{name}</Name>\
             <CallerReference>{name}</CallerReference></CreateHostedZoneRequest>"
        );
        let call = Call::rest("route53", GLOBAL, "POST", "/2013-04-01/hostedzone", &body);
        let answer = self.call(key, &call).await?;
        let id = element(&answer, "Id").and_then(|id| id.rsplit('/').next()).map(ToOwned::to_owned);
        id.ok_or(AwsError::Answer { call: "CreateHostedZone".to_owned(), wanted: "Id" })
    }

    /// From now on each call needs the signature of a key that the account has, and a policy that allows it.
    ///
    /// # Errors
    ///
    /// If the emulator does not do it.
    pub async fn require_signatures(&self) -> Result<(), AwsError> {
        let call = "reset-auth";
        let failed = |err| AwsError::Send { call: call.to_owned(), err };
        let url = self.endpoint.join("/moto-api/reset-auth").expect("it is a URL");
        let answer = self.client.post(url).header("content-type", "text/plain").body("0").send().await;
        let answer = answer.map_err(failed)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let body = answer.text().await.map_err(failed)?;
        Err(AwsError::Refused { call: call.to_owned(), status: status.as_u16(), body })
    }

    /// Lets certificates wait for their proof, or be issued again.
    ///
    /// # Errors
    ///
    /// If the emulator cannot be told.
    pub fn hold_certificates(&self, is_held: bool) -> Result<(), AwsError> {
        let told = if is_held { std::fs::write(&self.hold, "") } else { std::fs::remove_file(&self.hold) };
        told.map_err(WorldError::file("write", &self.hold)).map_err(AwsError::from)
    }

    /// Makes one call of a service's API, as another client beside terraform does, and returns the body of the answer.
    ///
    /// # Errors
    ///
    /// If it cannot be reached, or refuses.
    pub async fn call(&self, key: &AccessKey, call: &Call) -> Result<String, AwsError> {
        call.send(&self.client, &self.endpoint, key).await
    }
}
