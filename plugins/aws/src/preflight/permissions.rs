//! Whether the caller may do what terraform is going to do.

use hangar_sdk::infra_provider::{Finding, Severity};

use super::{element, finding, form, note, unknown};
use crate::config::Config;

const SUBJECT: &str = "permissions";
/// IAM has one region for signatures.
const REGION: &str = "us-east-1";
/// Of each service what the module needs first, or what is kept from people most often.
const ACTIONS: [&str; 11] = [
    "acm:RequestCertificate",
    "ec2:AllocateAddress",
    "ec2:CreateSecurityGroup",
    "ec2:CreateTags",
    "eks:CreateCluster",
    "eks:CreateNodegroup",
    "iam:CreateOpenIDConnectProvider",
    "iam:CreateRole",
    "iam:PassRole",
    "iam:PutRolePolicy",
    "kms:CreateKey",
];
const OF_A_NETWORK: [&str; 3] = ["ec2:CreateNatGateway", "ec2:CreateSubnet", "ec2:CreateVpc"];
const OF_NAMES: [&str; 1] = ["route53:ChangeResourceRecordSets"];

/// Asks IAM about the caller. What only some resources allow counts as not allowed, and is therefore no error.
pub(super) fn check(config: &Config, caller: &str) -> Vec<Finding> {
    let Some(principal) = principal(caller) else {
        return vec![note(SUBJECT, format!("of `{caller}` IAM cannot be asked: the apply will tell"))];
    };
    let mut actions = ACTIONS.to_vec();
    actions.extend(OF_A_NETWORK.iter().filter(|_| config.existing_network.is_none()));
    actions.extend(OF_NAMES.iter().filter(|_| config.is_managed_dns()));
    let mut asked =
        format!("Action=SimulatePrincipalPolicy&Version=2010-05-08&PolicySourceArn={}", encoded(&principal));
    for (index, action) in actions.iter().enumerate() {
        asked += &format!("&ActionNames.member.{}={}", index + 1, encoded(action));
    }
    let answer = match form(config, "iam", REGION, &asked) {
        Ok(response) if response.is_success() => response.text(),
        Ok(response) => return vec![unasked(&format!("IAM answered {}", response.status))],
        Err(err) => return vec![unasked(&err)],
    };
    let decided: Vec<(&str, &str)> = answer.split("<EvalActionName>").skip(1).filter_map(decision).collect();
    if decided.len() < actions.len() {
        return vec![unasked("IAM did not decide about every action")];
    }
    let of = |decision: &str| -> Vec<&str> {
        decided.iter().filter(|(_, decided)| *decided == decision).map(|(action, _)| *action).collect()
    };
    let (denied, not_allowed) = (of("explicitDeny"), of("implicitDeny"));
    let mut findings = Vec::new();
    if !denied.is_empty() {
        let message = format!("`{principal}` is denied {}", denied.join(", "));
        let cure = "ask who wrote the policy, the boundary or the rule of the organisation that denies it";
        findings.push(finding(Severity::Error, SUBJECT, message, cure));
    }
    if !not_allowed.is_empty() {
        let message = format!("`{principal}` is not allowed {}, on all resources at least", not_allowed.join(", "));
        findings.push(finding(Severity::Warning, SUBJECT, message, "have them allowed in a policy of the caller"));
    }
    if findings.is_empty() {
        findings.push(note(SUBJECT, format!("{} actions that terraform needs are allowed", actions.len())));
    }
    findings
}

fn unasked(why: &str) -> Finding {
    unknown(SUBJECT, why, "iam:SimulatePrincipalPolicy")
}

/// The action that the rest of an answer begins with, and what was decided about it.
fn decision(rest: &str) -> Option<(&str, &str)> {
    let (action, rest) = rest.split_once('<')?;
    Some((action, element(rest, "EvalDecision")?))
}

/// Whom IAM can be asked about: a user, or the role behind a session. A path of the role is not in the session's name.
fn principal(caller: &str) -> Option<String> {
    let mut parts = caller.splitn(6, ':');
    let (partition, service) = (parts.nth(1)?, parts.next()?);
    let (account, what) = (parts.nth(1)?, parts.next()?);
    match (service, what.split_once('/')?) {
        ("iam", ("user" | "role", _)) => Some(caller.to_owned()),
        ("sts", ("assumed-role", session)) => {
            let role = session.split('/').next()?;
            Some(format!("arn:{partition}:iam::{account}:role/{role}"))
        }
        _ => None,
    }
}

/// A value of a form.
fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let letters =
        text.bytes().map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_asked_about_as_its_role() {
        let of = |caller: &str| principal(caller).unwrap_or_default();
        assert_eq!(of("arn:aws:iam::123456789012:user/team/ana"), "arn:aws:iam::123456789012:user/team/ana");
        assert_eq!(
            of("arn:aws-us-gov:sts::123456789012:assumed-role/Admin/ana"),
            "arn:aws-us-gov:iam::123456789012:role/Admin"
        );
        assert_eq!(of("arn:aws:iam::123456789012:root"), "");
        assert_eq!(of("arn:aws:sts::123456789012:federated-user/ana"), "");
    }

    #[test]
    fn what_means_something_in_a_form_is_written_otherwise() {
        assert_eq!(encoded("arn:aws:iam::1:user/a+b@c"), "arn%3Aaws%3Aiam%3A%3A1%3Auser%2Fa%2Bb%40c");
    }
}
