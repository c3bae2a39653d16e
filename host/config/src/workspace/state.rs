//! `state "backend" { … }`.

use serde_json::{Map, Value};

use crate::{document::join, names::SlotName, nearest::suggest, workspace::check::Check};

/// Backends that lock, which a state that several may use must be.
const KINDS: [&str; 4] = ["azurerm", "gcs", "http", "s3"];

/// Settings of those backends that are secrets, or name a file of them.
const SECRETS: [&str; 18] = [
    "access_key",
    "access_token",
    "client_certificate",
    "client_certificate_password",
    "client_certificate_pem",
    "client_private_key_pem",
    "client_secret",
    "credentials",
    "encryption_key",
    "oidc_request_token",
    "oidc_token",
    "password",
    "sas_token",
    "secret_key",
    "shared_credentials_file",
    "sse_customer_key",
    "token",
    "username",
];

/// Names a slot; every other key is the backend's own.
const CREDENTIAL: &str = "credential";

/// Where terraform's state lies, other than in the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteState {
    /// Kind of backend, as terraform names it.
    pub kind: String,
    /// The backend's own settings. None of them is a secret.
    pub settings: Map<String, Value>,
    /// The slot whose value the backend signs in with; none leaves it with what the providers sign in with.
    pub credential: Option<SlotName>,
}

pub(super) fn read(check: &mut Check<'_>) -> Option<RemoteState> {
    let (pointer, kind) = check.only_label("state")?;
    let mut settings: Map<String, Value> = check.raw(&pointer)?;
    let mut is_good = true;
    if !KINDS.contains(&kind.as_str()) {
        let help = suggest(&kind, KINDS).unwrap_or_else(|| format!("there are {}", KINDS.join(", ")));
        let finding = check.finding(&pointer, format!("state cannot be kept in `{kind}`"));
        check.push(finding.help(help));
        is_good = false;
    }
    for key in settings.keys().filter(|key| SECRETS.contains(&key.as_str())) {
        let help = "bind a slot: `credential = \"SLOT\"`, and a block `credential \"SLOT\" { … }`".to_owned();
        check.refuse(&join(&pointer, key), format!("`{key}` would put a secret into this file"), help);
        is_good = false;
    }
    let credential = match settings.shift_remove(CREDENTIAL) {
        None => None,
        Some(Value::String(slot)) => Some(check.parse(&join(&pointer, CREDENTIAL), &slot)?),
        Some(_) => {
            check.refuse(&join(&pointer, CREDENTIAL), "this names no slot", None);
            return None;
        }
    };
    is_good.then_some(RemoteState { kind, settings, credential })
}
