//! Every ordered pair of nodes of different organisations, seven of three nodes each, probed by the rounds of all seven in turn.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::stream::{self, StreamExt as _};
use hangar_agent::Spec;
use hangar_agent::probe::{self, Means};
use hangar_pki::{Authority, Bundle};
use hangar_plan::strategy::observation::{Observation, TlsOutcome};
use hangar_plan::strategy::probe::{Identity, Probe, Question, TlsCall, TlsQuestion};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/agent/server.rs"]
mod server;
#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/agent/site.rs"]
mod site;

use server::{Behaviour, Server};
use site::Site;

const N_ORGANISATIONS: usize = 7;
const N_NODES: usize = 3;
/// As many at one time as a round has by default.
const PARALLEL: usize = 64;

/// One organisation: its nodes, and what its probes show.
struct Organisation {
    authority: Authority,
    nodes: Vec<Server>,
    _site: Site,
    means: Means,
}

async fn organisation(authority: Authority, trusts: &Bundle) -> Organisation {
    let refuses = Behaviour::Grpc("16", "unauthenticated");
    let mut nodes = Vec::new();
    for _ in 0..N_NODES {
        nodes.push(Server::tls(&site::node(&authority, site::DAY / 2), trusts, refuses).await.expect("a server"));
    }
    let site = Site::new().expect("a folder");
    let means = site.identity(&site::node(&authority, 0), trusts).expect("files");
    Organisation { authority, nodes, _site: site, means }
}

/// For each own node, each node of every other organisation.
fn called(own: usize, all: &[Organisation]) -> impl Iterator<Item = &Server> {
    let others = move || all.iter().enumerate().filter(move |(other, _)| *other != own);
    (0..N_NODES).flat_map(move |_| others().flat_map(|(_, other)| &other.nodes))
}

fn round(own: usize, all: &[Organisation]) -> Spec {
    let question = |node: &Server| TlsQuestion {
        host: "localhost".into(),
        port: node.port(),
        server_name: None,
        identity: Identity::Probe,
        call: TlsCall::Grpc("/cockroach.server.serverpb.Admin/Health".into()),
    };
    let probe = |(n, question): (usize, TlsQuestion)| Probe {
        id: n.to_string(),
        ..site::probe(Question::Tls(question), 5_000)
    };
    Spec { parallel: PARALLEL, ..Spec::new(called(own, all).map(question).enumerate().map(probe).collect()) }
}

async fn probed(all: &[Organisation]) -> usize {
    let mut n_accepted = 0;
    for (own, organisation) in all.iter().enumerate() {
        let report = probe::run(round(own, all), &organisation.means).await.expect("a report");
        let is_accepted = |seen: &Observation| matches!(seen, Observation::Tls(answer) if answer.outcome == TlsOutcome::IdentityRefused);
        n_accepted += report.results.iter().filter(|answer| is_accepted(&answer.observation)).count();
    }
    n_accepted
}

fn connector(of: &Authority, trusts: &Bundle) -> TlsConnector {
    let leaf = site::node(of, 0);
    let mut roots = RootCertStore::empty();
    for certificate in trusts.certificates() {
        roots.add(certificate.der().clone()).expect("an authority");
    }
    let key = PrivateKeyDer::from_pem_slice(leaf.key.to_pem().expose().as_bytes()).expect("a key");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![leaf.certificate.der().clone()], key)
        .expect("a leaf");
    TlsConnector::from(Arc::new(config))
}

/// As many handshakes, and nothing else.
async fn shaken(connectors: &[TlsConnector], all: &[Organisation]) -> usize {
    let mut n_shaken = 0;
    for (own, connector) in connectors.iter().enumerate() {
        let shake = |port: u16| async move {
            let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a server");
            let name = ServerName::try_from("localhost").expect("a name");
            connector.connect(name, stream).await.expect("a handshake");
        };
        n_shaken +=
            stream::iter(called(own, all).map(Server::port).map(shake)).buffer_unordered(PARALLEL).count().await;
    }
    n_shaken
}

fn pairs(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let authorities: Vec<Authority> = (0..N_ORGANISATIONS).map(|n| site::authority(&format!("uss{n}"))).collect();
    let trusts = site::bundle(&authorities.iter().collect::<Vec<_>>());
    let mut all = Vec::new();
    for authority in authorities {
        all.push(runtime.block_on(organisation(authority, &trusts)));
    }
    let connectors: Vec<_> = all.iter().map(|one| connector(&one.authority, &trusts)).collect();
    let n_pairs = N_ORGANISATIONS * N_NODES * (N_ORGANISATIONS - 1) * N_NODES;

    let mut group = criterion.benchmark_group("all ordered pairs of 7 x 3 nodes");
    group.throughput(Throughput::Elements(n_pairs as u64)).sample_size(10);
    group.bench_function("peer: as many handshakes of the TLS library", |bencher| {
        bencher.iter(|| assert_eq!(runtime.block_on(shaken(&connectors, &all)), n_pairs));
    });
    group.bench_function("probed: handshake, call, refusal of the identity", |bencher| {
        bencher.iter(|| assert_eq!(runtime.block_on(probed(&all)), n_pairs));
    });
    group.finish();
}

criterion_group!(benches, pairs);
criterion_main!(benches);
