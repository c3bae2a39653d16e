//! What a plugin asks for.

use serde::{Deserialize, Serialize};

use super::egress::https;
use super::{
    CredentialSlot, Egress, HostPattern, InfraProviderGrant, Limits, SecretStoreGrant, StrategyGrant, TerraformProvider,
};

/// What a plugin asks for, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Request {
    /// As an infra provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infra_provider: Option<InfraProviderRequest>,
    /// As a secret store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_store: Option<SecretStoreRequest>,
    /// As a pooling strategy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling_strategy: Option<StrategyGrant>,
    /// Bounds it wants for one call.
    #[serde(default)]
    pub limits: Limits,
}

/// What a plugin asks for as an infra provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct InfraProviderRequest {
    /// Where its requests go.
    pub egress: Vec<EgressRequest>,
    /// Credentials that the host is to use for it.
    pub credentials: Vec<CredentialSlot>,
    /// Providers that its terraform module uses.
    pub terraform_providers: Vec<TerraformProvider>,
    /// Chart values it sets: dotted paths, each with everything below it.
    pub values: Vec<String>,
    /// Charts it asks for as add-ons: `oci://` references without tag and digest.
    pub charts: Vec<String>,
    /// Whether it keeps a few small values.
    pub state: bool,
}

/// What a plugin asks for as a secret store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SecretStoreRequest {
    /// Where its requests go.
    pub egress: Vec<EgressRequest>,
    /// Credentials that the host is to use for it.
    pub credentials: Vec<CredentialSlot>,
    /// Whether it uses the host's sealed file.
    pub sealed_file: bool,
}

/// A host that requests go to. Authorities, private ranges and development are for the operator alone to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EgressRequest {
    /// Name, or pattern of names.
    pub host: HostPattern,
    /// Port.
    #[serde(default = "https")]
    pub port: u16,
    /// Methods in capitals; empty asks for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
}

impl EgressRequest {
    fn accept(&self) -> Egress {
        Egress { methods: self.methods.clone(), ..Egress::new(self.host.clone(), self.port) }
    }
}

impl InfraProviderRequest {
    pub(super) fn accept(&self) -> InfraProviderGrant {
        InfraProviderGrant {
            egress: self.egress.iter().map(EgressRequest::accept).collect(),
            credentials: self.credentials.clone(),
            terraform_providers: self.terraform_providers.clone(),
            values: self.values.clone(),
            charts: self.charts.clone(),
            state: self.state,
        }
    }
}

impl SecretStoreRequest {
    pub(super) fn accept(&self) -> SecretStoreGrant {
        SecretStoreGrant {
            egress: self.egress.iter().map(EgressRequest::accept).collect(),
            credentials: self.credentials.clone(),
            sealed_file: self.sealed_file,
        }
    }
}
