//! `hangar:pooling-strategy` 0.1.

use hangar_plan::diagnostic;
use hangar_plan::strategy::{action, certificate, decision, intent, member, observation, probe};

use crate::bindings::pooling_strategy::hangar::pooling_strategy::types;
use crate::lift::twins;

twins!(types::Severity, diagnostic::Severity: variant { Note, Warning, Error });
twins!(types::Diagnostic, diagnostic::Diagnostic: record { severity, pointer, message, hint });
twins!(types::Goal, intent::Goal: variant { Create, Join, Operate, Leave, RotateLeaves, RotateCa, Other(value) });
twins!(types::Intent, intent::Intent: record { goal, instance, pool });
twins!(types::Instance, intent::Instance: record { name, namespace, release, cluster_domain, image, nodes, facts });
twins!(types::Pool, intent::Pool: record { name, locality, cluster_id, facts });
twins!(types::Node, intent::Node: record { ordinal, host, port, addresses });
twins!(types::MemberState, member::MemberState: variant { Asking, Joining, Active, Leaving, Gone });
twins!(types::Authority, member::Authority: record { fingerprint, subject, not_before_ms, not_after_ms, pem });
twins!(types::Acknowledgement, member::Acknowledgement: record { kind, at_ms });
twins!(types::AcknowledgementKind, member::AcknowledgementKind: variant {
    Deployed(value), AcceptedBy(value), Other(value),
});
twins!(types::Member, member::Member: record {
    id, is_self, state, endpoint, locality, datastore, nodes, egress, authorities, acknowledgements, facts,
});
twins!(types::Change, member::Change: record { id, kind, subject, authority });
twins!(types::Roster, member::Roster: record { members, founder, open });
twins!(types::KeyUsage, certificate::KeyUsage: variant { ServerAuth, ClientAuth });
twins!(types::SubjectAlternative, certificate::SubjectAlternative: variant { Dns(value), Ip(value), Uri(value) });
twins!(types::KeyAlgorithm, certificate::KeyAlgorithm: variant { EcdsaP256, EcdsaP384, Rsa2048, Rsa4096, Ed25519 });
twins!(types::Reload, certificate::Reload: variant { Signal(value), Restart, Itself, None, Other(value) });
twins!(types::Placement, certificate::Placement: record { secret, certificate_file, key_file, bundle_file });
twins!(types::Profile, certificate::Profile: record {
    id, subject, alternatives, usages, algorithm, lifetime_hours, placement, workload, reload,
});
twins!(types::CertificatePolicy, certificate::CertificatePolicy: record {
    profiles, reserved_names, authority_algorithm, authority_lifetime_hours, distinct_authority_subjects,
});
twins!(types::Vantage, probe::Vantage: variant { Host, OwnCluster });
twins!(types::Identity, probe::Identity: variant { Probe, Anonymous });
twins!(types::Probe, probe::Probe: record { id, vantage, timeout_ms, question });
twins!(types::Question, probe::Question: variant {
    Sql(value), Http(value), Tls(value), Workload(value), Secret(value), Mounted(value), Release(value), Other(value),
});
twins!(types::SqlQuestion, probe::SqlQuestion: record { host, port, server_name, database, statement });
twins!(types::HttpQuestion, probe::HttpQuestion: record { host, port, tls, server_name, path });
twins!(types::TlsQuestion, probe::TlsQuestion: record { host, port, server_name, identity, call });
twins!(types::TlsCall, probe::TlsCall: variant { Grpc(value), Http(value), None, Other(value) });
twins!(types::Observation, observation::Observation: variant {
    Rows(value), Http(value), Tls(value), Workload(value), Certificates(value), Mounted(value), Release(value),
    Absent, Failed(value), Other(value),
});
twins!(types::Rows, observation::Rows: record { columns, rows });
twins!(types::HttpAnswer, observation::HttpAnswer: record { status, body });
twins!(types::TlsAnswer, observation::TlsAnswer: record { outcome, peer_leaf, peer_authority, detail });
twins!(types::TlsOutcome, observation::TlsOutcome: variant {
    Accepted, IdentityRefused, AuthorityUnknown, ServerUntrusted, NameMismatch, Expired, Unreachable, TimedOut, Other,
});
twins!(types::Workload, observation::Workload: record { wanted, pods, generation });
twins!(types::Pod, observation::Pod: record { name, phase, ready, reason, restarts, started_ms, address });
twins!(types::Certificate, observation::Certificate: record {
    file, fingerprint, subject, issuer, alternatives, not_before_ms, not_after_ms, is_authority,
});
twins!(types::Mounted, observation::Mounted: record { pod, certificates, signalled_ms, pending });
twins!(types::Release, observation::Release: record { status, revision, chart_version, values_digest });
twins!(types::Failure, observation::Failure: record { class, detail });
twins!(types::FailureClass, observation::FailureClass: variant {
    Unreachable, TimedOut, Unauthenticated, Denied, Tls, Database, Other,
});
twins!(types::Fact, observation::Fact: record { probe, observation, at_ms });
twins!(types::Facts, observation::Facts: record { now_ms, observations, in_doubt, done, issued });
twins!(types::Expectation, action::Expectation: variant {
    Value(value), SomeRows, NoRows, Status(value), Tls(value), AllReady, AllRunning, Fingerprints(value),
    Authorities(value), Deployed(value), Contains(value), Absent, Other(value),
});
twins!(types::Check, action::Check: record { probe, expectation });
twins!(types::Step, action::Step: record { key, title, requires, already_done, action, verify, deadline_ms, phase });
twins!(types::SecretSource, action::SecretSource: variant { Leaf(value), Key(value), Bundle(value), Text(value) });
twins!(types::Action, action::Action: variant {
    PutSecret(value), ApplyRelease(value), Restart(value), Reload(value), Verb(value), Sql(value), Acknowledge(value),
    SetState(value), RecordClusterId(value), Other(value),
});
twins!(types::PutSecret, action::PutSecret: record { name, files });
twins!(types::Verb, action::Verb: record { name, arguments });
twins!(types::SqlAction, action::SqlAction: record { class, on });
twins!(types::Finding, decision::Finding: record { severity, subject, message, cure, whose });
twins!(types::Waiting, decision::Waiting: record { probes, after_ms, until_ms, message });
twins!(types::Awaiting, decision::Awaiting: record { members, what, probes });
twins!(types::Decision, decision::Decision: variant {
    Look(value), Steps(value), Wait(value), Awaiting(value), Done(value), Blocked(value),
});
twins!(types::Phase, decision::Phase: record { name, title, allowed, restarts, actors });
twins!(types::Error, decision::StrategyError: variant { Invalid(value), Unsupported(value), Other(value) });
