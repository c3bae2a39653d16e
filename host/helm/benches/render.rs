//! How long the driver takes for a chart that it has rendered before.

use criterion::{Criterion, criterion_group, criterion_main};
use hangar_helm::{Chart, Helm, ReleaseName, Render, Values};
use serde_json::json;

fn values() -> Values {
    let image = format!("registry.example/hangar@sha256:{}", "0".repeat(64));
    let values = json!({
        "agent": {"image": image},
        "cockroachdb": {"locality": [{"key": "zone", "value": "uss1"}], "join": ["0.db.uss2.example.com:26257"],
             "advertise": {"suffix": "db.uss1.example.com"}},
        "coreService": {"hostname": "dss.uss1.example.com", "locality": "uss1",
            "authorization": {"jwksEndpoint": "https://auth.example.com/jwks.json", "jwksKeyIds": ["k1"]}},
    });
    Values::layered([values]).expect("values")
}

fn render(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cache = tempfile::tempdir().expect("a folder");
    let folder = test_support::repository().join("deploy/services/helm/dss");
    let helm = runtime.block_on(Helm::at(test_support::helm().expect("a helm"), cache.path())).expect("a helm");
    let (release, values) = (ReleaseName::new("dss").expect("a name"), values());
    let rendered = |chart: &Chart| {
        let render = Render { release: &release, namespace: "uss1", chart, values: &values, kube_version: "v1.34.3" };
        runtime.block_on(helm.render(&render, cache.path())).expect("rendered").objects().count()
    };
    let chart = Chart::open(&folder).expect("a chart");
    let n_objects = rendered(&chart);
    let mut group = criterion.benchmark_group("the chart of the services");
    group.bench_function("peer: `helm template` anew", |bencher| {
        bencher.iter_with_setup(
            || {
                for kept in std::fs::read_dir(cache.path()).expect("the cache").flatten() {
                    if kept.path().is_file() {
                        std::fs::remove_file(kept.path()).expect("removed");
                    }
                }
            },
            |()| assert_eq!(rendered(&chart), n_objects),
        );
    });
    group.bench_function("from the cache", |bencher| bencher.iter(|| assert_eq!(rendered(&chart), n_objects)));
    group.bench_function("from the cache, the chart read and hashed too", |bencher| {
        bencher.iter(|| assert_eq!(rendered(&Chart::open(&folder).expect("a chart")), n_objects));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = render
}
criterion_main!(benches);
