//! The swap of a Secret against a server that keeps account of versions and of who owns which file, as the real one does.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use hangar_kube::secrets::{self, Files, Swap};
use hangar_kube::{Cluster, KubeError};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

/// One Secret, and what somebody else does between a read and a write.
#[derive(Default)]
struct Store {
    secret: Option<Value>,
    version: u64,
    interventions: Vec<Intervention>,
    n_applies: usize,
}

type Intervention = Box<dyn FnOnce(&mut Store) + Send>;

impl Store {
    /// Somebody else sets one file.
    fn set(&mut self, file: &str, content: &str, manager: &str) {
        self.version += 1;
        let version = self.version.to_string();
        let secret =
            self.secret.get_or_insert_with(|| json!({"metadata": {"name": "x", "namespace": "dss"}, "data": {}}));
        secret["data"][file] = json!(content);
        secret["metadata"]["resourceVersion"] = json!(version);
        let field = format!("f:{file}");
        let entry = json!({"manager": manager, "operation": "Apply", "fieldsV1": {"f:data": {field: {}}}});
        match secret["metadata"]["managedFields"].as_array_mut() {
            Some(entries) => entries.push(entry),
            None => secret["metadata"]["managedFields"] = json!([entry]),
        }
    }

    fn apply(&mut self, applied: Value) -> (StatusCode, Value) {
        self.n_applies += 1;
        if !applied["data"].is_null()
            && let Some(intervene) = self.interventions.pop()
        {
            intervene(self);
        }
        let live = self.secret.clone().unwrap_or_else(|| json!({"metadata": {}, "data": {}}));
        let condition = &applied["metadata"]["resourceVersion"];
        if !condition.is_null() && *condition != live["metadata"]["resourceVersion"] {
            return (
                StatusCode::CONFLICT,
                json!({"kind": "Status", "code": 409, "reason": "Conflict", "message": "modified"}),
            );
        }
        let mut next = applied.clone();
        let mut others = Vec::new();
        for entry in live["metadata"]["managedFields"].as_array().into_iter().flatten() {
            if entry["manager"] == "hangar" {
                continue;
            }
            for field in entry["fieldsV1"]["f:data"].as_object().into_iter().flat_map(serde_json::Map::keys) {
                let file = &field["f:".len()..];
                if !applied["data"][file].is_null() && applied["data"][file] != live["data"][file] {
                    let cause = json!({"reason": "FieldManagerConflict", "field": format!(".data.{file}"),
                        "message": format!("conflict with {} using v1", entry["manager"])});
                    let details = json!({"causes": [cause]});
                    return (
                        StatusCode::CONFLICT,
                        json!({"kind": "Status", "code": 409, "reason": "Conflict", "details": details}),
                    );
                }
                next["data"][file] = live["data"][file].clone();
            }
            others.push(entry.clone());
        }
        let ours: serde_json::Map<String, Value> = applied["data"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(file, _)| (format!("f:{file}"), json!({})))
            .collect();
        others.push(json!({"manager": "hangar", "operation": "Apply", "fieldsV1": {"f:data": ours}}));
        self.version += 1;
        next["metadata"]["resourceVersion"] = json!(self.version.to_string());
        next["metadata"]["managedFields"] = json!(others);
        self.secret = Some(next.clone());
        (StatusCode::OK, next)
    }

    fn answer(&mut self, method: &Method, uri: &str, body: &[u8]) -> (StatusCode, Value) {
        match *method {
            Method::GET => match &self.secret {
                Some(secret) => (StatusCode::OK, secret.clone()),
                None => (StatusCode::NOT_FOUND, json!({"kind": "Status", "code": 404, "reason": "NotFound"})),
            },
            Method::POST if self.secret.is_some() => {
                (StatusCode::CONFLICT, json!({"kind": "Status", "code": 409, "reason": "AlreadyExists"}))
            }
            Method::POST => {
                self.version += 1;
                let mut secret: Value = serde_json::from_slice(body).unwrap_or_default();
                secret["metadata"]["resourceVersion"] = json!(self.version.to_string());
                self.secret = Some(secret.clone());
                (StatusCode::CREATED, secret)
            }
            Method::PATCH if uri.contains("fieldManager=hangar") && !uri.contains("force=true") => {
                self.apply(serde_json::from_slice(body).unwrap_or_default())
            }
            _ => (StatusCode::METHOD_NOT_ALLOWED, json!({"kind": "Status", "code": 405})),
        }
    }
}

fn cluster(store: &Arc<Mutex<Store>>) -> Cluster {
    let store = Arc::clone(store);
    let service = tower::service_fn(move |request: Request<Body>| {
        let store = Arc::clone(&store);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let (status, answer) =
                store.lock().expect("no test panics here").answer(&parts.method, &parts.uri.to_string(), &body);
            let answer = Body::from(answer.to_string().into_bytes());
            Ok::<_, Infallible>(Response::builder().status(status).body(answer).expect("a response"))
        }
    });
    Cluster::of_client(kube::Client::new(service, "dss"), "https://fake")
}

async fn put(store: &Arc<Mutex<Store>>, files: Files) -> Result<Swap, KubeError> {
    secrets::put(&cluster(store), "dss", "x", &BTreeMap::new(), &files).await
}

fn data(store: &Arc<Mutex<Store>>) -> Value {
    store.lock().expect("no test panics here").secret.clone().unwrap_or_default()["data"].clone()
}

#[tokio::test]
async fn files_that_are_not_named_stay() -> Result<()> {
    let store = Arc::new(Mutex::new(Store::default()));
    store.lock().expect("fresh").set("theirs", "dA==", "someone");
    put(&store, Files::default().with("node.crt", "n").with("ca.crt", "1")).await?;
    assert_eq!(put(&store, Files::default().with("ca.crt", "2")).await?, Swap::Written);
    assert_eq!(data(&store), json!({"ca.crt": "Mg==", "node.crt": "bg==", "theirs": "dA=="}));
    Ok(())
}

#[tokio::test]
async fn putting_the_same_again_writes_nothing() -> Result<()> {
    let store = Arc::new(Mutex::new(Store::default()));
    assert_eq!(put(&store, Files::default().with("ca.crt", "1")).await?, Swap::Written);
    let n_applies = store.lock().expect("fresh").n_applies;
    assert_eq!(put(&store, Files::default().with("ca.crt", "1")).await?, Swap::Unchanged);
    assert_eq!(store.lock().expect("fresh").n_applies, n_applies);
    Ok(())
}

#[tokio::test]
async fn a_write_of_somebody_else_in_between_is_kept() -> Result<()> {
    let store = Arc::new(Mutex::new(Store::default()));
    put(&store, Files::default().with("ca.crt", "1")).await?;
    store.lock().expect("fresh").interventions.push(Box::new(|store| store.set("theirs", "dA==", "someone")));
    put(&store, Files::default().with("ca.crt", "2")).await?;
    assert_eq!(data(&store), json!({"ca.crt": "Mg==", "theirs": "dA=="}));
    Ok(())
}

#[tokio::test]
async fn who_always_loses_the_race_is_told() -> Result<()> {
    let store = Arc::new(Mutex::new(Store::default()));
    for _ in 0..10 {
        store.lock().expect("fresh").interventions.push(Box::new(|store| store.set("theirs", "dA==", "someone")));
    }
    let lost = put(&store, Files::default().with("ca.crt", "2")).await;
    assert!(matches!(lost, Err(KubeError::Conflict { .. })), "{lost:?}");
    assert_eq!(data(&store)["ca.crt"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_file_of_somebody_else_is_never_taken_over() -> Result<()> {
    let store = Arc::new(Mutex::new(Store::default()));
    store.lock().expect("fresh").set("ca.crt", "dA==", "kubectl-edit");
    let refused = put(&store, Files::default().with("ca.crt", "2")).await;
    assert!(
        matches!(&refused, Err(KubeError::FieldConflict { manager, .. }) if manager == "kubectl-edit"),
        "{refused:?}"
    );
    assert_eq!(data(&store), json!({"ca.crt": "dA=="}));
    Ok(())
}
