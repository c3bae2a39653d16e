//! The component's face.

use hangar_sdk::pooling_strategy::{
    CertificatePolicy, Decision, Diagnostic, Error, Facts, Guest, Intent, Phase, Probe, Roster,
};

struct Yugabytedb;

impl Guest for Yugabytedb {
    fn validate(config: String) -> Vec<Diagnostic> {
        crate::validate(&config)
    }

    fn certificates(config: String, intent: Intent) -> Result<CertificatePolicy, Error> {
        crate::certificates(&config, &intent)
    }

    fn values(config: String, intent: Intent, roster: Roster) -> Result<String, Error> {
        crate::values(&config, &intent, &roster)
    }

    fn outline(config: String, intent: Intent, roster: Roster) -> Result<Vec<Phase>, Error> {
        crate::outline(&config, &intent, &roster)
    }

    fn decide(config: String, intent: Intent, roster: Roster, facts: Facts) -> Result<Decision, Error> {
        crate::decide(&config, &intent, &roster, &facts)
    }

    fn status_probes(config: String, intent: Intent, roster: Roster) -> Result<Vec<Probe>, Error> {
        crate::status_probes(&config, &intent, &roster)
    }
}

hangar_sdk::export_pooling_strategy!(Yugabytedb);
