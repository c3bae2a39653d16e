//! The plugin as a component.

use hangar_sdk::{infra_provider as infra, secret_store as secrets};

struct Plugin;

impl infra::Guest for Plugin {
    fn validate(config: String, instance: infra::Instance) -> Vec<infra::Diagnostic> {
        crate::validate(&config, &instance)
    }

    fn preflight(
        _config: String,
        _instance: infra::Instance,
        _token: Option<String>,
    ) -> Result<infra::Progress, infra::Error> {
        Ok(infra::Progress::Done(Vec::new()))
    }

    fn render(config: String, instance: infra::Instance) -> Result<infra::Workspace, infra::Error> {
        crate::render(&config, &instance)
    }

    fn interpret(
        _config: String,
        instance: infra::Instance,
        outputs: Vec<infra::Output>,
    ) -> Result<infra::Infrastructure, infra::Error> {
        crate::interpret(&instance, &outputs)
    }

    fn cluster_token(
        config: String,
        _infrastructure: infra::Infrastructure,
    ) -> Result<infra::TokenRecipe, infra::Error> {
        crate::cluster_token(&config)
    }

    fn explain(diagnostic: infra::ToolDiagnostic) -> Option<String> {
        crate::explain(&diagnostic)
    }
}

impl secrets::Guest for Plugin {
    fn validate(config: String) -> Vec<secrets::Diagnostic> {
        crate::check(&config)
    }

    fn get(_config: String, name: String, version: Option<String>) -> Result<secrets::Secret, secrets::Error> {
        crate::get(&name, version.as_deref())
    }

    fn put(_config: String, name: String, value: Vec<u8>, expected: Option<String>) -> Result<String, secrets::Error> {
        crate::put(&name, &value, expected.as_deref())
    }

    fn list(_config: String, prefix: String) -> Result<Vec<String>, secrets::Error> {
        crate::list(&prefix)
    }

    fn history(_config: String, name: String) -> Result<Vec<secrets::VersionInfo>, secrets::Error> {
        crate::history(&name)
    }

    fn destroy(_config: String, name: String, version: String) -> Result<(), secrets::Error> {
        crate::destroy(&name, &version)
    }
}

hangar_sdk::export_infra_provider!(Plugin);
hangar_sdk::export_secret_store!(Plugin);
