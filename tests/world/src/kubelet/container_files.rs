use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use std::net::Ipv4Addr;

/// Files that every container of a pod shares: how it finds names.
#[derive(Clone, Debug)]
pub(super) struct ContainerFiles {
    pub(super) hostname: String,
    dir: PathBuf,
}

const LONGEST_HOSTNAME: usize = 63;

impl ContainerFiles {
    /// Writes them for a pod that got its address.
    pub(super) fn write(dir: &Path, pod: &Pod, address: Ipv4Addr, resolver: SocketAddr) -> std::io::Result<Self> {
        let spec = pod.spec.clone().unwrap_or_default();
        let mut hostname = spec.hostname.clone().unwrap_or_else(|| pod.name_any());
        hostname.truncate(LONGEST_HOSTNAME);
        std::fs::create_dir_all(dir)?;
        std::fs::write(dir.join("hosts"), hosts(pod, &hostname, address))?;
        std::fs::write(dir.join("hostname"), format!("{hostname}\n"))?;
        std::fs::write(dir.join("resolv.conf"), resolv_conf(pod, resolver))?;
        Ok(Self { hostname, dir: dir.to_owned() })
    }

    /// Where each is, and where it belongs.
    pub(super) fn mounts(&self) -> impl Iterator<Item = (PathBuf, PathBuf)> {
        ["hosts", "hostname", "resolv.conf"].into_iter().map(|name| (self.dir.join(name), Path::new("/etc").join(name)))
    }
}

fn hosts(pod: &Pod, hostname: &str, address: Ipv4Addr) -> String {
    let spec = pod.spec.clone().unwrap_or_default();
    let namespace = pod.namespace().unwrap_or_default();
    let full =
        spec.subdomain.as_ref().map(|subdomain| format!("{hostname}.{subdomain}.{namespace}.svc.cluster.local\t"));
    let mut text =
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
            .to_owned();
    text.push_str(&format!("{address}\t{}{hostname}\n", full.unwrap_or_default()));
    for alias in spec.host_aliases.into_iter().flatten() {
        text.push_str(&format!("{}\t{}\n", alias.ip, alias.hostnames.unwrap_or_default().join("\t")));
    }
    text
}

/// The file cannot name a port: where the resolver has another than 53, programs must be told of it some other way.
fn resolv_conf(pod: &Pod, resolver: SocketAddr) -> String {
    let spec = pod.spec.clone().unwrap_or_default();
    let namespace = pod.namespace().unwrap_or_default();
    let own = spec.dns_config.unwrap_or_default();
    let (mut searches, mut options) = match spec.dns_policy.as_deref().unwrap_or("ClusterFirst") {
        "None" | "Default" => (Vec::new(), Vec::new()),
        _ => (
            vec![format!("{namespace}.svc.cluster.local"), "svc.cluster.local".to_owned(), "cluster.local".to_owned()],
            vec!["ndots:5".to_owned()],
        ),
    };
    searches.extend(own.searches.unwrap_or_default());
    for option in own.options.into_iter().flatten() {
        let name = option.name.unwrap_or_default();
        options.retain(|known| known.split(':').next() != Some(&name));
        options.push(option.value.map_or(name.clone(), |value| format!("{name}:{value}")));
    }
    let mut servers =
        if spec.dns_policy.as_deref() == Some("None") { Vec::new() } else { vec![resolver.ip().to_string()] };
    servers.extend(own.nameservers.unwrap_or_default());
    let mut text = String::new();
    if !searches.is_empty() {
        text.push_str(&format!("search {}\n", searches.join(" ")));
    }
    servers.iter().for_each(|server| text.push_str(&format!("nameserver {server}\n")));
    if !options.is_empty() {
        text.push_str(&format!("options {}\n", options.join(" ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(spec: serde_json::Value) -> Pod {
        serde_json::from_value(json!({ "metadata": { "name": "crdb-0", "namespace": "dss" }, "spec": spec }))
            .expect("a pod")
    }

    #[test]
    fn a_pod_of_a_stateful_set_knows_its_full_name() {
        let pod = pod(json!({ "containers": [], "hostname": "crdb-0", "subdomain": "crdb" }));
        let text = hosts(&pod, "crdb-0", Ipv4Addr::new(127, 64, 1, 2));
        assert!(text.ends_with("127.64.1.2\tcrdb-0.crdb.dss.svc.cluster.local\tcrdb-0\n"), "{text}");
    }

    #[test]
    fn short_names_are_searched_in_the_pods_namespace() {
        let resolver = "127.64.1.53:53".parse().expect("an address");
        insta::assert_snapshot!(resolv_conf(&pod(json!({ "containers": [] })), resolver), @"
        search dss.svc.cluster.local svc.cluster.local cluster.local
        nameserver 127.64.1.53
        options ndots:5
        ");
        let spec = json!({ "containers": [], "dnsConfig": { "options": [{ "name": "ndots", "value": "1" }], "searches": ["example.com"] } });
        insta::assert_snapshot!(resolv_conf(&pod(spec), resolver), @"
        search dss.svc.cluster.local svc.cluster.local cluster.local example.com
        nameserver 127.64.1.53
        options ndots:1
        ");
    }
}
