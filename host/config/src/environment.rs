//! The environment of the process, read once.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    path::PathBuf,
};

use hangar_durable::failpoint::{Arming, Kill};

/// What the environment says, read once at start. No other code reads a variable.
///
/// Keeps the variables themselves, for credentials that the operator keeps there; printing it shows none.
#[derive(Clone)]
pub struct Environment {
    /// `HANGAR_TERRAFORM`: the program `terraform` or `tofu`.
    pub terraform: Option<PathBuf>,
    /// `HANGAR_HELM`: the program `helm`.
    pub helm: Option<PathBuf>,
    /// `HANGAR_WORLD`: the program `hangar-world`.
    pub world: Option<PathBuf>,
    /// `HANGAR_TOOLS_DIR`: folder of downloaded tools, in place of the one in the cache.
    pub tools_dir: Option<PathBuf>,
    /// `HANGAR_PLUGINS_DIR`: folder of plugins that were built from source.
    pub plugins_dir: Option<PathBuf>,
    /// `HANGAR_CACHE_DIR`: in place of `$XDG_CACHE_HOME/hangar`.
    pub cache_dir: Option<PathBuf>,
    /// `HANGAR_CONFIG_DIR`: in place of `$XDG_CONFIG_HOME/hangar`.
    pub config_dir: Option<PathBuf>,
    /// `HANGAR_LOG`: what to log, in the syntax of `tracing`'s filter.
    pub log: Option<String>,
    /// `NO_COLOR`: set to anything but nothing, as <https://no-color.org> has it.
    pub no_color: bool,
    /// `CI`: set to anything but nothing, `0` or `false`; nobody is there to answer.
    pub ci: bool,
    /// `SOURCE_DATE_EPOCH`: seconds since 1970 that stand in place of now in what is built.
    pub source_date_epoch: Option<i64>,
    /// Where the process is to kill itself: `HANGAR_FAIL_POINT` (`name`, `name:nth`, `new` or `new-in-step`), with its
    /// children if `HANGAR_FAIL_CHILDREN` is set, and `HANGAR_FAIL_LIST`, a file to which passed points are written and
    /// which says what is not new.
    pub fail_points: Option<Arming>,
    variables: BTreeMap<OsString, OsString>,
}

/// A variable that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable `{name}` is {problem}")]
pub struct EnvironmentError {
    /// Its name.
    pub name: &'static str,
    /// What is wrong with its value. Never the value.
    pub problem: &'static str,
}

impl Environment {
    /// Reads the environment of this process.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError`] for a variable of ours, or one of the common ones above, with a value of no sense.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn from_process() -> Result<Self, EnvironmentError> {
        Self::from_variables(std::env::vars_os())
    }

    /// Takes an environment from elsewhere.
    ///
    /// # Errors
    ///
    /// As [`Environment::from_process`].
    pub fn from_variables<K: Into<OsString>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, EnvironmentError> {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let read = Variables(&variables);
        Ok(Self {
            terraform: read.path("HANGAR_TERRAFORM")?,
            helm: read.path("HANGAR_HELM")?,
            world: read.path("HANGAR_WORLD")?,
            tools_dir: read.path("HANGAR_TOOLS_DIR")?,
            plugins_dir: read.path("HANGAR_PLUGINS_DIR")?,
            cache_dir: read.path("HANGAR_CACHE_DIR")?,
            config_dir: read.path("HANGAR_CONFIG_DIR")?,
            log: read.text("HANGAR_LOG")?.map(ToOwned::to_owned),
            no_color: read.raw("NO_COLOR").is_some(),
            ci: read.raw("CI").is_some_and(|value| value != "0" && value != "false"),
            source_date_epoch: read.seconds("SOURCE_DATE_EPOCH")?,
            fail_points: read.fail_points()?,
            variables,
        })
    }

    /// Returns a variable that the operator named, if it is set and text.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(OsStr::new(name))?.to_str()
    }

    /// Returns `PATH`, for finding tools and for the environment of children.
    #[must_use]
    pub fn path(&self) -> Option<&OsStr> {
        self.variables.get(OsStr::new("PATH")).map(OsString::as_os_str)
    }

    /// Returns the home folder.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        Variables(&self.variables).absolute("HOME")
    }

    /// Returns the files in which docker and podman keep credentials for registries, in the order to ask them.
    ///
    /// `REGISTRY_AUTH_FILE`, `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`,
    /// `$XDG_RUNTIME_DIR/containers/auth.json`, `$XDG_CONFIG_HOME/containers/auth.json`. They need not exist.
    #[must_use]
    pub fn registry_auth_files(&self) -> Vec<PathBuf> {
        let read = Variables(&self.variables);
        let docker = read.absolute("DOCKER_CONFIG").or_else(|| Some(self.home()?.join(".docker")));
        let config = self.xdg("XDG_CONFIG_HOME", ".config");
        let files = [
            read.absolute("REGISTRY_AUTH_FILE"),
            docker.map(|folder| folder.join("config.json")),
            read.absolute("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
            config.map(|folder| folder.join("containers/auth.json")),
        ];
        files.into_iter().flatten().collect()
    }

    /// Returns where `gcloud auth application-default login` leaves its file.
    pub(crate) fn gcloud_credentials_file(&self) -> Option<PathBuf> {
        let named = Variables(&self.variables).absolute("CLOUDSDK_CONFIG");
        let folder = named.or_else(|| Some(self.home()?.join(".config/gcloud")));
        folder.map(|folder| folder.join("application_default_credentials.json"))
    }

    /// Returns a base folder of the XDG specification, which ignores paths that are not absolute.
    pub(crate) fn xdg(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        Variables(&self.variables).absolute(variable).or_else(|| Some(self.home()?.join(below_home)))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.variables.len())
    }
}

struct Variables<'a>(&'a BTreeMap<OsString, OsString>);

impl<'a> Variables<'a> {
    /// A variable set to nothing is a variable that is not set, as most shells' users expect.
    fn raw(&self, name: &str) -> Option<&'a OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &'static str) -> Result<Option<&'a str>, EnvironmentError> {
        let text = |value: &'a OsStr| value.to_str().ok_or(EnvironmentError { name, problem: "not UTF-8 text" });
        self.raw(name).map(text).transpose()
    }

    fn absolute(&self, name: &str) -> Option<PathBuf> {
        self.raw(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// Paths of ours must be absolute: what is run or written must not depend on where the operator stands.
    fn path(&self, name: &'static str) -> Result<Option<PathBuf>, EnvironmentError> {
        match self.raw(name).map(PathBuf::from) {
            Some(path) if !path.is_absolute() => Err(EnvironmentError { name, problem: "not an absolute path" }),
            path => Ok(path),
        }
    }

    fn seconds(&self, name: &'static str) -> Result<Option<i64>, EnvironmentError> {
        // The last second of the year 9999, which is as far as RFC 3339 goes.
        const LAST: i64 = 253_402_300_799;
        let parse = |text: &str| match text.parse() {
            Ok(seconds) if (0..=LAST).contains(&seconds) => Ok(seconds),
            _ => Err(EnvironmentError { name, problem: "not a number of seconds since 1970" }),
        };
        self.text(name)?.map(parse).transpose()
    }

    fn fail_points(&self) -> Result<Option<Arming>, EnvironmentError> {
        const BAD_POINT: &str = "not `name`, `name:nth`, `new` or `new-in-step`";
        let name = "HANGAR_FAIL_POINT";
        let kill = match self.text(name)? {
            None => None,
            Some(text) => {
                let kill: Kill = text.parse().map_err(|_| EnvironmentError { name, problem: BAD_POINT })?;
                Some(Kill { children: self.raw("HANGAR_FAIL_CHILDREN").is_some(), ..kill })
            }
        };
        let list = self.path("HANGAR_FAIL_LIST")?;
        Ok((kill.is_some() || list.is_some()).then_some(Arming { kill, list }))
    }
}

#[cfg(test)]
mod tests {
    use hangar_durable::failpoint::At;

    use super::*;

    fn environment<const N: usize>(variables: [(&str, &str); N]) -> Environment {
        Environment::from_variables(variables).expect("a good environment")
    }

    fn error(name: &str, value: &str) -> String {
        Environment::from_variables([(name, value)]).expect_err("a bad environment").to_string()
    }

    #[test]
    fn what_is_set_is_read_and_what_is_empty_is_not_set() {
        let read =
            environment([("HANGAR_HELM", "/opt/helm"), ("HANGAR_TERRAFORM", ""), ("NO_COLOR", ""), ("CI", "true")]);
        assert_eq!(read.helm, Some("/opt/helm".into()));
        assert_eq!(read.terraform, None);
        assert!(!read.no_color);
        assert!(read.ci);
        assert!(!environment([("CI", "false")]).ci);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        assert_eq!(error("HANGAR_HELM", "bin/helm"), "environment variable `HANGAR_HELM` is not an absolute path");
        assert_eq!(
            error("SOURCE_DATE_EPOCH", "yesterday"),
            "environment variable `SOURCE_DATE_EPOCH` is not a number of seconds since 1970"
        );
        assert_eq!(
            error("HANGAR_FAIL_POINT", "a:0"),
            "environment variable `HANGAR_FAIL_POINT` is not `name`, `name:nth`, `new` or `new-in-step`"
        );
    }

    #[test]
    fn fail_points_are_armed_only_on_request() {
        assert_eq!(environment([]).fail_points, None);
        let armed = environment([("HANGAR_FAIL_POINT", "durable.write.inside:3"), ("HANGAR_FAIL_CHILDREN", "1")]);
        let kill = armed.fail_points.expect("armed").kill.expect("a passage");
        assert_eq!(kill.at, At::Passage { point: "durable.write.inside".into(), nth: 3 });
        assert!(kill.children);
    }

    #[test]
    fn registry_credentials_are_looked_for_where_docker_and_podman_keep_them() {
        let read = environment([("HOME", "/h"), ("XDG_RUNTIME_DIR", "/run/user/1"), ("XDG_CONFIG_HOME", "relative")]);
        let files: Vec<_> = read.registry_auth_files().iter().map(|file| file.display().to_string()).collect();
        assert_eq!(
            files,
            ["/h/.docker/config.json", "/run/user/1/containers/auth.json", "/h/.config/containers/auth.json"]
        );
    }

    #[test]
    fn no_variable_is_printed() {
        assert_eq!(format!("{:?}", environment([("TOKEN", "hunter2")])), "Environment(1 variables)");
    }
}
