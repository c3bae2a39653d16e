//! What a pooling strategy takes to decide in a large pool: 100 organisations of 10 nodes each, one of which joins and has looked at
//! every node of every other.
//!
//! Needs the plugin `cockroachdb`, which `cargo xtask build-plugins` makes.

use criterion::{Criterion, criterion_group, criterion_main};
use hangar_plan::strategy::decision::Decision;
use hangar_plan::strategy::intent::{Goal, Instance, Intent, Node, Pool};
use hangar_plan::strategy::member::{
    Acknowledgement, AcknowledgementKind, Authority, Change, Member, MemberState, Roster,
};
use hangar_plan::strategy::observation::{Fact, Facts, Observation, TlsAnswer, TlsOutcome};
use hangar_plan::strategy::probe::{Probe, Question};
use hangar_runtime::Strategy;
use serde_json::json;

mod subject;

use subject::Subject;

/// 2027-01-15T08:00:00Z.
const NOW_MS: u64 = 1_800_000_000_000;
const N_ORGANISATIONS: usize = 100;
const N_NODES: u32 = 10;
const IMAGE: (&str, &str) = ("docker.io/cockroachdb/cockroach", "v24.1.3");
/// About as long as that of a P-256 authority.
const PEM_BYTES: usize = 700;

fn id(n: usize) -> String {
    format!("uss{n}")
}

fn nodes(id: &str) -> Vec<Node> {
    let node = |ordinal| Node {
        ordinal,
        host: format!("{ordinal}.db.dss.{id}.example.com"),
        port: 26257,
        addresses: vec!["192.0.2.1".into()],
    };
    (0..N_NODES).map(node).collect()
}

fn authority(n: usize) -> Authority {
    Authority {
        fingerprint: format!("{n:064x}"),
        subject: format!("CN=ca of {}", id(n)),
        not_before_ms: 0,
        not_after_ms: 2 * NOW_MS,
        pem: "x".repeat(PEM_BYTES),
    }
}

/// The last one joins; all others have let it in.
fn roster() -> Roster {
    let joiner = N_ORGANISATIONS - 1;
    let all: Vec<String> = (0..N_ORGANISATIONS).map(|n| authority(n).fingerprint).collect();
    let member = |n: usize| Member {
        id: id(n),
        is_self: n == joiner,
        state: if n == joiner { MemberState::Joining } else { MemberState::Active },
        endpoint: format!("https://dss.{}.example.com", id(n)),
        locality: vec![("zone".into(), id(n))],
        datastore: ("cockroachdb".into(), IMAGE.1.into()),
        nodes: nodes(&id(n)),
        egress: vec!["198.51.100.0/24".into()],
        authorities: vec![authority(n)],
        acknowledgements: vec![Acknowledgement { kind: AcknowledgementKind::Deployed(all.clone()), at_ms: NOW_MS }],
        facts: Vec::new(),
    };
    let open = Change { id: "join".into(), kind: "join".into(), subject: id(joiner), authority: None };
    Roster { members: (0..N_ORGANISATIONS).map(member).collect(), founder: id(0), open: Some(open) }
}

fn intent() -> Intent {
    let own = id(N_ORGANISATIONS - 1);
    Intent {
        goal: Goal::Join,
        instance: Instance {
            name: own.clone(),
            namespace: "dss".into(),
            release: "dss".into(),
            cluster_domain: "cluster.local".into(),
            image: format!("{}:{}", IMAGE.0, IMAGE.1),
            nodes: nodes(&own),
            facts: Vec::new(),
        },
        pool: Pool { name: "us-east".into(), locality: own, cluster_id: None, facts: Vec::new() },
    }
}

/// What a node that lets us in answers; of all else nothing is there yet.
fn seen(probe: &Probe) -> Observation {
    let Question::Tls(_) = probe.question else { return Observation::Absent };
    let (peer_leaf, peer_authority) = (Some("ab".repeat(32)), Some("cd".repeat(32)));
    Observation::Tls(TlsAnswer {
        outcome: TlsOutcome::IdentityRefused,
        peer_leaf,
        peer_authority,
        detail: String::new(),
    })
}

/// Looks at everything that is asked for before the first step.
async fn looked_at(strategy: &Strategy, intent: &Intent, roster: &Roster) -> Facts {
    let mut facts =
        Facts { now_ms: NOW_MS, observations: Vec::new(), in_doubt: Vec::new(), done: Vec::new(), issued: Vec::new() };
    while let Decision::Look(probes) =
        strategy.decide(&json!({}), intent, roster, &facts).await.expect("the strategy decides")
    {
        let fact = |probe: Probe| Fact { observation: seen(&probe), probe, at_ms: NOW_MS };
        facts.observations.extend(probes.into_iter().map(fact));
    }
    facts
}

fn decision(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let plugin = runtime.block_on(Subject::new("cockroachdb").load());
    let strategy = plugin.strategy().expect("a strategy");
    let (intent, roster) = (intent(), roster());
    let facts = runtime.block_on(looked_at(&strategy, &intent, &roster));
    let n_looks = facts.observations.len();
    assert!(n_looks >= (N_ORGANISATIONS - 1) * N_NODES as usize, "only {n_looks} looks");
    let text = json!([intent, roster, facts]).to_string();

    let mut group = criterion.benchmark_group(format!("100 organisations of 10 nodes, {n_looks} looks"));
    group.sample_size(20);
    group.bench_function(format!("peer: what is told, {} kB, read from JSON", text.len() / 1_000), |bencher| {
        bencher.iter(|| serde_json::from_str::<(Intent, Roster, Facts)>(&text).expect("it was written so"));
    });
    group.bench_function("decided: store, instance, `decide`, checked", |bencher| {
        bencher.iter(|| {
            let decision = runtime.block_on(strategy.decide(&json!({}), &intent, &roster, &facts));
            assert!(!matches!(decision, Ok(Decision::Look(_)) | Err(_)), "{decision:?}");
        });
    });
    group.finish();
}

criterion_group!(benches, decision);
criterion_main!(benches);
