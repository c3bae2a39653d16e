//! A look at the cloud before anything exists: who we are, what we may, what there is room for.

use hangar_sdk::infra_provider::{Error, Finding, Instance, Progress, Severity};

use crate::config::Config;

mod api;
mod delegation;
mod quota;
mod rights;

use api::{Api, Trouble};

/// Resource providers that a deployment needs registered in its subscription.
const NAMESPACES: [&str; 5] = [
    "Microsoft.ContainerService",
    "Microsoft.Compute",
    "Microsoft.Network",
    "Microsoft.KeyVault",
    "Microsoft.ManagedIdentity",
];

/// Looks at identity, registered resource providers, rights, versions, machines, quotas and the DNS zone. Changes nothing.
///
/// Whatever one question shows, the others are asked too, but for those that make no sense without a known identity.
///
/// # Errors
///
/// [`Error::Invalid`] about the block; [`Error::Denied`] where the grant does not reach to Azure; [`Error::Unavailable`]
/// where Azure cannot be reached.
pub fn preflight(config: &str, instance: &Instance) -> Result<Progress, Error> {
    let config = Config::parse(config)?;
    let api = Api::new(&config);
    let mut findings = Findings::default();
    if !subscription(&api, &config, &mut findings)? {
        return Ok(Progress::Done(findings.0));
    }
    registrations(&api, &config, &mut findings)?;
    rights::check(&api, &config, &mut findings)?;
    versions(&api, &config, &mut findings)?;
    if stands(&api, &config)? {
        // What is there counts against the quotas already.
        findings.note("quota", "the cluster stands: its quotas are in use, not asked for");
    } else {
        quota::check(&api, &config, instance, &mut findings)?;
    }
    delegation::check(&api, &config, &mut findings)?;
    Ok(Progress::Done(findings.0))
}

/// Findings as they come.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, severity: Severity, subject: &str, message: impl Into<String>, cure: Option<String>) {
        self.0.push(Finding { severity, subject: subject.into(), message: message.into(), cure });
    }

    fn note(&mut self, subject: &str, message: impl Into<String>) {
        self.add(Severity::Note, subject, message, None);
    }

    fn warning(&mut self, subject: &str, message: impl Into<String>, cure: impl Into<String>) {
        self.add(Severity::Warning, subject, message, Some(cure.into()));
    }

    fn error(&mut self, subject: &str, message: impl Into<String>, cure: impl Into<String>) {
        self.add(Severity::Error, subject, message, Some(cure.into()));
    }

    /// A question that was not answered is no reason to stop: the apply will tell.
    fn unanswered(&mut self, subject: &str, trouble: &Trouble) {
        let cure = "give the client of slot `azure` the role Reader on the subscription, or go on: the apply will tell";
        self.warning(subject, format!("not answered: {trouble}"), cure);
    }
}

/// Whether we are known and the subscription is usable.
fn subscription(api: &Api<'_>, config: &Config, findings: &mut Findings) -> Result<bool, Error> {
    match api.get(&format!("{}?api-version=2022-12-01", config.subscription()))? {
        Ok(found) if found["state"] == "Enabled" => {
            let name = found["displayName"].as_str().unwrap_or(&config.subscription_id);
            findings.note("identity", format!("signed in; subscription `{name}` is enabled"));
            Ok(true)
        }
        Ok(found) => {
            let state = found["state"].as_str().unwrap_or("unknown");
            findings.error(
                "subscription",
                format!("the subscription's state is `{state}`"),
                "enable it again in the portal",
            );
            Ok(false)
        }
        Err(trouble) => {
            let (subject, cure) = match trouble.status {
                401 => ("identity", "check the credential of slot `azure`: client, secret and tenant"),
                403 | 404 => {
                    ("subscription", "check `subscription_id`, and give the client of slot `azure` a role in it")
                }
                _ => ("identity", "try again later"),
            };
            findings.error(subject, format!("Azure does not show the subscription: {trouble}"), cure);
            Ok(false)
        }
    }
}

fn registrations(api: &Api<'_>, config: &Config, findings: &mut Findings) -> Result<(), Error> {
    let mut n_registered = 0;
    for namespace in NAMESPACES {
        let subject = format!("provider:{namespace}");
        match api.get(&format!("{}/providers/{namespace}?api-version=2021-04-01", config.subscription()))? {
            Ok(found) if found["registrationState"] == "Registered" => n_registered += 1,
            Ok(found) => {
                let state = found["registrationState"].as_str().unwrap_or("unknown");
                let cure = format!("`az provider register --namespace {namespace}`, once for the subscription");
                findings.error(&subject, format!("`{namespace}` is {state}"), cure);
            }
            Err(trouble) => findings.unanswered(&subject, &trouble),
        }
    }
    findings.note("providers", format!("{n_registered} of {} resource providers are registered", NAMESPACES.len()));
    Ok(())
}

fn versions(api: &Api<'_>, config: &Config, findings: &mut Findings) -> Result<(), Error> {
    let wanted = config.kubernetes_version.as_deref().unwrap_or("1.34");
    let location = &config.location;
    let path = format!(
        "{}/providers/Microsoft.ContainerService/locations/{location}/kubernetesVersions?api-version=2024-09-01",
        config.subscription()
    );
    let found = match api.get(&path)? {
        Ok(found) => found,
        Err(trouble) => {
            findings.unanswered("kubernetes-version", &trouble);
            return Ok(());
        }
    };
    let offered: Vec<&str> =
        found["values"].as_array().into_iter().flatten().filter_map(|one| one["version"].as_str()).collect();
    if offered.contains(&wanted) {
        findings.note("kubernetes-version", format!("AKS offers {wanted} in `{location}`"));
    } else {
        let cure = format!("set `kubernetes_version` to one of: {}", offered.join(", "));
        findings.error("kubernetes-version", format!("AKS does not offer {wanted} in `{location}`"), cure);
    }
    Ok(())
}

fn stands(api: &Api<'_>, config: &Config) -> Result<bool, Error> {
    let cluster = format!(
        "{}/providers/Microsoft.ContainerService/managedClusters/{}?api-version=2024-09-01",
        config.group(),
        config.cluster_name
    );
    Ok(api.get(&cluster)?.is_ok())
}

#[cfg(test)]
mod tests;
