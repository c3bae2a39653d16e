//! What the cloud holds, asked of its API by another client than terraform.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Value, json};
use test_world::aws::{AccessKey, Call, Emulator};

use super::account::REGION;

/// Calls of EC2, and the element that names one of what each lists.
const EC2: [(&str, &str); 9] = [
    ("DescribeVpcs", "vpcId"),
    ("DescribeSubnets", "subnetId"),
    ("DescribeInternetGateways", "internetGatewayId"),
    ("DescribeNatGateways", "natGatewayId"),
    ("DescribeAddresses", "allocationId"),
    ("DescribeRouteTables", "routeTableId"),
    ("DescribeSecurityGroups", "groupId"),
    ("DescribeVolumes", "volumeId"),
    ("DescribeInstances", "instanceId"),
];
/// The same for IAM.
const IAM: [(&str, &str); 3] =
    [("ListRoles", "RoleName"), ("ListOpenIDConnectProviders", "Arn"), ("ListPolicies", "Arn")];

/// Everything that an instance could have left, as `service:id`. A key that waits for its deletion is gone: KMS never deletes at once.
pub(crate) async fn everything(emulator: &Emulator, key: &AccessKey) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for (action, element) in EC2 {
        let mut parameters = vec![("Action", action), ("Version", "2016-11-15")];
        if action == "DescribeNatGateways" {
            parameters.extend([("Filter.1.Name", "state"), ("Filter.1.Value.1", "available")]);
        }
        let answer = emulator.call(key, &Call::form("ec2", REGION, &parameters)).await?;
        found.extend(elements(&answer, element).map(|id| format!("ec2:{id}")));
    }
    for (action, element) in IAM {
        let parameters = [("Action", action), ("Version", "2010-05-08"), ("Scope", "Local"), ("MaxItems", "1000")];
        let answer = emulator.call(key, &Call::form("iam", REGION, &parameters)).await?;
        found.extend(elements(&answer, element).map(|id| format!("iam:{id}")));
    }
    found.extend(records(emulator, key).await?);
    let clusters: Value = emulator.call(key, &Call::rest("eks", REGION, "GET", "/clusters", "")).await?.parse()?;
    found.extend(names(&clusters["clusters"]).map(|name| format!("eks:{name}")));
    let certificates = ask(emulator, key, "acm", "CertificateManager.ListCertificates").await?;
    let certificates = certificates["CertificateSummaryList"].as_array().cloned().unwrap_or_default();
    found.extend(certificates.iter().map(|certificate| format!("acm:{}", certificate["CertificateArn"])));
    let secrets = ask(emulator, key, "secretsmanager", "secretsmanager.ListSecrets").await?;
    let secrets = secrets["SecretList"].as_array().cloned().unwrap_or_default();
    found.extend(secrets.iter().map(|secret| format!("secretsmanager:{}", secret["ARN"])));
    let aliases = ask(emulator, key, "kms", "TrentService.ListAliases").await?;
    let aliases = aliases["Aliases"].as_array().cloned().unwrap_or_default();
    let own =
        aliases.iter().filter(|alias| alias["AliasName"].as_str().is_some_and(|name| !name.starts_with("alias/aws/")));
    found.extend(own.map(|alias| format!("kms:{}", alias["AliasName"])));
    let keys = ask(emulator, key, "kms", "TrentService.ListKeys").await?;
    for id in keys["Keys"].as_array().into_iter().flatten().filter_map(|key| key["KeyId"].as_str()) {
        let call = Call::json("kms", REGION, "TrentService.DescribeKey", &json!({ "KeyId": id }));
        let about: Value = emulator.call(key, &call).await?.parse()?;
        if about["KeyMetadata"]["KeyState"] != "PendingDeletion" {
            found.insert(format!("kms:{id}"));
        }
    }
    Ok(found)
}

/// Names of all records of all zones.
async fn records(emulator: &Emulator, key: &AccessKey) -> Result<Vec<String>> {
    let zones = emulator.call(key, &Call::rest("route53", REGION, "GET", "/2013-04-01/hostedzone", "")).await?;
    let mut found = Vec::new();
    for zone in elements(&zones, "Id") {
        let path = format!("/2013-04-01{zone}/rrset");
        let records = emulator.call(key, &Call::rest("route53", REGION, "GET", &path, "")).await?;
        found.extend(elements(&records, "Name").map(|name| format!("route53:{name}")));
    }
    Ok(found)
}

async fn ask(emulator: &Emulator, key: &AccessKey, service: &'static str, target: &str) -> Result<Value> {
    Ok(emulator.call(key, &Call::json(service, REGION, target, &json!({}))).await?.parse()?)
}

fn names(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Every text between a pair of tags.
fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let starts: Vec<usize> = xml.match_indices(&open).map(|(at, _)| at + open.len()).collect();
    starts.into_iter().filter_map(move |start| xml[start..].split_once(&close).map(|(text, _)| text))
}
