//! What a request asks beyond a grant.

use std::fmt;

use serde::Serialize;

use super::{CredentialSlot, Egress, EgressRequest, Grant, Kind, Request, StrategyGrant, TerraformProvider};

/// One thing that is asked and not granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Excess {
    /// Kind that asks; none for a limit, which holds for all.
    pub kind: Option<Kind>,
    /// Family of permissions, as the manifest spells it.
    pub permission: &'static str,
    /// What is asked.
    pub asked: String,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Some(kind) => write!(f, "{kind}: {} {}", self.permission, self.asked),
            None => write!(f, "{} {}", self.permission, self.asked),
        }
    }
}

/// Everything that a request asks and a grant does not hold. Empty: the plugin may be used as it is.
#[must_use]
pub fn difference(request: &Request, grant: &Grant) -> Vec<Excess> {
    let mut found = Found { kind: None, excess: Vec::new() };
    if let Some(asked) = &request.infra_provider {
        found.kind = Some(Kind::InfraProvider);
        let given = grant.infra_provider.clone().unwrap_or_default();
        found.check_kind(grant.infra_provider.is_some());
        found.egress(&asked.egress, &given.egress);
        found.credentials(&asked.credentials, &given.credentials);
        found.providers(&asked.terraform_providers, &given.terraform_providers);
        found.names("values", &asked.values, &given.values);
        found.names("charts", &asked.charts, &given.charts);
        found.flag("state", asked.state, given.state);
    }
    if let Some(asked) = &request.secret_store {
        found.kind = Some(Kind::SecretStore);
        let given = grant.secret_store.clone().unwrap_or_default();
        found.check_kind(grant.secret_store.is_some());
        found.egress(&asked.egress, &given.egress);
        found.credentials(&asked.credentials, &given.credentials);
        found.flag("sealed-file", asked.sealed_file, given.sealed_file);
    }
    if let Some(asked) = &request.pooling_strategy {
        found.kind = Some(Kind::PoolingStrategy);
        found.check_kind(grant.pooling_strategy.is_some());
        found.strategy(asked, &grant.pooling_strategy.clone().unwrap_or_default());
    }
    found.kind = None;
    for ((name, wanted), (_, given)) in request.limits.named().into_iter().zip(grant.limits.named()) {
        if wanted > given {
            found.add("limits", format!("{name} {wanted} (granted: {given})"));
        }
    }
    found.excess
}

struct Found {
    kind: Option<Kind>,
    excess: Vec<Excess>,
}

impl Found {
    fn add(&mut self, permission: &'static str, asked: impl Into<String>) {
        self.excess.push(Excess { kind: self.kind, permission, asked: asked.into() });
    }

    fn check_kind(&mut self, granted: bool) {
        if !granted {
            self.add("kind", "to be called at all");
        }
    }

    fn flag(&mut self, permission: &'static str, asked: bool, given: bool) {
        if asked && !given {
            self.add(permission, "access");
        }
    }

    fn names<T: AsRef<str>>(&mut self, permission: &'static str, asked: &[T], given: &[T]) {
        for name in asked {
            if !given.iter().any(|granted| granted.as_ref() == name.as_ref()) {
                self.add(permission, format!("`{}`", name.as_ref()));
            }
        }
    }

    fn egress(&mut self, asked: &[EgressRequest], given: &[Egress]) {
        for wanted in asked {
            let covered = given.iter().any(|granted| {
                granted.host == wanted.host
                    && granted.port == wanted.port
                    && methods_cover(&granted.methods, &wanted.methods)
            });
            if !covered {
                let methods =
                    if wanted.methods.is_empty() { "any method".to_owned() } else { wanted.methods.join(", ") };
                self.add("egress", format!("`{}:{}` ({methods})", wanted.host, wanted.port));
            }
        }
    }

    fn credentials(&mut self, asked: &[CredentialSlot], given: &[CredentialSlot]) {
        for wanted in asked {
            let covered = given.iter().any(|granted| {
                granted.name == wanted.name
                    && granted.kind == wanted.kind
                    && wanted.hosts.iter().all(|host| granted.hosts.contains(host))
                    && wanted.services.iter().all(|service| granted.services.contains(service))
                    && (granted.terraform || !wanted.terraform)
            });
            if !covered {
                let hosts: Vec<&str> = wanted.hosts.iter().map(super::HostPattern::as_str).collect();
                let terraform = if wanted.terraform { " and terraform" } else { "" };
                self.add("credentials", format!("`{}` for {}{terraform}", wanted.name, hosts.join(", ")));
            }
        }
    }

    fn providers(&mut self, asked: &[TerraformProvider], given: &[TerraformProvider]) {
        for wanted in asked {
            if !given.contains(wanted) {
                self.add("terraform-providers", format!("`{}` {}", wanted.source, wanted.version));
            }
        }
    }

    fn strategy(&mut self, asked: &StrategyGrant, given: &StrategyGrant) {
        let kinds = |grant: &StrategyGrant| grant.actions.iter().map(|action| action.name()).collect::<Vec<_>>();
        self.names("actions", &kinds(asked), &kinds(given));
        self.names("workloads", &asked.workloads, &given.workloads);
        self.names("secrets", &asked.secrets, &given.secrets);
        self.names("queries", &asked.queries, &given.queries);
        self.names("values", &asked.values, &given.values);
        for verb in asked.verbs.iter().filter(|verb| !given.verbs.contains(verb)) {
            let again = if verb.repeatable { ", again where nobody can tell whether it was done" } else { "" };
            self.add("verbs", format!("`{}`: {}{again}", verb.name, verb.command.join(" ")));
        }
        for class in asked.sql_classes.iter().filter(|class| !given.sql_classes.contains(class)) {
            self.add("sql-classes", format!("`{}`: {}", class.name, class.statements.join("; ")));
        }
    }
}

/// Whether methods that are granted cover those that are asked; empty means all.
fn methods_cover(given: &[String], asked: &[String]) -> bool {
    given.is_empty() || (!asked.is_empty() && asked.iter().all(|method| given.contains(method)))
}

#[cfg(test)]
mod tests {
    use super::super::{ActionKind, InfraProviderRequest, Limits};
    use super::*;

    fn request() -> Request {
        let egress = EgressRequest {
            host: "eks.*.amazonaws.com".parse().expect("a pattern"),
            port: 443,
            methods: vec!["GET".into()],
        };
        Request {
            infra_provider: Some(InfraProviderRequest { egress: vec![egress], ..InfraProviderRequest::default() }),
            pooling_strategy: Some(StrategyGrant {
                actions: vec![ActionKind::PutSecret],
                workloads: vec!["{release}-db".into()],
                ..StrategyGrant::default()
            }),
            ..Request::default()
        }
    }

    #[test]
    fn an_accepted_request_asks_nothing_more() {
        let request = request();
        assert_eq!(difference(&request, &Grant::accept(&request)), []);
    }

    #[test]
    fn an_update_that_asks_for_more_is_told_apart() {
        let grant = Grant::accept(&request());
        let mut update = request();
        let infra = update.infra_provider.as_mut().expect("an infra provider");
        infra.egress[0].methods.clear();
        infra.state = true;
        let strategy = update.pooling_strategy.as_mut().expect("a strategy");
        strategy.actions.push(ActionKind::Sql);
        update.limits = Limits { memory_mib: 512, ..Limits::default() };
        let lines: Vec<String> = difference(&update, &grant).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "infra-provider: egress `eks.*.amazonaws.com:443` (any method)",
                "infra-provider: state access",
                "pooling-strategy: actions `sql`",
                "limits memory-mib 512 (granted: 256)",
            ]
        );
    }

    #[test]
    fn a_kind_that_was_never_granted_is_said_first() {
        let lines: Vec<String> = difference(&request(), &Grant::default()).iter().map(ToString::to_string).collect();
        assert_eq!(lines[0], "infra-provider: kind to be called at all");
        assert!(lines.contains(&"pooling-strategy: workloads `{release}-db`".to_owned()));
    }

    #[test]
    fn an_endpoint_of_the_operators_block_is_reached_with_the_slots_there_are() {
        let mut grant = Grant::accept(&request());
        let slot = serde_json::from_value(serde_json::json!({"name": "aws", "kind": "aws"})).expect("a slot");
        grant.infra_provider.as_mut().expect("an infra provider").credentials.push(slot);
        let endpoint = Egress { dev: true, ..Egress::new("127.0.0.1".parse().expect("a host"), 5000) };
        grant.allow_endpoint(Kind::InfraProvider, endpoint);
        assert!(grant.egress(Kind::InfraProvider).iter().any(|egress| egress.covers("127.0.0.1", 5000, "POST")));
        assert!(grant.credentials(Kind::InfraProvider)[0].hosts[0].matches("127.0.0.1"));
        assert_eq!(grant.egress(Kind::SecretStore), []);
    }
}
