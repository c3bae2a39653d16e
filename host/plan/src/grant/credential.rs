//! Credentials by slot: a plugin names one, the host uses it.

use serde::{Deserialize, Serialize};

use super::HostPattern;

/// What a slot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// An AWS key, for Signature Version 4 and for terraform's AWS provider.
    Aws,
    /// A bearer token.
    Bearer,
    /// A user and a password.
    Basic,
    /// A client of an OAuth 2 issuer.
    Oauth2,
    /// A client key pair.
    ClientTls,
    /// A kubeconfig.
    Kubeconfig,
}

/// One credential slot, and what it may be used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CredentialSlot {
    /// Name, as requests and recipes use it.
    pub name: String,
    /// What it holds.
    pub kind: CredentialKind,
    /// Hosts whose requests it may sign.
    #[serde(default)]
    pub hosts: Vec<HostPattern>,
    /// Services it may sign for (AWS service codes); of no meaning for other kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Whether terraform gets it, in its environment.
    #[serde(default)]
    pub terraform: bool,
    /// What it is for, in the author's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub purpose: String,
}
