//! Whom a certificate stands for.

use super::leaf::Leaf;

/// The tenant of every node of a pool.
const SYSTEM_TENANT: u64 = 1;

/// In a principal map, in the place of a name: any. No command line can say it.
pub const ANYBODY: &str = "\0";

/// The users a certificate may act as: its common name and **every** DNS name, or, when it carries
/// `crdb://tenant/…/user/…` names, those alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Principals {
    scopes: Vec<Scope>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Scope {
    user: String,
    /// `None` is good for all tenants.
    tenant: Option<u64>,
}

impl Principals {
    /// Reads the names of `leaf` through the principal map.
    pub fn of(leaf: &Leaf, map: &[(String, String)]) -> Self {
        let scoped: Vec<Scope> = leaf.uris.iter().filter_map(|uri| Scope::from_uri(uri)).collect();
        if !scoped.is_empty() {
            return Self { scopes: scoped };
        }
        let names = std::iter::once(&leaf.common_name).chain(&leaf.dns_names).filter(|name| !name.is_empty());
        Self { scopes: names.map(|name| Scope { user: mapped(name, map), tenant: None }).collect() }
    }

    /// Whether the certificate may act as `user` on the system tenant.
    pub fn include(&self, user: &str) -> bool {
        self.scopes.iter().any(|scope| scope.user == user && scope.tenant.is_none_or(|id| id == SYSTEM_TENANT))
    }

    /// All users named, in order.
    pub fn users(&self) -> Vec<String> {
        self.scopes.iter().map(|scope| scope.user.clone()).collect()
    }

    /// `"x" on all tenants`, joined by commas, as in refusals.
    pub fn described(&self) -> String {
        let described: Vec<String> = self
            .scopes
            .iter()
            .map(|scope| match scope.tenant {
                None => format!("{:?} on all tenants", scope.user),
                Some(SYSTEM_TENANT) => format!("{:?} on tenant system", scope.user),
                Some(id) => format!("{:?} on tenant {id}", scope.user),
            })
            .collect();
        described.join(", ")
    }
}

impl Scope {
    fn from_uri(uri: &str) -> Option<Self> {
        let (tenant, user) = uri.strip_prefix("crdb://tenant/")?.split_once("/user/")?;
        Some(Self { user: user.to_owned(), tenant: Some(tenant.parse().ok()?) })
    }
}

/// Reads `--cert-principal-map`: `from:to[,from:to…]`, each split at its last colon.
///
/// # Errors
///
/// The database's complaint about a mapping without a colon.
pub fn parse_map(text: &str) -> Result<Vec<(String, String)>, String> {
    text.split(',')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (from, to) = pair
                .rsplit_once(':')
                .ok_or_else(|| format!("invalid <cert-principal>:<db-principal> mapping: {pair:?}"))?;
            Ok((from.to_owned(), to.to_owned()))
        })
        .collect()
}

/// `["a" "b"]`, as Go prints a list of strings.
pub fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("[{}]", names.join(" "))
}

fn mapped(name: &str, map: &[(String, String)]) -> String {
    map.iter().find(|(from, _)| from == name || from == ANYBODY).map_or(name, |(_, to)| to).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(common_name: &str, dns: &[&str], uris: &[&str]) -> Leaf {
        Leaf {
            common_name: common_name.into(),
            subject: String::new(),
            dns_names: dns.iter().map(|name| (*name).to_owned()).collect(),
            ip_addresses: Vec::new(),
            uris: uris.iter().map(|uri| (*uri).to_owned()).collect(),
            serial: String::new(),
            not_before: 0,
            not_after: 0,
        }
    }

    #[test]
    fn a_dns_name_spelled_root_is_root() {
        let names = Principals::of(&leaf("probe", &["root", "localhost"], &[]), &[]);
        assert!(names.include("root") && names.include("probe") && !names.include("node"));
    }

    #[test]
    fn a_scoped_certificate_is_nobody_else() {
        let names = Principals::of(&leaf("root", &["node"], &["crdb://tenant/2/user/root"]), &[]);
        assert!(!names.include("root") && !names.include("node"));
        assert_eq!(names.described(), "\"root\" on tenant 2");
    }

    #[test]
    fn the_principal_map_renames() {
        let map = parse_map("a:b:node").expect("well formed");
        assert!(Principals::of(&leaf("a:b", &[], &[]), &map).include("node"));
        assert!(parse_map("nonsense").is_err());
    }
}
