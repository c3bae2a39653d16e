use std::net::IpAddr;

use anyhow::{Context, Result};
use hickory_server::proto::op::{Message, MessageType, OpCode, Query};
use hickory_server::proto::rr::{Name, RecordType};
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::lab::{Namespace, phase, real_address, wait_for, world};

impl Namespace {
    async fn service(&self, name: &str, annotations: Value, spec: Value) -> Result<()> {
        self.apply(json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "annotations": annotations }, "spec": spec })).await
    }

    async fn balanced_at(&self, name: &str) -> Result<String> {
        let services: Api<Service> = Api::namespaced(self.client.clone(), &self.name);
        wait_for("an address", async || {
            let status = services.get(name).await?.status.and_then(|status| status.load_balancer);
            Ok(status.and_then(|status| status.ingress?.first()?.ip.clone()))
        })
        .await
    }

    /// What a pod prints that runs the tests' server as a client.
    async fn call(&self, name: &str, address: &str, path: &str) -> Result<String> {
        self.server(name, json!({ "args": ["call", address, path] }), json!({ "restartPolicy": "Never" })).await?;
        let pod = self.until_ended(name).await?;
        anyhow::ensure!(phase(&pod) == "Succeeded", "{}", self.log(name).await?);
        self.log(name).await
    }
}

/// Asks from an address of choice, as a partner's node would.
async fn get_from(from: &str, to: &str, path: &str) -> Result<String> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from.parse::<IpAddr>()?, 0).into())?;
    let mut stream = socket.connect(to.parse()?).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.split("\r\n\r\n").nth(1).context("no answer")?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_lets_in_only_its_source_ranges() -> Result<()> {
    let lab = Namespace::new("ranges").await?;
    lab.server("web", json!({}), json!({})).await?;
    lab.until_ready("web").await?;
    let ports = json!([{ "name": "http", "port": 80, "targetPort": "http" }]);
    let partner = lab.organisation.pod_range.replace(".1.0/24", ".2.0/24");
    let spec = |ranges: Value| json!({ "type": "LoadBalancer", "selector": { "app": "web" }, "ports": ports, "loadBalancerSourceRanges": ranges });
    lab.service("web", json!({}), spec(json!([partner]))).await?;
    let address = lab.balanced_at("web").await?;
    assert!(address.starts_with(lab.organisation.load_balancer_range.trim_end_matches("0/24")), "{address}");
    let to = format!("{address}:80");
    let friend = partner.replace(".0/24", ".9");
    let answer = wait_for("the forwarder", async || Ok(get_from(&friend, &to, "/peer").await.ok())).await?;
    // The pod sees the load balancer, not the caller.
    assert_eq!(answer, address);
    assert!(get_from("127.0.0.1", &to, "/").await.is_err());
    lab.service("web", json!({}), spec(json!(["127.0.0.1/32"]))).await?;
    wait_for("the new ranges", async || Ok(get_from("127.0.0.1", &to, "/").await.ok())).await?;
    assert!(get_from(&friend, &to, "/").await.is_err());
    // A firewall that has forgotten a partner beats what the Service says. Nobody else of this world calls from there.
    lab.service("web", json!({}), spec(json!(["127.0.0.1/32", partner]))).await?;
    wait_for("both ranges", async || Ok(get_from(&friend, &to, "/").await.ok())).await?;
    std::fs::write(&lab.organisation.refused_file, format!("{friend}/32\n"))?;
    assert!(get_from(&friend, &to, "/").await.is_err());
    assert!(get_from("127.0.0.1", &to, "/").await.is_ok());
    std::fs::remove_file(&lab.organisation.refused_file)?;
    assert!(get_from(&friend, &to, "/").await.is_ok());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_address_can_be_asked_for_and_one_outside_is_not_given() -> Result<()> {
    let lab = Namespace::new("asked").await?;
    let asked = lab.organisation.load_balancer_range.replace(".0/24", ".77");
    let spec = |address: &str| json!({ "type": "LoadBalancer", "loadBalancerIP": address, "ports": [{ "port": 26257 }], "selector": { "app": "none" } });
    lab.service("inside", json!({}), spec(&asked)).await?;
    assert_eq!(lab.balanced_at("inside").await?, asked);
    lab.service("outside", json!({}), spec("127.0.0.1")).await?;
    assert!(lab.event("outside", "AllocationFailed").await?.contains("127.0.0.1"));
    // No pod stands behind it: the connection is taken and closed.
    let to = format!("{asked}:26257");
    wait_for("a closed connection", async || {
        let answer = get_from("127.0.0.1", &to, "/").await.err().map(|err| err.to_string());
        Ok(answer.filter(|err| !err.contains("Connection refused")))
    })
    .await?;
    // Asked for another one, it moves, and nobody is left at the former.
    let another = asked.replace(".77", ".78");
    lab.service("inside", json!({}), spec(&another)).await?;
    wait_for("the other address", async || Ok((lab.balanced_at("inside").await? == another).then_some(()))).await?;
    wait_for("an address without anybody", async || {
        let answer = get_from("127.0.0.1", &to, "/").await.err().map(|err| err.to_string());
        Ok(answer.filter(|err| err.contains("Connection refused")))
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_find_each_other_by_cluster_names() -> Result<()> {
    let lab = Namespace::new("names").await?;
    lab.server("web", json!({}), json!({ "hostname": "web-0", "subdomain": "peers" })).await?;
    let address = real_address(&lab.until_ready("web").await?)?;
    let selector = json!({ "app": "web" });
    lab.service("peers", json!({}), json!({ "clusterIP": "None", "selector": selector, "ports": [{ "port": 8080 }] }))
        .await?;
    lab.service("web", json!({}), json!({ "selector": selector, "ports": [{ "port": 8080 }] })).await?;
    lab.kubectl(&["get", "service", "web"]).await?;
    let script = "until getent ahostsv4 web-0.peers; do sleep 0.1; done; getent ahostsv4 web.names; getent ahostsv4 peers.names.svc.cluster.local; getent hosts nowhere || echo no such name";
    lab.script("asker", script, json!({ "restartPolicy": "Never" })).await?;
    lab.until_ended("asker").await?;
    let log = lab.log("asker").await?;
    let found = log.lines().filter(|line| line.starts_with(&address) && line.contains("STREAM")).count();
    assert_eq!(found, 3, "{log}");
    assert!(log.ends_with("no such name\n"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_not_ready_has_a_name_only_where_the_service_publishes_it() -> Result<()> {
    let lab = Namespace::new("unready").await?;
    let never = json!({ "exec": { "command": ["false"] }, "periodSeconds": 1 });
    lab.server("web", json!({ "readinessProbe": never }), json!({})).await?;
    let service = |publish: bool| json!({ "clusterIP": "None", "selector": { "app": "web" }, "ports": [{ "port": 8080 }], "publishNotReadyAddresses": publish });
    lab.service("early", json!({}), service(true)).await?;
    lab.service("late", json!({}), service(false)).await?;
    let script = "until getent hosts early; do sleep 0.1; done >/dev/null; getent hosts late || echo unknown";
    lab.script("asker", script, json!({ "restartPolicy": "Never" })).await?;
    lab.until_ended("asker").await?;
    assert_eq!(lab.log("asker").await?, "unknown\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_name_leads_a_pod_to_the_load_balancer() -> Result<()> {
    let lab = Namespace::new("public").await?;
    lab.server("web", json!({}), json!({})).await?;
    lab.until_ready("web").await?;
    let annotations =
        json!({ "external-dns.alpha.kubernetes.io/hostname": "0.db.dss.uss1.example.com,db.dss.uss1.example.com." });
    let ports = json!([{ "port": 26257, "targetPort": 8080 }]);
    lab.service("web", annotations, json!({ "type": "LoadBalancer", "selector": { "app": "web" }, "ports": ports }))
        .await?;
    let address = lab.balanced_at("web").await?;
    let to = format!("{address}:26257");
    wait_for("the forwarder", async || Ok(get_from("127.0.0.1", &to, "/").await.ok())).await?;
    assert_eq!(lab.call("caller", "0.db.dss.uss1.example.com:26257", "/env/HOSTNAME").await?, "web\n");
    // The world's own resolver knows it too, and nothing of the cluster.
    let dns = world().await?.file().dns.clone();
    let dig = |name: &'static str| {
        let server = dns.clone();
        async move { lookup(&server, name).await }
    };
    assert_eq!(dig("db.dss.uss1.example.com").await?, [address.parse::<IpAddr>()?]);
    assert!(dig("web.public.svc.cluster.local").await?.is_empty());
    Ok(())
}

/// One question for A records over UDP.
async fn lookup(server: &str, name: &str) -> Result<Vec<IpAddr>> {
    let mut question = Message::new(0x1234, MessageType::Query, OpCode::Query);
    question.add_query(Query::query(Name::from_ascii(name)?, RecordType::A));
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
    socket.send_to(&question.to_vec()?, server).await?;
    let mut answer = [0; 512];
    let n_read = tokio::time::timeout(std::time::Duration::from_secs(5), socket.recv(&mut answer)).await??;
    let answer = Message::from_vec(&answer[..n_read])?;
    Ok(answer.answers.iter().filter_map(|record| record.data.ip_addr()).collect())
}
