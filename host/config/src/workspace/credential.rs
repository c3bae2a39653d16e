//! `credential "slot" { … }`.

mod aws;
mod azure;

use std::{collections::BTreeMap, path::PathBuf};

use crate::{
    credential::{ClientProof, Credential, SecretFrom},
    names::SlotName,
    raw::{RawCredential, RawGoogle, RawOauth2},
    workspace::check::Check,
};

pub(super) fn read(check: &mut Check<'_>) -> BTreeMap<SlotName, Credential> {
    let mut credentials = BTreeMap::new();
    for (pointer, label) in check.labels("credential") {
        let slot = match label.parse::<SlotName>() {
            Ok(slot) => Some(slot),
            Err(err) => {
                let finding = check.finding(&pointer, err.to_string());
                check.push(finding);
                None
            }
        };
        let credential = one(check, &pointer);
        credentials.extend(slot.zip(credential));
    }
    credentials
}

fn one(check: &mut Check<'_>, pointer: &str) -> Option<Credential> {
    let raw: RawCredential = check.raw(pointer)?;
    let at = |key: &str| format!("{pointer}/{key}");
    let RawCredential { bearer, basic, aws, client_tls, kubeconfig, google, azure, oauth2 } = raw;
    let n_kinds = [
        bearer.is_some(),
        basic.is_some(),
        aws.is_some(),
        client_tls.is_some(),
        kubeconfig.is_some(),
        google.is_some(),
        azure.is_some(),
        oauth2.is_some(),
    ];
    let n_kinds = n_kinds.into_iter().filter(|there| *there).count();
    if n_kinds != 1 {
        let message = format!(
            "a credential is of one kind, this is of {}",
            if n_kinds == 0 { "none".into() } else { n_kinds.to_string() }
        );
        let finding = check.finding(pointer, message);
        let help = "write one of `bearer { … }`, `basic { … }`, `aws { … }`, `google { … }`, `azure { … }`, \
                    `oauth2 { … }`, `client_tls { … }`, `kubeconfig { … }`";
        check.push(finding.help(help.to_owned()));
        return None;
    }
    if let Some(bearer) = bearer {
        return secret(check, &at("bearer"), ("file", bearer.file), ("env", bearer.env)).map(Credential::Bearer);
    }
    if let Some(basic) = basic {
        let from = ("password_file", basic.password_file);
        let password = secret(check, &at("basic"), from, ("password_env", basic.password_env))?;
        return Some(Credential::Basic { username: basic.username, password });
    }
    if let Some(keys) = aws {
        return aws::read(check, &at("aws"), keys);
    }
    if let Some(tls) = client_tls {
        let certificate = check.path(&at("client_tls/certificate_file"), &tls.certificate_file);
        let key = check.path(&at("client_tls/key_file"), &tls.key_file);
        return Some(Credential::ClientTls { certificate: certificate?, key: key? });
    }
    if let Some(google) = google {
        return of_google(check, &at("google"), google);
    }
    if let Some(principal) = azure {
        return azure::read(check, &at("azure"), principal);
    }
    if let Some(client) = oauth2 {
        return client_of(check, &at("oauth2"), client);
    }
    let kubeconfig = kubeconfig?;
    let file = check.path(&at("kubeconfig/file"), &kubeconfig.file)?;
    Some(Credential::Kubeconfig { file, context: kubeconfig.context })
}

fn of_google(check: &mut Check<'_>, pointer: &str, raw: RawGoogle) -> Option<Credential> {
    match (raw.key_file, raw.access_token_env) {
        (Some(_), Some(_)) => {
            check.refuse(pointer, "this says two places for the credential", "keep one of them".to_owned());
            None
        }
        (Some(file), None) => check.path(&format!("{pointer}/key_file"), &file).map(Credential::GoogleFile),
        (None, Some(name)) => {
            variable(check, &format!("{pointer}/access_token_env"), name).map(Credential::GoogleToken)
        }
        (None, None) => Some(Credential::GoogleDefault),
    }
}

fn client_of(check: &mut Check<'_>, pointer: &str, raw: RawOauth2) -> Option<Credential> {
    let at = |key: &str| format!("{pointer}/{key}");
    // Plain http reaches an emulator on this machine; the host refuses it for any other address.
    let token_url = check.url(&at("token_url"), &raw.token_url, &["https", "http"]);
    let proof = match (raw.assertion_file, raw.client_secret_file, raw.client_secret_env) {
        (Some(file), None, None) => check.path(&at("assertion_file"), &file).map(ClientProof::Assertion),
        (Some(_), ..) => {
            check.refuse(pointer, "a client has an assertion or a secret, not both", "keep one of them".to_owned());
            None
        }
        (None, file, env) => {
            secret(check, pointer, ("client_secret_file", file), ("client_secret_env", env)).map(ClientProof::Secret)
        }
    };
    Some(Credential::Oauth2 { token_url: token_url?, client_id: raw.client_id, proof: proof? })
}

/// A secret is in a file or in a variable; never both, never in this file.
fn secret(
    check: &mut Check<'_>,
    pointer: &str,
    (file_key, file): (&str, Option<PathBuf>),
    (env_key, env): (&str, Option<String>),
) -> Option<SecretFrom> {
    match (file, env) {
        (Some(file), None) => check.path(&format!("{pointer}/{file_key}"), &file).map(SecretFrom::File),
        (None, Some(name)) => variable(check, &format!("{pointer}/{env_key}"), name).map(SecretFrom::Variable),
        (file, _) => {
            let n = if file.is_some() { "two places" } else { "no place" };
            let finding = check.finding(pointer, format!("this says {n} for the secret"));
            check.push(finding.help(format!("set either `{file_key}` or `{env_key}`")));
            None
        }
    }
}

/// A mistaken secret in the place of a variable's name must not be shown.
fn variable(check: &mut Check<'_>, pointer: &str, name: String) -> Option<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(good) {
        check.refuse(pointer, "this is no name of an environment variable", "letters, digits and `_`".to_owned());
        return None;
    }
    Some(name)
}
