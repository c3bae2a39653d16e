//! The plugin as a component.

use hangar_sdk::infra_provider::{
    Diagnostic, Error, Guest, Infrastructure, Instance, Output, Progress, TokenRecipe, ToolDiagnostic, Workspace,
};

struct Existing;

impl Guest for Existing {
    fn validate(config: String, instance: Instance) -> Vec<Diagnostic> {
        crate::validate(&config, &instance)
    }

    /// There is no cloud to look at, and the cluster is looked at by the host.
    fn preflight(_config: String, _instance: Instance, _token: Option<String>) -> Result<Progress, Error> {
        Ok(Progress::Done(Vec::new()))
    }

    fn render(config: String, instance: Instance) -> Result<Workspace, Error> {
        crate::render(&config, &instance)
    }

    fn interpret(config: String, instance: Instance, outputs: Vec<Output>) -> Result<Infrastructure, Error> {
        crate::interpret(&config, &instance, &outputs)
    }

    fn cluster_token(config: String, _infrastructure: Infrastructure) -> Result<TokenRecipe, Error> {
        crate::cluster_token(&config)
    }

    /// Nothing of a cloud can go wrong here.
    fn explain(_diagnostic: ToolDiagnostic) -> Option<String> {
        None
    }
}

hangar_sdk::export_infra_provider!(Existing);
