//! A look at the cloud before anything exists.

use hangar_sdk::dns;
use hangar_sdk::http::{Request, Response};
use hangar_sdk::infra_provider::{Error, Finding, Instance, Progress, Severity};
use serde_json::{Value, json};

use crate::config::Config;
use crate::{SLOT, add_ons};

mod machines;
mod offers;
mod permissions;

/// Quota of Elastic IPs in a region, and what AWS gives everybody.
const ADDRESS_QUOTA: &str = "L-0263D0A3";
const ADDRESSES: u64 = 5;
/// Route 53 has one region for signatures.
const ROUTE53_REGION: &str = "us-east-1";

/// Looks at who the credentials are and what they may, whether addresses and machines fit the quotas, whether the zones exist
/// and have the machine type, whether EKS offers the version, and whether the hosted zone holds the instance's names and is asked
/// by the world. Changes nothing.
///
/// # Errors
///
/// [`Error::Invalid`] about the block; [`Error::Unavailable`] where the token service cannot be reached.
pub fn preflight(config: &str, instance: &Instance, _token: Option<&str>) -> Result<Progress, Error> {
    let config = Config::parse(config)?;
    let caller = match identity(&config)? {
        Ok(caller) => caller,
        // Without a known caller every further question has the same answer.
        Err(finding) => return Ok(Progress::Done(vec![finding])),
    };
    let mut findings = vec![note("identity", format!("signed in as {caller}"))];
    findings.extend(permissions::check(&config, &caller));
    findings.extend([addresses(&config, instance), offers::vcpus(&config), offers::version(&config)]);
    findings.extend(zones(&config));
    findings.extend(machines::missing(&config));
    findings.extend(hosted_zone(&config, instance));
    findings.extend(add_ons::left_out(&config)?);
    Ok(Progress::Done(findings))
}

/// The caller's name, or why nobody knows it.
fn identity(config: &Config) -> Result<Result<String, Finding>, Error> {
    let response = form(config, "sts", &config.region, "Action=GetCallerIdentity&Version=2011-06-15")
        .map_err(Error::Unavailable)?;
    let text = response.text();
    Ok(match element(&text, "Arn") {
        Some(arn) if response.is_success() => Ok(arn.to_owned()),
        _ => Err(finding(
            Severity::Error,
            "identity",
            format!("the token service answered {}", response.status),
            "check the credentials of slot `aws`",
        )),
    })
}

/// Addresses that are still to be reserved, against what is free.
fn addresses(config: &Config, instance: &Instance) -> Finding {
    const SUBJECT: &str = "quota:elastic-ip";
    let n_wanted = u64::from(instance.nodes)
        + 1
        + u64::from(config.existing_network.is_none())
        + u64::from(config.prometheus_hostname.is_some());
    let listed = match form(config, "ec2", &config.region, "Action=DescribeAddresses&Version=2016-11-15") {
        Ok(response) if response.is_success() => response.text(),
        Ok(response) => return unknown(SUBJECT, &format!("EC2 answered {}", response.status), "ec2:DescribeAddresses"),
        Err(err) => return unknown(SUBJECT, &err, "ec2:DescribeAddresses"),
    };
    // What this instance reserved already is not wanted again.
    let own = format!("<value>{}</value>", config.cluster_name);
    let items: Vec<&str> = listed.split("<publicIp>").skip(1).collect();
    let n_own = items.iter().filter(|item| item.contains("hangar.dev/instance") && item.contains(&own)).count() as u64;
    let (n_used, n_wanted) = (items.len() as u64, n_wanted.saturating_sub(n_own));
    let (quota, is_known) = match quota(config, ADDRESS_QUOTA) {
        Some(quota) => (quota, "are allowed"),
        None => (ADDRESSES, "are allowed unless more were asked for"),
    };
    let message = format!("{n_wanted} more addresses are wanted, {n_used} are in use and {quota} {is_known}");
    if n_used + n_wanted <= quota {
        return note(SUBJECT, message);
    }
    let cure =
        format!("ask for at least {} Elastic IPs (EC2-VPC, {ADDRESS_QUOTA}) in {}", n_used + n_wanted, config.region);
    finding(Severity::Error, SUBJECT, message, &cure)
}

/// A quota of EC2; none where it is not told.
fn quota(config: &Config, code: &str) -> Option<u64> {
    let request = Request::new("POST", format!("{}/", config.endpoint("servicequotas")))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "ServiceQuotasV20190624.GetServiceQuota")
        .body(json!({"ServiceCode": "ec2", "QuotaCode": code}).to_string())
        .sigv4(SLOT, "servicequotas", &config.region);
    let response = request.send().ok().filter(Response::is_success)?;
    let answer: Value = response.json().ok()?;
    let quota = answer["Quota"]["Value"].as_f64()?;
    // AWS writes counts as fractions.
    (0.0..1e9).contains(&quota).then_some(quota as u64)
}

/// Zones that the region does not have, or that these credentials may not use.
fn zones(config: &Config) -> Vec<Finding> {
    const SUBJECT: &str = "zones";
    let asked = "Action=DescribeAvailabilityZones&Version=2016-11-15";
    let listed = match form(config, "ec2", &config.region, asked) {
        Ok(response) if response.is_success() => response.text(),
        Ok(response) => {
            return vec![unknown(
                SUBJECT,
                &format!("EC2 answered {}", response.status),
                "ec2:DescribeAvailabilityZones",
            )];
        }
        Err(err) => return vec![unknown(SUBJECT, &err, "ec2:DescribeAvailabilityZones")],
    };
    let is_there = |zone: &String| listed.contains(&format!("<zoneName>{zone}</zoneName>"));
    let missing = config.zones().into_iter().filter(|zone| !is_there(zone));
    let missing = missing.map(|zone| {
        let message = format!("zone `{zone}` is not to be had");
        finding(Severity::Error, SUBJECT, message, "name three others in `availability_zones`")
    });
    missing.collect()
}

/// The hosted zone is there, and every name is below its own.
fn hosted_zone(config: &Config, instance: &Instance) -> Vec<Finding> {
    const SUBJECT: &str = "dns";
    let Some(id) = config.route53_zone_id.as_deref().filter(|id| !id.is_empty()) else {
        return vec![note(SUBJECT, "no hosted zone is given: records are shown, and are yours to make".into())];
    };
    let request = Request::get(format!("{}/2013-04-01/hostedzone/{id}", config.endpoint("route53")));
    let response = match request.sigv4(SLOT, "route53", ROUTE53_REGION).send() {
        Ok(response) => response,
        Err(err) => return vec![unknown(SUBJECT, &format!("{err:?}"), "route53:GetHostedZone")],
    };
    if response.status == 404 {
        let message = format!("there is no hosted zone `{id}`");
        return vec![finding(
            Severity::Error,
            SUBJECT,
            message,
            "check `route53_zone_id` and whose credentials slot `aws` holds",
        )];
    }
    let text = response.text();
    let Some(zone) = element(&text, "Name").filter(|_| response.is_success()) else {
        return vec![unknown(SUBJECT, &format!("Route 53 answered {}", response.status), "route53:GetHostedZone")];
    };
    let zone = zone.trim_end_matches('.');
    let names = [Some(&instance.hostname), Some(&instance.db_suffix), config.prometheus_hostname.as_ref()];
    let outside = names.into_iter().flatten().filter(|name| *name != zone && !name.ends_with(&format!(".{zone}")));
    let mut findings: Vec<Finding> = outside
        .map(|name| {
            let message = format!("`{name}` is not below `{zone}`, the name of hosted zone `{id}`");
            finding(
                Severity::Error,
                SUBJECT,
                message,
                "give the zone that holds it, or none and make its records yourself",
            )
        })
        .collect();
    if text.contains("<PrivateZone>true</PrivateZone>") {
        let message = format!("hosted zone `{id}` is private: partners cannot resolve its names");
        findings.push(finding(Severity::Error, SUBJECT, message, "give a public zone"));
    }
    if findings.is_empty() {
        let servers = text.split("<NameServer>").skip(1).filter_map(|rest| rest.split_once('<').map(|(name, _)| name));
        findings.push(note(SUBJECT, format!("names are made in `{zone}`")));
        findings.push(dns::delegation(config.endpoints.get(dns::ENDPOINT).map(String::as_str), zone, servers));
    }
    findings
}

fn form(config: &Config, service: &str, region: &str, body: &str) -> Result<Response, String> {
    Request::new("POST", format!("{}/", config.endpoint(service)))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .sigv4(SLOT, service, region)
        .send()
        .map_err(|err| format!("{err:?}"))
}

/// The first text between a pair of tags.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

fn finding(severity: Severity, subject: &str, message: String, cure: &str) -> Finding {
    Finding { severity, subject: subject.into(), message, cure: Some(cure.into()) }
}

fn note(subject: &str, message: String) -> Finding {
    Finding { severity: Severity::Note, subject: subject.into(), message, cure: None }
}

/// What could not be looked at is no reason to stop, but to know.
fn unknown(subject: &str, why: &str, permission: &str) -> Finding {
    let message = format!("could not be looked at: {why}");
    finding(Severity::Warning, subject, message, &format!("grant `{permission}` to have it looked at"))
}

#[cfg(test)]
mod tests;
