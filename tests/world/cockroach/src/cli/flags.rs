//! Flags as the database's command line reads them.

use std::collections::BTreeMap;

/// A flag a command knows.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    pub name: &'static str,
    pub short: Option<char>,
    pub takes: Takes,
}

/// What follows a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A value, always. Given twice, the last wins.
    Value,
    /// A value, and more each time it is given.
    Values,
    /// Nothing, or `=true` or `=false`.
    Switch,
    /// Nothing, or `=VALUE`; alone it means this.
    Optional(&'static str),
}

/// A flag with a value.
pub const fn value(name: &'static str) -> Spec {
    Spec { name, short: None, takes: Takes::Value }
}

/// A flag with values.
pub const fn values(name: &'static str, short: Option<char>) -> Spec {
    Spec { name, short, takes: Takes::Values }
}

/// A flag that is on or off.
pub const fn switch(name: &'static str) -> Spec {
    Spec { name, short: None, takes: Takes::Switch }
}

/// What was typed.
#[derive(Debug, Default)]
pub struct Flags {
    given: BTreeMap<&'static str, Vec<String>>,
    /// What is no flag.
    pub rest: Vec<String>,
}

impl Flags {
    /// Reads arguments against what a command knows.
    ///
    /// # Errors
    ///
    /// The database's complaint about the first that does not fit.
    pub fn parse(args: &[String], specs: &'static [Spec]) -> Result<Self, String> {
        let mut flags = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if arg == "--" {
                flags.rest.extend(args.cloned());
                break;
            }
            if let Some(long) = arg.strip_prefix("--") {
                let (name, inline) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
                let spec =
                    specs.iter().find(|spec| spec.name == name).ok_or_else(|| format!("unknown flag: --{name}"))?;
                flags.take(spec, inline, || args.next().cloned())?;
            } else if let Some(short) = arg.strip_prefix('-').filter(|short| !short.is_empty()) {
                let letter = short.chars().next().expect("not empty");
                let spec = specs.iter().find(|spec| spec.short == Some(letter));
                let spec = spec.ok_or_else(|| format!("unknown shorthand flag: {letter:?} in -{short}"))?;
                let inline =
                    Some(short[letter.len_utf8()..].trim_start_matches('=')).filter(|inline| !inline.is_empty());
                flags.take(spec, inline, || args.next().cloned())?;
            } else {
                flags.rest.push(arg.clone());
            }
        }
        Ok(flags)
    }

    fn take(&mut self, spec: &Spec, inline: Option<&str>, next: impl FnOnce() -> Option<String>) -> Result<(), String> {
        let name = spec.name;
        let value = match (spec.takes, inline) {
            (Takes::Value | Takes::Values, Some(inline)) => inline.to_owned(),
            (Takes::Value | Takes::Values, None) => {
                next().ok_or_else(|| format!("flag needs an argument: --{name}"))?
            }
            (Takes::Switch, None) => "true".to_owned(),
            (Takes::Switch, Some("true" | "1" | "t")) => "true".to_owned(),
            (Takes::Switch, Some("false" | "0" | "f")) => "false".to_owned(),
            (Takes::Switch, Some(other)) => {
                return Err(format!(
                    "invalid argument {other:?} for \"--{name}\" flag: strconv.ParseBool: parsing {other:?}: invalid syntax"
                ));
            }
            (Takes::Optional(alone), inline) => inline.unwrap_or(alone).to_owned(),
        };
        let values = self.given.entry(name).or_default();
        if spec.takes != Takes::Values {
            values.clear();
        }
        values.push(value);
        Ok(())
    }

    /// The value of a flag, if it was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.given.get(name)?.last().map(String::as_str)
    }

    /// All values of a flag.
    pub fn all(&self, name: &str) -> &[String] {
        self.given.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a switch is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[Spec] = &[value("host"), values("join", Some('j')), switch("all")];

    fn parse(args: &[&str]) -> Result<Flags, String> {
        Flags::parse(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>(), SPECS)
    }

    #[test]
    fn values_follow_a_sign_or_a_space() {
        let flags = parse(&["--host=a", "--join", "b,c", "-j=d", "--all", "7"]).expect("known flags");
        assert_eq!(flags.get("host"), Some("a"));
        assert_eq!(flags.all("join"), ["b,c", "d"]);
        assert!(flags.is_on("all"));
        assert_eq!(flags.rest, ["7"]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert_eq!(parse(&["--foo=1"]).err().as_deref(), Some("unknown flag: --foo"));
        assert_eq!(parse(&["-z"]).err().as_deref(), Some("unknown shorthand flag: 'z' in -z"));
        assert_eq!(parse(&["--host"]).err().as_deref(), Some("flag needs an argument: --host"));
        assert!(parse(&["--all=maybe"]).is_err());
    }
}
