//! `aws { … }` of a credential.

use std::path::{Path, PathBuf};

use super::variable;
use crate::{
    credential::{AwsChain, AwsFrom, AwsProfile, Credential},
    raw::{RawAws, RawAwsSource},
    workspace::check::Check,
};

pub(super) fn read(check: &mut Check<'_>, pointer: &str, raw: RawAws) -> Option<Credential> {
    let n_places = [raw.profile.is_some(), raw.source.is_some(), names_variables(&raw)];
    if n_places.into_iter().filter(|there| *there).count() > 1 {
        let help = "keep one of `profile`, `source` and the names of variables".to_owned();
        check.refuse(pointer, "keys come from one place, and this says several", help);
        return None;
    }
    let chain = match (&raw.profile, raw.source) {
        (Some(name), _) => {
            let config_file = file(check, &format!("{pointer}/config_file"), raw.config_file.as_deref())?;
            let credentials_file =
                file(check, &format!("{pointer}/credentials_file"), raw.credentials_file.as_deref())?;
            return Some(chain(AwsChain::Profile(AwsProfile { name: name.clone(), config_file, credentials_file })));
        }
        (None, Some(RawAwsSource::Environment)) => None,
        (None, Some(RawAwsSource::WebIdentity)) => Some(AwsChain::WebIdentity),
        (None, Some(RawAwsSource::Container)) => Some(AwsChain::Container),
        (None, Some(RawAwsSource::Instance)) => Some(AwsChain::Instance),
        (None, None) if names_variables(&raw) => None,
        (None, None) => Some(AwsChain::Default),
    };
    let files = [("config_file", &raw.config_file), ("credentials_file", &raw.credentials_file)];
    if let Some((key, _)) = files.into_iter().find(|(_, file)| file.is_some()) {
        let message = format!("a `{key}` without a `profile` is of no use");
        check.refuse(&format!("{pointer}/{key}"), message, "name the `profile`".to_owned());
        return None;
    }
    chain.map_or_else(|| environment(check, pointer, raw), |from| Some(self::chain(from)))
}

fn chain(chain: AwsChain) -> Credential {
    Credential::Aws(AwsFrom::Chain(chain))
}

fn names_variables(raw: &RawAws) -> bool {
    raw.access_key_id_env.is_some() || raw.secret_access_key_env.is_some() || raw.session_token_env.is_some()
}

fn environment(check: &mut Check<'_>, pointer: &str, raw: RawAws) -> Option<Credential> {
    let mut name = |key: &str, given: Option<String>, standard: &str| {
        variable(check, &format!("{pointer}/{key}"), given.unwrap_or_else(|| standard.to_owned()))
    };
    let access_key_id = name("access_key_id_env", raw.access_key_id_env, "AWS_ACCESS_KEY_ID");
    let secret_access_key = name("secret_access_key_env", raw.secret_access_key_env, "AWS_SECRET_ACCESS_KEY");
    let session_token = name("session_token_env", raw.session_token_env, "AWS_SESSION_TOKEN");
    Some(Credential::Aws(AwsFrom::Environment {
        access_key_id: access_key_id?,
        secret_access_key: secret_access_key?,
        session_token: session_token?,
    }))
}

/// The outer option is none if the path was refused.
fn file(check: &mut Check<'_>, pointer: &str, path: Option<&Path>) -> Option<Option<PathBuf>> {
    path.map_or(Some(None), |path| check.path(pointer, path).map(Some))
}
