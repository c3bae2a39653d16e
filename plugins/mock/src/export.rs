//! The plugin as a component.

use hangar_sdk::{infra_provider as infra, pooling_strategy as pool, secret_store as secrets};

struct Plugin;

impl infra::Guest for Plugin {
    fn validate(config: String, _instance: infra::Instance) -> Vec<infra::Diagnostic> {
        crate::validate_infra(&config)
    }

    fn preflight(
        config: String,
        _instance: infra::Instance,
        token: Option<String>,
    ) -> Result<infra::Progress, infra::Error> {
        crate::preflight(&config, token.as_deref())
    }

    fn render(config: String, instance: infra::Instance) -> Result<infra::Workspace, infra::Error> {
        crate::render(&config, &instance)
    }

    fn interpret(
        config: String,
        instance: infra::Instance,
        outputs: Vec<infra::Output>,
    ) -> Result<infra::Infrastructure, infra::Error> {
        crate::interpret(&config, &instance, &outputs)
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
        crate::validate_secrets(&config)
    }

    fn get(config: String, name: String, _version: Option<String>) -> Result<secrets::Secret, secrets::Error> {
        crate::get(&config, &name)
    }

    fn put(config: String, name: String, _value: Vec<u8>, _expected: Option<String>) -> Result<String, secrets::Error> {
        crate::put(&config, &name)
    }

    fn list(config: String, prefix: String) -> Result<Vec<String>, secrets::Error> {
        crate::list(&config, &prefix)
    }

    fn history(config: String, name: String) -> Result<Vec<secrets::VersionInfo>, secrets::Error> {
        crate::history(&config, &name)
    }

    fn destroy(config: String, name: String, _version: String) -> Result<(), secrets::Error> {
        crate::destroy(&config, &name)
    }
}

impl pool::Guest for Plugin {
    fn validate(config: String) -> Vec<pool::Diagnostic> {
        crate::validate_pool(&config)
    }

    fn certificates(config: String, _intent: pool::Intent) -> Result<pool::CertificatePolicy, pool::Error> {
        crate::certificates(&config)
    }

    fn values(config: String, _intent: pool::Intent, _roster: pool::Roster) -> Result<String, pool::Error> {
        crate::values(&config)
    }

    fn outline(config: String, _intent: pool::Intent, _roster: pool::Roster) -> Result<Vec<pool::Phase>, pool::Error> {
        crate::outline(&config)
    }

    fn decide(
        config: String,
        _intent: pool::Intent,
        _roster: pool::Roster,
        facts: pool::Facts,
    ) -> Result<pool::Decision, pool::Error> {
        crate::decide(&config, &facts)
    }

    fn status_probes(
        config: String,
        _intent: pool::Intent,
        _roster: pool::Roster,
    ) -> Result<Vec<pool::Probe>, pool::Error> {
        crate::status_probes(&config)
    }
}

hangar_sdk::export_infra_provider!(Plugin);
hangar_sdk::export_secret_store!(Plugin);
hangar_sdk::export_pooling_strategy!(Plugin);
