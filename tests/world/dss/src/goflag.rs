//! Flags as Go's `flag` package reads them: one dash or two, `-name=value` or `-name value`, switches alone.

use std::collections::BTreeMap;

/// A flag a program knows.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    pub name: &'static str,
    pub default: &'static str,
    pub is_switch: bool,
}

/// A flag with a value.
pub const fn value(name: &'static str, default: &'static str) -> Spec {
    Spec { name, default, is_switch: false }
}

/// A flag that is on or off.
pub const fn switch(name: &'static str) -> Spec {
    Spec { name, default: "false", is_switch: true }
}

/// What was typed, over the defaults.
#[derive(Debug)]
pub struct Flags {
    values: BTreeMap<&'static str, String>,
    /// What is no flag.
    pub rest: Vec<String>,
}

impl Flags {
    /// Reads arguments against what a program knows. The first that is no flag ends them.
    ///
    /// # Errors
    ///
    /// Go's complaint about the first that does not fit.
    pub fn parse(args: &[String], specs: &[Spec]) -> Result<Self, String> {
        let mut values: BTreeMap<&'static str, String> =
            specs.iter().map(|spec| (spec.name, spec.default.to_owned())).collect();
        let mut args = args.iter();
        let mut rest = Vec::new();
        while let Some(arg) = args.next() {
            let Some(bare) = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|bare| !bare.is_empty())
            else {
                if arg != "--" {
                    rest.push(arg.clone());
                }
                rest.extend(args.cloned());
                break;
            };
            let (name, inline) = bare.split_once('=').map_or((bare, None), |(name, value)| (name, Some(value)));
            if name.is_empty() || name.starts_with('-') {
                return Err(format!("bad flag syntax: {arg}"));
            }
            let spec = specs.iter().find(|spec| spec.name == name);
            let spec = spec.ok_or_else(|| format!("flag provided but not defined: -{name}"))?;
            let value = match (spec.is_switch, inline) {
                (true, inline) => switch_value(name, inline.unwrap_or("true"))?.to_string(),
                (false, Some(inline)) => inline.to_owned(),
                (false, None) => args.next().cloned().ok_or_else(|| format!("flag needs an argument: -{name}"))?,
            };
            values.insert(spec.name, value);
        }
        Ok(Self { values, rest })
    }

    /// The value of a known flag.
    pub fn get(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Whether a known switch is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name) == "true"
    }

    /// A known flag as a number.
    ///
    /// # Errors
    ///
    /// Go's complaint about what is none.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, String> {
        let text = self.get(name);
        text.parse().map_err(|_| format!("invalid value {text:?} for flag -{name}: parse error"))
    }
}

fn switch_value(name: &str, text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        other => Err(format!("invalid boolean value {other:?} for -{name}: parse error")),
    }
}

/// What Go prints after a complaint.
pub fn usage(program: &str, specs: &[Spec]) -> String {
    let lines: Vec<String> = specs
        .iter()
        .map(|spec| if spec.is_switch { format!("  -{}", spec.name) } else { format!("  -{} string", spec.name) })
        .collect();
    format!("Usage of {program}:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[Spec] = &[value("addr", ":8080"), switch("enable_scd")];

    fn parse(args: &[&str]) -> Result<Flags, String> {
        Flags::parse(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>(), SPECS)
    }

    #[test]
    fn one_dash_is_as_good_as_two() {
        let flags = parse(&["-addr", "a", "--enable_scd", "rest"]).expect("known flags");
        assert_eq!((flags.get("addr"), flags.is_on("enable_scd")), ("a", true));
        assert_eq!(flags.rest, ["rest"]);
        assert!(!parse(&["--enable_scd=false"]).expect("known flags").is_on("enable_scd"));
    }

    #[test]
    fn complaints_are_gos() {
        assert_eq!(parse(&["--foo=1"]).err().as_deref(), Some("flag provided but not defined: -foo"));
        assert_eq!(parse(&["-addr"]).err().as_deref(), Some("flag needs an argument: -addr"));
        assert_eq!(
            parse(&["-enable_scd=maybe"]).err().as_deref(),
            Some("invalid boolean value \"maybe\" for -enable_scd: parse error")
        );
    }
}
