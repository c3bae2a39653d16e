//! Flags as gflags reads them: one dash or two, `--name=value` or `--name value`. One that is not known ends the program.

use std::collections::BTreeMap;

use crate::cli::EndError;

/// What was typed.
#[derive(Debug, Default)]
pub struct Flags {
    given: BTreeMap<String, String>,
    /// What is no flag.
    pub words: Vec<String>,
}

impl Flags {
    /// Reads arguments against what a program knows.
    ///
    /// # Errors
    ///
    /// The complaint about the first that does not fit.
    pub fn parse(args: impl IntoIterator<Item = String>, known: &[&[&str]]) -> Result<Self, String> {
        let mut flags = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let bare = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|bare| !bare.is_empty());
            let Some(bare) = bare else {
                flags.words.push(arg);
                continue;
            };
            let (name, inline) = bare.split_once('=').map_or((bare, None), |(name, value)| (name, Some(value)));
            if !known.iter().any(|names| names.contains(&name)) {
                return Err(format!("unknown command line flag '{name}'"));
            }
            let value = match inline {
                Some(value) => value.to_owned(),
                None => args.next().ok_or_else(|| format!("flag '{name}' is missing its argument"))?,
            };
            flags.given.insert(name.to_owned(), value);
        }
        Ok(flags)
    }

    /// The value of a flag, if it was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of a flag that must be there.
    ///
    /// # Errors
    ///
    /// [`EndError::Flag`].
    pub fn needed(&self, name: &str) -> Result<&str, EndError> {
        self.get(name).ok_or_else(|| EndError::Flag(format!("--{name} must be set")))
    }

    /// A switch that must have this value: this world has no other.
    ///
    /// # Errors
    ///
    /// [`EndError::Flag`] for another, or for what is no truth value.
    pub fn must_be(&self, name: &str, wanted: bool, default: bool) -> Result<(), EndError> {
        let found = match self.get(name) {
            None => default,
            Some("true" | "t" | "1" | "yes" | "y") => true,
            Some("false" | "f" | "0" | "no" | "n") => false,
            Some(other) => {
                return Err(EndError::Flag(format!("illegal value '{other}' specified for bool flag '{name}'")));
            }
        };
        if found == wanted {
            return Ok(());
        }
        Err(EndError::Flag(format!("--{name}={found}: the offline world has no servers without encryption")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&[&str]] = &[&["master_addresses", "certs_dir"], &["logtostderr"]];

    fn parse(args: &[&str]) -> Result<Flags, String> {
        Flags::parse(args.iter().map(|arg| (*arg).to_owned()), KNOWN)
    }

    #[test]
    fn one_dash_is_as_good_as_two() {
        let flags = parse(&["-master_addresses", "a,b", "--certs_dir=/c", "list_all_masters"]).expect("known flags");
        assert_eq!((flags.get("master_addresses"), flags.get("certs_dir")), (Some("a,b"), Some("/c")));
        assert_eq!(flags.words, ["list_all_masters"]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert_eq!(parse(&["--foo=1"]).err().as_deref(), Some("unknown command line flag 'foo'"));
        assert_eq!(parse(&["--certs_dir"]).err().as_deref(), Some("flag 'certs_dir' is missing its argument"));
    }

    #[test]
    fn a_switch_that_would_open_a_server_is_refused() {
        let flags = parse(&["--logtostderr=maybe"]).expect("known flags");
        assert!(flags.must_be("logtostderr", true, true).is_err_and(|err| err.to_string().contains("illegal value")));
        assert!(flags.must_be("certs_dir", true, false).is_err(), "off by default, and it must be on");
    }
}
