//! What the zones offer: machines, and versions of Kubernetes.

use hangar_sdk::infra_provider::Error;
use serde_json::Value;

use super::Findings;
use super::api::{Api, Said};
use crate::config::Config;

/// Looks for region, zones and machine type; returns the processors of one machine.
pub(super) fn look(api: &Api<'_>, config: &Config, findings: &mut Findings) -> Result<Option<u64>, Error> {
    let machine = config.machine_type();
    let mut processors = None;
    for zone in config.zones() {
        let subject = format!("machine:{zone}");
        let path = format!("projects/{}/zones/{zone}/machineTypes/{machine}", config.project);
        match api.get("compute", &path)? {
            Said::Value(found) => {
                processors = found["guestCpus"].as_u64().or(processors);
                if found["deprecated"]["state"] == "DEPRECATED" {
                    findings.warn(&subject, format!("`{machine}` is deprecated"), "take another `machine_type`");
                }
            }
            Said::NotFound => no_machine(api, config, &zone, findings)?,
            // Told once, by the look at the services.
            Said::Disabled => return Ok(None),
            Said::Forbidden(words) => {
                findings.warn(
                    &subject,
                    format!("cannot be looked at: {words}"),
                    "give the credential `roles/compute.viewer`",
                );
                return Ok(None);
            }
        }
    }
    if let Some(processors) = processors {
        findings.note("machine", format!("`{machine}` has {processors} processors"));
    }
    Ok(processors)
}

/// Zone or machine: one of them is not there.
fn no_machine(api: &Api<'_>, config: &Config, zone: &str, findings: &mut Findings) -> Result<(), Error> {
    let machine = config.machine_type();
    if matches!(api.get("compute", &format!("projects/{}/zones/{zone}", config.project))?, Said::NotFound) {
        let zones = zones_of(api, config)?;
        let cure = if zones.is_empty() {
            format!("check `region`: Google has no `{}`", config.region)
        } else {
            format!("set `zones` to three of {}", zones.join(", "))
        };
        findings.error(&format!("zone:{zone}"), format!("there is no zone `{zone}`"), cure);
        return Ok(());
    }
    findings.error(
        &format!("machine:{zone}"),
        format!("zone `{zone}` has no machine type `{machine}`"),
        format!(
            "name three zones that have it (`gcloud compute machine-types list --filter=name={machine}`), or another \
             `machine_type`"
        ),
    );
    Ok(())
}

fn zones_of(api: &Api<'_>, config: &Config) -> Result<Vec<String>, Error> {
    let said = api.get("compute", &format!("projects/{}/regions/{}", config.project, config.region))?;
    let Said::Value(region) = said else { return Ok(Vec::new()) };
    let zones = region["zones"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Ok(zones.filter_map(|link| link.rsplit('/').next()).map(Into::into).collect())
}

/// Looks whether the channel offers the version.
pub(super) fn version(api: &Api<'_>, config: &Config, findings: &mut Findings) -> Result<(), Error> {
    let Some(version) = &config.kubernetes_version else { return Ok(()) };
    let channel = config.release_channel.as_deref().unwrap_or("REGULAR");
    let path = format!("projects/{}/locations/{}/serverConfig", config.project, config.region);
    let Said::Value(offered) = api.get("container", &path)? else { return Ok(()) };
    let channels = offered["channels"].as_array().into_iter().flatten();
    let Some(found) = channels.into_iter().find(|found| found["channel"] == channel) else { return Ok(()) };
    let offered: Vec<&str> =
        found["validVersions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let prefix = format!("{version}.");
    if offered.iter().any(|offered| offered.starts_with(&prefix)) {
        findings.note("kubernetes", format!("channel {channel} has {version}"));
        return Ok(());
    }
    let mut minors: Vec<String> =
        offered.iter().map(|full| full.split('.').take(2).collect::<Vec<_>>().join(".")).collect();
    minors.sort();
    minors.dedup();
    findings.error(
        "kubernetes",
        format!("channel {channel} has no Kubernetes {version} in `{}`", config.region),
        format!("set `kubernetes_version` to one of {}", minors.join(", ")),
    );
    Ok(())
}
