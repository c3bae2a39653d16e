//! Keys of an AWS account: where they come from.

use std::path::PathBuf;

use secrecy::SecretString;

use super::{CredentialError, variable};
use crate::environment::Environment;

/// Where the keys of an AWS account come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwsFrom {
    /// The environment: the names of the variables.
    Environment {
        /// Holds the key's id.
        access_key_id: String,
        /// Holds the key.
        secret_access_key: String,
        /// Holds the session token of a temporary key; need not be set.
        session_token: String,
    },
    /// Somewhere that only AWS's own library can follow.
    Chain(AwsChain),
}

/// What AWS's own library looks at. It reads the variables of AWS by itself, as every tool of AWS does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AwsChain {
    /// What its tools would find: environment, profile, web identity, container, instance.
    Default,
    /// A profile, and whatever it leads to: keys, SSO, a role by way of another profile, a process, a web identity.
    Profile(AwsProfile),
    /// A token that a cluster or a pipeline renews in a file, exchanged for a role: `AWS_WEB_IDENTITY_TOKEN_FILE` and
    /// `AWS_ROLE_ARN`.
    WebIdentity,
    /// The container: a task of ECS, an association of EKS Pod Identity.
    Container,
    /// The instance, by its metadata server.
    Instance,
}

/// A profile in AWS's own files; if either file is named, only those that are named are read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AwsProfile {
    /// Its name.
    pub name: String,
    /// In place of `~/.aws/config`.
    pub config_file: Option<PathBuf>,
    /// In place of `~/.aws/credentials`.
    pub credentials_file: Option<PathBuf>,
}

/// Keys of an AWS account, or what leads to some.
#[derive(Debug, Clone)]
pub enum AwsValue {
    /// The keys themselves.
    Keys {
        /// The key's id, which is no secret.
        access_key_id: String,
        /// The key.
        secret_access_key: SecretString,
        /// Session token of a temporary key.
        session_token: Option<SecretString>,
    },
    /// To be followed by AWS's library.
    Chain(AwsChain),
}

impl AwsFrom {
    pub(super) fn read(&self, environment: &Environment) -> Result<AwsValue, CredentialError> {
        match self {
            Self::Environment { access_key_id, secret_access_key, session_token } => Ok(AwsValue::Keys {
                access_key_id: variable(environment, access_key_id)?,
                secret_access_key: variable(environment, secret_access_key)?.into(),
                session_token: variable(environment, session_token).ok().map(Into::into),
            }),
            Self::Chain(chain) => Ok(AwsValue::Chain(chain.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_the_variables_that_are_named() {
        let environment = Environment::from_variables([("ID", "A"), ("KEY", "hunter2")]).expect("environment");
        let from = AwsFrom::Environment {
            access_key_id: "ID".into(),
            secret_access_key: "KEY".into(),
            session_token: "AWS_SESSION_TOKEN".into(),
        };
        let value = from.read(&environment).expect("keys");
        assert!(!format!("{value:?}").contains("hunter2"));
        assert!(matches!(value, AwsValue::Keys { session_token: None, .. }));
    }
}
