//! What the name of a file in the certificates directory says, and who may read a key.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Skips the check of key permissions when set to `true`.
pub const SKIP_PERMISSIONS_VARIABLE: &str = "COCKROACH_SKIP_KEY_PERMISSION_CHECK";
const MAX_OWN: u32 = 0o700;
const MAX_GROUP: u32 = 0o740;

/// What a `.crt` file is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usage {
    Ca,
    ClientCa,
    UiCa,
    Node,
    Ui,
    Client(String),
    /// Certificates of separate-process tenants, which nodes of a pool do not have.
    Tenant,
}

impl Usage {
    /// Reads the name of a `.crt` file.
    ///
    /// # Errors
    ///
    /// The database's complaint about a name it does not know.
    pub fn of(file_name: &str) -> Result<Self, String> {
        let stem = file_name.strip_suffix(".crt").ok_or_else(|| format!("{file_name} has no .crt suffix"))?;
        let (prefix, rest) = stem.split_once('.').map_or((stem, None), |(prefix, rest)| (prefix, Some(rest)));
        match (prefix, rest) {
            ("ca", None) => Ok(Self::Ca),
            ("ca-client", None) => Ok(Self::ClientCa),
            ("ca-ui", None) => Ok(Self::UiCa),
            ("node", None) => Ok(Self::Node),
            ("ui", None) => Ok(Self::Ui),
            ("client", Some(user)) if !user.is_empty() => Ok(Self::Client(user.to_owned())),
            ("client", _) => Err("client certificate filename should match client.<user>.crt".to_owned()),
            ("ca-client-tenant", _) | ("client-tenant", _) | ("tenant-signing", _) => Ok(Self::Tenant),
            ("ca" | "ca-client" | "ca-ui" | "node" | "ui", Some(_)) => {
                Err(format!("{prefix} certificate filename should match {prefix}.crt"))
            }
            _ => Err(format!("unknown prefix {prefix:?}")),
        }
    }

    /// Whether a `.key` file must stand beside it.
    pub fn has_key(&self) -> bool {
        matches!(self, Self::Node | Self::Ui | Self::Client(_))
    }
}

/// Checks that nobody but the process can read a private key.
///
/// # Errors
///
/// The database's complaint.
pub fn check_key_permissions(path: &Path) -> Result<(), String> {
    if crate::environment::get(SKIP_PERMISSIONS_VARIABLE).is_some_and(|value| value == "true") {
        return Ok(());
    }
    let shown = path.display();
    let file = fs::metadata(path).map_err(|err| format!("could not stat key file {shown}: {err}"))?;
    if !file.is_file() {
        return Err(format!("key file {shown} is not a regular file"));
    }
    let process = fs::metadata("/proc/self").map_err(|err| format!("could not stat /proc/self: {err}"))?;
    let mode = file.mode() & 0o777;
    // The group rule comes first: a Secret volume is owned by root and readable by the pod's group, and in a
    // container that runs as root the owner's stricter rule would refuse it.
    let most = if file.uid() == 0 && file.gid() == process.gid() {
        MAX_GROUP
    } else if file.uid() == process.uid() {
        MAX_OWN
    } else {
        return Err(format!("key file {shown} is owned by UID {}, not by this process or root's group", file.uid()));
    };
    if mode & !most != 0 {
        return Err(format!("key file {shown} has permissions {}, exceeds {}", shown_mode(mode), shown_mode(most)));
    }
    Ok(())
}

fn shown_mode(mode: u32) -> String {
    let bits = |shift: u32| {
        let three = (mode >> shift) & 0o7;
        [(4, 'r'), (2, 'w'), (1, 'x')].map(|(bit, letter)| if three & bit == 0 { '-' } else { letter })
    };
    std::iter::once('-').chain([6, 3, 0].into_iter().flat_map(bits)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_say_what_they_are_for() {
        assert_eq!(Usage::of("ca.crt"), Ok(Usage::Ca));
        assert_eq!(Usage::of("client.root.crt"), Ok(Usage::Client("root".into())));
        assert_eq!(Usage::of("client.a.b.crt"), Ok(Usage::Client("a.b".into())));
        assert_eq!(Usage::of("server.crt"), Err("unknown prefix \"server\"".into()));
    }

    #[test]
    fn modes_are_shown_as_ls_does() {
        assert_eq!(shown_mode(0o644), "-rw-r--r--");
        assert_eq!(shown_mode(0o740), "-rwxr-----");
    }
}
