//! Where terraform's state lies, as the workspace says.

use hangar_config::{Credential, CredentialValue, RemoteState};
use hangar_terraform::{Backend, Flavour, Remote, Terraform};
use secrecy::SecretString;
use semver::Version;
use serde_json::{Map, Value};

use crate::failure::{Cause, Failure};
use crate::site::Site;

impl Site {
    /// The backend: a file of the workspace, unless the operator names another.
    pub(crate) fn backend(&self, terraform: &Terraform) -> Backend {
        match &self.workspace.state {
            None => Backend::Local(self.paths.state().join("terraform").join("infrastructure.tfstate")),
            Some(remote) => {
                let settings = with_defaults(remote, can_lock_in_s3(terraform));
                Backend::Remote(Remote { kind: remote.kind.clone(), settings })
            }
        }
    }

    /// Refuses a backend that is to sign in as somebody else than the providers: terraform reads one environment for both.
    pub(crate) fn refuse_two_identities(&self, of_providers: &[String]) -> Result<(), Failure> {
        let Some(slot) = self.workspace.state.as_ref().and_then(|remote| remote.credential.as_ref()) else {
            return Ok(());
        };
        let kept = |name: &str| {
            let found = self.workspace.credentials.iter().find(|(known, _)| known.as_str() == name);
            found.map(|(_, credential)| credential)
        };
        let of_backend = kept(slot.as_str());
        let other =
            of_providers.iter().find(|name| of_backend.zip(kept(name)).is_some_and(|(one, two)| clash(one, two)));
        let Some(other) = other else { return Ok(()) };
        Err(Failure::refused(format!(
            "the state signs in by slot `{slot}` and the providers by `{other}`, which are two identities"
        ))
        .hint_is(format!(
            "terraform takes one for both: write `credential = \"{other}\"`, and let that identity use the state"
        )))
    }

    /// What the backend signs in with, where that is not what the providers sign in with.
    pub(crate) async fn backend_credentials(&self) -> Result<Vec<(&'static str, SecretString)>, Failure> {
        let Some(remote) = &self.workspace.state else { return Ok(Vec::new()) };
        let Some(slot) = &remote.credential else { return Ok(Vec::new()) };
        let missing = |err| Failure::of(Cause::Refused, "the state needs a credential that is not there", err);
        match (remote.kind.as_str(), self.slots().read(slot.as_str()).map_err(missing)?) {
            ("http", CredentialValue::Basic { username, password }) => {
                Ok(vec![("TF_HTTP_USERNAME", SecretString::from(username)), ("TF_HTTP_PASSWORD", password)])
            }
            ("gcs", CredentialValue::Bearer(token)) => Ok(vec![("GOOGLE_OAUTH_ACCESS_TOKEN", token)]),
            ("azurerm", CredentialValue::Bearer(key)) => Ok(vec![("ARM_ACCESS_KEY", key)]),
            ("s3", CredentialValue::Aws(_))
            | ("gcs", CredentialValue::Google(_))
            | ("azurerm", CredentialValue::Azure(_)) => self.variables_of(slot.as_str()).await,
            (kind, _) => Err(Failure::refused(format!(
                "backend `{kind}` cannot sign in with what slot `{slot}` holds"
            ))
            .hint_is(
                "`s3` takes `aws`, `gcs` takes `google` or an access token as `bearer`, `azurerm` takes `azure` or an access key \
                 as `bearer`, `http` takes `basic`",
            )),
        }
    }
}

/// Two identities of one cloud.
fn clash(one: &Credential, two: &Credential) -> bool {
    let is_google = |of: &Credential| {
        matches!(of, Credential::GoogleFile(_) | Credential::GoogleToken(_) | Credential::GoogleDefault)
    };
    let is_one_cloud = matches!((one, two), (Credential::Aws(_), Credential::Aws(_)))
        || matches!((one, two), (Credential::Azure(_), Credential::Azure(_)))
        || (is_google(one) && is_google(two));
    is_one_cloud && one != two
}

/// Locking and encryption are offered by default; what the operator sets stays.
fn with_defaults(remote: &RemoteState, can_lock_in_s3: bool) -> Map<String, Value> {
    let mut settings = remote.settings.clone();
    if remote.kind == "s3" {
        settings.entry("encrypt").or_insert(Value::Bool(true));
        if can_lock_in_s3 && !settings.contains_key("dynamodb_table") {
            settings.entry("use_lockfile").or_insert(Value::Bool(true));
        }
    }
    settings
}

/// From these versions on a lock is an object beside the state.
fn can_lock_in_s3(terraform: &Terraform) -> bool {
    match terraform.flavour() {
        Flavour::Terraform | Flavour::OpenTofu => *terraform.version() >= Version::new(1, 10, 0),
    }
}

#[cfg(test)]
mod tests {
    use hangar_config::{AwsChain, AwsFrom, AzureFrom};
    use serde_json::json;

    use super::*;

    fn settings(kind: &str, given: Value, can_lock: bool) -> Value {
        let settings = given.as_object().cloned().unwrap_or_default();
        Value::Object(with_defaults(&RemoteState { kind: kind.into(), settings, credential: None }, can_lock))
    }

    #[test]
    fn two_identities_of_one_cloud_clash_and_of_two_do_not() {
        let aws = |chain| Credential::Aws(AwsFrom::Chain(chain));
        assert!(clash(&aws(AwsChain::Default), &aws(AwsChain::Instance)));
        assert!(!clash(&aws(AwsChain::Default), &aws(AwsChain::Default)));
        assert!(!clash(&aws(AwsChain::Default), &Credential::GoogleDefault));
        assert!(clash(&Credential::GoogleToken("T".into()), &Credential::GoogleDefault));
        assert!(!clash(&Credential::Azure(AzureFrom::default()), &Credential::Azure(AzureFrom::default())));
    }

    #[test]
    fn a_bucket_is_locked_and_encrypted_unless_the_operator_says_otherwise() {
        assert_eq!(settings("s3", json!({}), true), json!({ "encrypt": true, "use_lockfile": true }));
        assert_eq!(settings("s3", json!({}), false), json!({ "encrypt": true }));
        let table = json!({ "dynamodb_table": "locks", "encrypt": false });
        assert_eq!(settings("s3", table.clone(), true), table);
        assert_eq!(settings("gcs", json!({ "bucket": "b" }), true), json!({ "bucket": "b" }));
    }
}
