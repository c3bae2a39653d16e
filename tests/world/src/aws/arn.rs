use super::refusal::Refusal;

/// The principal behind who the token service says: the session of a role is the role.
pub(super) fn principal(arn: &str) -> Result<String, Refusal> {
    let unknown = || Refusal::Principal(arn.to_owned());
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, "", account, resource] = parts[..] else { return Err(unknown()) };
    let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
    match (service, kind) {
        ("iam", "user" | "role") | ("sts", "federated-user") if !name.is_empty() => Ok(arn.to_owned()),
        ("iam", "root") => Ok(arn.to_owned()),
        // The session's name is the last part, the role's is all before it.
        ("sts", "assumed-role") => {
            let (role, _) = name.rsplit_once('/').ok_or_else(unknown)?;
            Ok(format!("arn:{partition}:iam::{account}:role/{role}"))
        }
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_of_a_role_is_the_role() {
        let found = principal("arn:aws:sts::123456789012:assumed-role/deployer/run-7");
        assert_eq!(found.as_deref(), Ok("arn:aws:iam::123456789012:role/deployer"));
    }

    #[test]
    fn a_user_is_itself() {
        let arn = "arn:aws-us-gov:iam::123456789012:user/people/ana";
        assert_eq!(principal(arn).as_deref(), Ok(arn));
    }

    #[test]
    fn what_is_no_principal_is_none() {
        for arn in ["", "arn:aws:s3:::bucket", "arn:aws:sts::123456789012:user/moto", "arn:aws:iam::1:group/all"] {
            assert_eq!(principal(arn), Err(Refusal::Principal(arn.to_owned())));
        }
    }
}
