//! What a profile leads to, in words, before AWS's own library follows it: it takes some settings in silence that it cannot
//! follow, and tells others only once they fail.

use std::borrow::Cow;
use std::path::PathBuf;

use aws_config::profile::{self, Profile, ProfileSet};
use aws_runtime::env_config::file::{Builder as EnvConfigFilesBuilder, EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};
use hangar_config::AwsProfile;

use super::error::AwsError;

/// What a profile leads to.
pub(super) struct Found {
    pub(super) words: String,
    pub(super) region: Option<String>,
    /// The profile to sign in to, if it stands on SSO.
    pub(super) sign_in: Option<String>,
    /// The process that it stands on.
    pub(super) process: Option<Process>,
}

/// A process that gives keys.
pub(super) struct Process {
    /// The profile that names it.
    profile: String,
    command: String,
}

/// Within this it gives keys, or is ended with all that it has started. AWS's library would leave it at work.
#[cfg(not(test))]
const PROCESS_S: u32 = 50;
#[cfg(test)]
const PROCESS_S: u32 = 10;

impl Process {
    /// The same command, with somebody who ends its group: `timeout` is wherever there are GNU's tools or BusyBox.
    fn ended_in_time(&self) -> String {
        let command = self.command.replace('\'', r"'\''").replace('\n', "\n  ");
        format!(
            "if command -v timeout >/dev/null 2>&1; then exec timeout -k 2 {PROCESS_S} sh -c '{command}'; else exec sh -c \
             '{command}'; fi"
        )
    }
}

/// The files to read for a profile: AWS's own, or those that are named and no others.
pub(super) fn files(profile: Option<&AwsProfile>) -> EnvConfigFiles {
    builder(profile).build()
}

/// The same, but that a process of theirs does not go on for ever.
pub(super) fn files_for(profile: Option<&AwsProfile>, process: Option<&Process>) -> EnvConfigFiles {
    let files = builder(profile);
    let Some(process) = process else { return files.build() };
    // What comes last counts.
    let contents = format!("[{}]\ncredential_process = {}\n", process.profile, process.ended_in_time());
    files.with_contents(EnvConfigFileKind::Credentials, contents).build()
}

fn builder(profile: Option<&AwsProfile>) -> EnvConfigFilesBuilder {
    let named = |file: fn(&AwsProfile) -> &Option<PathBuf>| profile.and_then(|profile| file(profile).clone());
    let (config, credentials) = (named(|profile| &profile.config_file), named(|profile| &profile.credentials_file));
    let mut files = EnvConfigFiles::builder();
    if config.is_none() && credentials.is_none() {
        return files.include_default_config_file(true).include_default_credentials_file(true);
    }
    if let Some(file) = config {
        files = files.with_file(EnvConfigFileKind::Config, file);
    }
    if let Some(file) = credentials {
        files = files.with_file(EnvConfigFileKind::Credentials, file);
    }
    files
}

/// Looks where a profile leads: the one that is named, else the one of AWS's variables, which need not be there.
pub(super) async fn look(named: Option<&AwsProfile>) -> Result<Option<Found>, AwsError> {
    let name = named.map(|profile| Cow::Owned(profile.name.clone()));
    let loaded = profile::load(&Fs::real(), &Env::real(), &files(named), name).await;
    let set = loaded.map_err(AwsError::Files)?;
    let selected = set.selected_profile();
    let is_asked_for = named.is_some() || selected != "default";
    if !is_asked_for && set.get_profile(selected).is_none() {
        return Ok(None);
    }
    match walk(&set, selected) {
        Err(AwsError::Empty { profile }) if !is_asked_for && profile == selected => Ok(None),
        Err(err) => Err(err),
        Ok((base, roles)) => {
            let sign_in = base.is_sso.then(|| base.profile.clone());
            let mut words = format!("profile `{selected}` ({}", base.words);
            for role in roles.iter().rev() {
                words.push_str(&format!(", then role `{role}`"));
            }
            words.push(')');
            let region = set.get_profile(selected).and_then(|profile| profile.get("region")).map(ToOwned::to_owned);
            Ok(Some(Found { words, region, sign_in, process: base.process }))
        }
    }
}

/// What the last profile stands on.
struct Base {
    profile: String,
    words: String,
    is_sso: bool,
    process: Option<Process>,
}

/// Follows `source_profile` as AWS's own library does, and returns what is at its end and the roles on the way, last first.
fn walk(set: &ProfileSet, selected: &str) -> Result<(Base, Vec<String>), AwsError> {
    let mut seen: Vec<String> = Vec::new();
    let mut roles = Vec::new();
    let mut name = selected;
    loop {
        let Some(profile) = set.get_profile(name) else {
            return Err(AwsError::NoProfile { profile: name.to_owned(), source_of: seen.last().cloned() });
        };
        let again = seen.iter().any(|before| before == name);
        seen.push(name.to_owned());
        if again {
            return Err(AwsError::Circle { profiles: seen });
        }
        let role = profile.get("role_arn").filter(|_| profile.get("web_identity_token_file").is_none());
        let has_keys_for_others = seen.len() > 1 && profile.get("aws_access_key_id").is_some();
        let Some(role) = role.filter(|_| !has_keys_for_others) else { return Ok((base(set, profile)?, roles)) };
        if let Some(serial) = profile.get("mfa_serial") {
            return Err(AwsError::Mfa { profile: name.to_owned(), serial: serial.to_owned() });
        }
        roles.push(role.to_owned());
        match profile.get("source_profile") {
            Some(source) if source != name => name = source,
            _ => return Ok((base(set, profile)?, roles)),
        }
    }
}

fn base(set: &ProfileSet, profile: &Profile) -> Result<Base, AwsError> {
    let name = profile.name().to_owned();
    let get = |key: &str| profile.get(key);
    let (mut is_sso, mut process) = (false, None);
    let words = if let Some(source) = get("credential_source") {
        format!("`credential_source = {source}`")
    } else if let (Some(file), Some(role)) = (get("web_identity_token_file"), get("role_arn")) {
        let link = format!("profile `{name}`");
        super::chain::token_is_there(file.as_ref(), &link)?;
        format!("token `{file}` for role `{role}`")
    } else if let Some(start) = get("sso_session").or(get("sso_start_url")) {
        if let Some(session) = get("sso_session").filter(|session| set.sso_session(session).is_none()) {
            return Err(AwsError::NoSession { profile: name, session: session.to_owned() });
        }
        is_sso = true;
        let role = get("sso_role_name").unwrap_or("none");
        format!("SSO `{start}`, role `{role}` of account {}", get("sso_account_id").unwrap_or("none"))
    } else if get("login_session").is_some() {
        return Err(AwsError::LoginSession { profile: name });
    } else if let Some(command) = get("credential_process") {
        process = Some(Process { profile: name.clone(), command: command.to_owned() });
        "its `credential_process`".to_owned()
    } else if get("aws_access_key_id").is_some() {
        format!("keys of `{name}`")
    } else {
        return Err(AwsError::Empty { profile: name });
    };
    Ok(Base { profile: name, words, is_sso, process })
}
