//! The component's face.

use hangar_sdk::infra_provider::{
    Diagnostic, Error, Guest, Infrastructure, Instance, Output, Progress, TokenRecipe, ToolDiagnostic, Workspace,
};

struct Gcp;

impl Guest for Gcp {
    fn validate(config: String, instance: Instance) -> Vec<Diagnostic> {
        crate::validate(&config, &instance)
    }

    fn preflight(config: String, instance: Instance, token: Option<String>) -> Result<Progress, Error> {
        crate::preflight(&config, &instance, token.as_deref())
    }

    fn render(config: String, instance: Instance) -> Result<Workspace, Error> {
        crate::render(&config, &instance)
    }

    fn interpret(config: String, instance: Instance, outputs: Vec<Output>) -> Result<Infrastructure, Error> {
        crate::interpret(&config, &instance, &outputs)
    }

    fn cluster_token(config: String, infrastructure: Infrastructure) -> Result<TokenRecipe, Error> {
        crate::cluster_token(&config, &infrastructure)
    }

    fn explain(diagnostic: ToolDiagnostic) -> Option<String> {
        crate::explain(&diagnostic)
    }
}

hangar_sdk::export_infra_provider!(Gcp);
