//! A look at the cloud before anything exists: identity, permissions, APIs, quotas, machines, versions, DNS.

mod api;
mod dns;
mod project;
mod quota;
#[cfg(test)]
mod tests;
mod zones;

use hangar_sdk::infra_provider::{Error, Finding, Instance, Progress, Severity};

use crate::config::Config;
use api::Api;

/// Looks at everything that can be looked at, and returns all findings at once.
///
/// What cannot be looked at is a finding of its own, so that one missing permission hides nothing else.
///
/// # Errors
///
/// [`Error::Invalid`] about the block; [`Error::Denied`] for what the grant does not allow; [`Error::Unavailable`] where
/// Google cannot be reached at all.
pub fn preflight(config: &str, instance: &Instance, _token: Option<&str>) -> Result<Progress, Error> {
    let config = Config::parse(config)?;
    let api = Api::new(&config);
    let mut findings = Findings::default();
    let Some(project) = project::identity(&api, &config, &mut findings)? else {
        return Ok(Progress::Done(findings.0));
    };
    project::permissions(&api, &config, &mut findings)?;
    project::services(&api, &config, &project, &mut findings)?;
    let machine = zones::look(&api, &config, &mut findings)?;
    quota::look(&api, &config, instance, machine, &mut findings)?;
    zones::version(&api, &config, &mut findings)?;
    dns::look(&api, &config, instance, &mut findings)?;
    Ok(Progress::Done(findings.0))
}

/// Findings, as they are made.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn note(&mut self, subject: &str, message: impl Into<String>) {
        self.add(Severity::Note, subject, message.into(), None);
    }

    fn warn(&mut self, subject: &str, message: impl Into<String>, cure: impl Into<String>) {
        self.add(Severity::Warning, subject, message.into(), Some(cure.into()));
    }

    fn error(&mut self, subject: &str, message: impl Into<String>, cure: impl Into<String>) {
        self.add(Severity::Error, subject, message.into(), Some(cure.into()));
    }

    fn add(&mut self, severity: Severity, subject: &str, message: String, cure: Option<String>) {
        self.0.push(Finding { severity, subject: subject.into(), message, cure });
    }
}
