//! What a plugin asks for, and what an operator lets it do.
//!
//! Two documents with two owners: a [`Request`] is part of the plugin, under its digest; a [`Grant`] is the operator's,
//! kept in the lock file. Only the grant is ever enforced, so nothing that a plugin carries can widen it.

mod credential;
mod difference;
mod egress;
mod limits;
mod request;
mod strategy;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use credential::{CredentialKind, CredentialSlot};
pub use difference::{Excess, difference};
pub use egress::{Egress, HostPattern, HostPatternError};
pub use limits::Limits;
pub use request::{EgressRequest, InfraProviderRequest, Request, SecretStoreRequest};
pub use strategy::{ActionKind, SqlClass, StrategyGrant, VerbGrant};

/// The contracts a plugin may implement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Lays down infrastructure.
    InfraProvider,
    /// Keeps secrets.
    SecretStore,
    /// Knows how one kind of database is pooled.
    PoolingStrategy,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::InfraProvider, Self::SecretStore, Self::PoolingStrategy];

    /// The name in manifests, which is also that of the contract's package.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InfraProvider => "infra-provider",
            Self::SecretStore => "secret-store",
            Self::PoolingStrategy => "pooling-strategy",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an operator lets one plugin do, by kind. A kind that is absent is never called; what is not named is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Grant {
    /// As an infra provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infra_provider: Option<InfraProviderGrant>,
    /// As a secret store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_store: Option<SecretStoreGrant>,
    /// As a pooling strategy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling_strategy: Option<StrategyGrant>,
    /// What one call may use up.
    #[serde(default)]
    pub limits: Limits,
}

/// What a plugin may do as an infra provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct InfraProviderGrant {
    /// Where its requests may go.
    pub egress: Vec<Egress>,
    /// Credentials that the host uses for it.
    pub credentials: Vec<CredentialSlot>,
    /// Providers that its terraform module may use.
    pub terraform_providers: Vec<TerraformProvider>,
    /// Chart values it may set: dotted paths, each with everything below it.
    pub values: Vec<String>,
    /// Charts it may ask for as add-ons: `oci://` references without tag and digest.
    pub charts: Vec<String>,
    /// Whether it may keep a few small values.
    pub state: bool,
}

/// What a plugin may do as a secret store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SecretStoreGrant {
    /// Where its requests may go.
    pub egress: Vec<Egress>,
    /// Credentials that the host uses for it.
    pub credentials: Vec<CredentialSlot>,
    /// Whether it may use the host's sealed file.
    pub sealed_file: bool,
}

/// A terraform provider, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TerraformProvider {
    /// Source address, such as `registry.terraform.io/hashicorp/aws`; `terraform.io/builtin/terraform` is built in.
    pub source: String,
    /// Exact version; empty for the built-in provider.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Lock hashes (`h1:` or `zh:`) that are accepted; empty leaves them to terraform's own lock file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hashes: Vec<String>,
}

impl Grant {
    /// Grants all that is asked, as an operator does who was shown the request and agreed.
    #[must_use]
    pub fn accept(request: &Request) -> Self {
        Self {
            infra_provider: request.infra_provider.as_ref().map(InfraProviderRequest::accept),
            secret_store: request.secret_store.as_ref().map(SecretStoreRequest::accept),
            pooling_strategy: request.pooling_strategy.clone(),
            limits: request.limits.clone(),
        }
    }

    /// Where requests of a kind may go.
    #[must_use]
    pub fn egress(&self, kind: Kind) -> &[Egress] {
        match kind {
            Kind::InfraProvider => self.infra_provider.as_ref().map_or(&[], |grant| &grant.egress),
            Kind::SecretStore => self.secret_store.as_ref().map_or(&[], |grant| &grant.egress),
            Kind::PoolingStrategy => &[],
        }
    }

    /// The credentials of a kind.
    #[must_use]
    pub fn credentials(&self, kind: Kind) -> &[CredentialSlot] {
        match kind {
            Kind::InfraProvider => self.infra_provider.as_ref().map_or(&[], |grant| &grant.credentials),
            Kind::SecretStore => self.secret_store.as_ref().map_or(&[], |grant| &grant.credentials),
            Kind::PoolingStrategy => &[],
        }
    }

    /// Whether a kind may be called at all.
    #[must_use]
    pub fn allows(&self, kind: Kind) -> bool {
        match kind {
            Kind::InfraProvider => self.infra_provider.is_some(),
            Kind::SecretStore => self.secret_store.is_some(),
            Kind::PoolingStrategy => self.pooling_strategy.is_some(),
        }
    }

    /// Lets a kind also reach an endpoint that the operator wrote into the plugin's block (an emulator, a VPC or FIPS
    /// endpoint), with the credentials it has. Does nothing for a kind that is not granted.
    pub fn allow_endpoint(&mut self, kind: Kind, endpoint: Egress) {
        let (egress, credentials) = match kind {
            Kind::InfraProvider => match &mut self.infra_provider {
                Some(grant) => (&mut grant.egress, &mut grant.credentials),
                None => return,
            },
            Kind::SecretStore => match &mut self.secret_store {
                Some(grant) => (&mut grant.egress, &mut grant.credentials),
                None => return,
            },
            Kind::PoolingStrategy => return,
        };
        for slot in credentials {
            if !slot.hosts.contains(&endpoint.host) {
                slot.hosts.push(endpoint.host.clone());
            }
        }
        if !egress.contains(&endpoint) {
            egress.push(endpoint);
        }
    }
}
