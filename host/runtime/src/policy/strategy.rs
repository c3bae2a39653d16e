//! What a pooling strategy decides.

use hangar_plan::grant::{ActionKind, StrategyGrant};
use hangar_plan::strategy::action::{Action, Check, Step};
use hangar_plan::strategy::certificate::CertificatePolicy;
use hangar_plan::strategy::decision::Decision;
use hangar_plan::strategy::intent::{Intent, Node};
use hangar_plan::strategy::member::Roster;
use hangar_plan::strategy::probe::{Probe, Question, SqlQuestion, Vantage};
use serde_json::Value;

use super::values::check_values;
use super::{Findings, Refusal, Rule, sql};

/// The grant of a strategy, for one instance.
pub(crate) struct StrategyPolicy<'a> {
    pub(crate) grant: &'a StrategyGrant,
    pub(crate) intent: &'a Intent,
    pub(crate) roster: Option<&'a Roster>,
}

impl StrategyPolicy<'_> {
    /// Refuses steps and probes that are not granted.
    pub(crate) fn check_decision(&self, decision: &Decision) -> Result<(), Vec<Refusal>> {
        let mut findings = Findings::default();
        match decision {
            Decision::Look(probes) => self.probes(probes, &mut findings),
            Decision::Steps(steps) => steps.iter().for_each(|step| self.step(step, &mut findings)),
            Decision::Wait(waiting) => self.probes(&waiting.probes, &mut findings),
            Decision::Awaiting(awaiting) => self.probes(&awaiting.probes, &mut findings),
            Decision::Done(_) | Decision::Blocked(_) => {}
        }
        findings.into_result()
    }

    /// Refuses probes that are not granted.
    pub(crate) fn check_probes(&self, probes: &[Probe]) -> Result<(), Vec<Refusal>> {
        let mut findings = Findings::default();
        self.probes(probes, &mut findings);
        findings.into_result()
    }

    /// Refuses certificates for Secrets and workloads that are not granted.
    pub(crate) fn check_certificates(&self, policy: &CertificatePolicy) -> Result<(), Vec<Refusal>> {
        let mut findings = Findings::default();
        for profile in &policy.profiles {
            let place = format!("certificate {}", profile.id);
            let placement = &profile.placement;
            self.secret(&placement.secret, &place, &mut findings);
            self.workload(&profile.workload, &place, &mut findings);
            let files = [Some(&placement.certificate_file), Some(&placement.key_file), placement.bundle_file.as_ref()];
            files.into_iter().flatten().for_each(|file| plain_file(file, &place, &mut findings));
            if profile.lifetime_hours == 0 || profile.lifetime_hours >= policy.authority_lifetime_hours {
                findings.add(Rule::Shape, &place, "it must end after it starts and before its authority ends");
            }
        }
        findings.into_result()
    }

    /// Refuses chart values that are not granted, and returns the others.
    pub(crate) fn check_values(&self, text: &str) -> Result<Value, Vec<Refusal>> {
        let mut findings = Findings::default();
        let values = check_values(text, &self.grant.values, "values", &mut findings);
        findings.into_result()?;
        Ok(values.unwrap_or_default())
    }

    fn step(&self, step: &Step, findings: &mut Findings) {
        let place = format!("step {}", step.key);
        if step.key.is_empty() || step.phase.is_empty() || step.deadline_ms == 0 {
            findings.add(Rule::Shape, &place, "a step has a key, a phase and a deadline");
        }
        for Check { probe, .. } in step.already_done.iter().chain(&step.verify) {
            self.probe(probe, findings);
        }
        let granted = ActionKind::of(&step.action).is_some_and(|kind| self.grant.actions.contains(&kind));
        if !granted {
            let kind = ActionKind::of(&step.action).map_or("an action of a later host", ActionKind::name);
            findings.add(Rule::Action, &place, format!("action `{kind}` is not granted"));
        }
        match &step.action {
            Action::PutSecret(put) => {
                self.secret(&put.name, &place, findings);
                put.files.iter().for_each(|(file, _)| plain_file(file, &place, findings));
            }
            Action::ApplyRelease(values) => {
                check_values(values, &self.grant.values, &place, findings);
            }
            Action::Restart(workload) | Action::Reload(workload) => {
                self.workload(workload, &place, findings);
                if step.verify.is_none() {
                    let what = "what restarts or reloads nodes verifies something: it must hold between two of them";
                    findings.add(Rule::Shape, &place, what);
                }
            }
            Action::Verb(verb) => {
                let Some(grant) = self.grant.verbs.iter().find(|granted| granted.name == verb.name) else {
                    findings.add(Rule::Verb, &place, format!("verb `{}` is not granted", verb.name));
                    return;
                };
                if !grant.repeatable && step.already_done.is_none() && step.verify.is_none() {
                    let what =
                        format!("verb `{}` is not `repeatable`, and no check tells whether it was done", verb.name);
                    findings.add(Rule::Shape, &place, what);
                }
                for argument in &verb.arguments {
                    let allowed = grant.arguments.iter().any(|start| argument.starts_with(start.as_str()));
                    if !allowed || argument.contains(char::is_control) {
                        let what = format!("verb `{}` may not have the argument `{argument}`", verb.name);
                        findings.add(Rule::Verb, &place, what);
                    }
                }
            }
            Action::Sql(action) => {
                let class = self.grant.sql_classes.iter().find(|class| class.name == action.class);
                let statement = &action.on.statement;
                if !class.is_some_and(|class| class.statements.iter().any(|granted| sql::matches(statement, granted))) {
                    let what = format!("statement `{statement}` is not granted as `{}`", action.class);
                    findings.add(Rule::Sql, &place, what);
                }
                self.own_node(&action.on, &place, findings);
            }
            Action::Acknowledge(_) | Action::SetState(_) | Action::RecordClusterId(_) | Action::Other(_) => {}
        }
    }

    fn probes(&self, probes: &[Probe], findings: &mut Findings) {
        probes.iter().for_each(|probe| self.probe(probe, findings));
    }

    fn probe(&self, probe: &Probe, findings: &mut Findings) {
        let place = format!("probe {}", probe.id);
        if probe.id.is_empty() || probe.timeout_ms == 0 {
            findings.add(Rule::Shape, &place, "a probe has an id and a time");
        }
        let mut reaches_the_database = false;
        match &probe.question {
            Question::Sql(question) => {
                reaches_the_database = true;
                if !self.grant.queries.iter().any(|granted| sql::matches(&question.statement, granted)) {
                    findings.add(Rule::Sql, &place, format!("query `{}` is not granted", question.statement));
                }
                self.own_node(question, &place, findings);
            }
            Question::Http(question) => {
                reaches_the_database = true;
                self.any_node(&question.host, &place, findings);
            }
            Question::Tls(question) => {
                reaches_the_database = true;
                self.any_node(&question.host, &place, findings);
            }
            Question::Workload(workload) | Question::Mounted(workload) => self.workload(workload, &place, findings),
            Question::Secret(secret) => self.secret(secret, &place, findings),
            Question::Release(release) => {
                if *release != self.intent.instance.release {
                    findings.add(Rule::Target, &place, format!("release `{release}` is not this instance's"));
                }
            }
            Question::Other((name, _)) => {
                findings.add(Rule::Action, &place, format!("this host does not know the question `{name}`"));
            }
        }
        if reaches_the_database && probe.vantage == Vantage::Host {
            findings.add(
                Rule::Target,
                &place,
                "the host itself reaches nothing of the database: ask from the own cluster",
            );
        }
    }

    fn secret(&self, secret: &str, place: &str, findings: &mut Findings) {
        if !self.grant.secrets.iter().any(|granted| self.expand(granted) == secret) {
            findings.add(Rule::Secret, place, format!("secret `{secret}` is not granted"));
        }
    }

    fn workload(&self, workload: &str, place: &str, findings: &mut Findings) {
        if !self.grant.workloads.iter().any(|granted| self.expand(granted) == workload) {
            findings.add(Rule::Workload, place, format!("workload `{workload}` is not granted"));
        }
    }

    /// Statements run with this instance's own rights, so on its own nodes alone.
    fn own_node(&self, question: &SqlQuestion, place: &str, findings: &mut Findings) {
        let host = &question.host;
        if !self.is_in_cluster(host) && !names(&self.intent.instance.nodes, host) {
            findings.add(Rule::Target, place, format!("`{host}` is no node of this instance"));
        }
    }

    fn any_node(&self, host: &str, place: &str, findings: &mut Findings) {
        let members = self.roster.map_or(&[][..], |roster| &roster.members);
        let known = self.is_in_cluster(host)
            || names(&self.intent.instance.nodes, host)
            || members.iter().any(|member| names(&member.nodes, host));
        if !known {
            findings.add(Rule::Target, place, format!("`{host}` is no node of the pool"));
        }
    }

    /// A name that only the own namespace of the own Kubernetes cluster resolves.
    fn is_in_cluster(&self, host: &str) -> bool {
        let instance = &self.intent.instance;
        host.ends_with(&format!(".{}.svc.{}", instance.namespace, instance.cluster_domain))
    }

    fn expand(&self, name: &str) -> String {
        let instance = &self.intent.instance;
        name.replace("{release}", &instance.release)
            .replace("{instance}", &instance.name)
            .replace("{namespace}", &instance.namespace)
            .replace("{pool}", &self.intent.pool.name)
    }
}

fn names(nodes: &[Node], host: &str) -> bool {
    nodes.iter().any(|node| node.host == host || node.addresses.iter().any(|address| address == host))
}

/// A key of a Secret becomes a file's name.
fn plain_file(file: &str, place: &str, findings: &mut Findings) {
    let spelt = file.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if file.is_empty() || file.starts_with('.') || !spelt {
        findings.add(Rule::Shape, place, format!("`{file}` is no name of a file"));
    }
}
