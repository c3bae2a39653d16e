//! Each way in which there are no keys, and what it says.

use std::time::{Duration, Instant};

use super::{Home, ROLE};

#[tokio::test]
async fn an_sso_sign_in_that_is_missing_spent_or_without_right_says_how_to_go_on() {
    let config = "[profile new]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = deploy\n\
                  [profile other]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = admin\n\
                  [profile gone]\nsso_session = no\nsso_account_id = 123456789012\nsso_role_name = deploy\n\
                  [sso-session corp]\nsso_region = eu-central-1\nsso_start_url = https://corp.example.com/start\n";
    let home = Home::new(config).await;
    let missing = home.says("profile new", &[]).await;
    home.amazon.sign_in(home.path(), "corp", -60);
    let spent = home.says("profile new", &[]).await;
    for said in [&missing, &spent] {
        assert!(said.ends_with("; sign in again: `aws sso login --profile new`"), "{said}");
    }
    home.amazon.sign_in(home.path(), "corp", 3600);
    let forbidden = home.says("profile other", &[]).await;
    let gone = home.says("profile gone", &[]).await;
    insta::assert_snapshot!([spent, forbidden, gone].join("\n"), @"
    profile `new` (SSO `corp`, role `deploy` of account 123456789012) gives no keys: the SSO token has expired and cannot be refreshed; sign in again: `aws sso login --profile new`
    profile `other` (SSO `corp`, role `admin` of account 123456789012) gives no keys: ForbiddenException: No access; who is signed in may not take that role of that account: ask who administers AWS's IAM Identity Center
    profile `gone` names the SSO session `no`, which AWS's config file does not describe; add `[sso-session no]`, or run `aws configure sso`
    ");
}

#[tokio::test]
async fn a_role_that_is_denied_says_who_has_to_trust_whom() {
    let home = Home::new(
        "[profile prod]\nrole_arn = arn:aws:iam::123456789012:role/deploy\nsource_profile = keys\n\
         [profile keys]\naws_access_key_id = AKIAKEYS\naws_secret_access_key = s\n\
         [profile wrong]\nrole_arn = arn:aws:iam::123456789012:role/hub\nsource_profile = other\n\
         [profile other]\naws_access_key_id = AKIAWRONG\naws_secret_access_key = s\n",
    )
    .await;
    let denied = home.says("profile prod", &[]).await;
    let wrong = home.says("profile wrong", &[]).await;
    insta::assert_snapshot!([denied, wrong].join("\n"), @"
    profile `prod` (keys of `keys`, then role `arn:aws:iam::123456789012:role/deploy`) gives no keys: AccessDenied: User: AKIAKEYS is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/deploy; let the role's trust policy name who asks, with its external id, and let who asks call `sts:AssumeRole`
    profile `wrong` (keys of `other`, then role `arn:aws:iam::123456789012:role/hub`) gives no keys: InvalidClientTokenId: The security token included in the request is invalid.; the keys that ask are wrong or have expired: renew them where they come from
    ");
}

#[tokio::test]
async fn a_profile_that_leads_nowhere_says_where() {
    let home = Home::new(
        "[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = r\nsource_profile = c\n\
         [profile c]\nrole_arn = r\nsource_profile = a\n[profile lost]\nrole_arn = r\nsource_profile = nobody\n\
         [profile mfa]\nrole_arn = r\nsource_profile = keys\nmfa_serial = arn:aws:iam::123456789012:mfa/ana\n\
         [profile keys]\naws_access_key_id = A\naws_secret_access_key = s\n[profile login]\nlogin_session = x\n\
         [profile empty]\nregion = eu-west-1\n",
    )
    .await;
    let mut said = Vec::new();
    for profile in ["a", "lost", "mfa", "login", "empty", "nobody"] {
        said.push(home.says(&format!("profile {profile}"), &[]).await);
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    profiles lead in a circle: a → b → c → a; let one of them have keys, or another source
    AWS's own files have no profile `nobody`, which profile `lost` leads to; check `~/.aws/config` and `~/.aws/credentials`, or name them: `config_file = …`, `credentials_file = …`
    profile `mfa` wants a code of `arn:aws:iam::123456789012:mfa/ana`, and nobody is asked for one; export keys with `aws configure export-credentials --profile mfa --format env`, and write `aws { source = "environment" }`
    profile `login` leads to `login_session`, which is not followed; export keys with `aws configure export-credentials --profile login --format env`, and write `aws { source = "environment" }`
    profile `empty` holds no keys and leads to none; check `~/.aws/config` and `~/.aws/credentials`, or name them: `config_file = …`, `credentials_file = …`
    AWS's own files have no profile `nobody`; check `~/.aws/config` and `~/.aws/credentials`, or name them: `config_file = …`, `credentials_file = …`
    "#);
    // A profile that a variable names is meant, whatever else would follow.
    let named = home.says("default", &[("AWS_PROFILE", "nobody")]).await;
    assert!(named.starts_with("AWS's own files have no profile `nobody`"), "{named}");
}

#[tokio::test]
async fn a_process_that_fails_is_shown_with_its_words() {
    let home = Home::new(
        "[profile fails]\ncredential_process = echo no key here >&2; exit 3\n[profile talks]\ncredential_process = echo hello\n",
    )
    .await;
    let said = [home.says("profile fails", &[]).await, home.says("profile talks", &[]).await];
    insta::assert_snapshot!(said.join("\n"), @r#"
    profile `fails` (its `credential_process`) gives no keys: Error retrieving credentials: external process exited with code exit status: 3. Stderr: no key here; run the profile's `credential_process` by hand: it must print keys and end well
    profile `talks` (its `credential_process`) gives no keys: Error retrieving credentials from external process, could not parse response: invalid JSON in response: Error at offset 0: unexpected token 'h'. Expected one of '{', '[', '"', 'null', 'true', 'false', <number>; run the profile's `credential_process` by hand: it must print keys and end well
    "#);
}

#[tokio::test]
async fn a_process_that_hangs_is_ended_with_all_that_it_has_started() {
    let home = Home::new("").await;
    let at = |name: &str| home.path().join(name);
    let script =
        format!("echo it\\'s $$ > {}; sleep 600 & echo $! > {}; wait", at("own").display(), at("child").display());
    home.write(".aws/config", &format!("[profile hangs]\ncredential_process = {script}\n"));
    let said = home.says("profile hangs", &[]).await;
    insta::assert_snapshot!(said, @"profile `hangs` (its `credential_process`) gives no keys: Error retrieving credentials: external process exited with code exit status: 124. Stderr:; the profile's `credential_process` gave no keys for so long that it was ended: run it by hand, and see what it waits for");
    let own = std::fs::read_to_string(at("own")).expect("it was started");
    let own = own.trim().strip_prefix("it's ").expect("quotes are kept").to_owned();
    let child = std::fs::read_to_string(at("child")).expect("it went on");
    for pid in [own.as_str(), child.trim()] {
        // One that nobody has waited for yet is ended, too.
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let is_alive = state.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']));
        assert!(!is_alive, "{state}");
    }
}

#[tokio::test]
async fn a_federated_token_that_is_missing_spent_or_not_trusted_is_told_apart() {
    let home = Home::new("").await;
    let spent = home.write("spent", "of-yesterday");
    let good = home.write("good", "of-the-cluster");
    let nowhere = home.path().join("nowhere").display().to_string();
    let of = |file: &str, role: &str| {
        [("AWS_WEB_IDENTITY_TOKEN_FILE".to_owned(), file.to_owned()), ("AWS_ROLE_ARN".to_owned(), role.to_owned())]
    };
    let mut said = vec![home.says("web_identity", &[]).await];
    for variables in [of(&nowhere, ROLE), of(&spent, ROLE), of(&good, "arn:aws:iam::123456789012:role/other")] {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        said.push(home.says("web_identity", &variables).await);
    }
    insta::assert_snapshot!(said.join("\n"), @"
    web identity is not set up: `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN` are to be set; it is set where the identity comes from; elsewhere name another `source`, or a `profile`
    cannot read the token `HOME/nowhere` of web identity: No such file or directory (os error 2); whoever renews the token writes that file: check the pod or the pipeline
    web identity (token `HOME/spent` for role `arn:aws:iam::123456789012:role/deploy`) gives no keys: ExpiredTokenException: Token expired: current date/time must be before the expiration; the federated token is not taken: whoever writes its file must renew it, and the role must trust its issuer
    web identity (token `HOME/good` for role `arn:aws:iam::123456789012:role/other`) gives no keys: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity; let the role's trust policy name who asks, with its external id, and let who asks call `sts:AssumeRole`
    ");
}

#[tokio::test]
async fn a_container_without_its_token_gets_nothing() {
    let home = Home::new("").await;
    let url = home.amazon.url() + "/container";
    let other = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "guess")];
    let elsewhere = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1/keys")];
    let mut said = Vec::new();
    for variables in [&other[..], &elsewhere, &[]] {
        said.push(home.says("container", variables).await);
    }
    insta::assert_snapshot!(said.join("\n"), @"
    the container's identity (`AMAZON/container`) gives no keys: Non-success status from HTTP credential provider: StatusCode(403); what stands beside the container refuses: check its authorization token, and that a role belongs to the task or pod
    the container's identity (`http://192.0.2.1/keys`) gives no keys: the credentials provider was not properly configured: invalid full URI for ECS provider (URI did not refer to an allowed IP address): http://192.0.2.1/keys; it must be https, or an address beside the container: check its variable
    the container's identity is not set up: neither `AWS_CONTAINER_CREDENTIALS_FULL_URI` nor `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` is set; it is set where the identity comes from; elsewhere name another `source`, or a `profile`
    ");
}

#[tokio::test]
async fn a_machine_that_is_no_instance_is_told_soon() {
    let home = Home::new("").await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let silent = format!("http://{}", silent.local_addr().expect("it is bound"));
    for endpoint in ["http://127.0.0.1:9", silent.as_str()] {
        let since = Instant::now();
        let said = home.says("instance", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint)]).await;
        assert!(said.contains("this machine has no role of an instance, or is no instance"), "{said}");
        assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    }
    let off = home.says("instance", &[("AWS_EC2_METADATA_DISABLED", "true")]).await;
    assert!(off.contains("AWS_EC2_METADATA_DISABLED"), "{off}");
}

#[tokio::test]
async fn with_nothing_at_all_every_link_is_named() {
    let home = Home::new("").await;
    let said = home.says("default", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")]).await;
    insta::assert_snapshot!(said, @"
    nothing of what AWS's own tools look at gives keys: the environment: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` are not both set; profiles: there is none named `default`, and `AWS_PROFILE` names none; web identity: `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN` are not both set; the container: `AWS_CONTAINER_CREDENTIALS_FULL_URI` is not set; the instance's role (IMDSv2): could not communicate with IMDS: dispatch failure: io error: client error (Connect): tcp connect error: Connection refused (os error 111); set keys in the environment, sign in to a profile and name it (`AWS_PROFILE`, or `profile` in the `credential` block), or run where AWS gives an identity
    ");
}
