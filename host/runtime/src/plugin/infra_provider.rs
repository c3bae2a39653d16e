//! A plugin as an infra provider.

use hangar_plan::diagnostic::Diagnostic;
use hangar_plan::grant::{InfraProviderGrant, Kind};
use hangar_plan::infrastructure::{
    Infrastructure, Instance, Output, Progress, ProviderError, TokenRecipe, ToolDiagnostic, Workspace,
};
use serde_json::Value;

use super::Plugin;
use crate::bindings::infra_provider::InfraProviderPre;
use crate::bindings::infra_provider::hangar::infra_provider::types as wit;
use crate::call::Purity;
use crate::error::{Fault, PluginError};
use crate::lift::Translate;
use crate::policy::{check_infrastructure, check_recipe, check_workspace};

const KIND: Kind = Kind::InfraProvider;

/// A plugin as an infra provider. What comes out of it was checked against the grant and the artefact policy.
#[derive(Debug, Clone)]
pub struct InfraProvider {
    pub(super) plugin: Plugin,
}

/// Calls a function of the contract in an instance of its own.
macro_rules! call {
    ($self:ident, $name:literal, $purity:ident, $function:ident($($argument:ident),*)) => {
        $self.plugin.call(KIND, $name, Purity::$purity, move |mut store, guest| async move {
            let guest = InfraProviderPre::new(guest)?.instantiate_async(&mut store).await?;
            guest.hangar_infra_provider_provider().$function(&mut store, $(&$argument),*).await
        })
    };
}

impl InfraProvider {
    /// Checks the plugin's block beyond its schema; all findings at once.
    ///
    /// # Errors
    ///
    /// [`PluginError`] if there is no answer.
    pub async fn validate(&self, config: &Value, instance: &Instance) -> Result<Vec<Diagnostic>, PluginError> {
        let (config, instance): (_, wit::Instance) = (config.to_string(), instance.clone().translate());
        let findings = call!(self, "validate", Pure, call_validate(config, instance)).await?;
        Ok(findings.translate())
    }

    /// Looks at the cloud before anything exists. `token` is none at first, then that of the last
    /// [`Progress::Poll`].
    ///
    /// # Errors
    ///
    /// [`Fault::Provider`] with the plugin's reason, otherwise why there is no answer.
    pub async fn preflight(
        &self,
        config: &Value,
        instance: &Instance,
        token: Option<&str>,
    ) -> Result<Progress, PluginError> {
        let (config, instance): (_, wit::Instance) = (config.to_string(), instance.clone().translate());
        let token = token.map(str::to_owned);
        let answer = self
            .plugin
            .call(KIND, "preflight", Purity::Effects, move |mut store, guest| async move {
                let guest = InfraProviderPre::new(guest)?.instantiate_async(&mut store).await?;
                let provider = guest.hangar_infra_provider_provider();
                provider.call_preflight(&mut store, &config, &instance, token.as_deref()).await
            })
            .await?;
        self.answer("preflight", answer)
    }

    /// Returns the terraform files of one root module, which the artefact policy has passed.
    ///
    /// # Errors
    ///
    /// [`Fault::Provider`] with the plugin's reason, [`Fault::Refused`] with everything the policy refuses, otherwise
    /// why there is no answer.
    pub async fn render(&self, config: &Value, instance: &Instance) -> Result<Workspace, PluginError> {
        let (config, instance): (_, wit::Instance) = (config.to_string(), instance.clone().translate());
        let answer = call!(self, "render", Pure, call_render(config, instance)).await?;
        let workspace: Workspace = self.answer("render", answer)?;
        check_workspace(&workspace, self.grant()).map_err(self.plugin.refuse("render"))?;
        Ok(workspace)
    }

    /// Says what terraform's outputs mean.
    ///
    /// # Errors
    ///
    /// As [`Self::render`].
    pub async fn interpret(
        &self,
        config: &Value,
        instance: &Instance,
        outputs: &[Output],
    ) -> Result<Infrastructure, PluginError> {
        let (text, instance): (_, wit::Instance) = (config.to_string(), instance.clone().translate());
        let outputs: Vec<wit::Output> = outputs.to_vec().translate();
        let answer = call!(self, "interpret", Pure, call_interpret(text, instance, outputs)).await?;
        let infrastructure: Infrastructure = self.answer("interpret", answer)?;
        check_infrastructure(&infrastructure, self.grant(), config).map_err(self.plugin.refuse("interpret"))?;
        Ok(infrastructure)
    }

    /// Says how the host makes a token for the Kubernetes API.
    ///
    /// # Errors
    ///
    /// As [`Self::render`].
    pub async fn cluster_token(
        &self,
        config: &Value,
        infrastructure: &Infrastructure,
    ) -> Result<TokenRecipe, PluginError> {
        let (config, infrastructure): (_, wit::Infrastructure) =
            (config.to_string(), infrastructure.clone().translate());
        let answer = call!(self, "cluster-token", Pure, call_cluster_token(config, infrastructure)).await?;
        let recipe: TokenRecipe = self.answer("cluster-token", answer)?;
        check_recipe(&recipe, self.grant()).map_err(self.plugin.refuse("cluster-token"))?;
        Ok(recipe)
    }

    /// Turns a diagnostic of terraform into a cure in this cloud's words; none where there is nothing to add.
    ///
    /// # Errors
    ///
    /// [`PluginError`] if there is no answer.
    pub async fn explain(&self, diagnostic: &ToolDiagnostic) -> Result<Option<String>, PluginError> {
        let diagnostic: wit::ToolDiagnostic = diagnostic.clone().translate();
        call!(self, "explain", Pure, call_explain(diagnostic)).await
    }

    fn answer<A: Translate<B>, B>(&self, call: &'static str, answer: Result<A, wit::Error>) -> Result<B, PluginError> {
        answer.map(Translate::translate).map_err(|err| {
            let err: ProviderError = err.translate();
            self.plugin.error(call, Fault::Provider(err))
        })
    }

    fn grant(&self) -> &InfraProviderGrant {
        self.plugin.grant().infra_provider.as_ref().expect("checked when the kind was asked for")
    }
}
