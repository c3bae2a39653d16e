//! The project: whether it is there, what we may do in it, what is enabled.

use hangar_sdk::infra_provider::Error;
use serde_json::json;

use super::Findings;
use super::api::{Api, Said};
use crate::config::Config;

/// What terraform does with the module, one permission a kind of resource. `testIamPermissions` takes a hundred.
const PERMISSIONS: &[&str] = &[
    "cloudkms.cryptoKeys.create",
    "cloudkms.cryptoKeys.setIamPolicy",
    "cloudkms.keyRings.create",
    "compute.addresses.create",
    "compute.firewalls.create",
    "compute.globalAddresses.create",
    "compute.networks.create",
    "compute.routers.create",
    "compute.sslCertificates.create",
    "compute.sslPolicies.create",
    "compute.subnetworks.create",
    "container.clusters.create",
    "container.clusters.get",
    "container.operations.get",
    "iam.serviceAccounts.actAs",
    "iam.serviceAccounts.create",
    "iam.serviceAccounts.setIamPolicy",
    "resourcemanager.projects.get",
    "resourcemanager.projects.setIamPolicy",
];

/// What is on where everything is to be made.
const SERVICES: &[&str] = &["cloudkms", "compute", "container", "dns", "iam", "secretmanager"];

/// Returns the project's resource name, `projects/NUMBER`.
pub(super) fn identity(api: &Api<'_>, config: &Config, findings: &mut Findings) -> Result<Option<String>, Error> {
    let subject = "identity";
    let cure = format!("check `project`: its id, not its name; and that the credential may see `{}`", config.project);
    match api.get("resource_manager", &format!("projects/{}", config.project))? {
        Said::Value(project) => {
            let name = project["name"].as_str().unwrap_or_default().to_owned();
            let state = project["state"].as_str().unwrap_or("of unknown state");
            if state == "ACTIVE" {
                findings.note(subject, format!("signed in; project `{}` is {name}", config.project));
                return Ok(Some(name));
            }
            findings.error(subject, format!("project `{}` is {state}", config.project), cure);
        }
        Said::Disabled => {
            let message = "the Resource Manager API is not enabled, so that nothing can be looked at";
            findings.error(subject, message, "enable `cloudresourcemanager.googleapis.com` in the project");
        }
        Said::NotFound => findings.error(subject, format!("no project `{}`", config.project), cure),
        // Google says the same of a project that does not exist.
        Said::Forbidden(words) => findings.error(subject, format!("project `{}`: {words}", config.project), cure),
    }
    Ok(None)
}

pub(super) fn permissions(api: &Api<'_>, config: &Config, findings: &mut Findings) -> Result<(), Error> {
    let mut asked: Vec<&str> = PERMISSIONS.to_vec();
    if config.managed_zone().is_some() {
        asked.extend(["dns.changes.create", "dns.managedZones.get", "dns.resourceRecordSets.create"]);
    }
    if config.enable_services != Some(false) {
        asked.push("serviceusage.services.enable");
    }
    let path = format!("projects/{}:testIamPermissions", config.project);
    let said = match api.post("resource_manager", &path, &json!({"permissions": asked}))? {
        Said::Value(said) => said,
        Said::Disabled | Said::NotFound => return Ok(()),
        Said::Forbidden(words) => {
            findings.warn("permission", format!("cannot be looked at: {words}"), "go on, or ask the project's owner");
            return Ok(());
        }
    };
    let granted: Vec<&str> =
        said["permissions"].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
    let missing: Vec<&&str> = asked.iter().filter(|name| !granted.contains(name)).collect();
    for name in &missing {
        let message = format!("the credential may not `{name}` in project `{}`", config.project);
        findings.error(&format!("permission:{name}"), message, role(name));
    }
    if missing.is_empty() {
        findings.note("permission", format!("all {} that are needed are there", asked.len()));
    }
    Ok(())
}

/// The least of Google's own roles that has it.
fn role(permission: &str) -> String {
    let role = match permission.split('.').next().unwrap_or_default() {
        "cloudkms" => "roles/cloudkms.admin",
        "compute" => "roles/compute.admin",
        "container" => "roles/container.admin",
        "dns" => "roles/dns.admin",
        "iam" if permission.ends_with("actAs") => "roles/iam.serviceAccountUser",
        "iam" => "roles/iam.serviceAccountAdmin",
        "serviceusage" => "roles/serviceusage.serviceUsageAdmin",
        _ => "roles/resourcemanager.projectIamAdmin",
    };
    format!("give it `{role}`")
}

/// An API that is off is off for every look at what it serves, so this tells what to expect of those.
pub(super) fn services(api: &Api<'_>, config: &Config, project: &str, findings: &mut Findings) -> Result<(), Error> {
    let names: Vec<String> =
        SERVICES.iter().map(|name| format!("names={project}/services/{name}.googleapis.com")).collect();
    let path = format!("{project}/services:batchGet?{}", names.join("&"));
    let Some(said) = api.look("service_usage", &path, "services", findings)? else { return Ok(()) };
    let mut all_on = true;
    for service in said["services"].as_array().into_iter().flatten().filter(|service| service["state"] != "ENABLED") {
        all_on = false;
        let name = service["config"]["name"].as_str().unwrap_or("an API");
        let subject = format!("service:{name}");
        if config.enable_services == Some(false) {
            let cure = format!("`gcloud services enable {name}`, or leave `enable_services` on");
            findings.error(&subject, format!("{name} is not enabled"), cure);
        } else {
            findings.note(&subject, format!("{name} is not enabled yet; `hangar up` enables it"));
        }
    }
    if all_on {
        findings.note("services", "all APIs that are needed are enabled");
    }
    Ok(())
}
