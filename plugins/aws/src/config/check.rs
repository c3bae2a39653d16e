//! What neither the schema nor a type can say.

use std::net::IpAddr;

use super::{Config, Diagnostic, Instance, Problem, Severity};

/// Kubernetes versions older than what the chart takes.
const OLDEST_MINOR: u32 = 29;
/// Of a certificate's common name.
const MOST_HOSTNAME: usize = 64;
/// Of one resource, less ours.
const MOST_TAGS: usize = 48;
const MOST_NODES: u32 = 9;

/// Everything at once.
pub(super) fn all(config: &Config, instance: &Instance) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    places(config, &mut problems);
    network(config, &mut problems);
    sizes(config, instance, &mut problems);
    names(config, instance, &mut problems);
    rest(config, &mut problems);
    let mut said: Vec<Diagnostic> = problems.into_iter().map(Into::into).collect();
    for (index, range) in config.api_allowed_cidrs.iter().flatten().enumerate() {
        if range.ends_with("/0") {
            let message = format!("`{range}` lets everybody reach the Kubernetes API");
            let problem = Problem::new(format!("/api_allowed_cidrs/{index}"), message);
            let open = problem.hint("name the ranges of your operators");
            said.push(Diagnostic { severity: Severity::Warning, ..open.into() });
        }
    }
    said
}

fn places(config: &Config, problems: &mut Vec<Problem>) {
    let region = &config.region;
    if region.starts_with("cn-") && !config.endpoints.contains_key("sts") {
        let problem = Problem::new("/region", format!("services of `{region}` are not below amazonaws.com"));
        problems.push(problem.hint("name them in `endpoints`, `sts` and `ec2` among them"));
    }
    let is_of = |zone: &str| zone.strip_prefix(region.as_str()).is_some_and(|letter| letter.len() == 1);
    if config.existing_network.is_none() {
        for (index, zone) in config.zones().iter().enumerate().filter(|(_, zone)| !is_of(zone)) {
            let problem = Problem::new(
                format!("/availability_zones/{index}"),
                format!("zone `{zone}` is not of region `{region}`"),
            );
            problems.push(problem.hint(format!("a zone of it is `{region}a`")));
        }
    }
    if let Some(network) = &config.existing_network {
        for zone in network.public_subnets.keys().filter(|zone| !is_of(zone)) {
            let pointer = format!("/existing_network/public_subnets/{zone}");
            problems.push(Problem::new(pointer, format!("zone `{zone}` is not of region `{region}`")));
        }
        if !network.public_subnets.keys().eq(network.private_subnets.keys()) {
            let problem = Problem::new("/existing_network", "public and private subnets are in different zones");
            problems.push(problem.hint("name one of each in each of three zones"));
        }
    }
}

fn network(config: &Config, problems: &mut Vec<Problem>) {
    if config.existing_network.is_some() {
        for (key, is_there) in
            [("vpc_cidr", config.vpc_cidr.is_some()), ("availability_zones", config.availability_zones.is_some())]
        {
            if is_there {
                let problem = Problem::new(format!("/{key}"), format!("an existing network says its own `{key}`"));
                problems.push(problem.hint(format!("remove `{key}`, or `existing_network`")));
            }
        }
    }
    if let Some(range) = &config.vpc_cidr
        && !bits(range).is_some_and(|bits| (16..=24).contains(&bits))
    {
        let problem = Problem::new("/vpc_cidr", format!("`{range}` is no range of 16 to 24 bits"));
        problems.push(problem.hint("such as 10.20.0.0/16"));
    }
    let ranges = |pointer: &str, ranges: &[String], problems: &mut Vec<Problem>| {
        for (index, range) in ranges.iter().enumerate().filter(|(_, range)| bits(range).is_none()) {
            let problem = Problem::new(format!("{pointer}/{index}"), format!("`{range}` is no range of addresses"));
            problems.push(problem.hint("such as 203.0.113.0/24"));
        }
    };
    ranges("/api_allowed_cidrs", config.api_allowed_cidrs.as_deref().unwrap_or_default(), problems);
    if let Some(network) = &config.existing_network {
        ranges("/existing_network/egress_cidrs", &network.egress_cidrs, problems);
    }
}

/// Bits of the network's part of a range.
fn bits(range: &str) -> Option<u8> {
    let (address, bits) = range.split_once('/')?;
    let most = if address.parse::<IpAddr>().ok()?.is_ipv4() { 32 } else { 128 };
    bits.parse().ok().filter(|bits| *bits <= most)
}

fn sizes(config: &Config, instance: &Instance, problems: &mut Vec<Problem>) {
    if let Some(count) = config.node_count {
        if !(count.min <= count.desired && count.desired <= count.max) {
            let message = format!("node counts do not rise: {}, {}, {}", count.min, count.desired, count.max);
            problems.push(Problem::new("/node_count", message).hint("keep min <= desired <= max"));
        }
        if count.max < instance.nodes {
            let message = format!("{} nodes cannot hold {} database nodes apart", count.max, instance.nodes);
            problems.push(Problem::new("/node_count/max", message));
        }
    }
    if instance.nodes > MOST_NODES {
        problems.push(Problem::new("", format!("{} database nodes are more than {MOST_NODES}", instance.nodes)));
    }
    let minor =
        config.kubernetes_version.as_deref().and_then(|version| version.strip_prefix("1.")?.parse::<u32>().ok());
    if minor.is_some_and(|minor| minor < OLDEST_MINOR) {
        let message = format!("the services need Kubernetes 1.{OLDEST_MINOR} or newer");
        problems.push(Problem::new("/kubernetes_version", message));
    }
}

fn names(config: &Config, instance: &Instance, problems: &mut Vec<Problem>) {
    if instance.hostname.len() > MOST_HOSTNAME {
        let message =
            format!("`{}` is longer than the {MOST_HOSTNAME} characters of a certificate's name", instance.hostname);
        problems.push(Problem::new("", message));
    }
    let node_names = (0..instance.nodes).map(|ordinal| format!("{ordinal}.{}", instance.db_suffix));
    let taken: Vec<String> = node_names.chain([instance.hostname.clone()]).collect();
    if let Some(name) = config.prometheus_hostname.as_ref().filter(|name| taken.contains(name)) {
        problems.push(Problem::new("/prometheus_hostname", format!("`{name}` is the name of something else already")));
    }
}

fn rest(config: &Config, problems: &mut Vec<Problem>) {
    if config.secrets_service_account.is_some() && config.secrets_prefix.is_none() {
        let problem = Problem::new("/secrets_service_account", "without `secrets_prefix` it may use no secret");
        problems.push(problem.hint("set `secrets_prefix`, or remove it"));
    }
    let tags = config.tags.as_ref();
    for key in tags.into_iter().flat_map(|tags| tags.keys()).filter(|key| key.to_lowercase().starts_with("aws:")) {
        problems.push(Problem::new(format!("/tags/{key}"), "tags that begin with `aws:` are Amazon's own"));
    }
    if tags.is_some_and(|tags| tags.len() > MOST_TAGS) {
        problems.push(Problem::new("/tags", format!("more than {MOST_TAGS} tags do not fit one resource")));
    }
    for (service, url) in config.endpoints.iter().filter(|(_, url)| url.contains('@') || url.contains('?')) {
        let message = format!("`{url}` is more than scheme, host and port");
        problems.push(Problem::new(format!("/endpoints/{service}"), message));
    }
}

#[cfg(test)]
mod tests {
    use hangar_sdk::infra_provider::Severity;

    use crate::render::tests::instance;
    use crate::validate;

    /// Pointers of what is found in a good block with more keys.
    fn found(more: &str) -> Vec<String> {
        let block = format!(r#"{{"region":"us-east-1","cluster_name":"uss1"{more}}}"#);
        validate(&block, &instance()).into_iter().map(|said| said.pointer).collect()
    }

    #[test]
    fn a_good_block_is_good() {
        assert_eq!(found(""), [""; 0]);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let wrong = r#","availability_zones":["us-east-1a","us-east-1b","eu-west-1a"],"vpc_cidr":"10.0.0.0/8",
            "api_allowed_cidrs":["anybody"],"node_count":{"min":3,"desired":2,"max":2},"kubernetes_version":"1.28",
            "prometheus_hostname":"dss.uss1.example.com","secrets_service_account":{"namespace":"dss","name":"x"},
            "tags":{"aws:owner":"x"},"endpoints":{"ec2":"https://ec2.example.com/?x"}"#;
        let wanted = [
            "/availability_zones/2",
            "/vpc_cidr",
            "/api_allowed_cidrs/0",
            "/node_count",
            "/node_count/max",
            "/kubernetes_version",
            "/prometheus_hostname",
            "/secrets_service_account",
            "/tags/aws:owner",
            "/endpoints/ec2",
        ];
        assert_eq!(found(wrong), wanted);
    }

    #[test]
    fn a_network_that_is_there_says_its_own_zones() {
        let network = |zone: &str| {
            format!(
                r#","existing_network":{{"vpc_id":"vpc-1","egress_cidrs":["203.0.113.7/32"],
                "public_subnets":{{"us-east-1a":"subnet-1","us-east-1b":"subnet-2","us-east-1c":"subnet-3"}},
                "private_subnets":{{"us-east-1a":"subnet-4","us-east-1b":"subnet-5","us-east-1{zone}":"subnet-6"}}}}"#
            )
        };
        assert_eq!(found(&network("c")), [""; 0]);
        assert_eq!(found(&network("d")), ["/existing_network"]);
        let both = format!(r#"{},"vpc_cidr":"10.20.0.0/16""#, network("c"));
        assert_eq!(found(&both), ["/vpc_cidr"]);
    }

    #[test]
    fn an_api_that_is_open_to_everybody_is_only_a_warning() {
        let block = r#"{"region":"us-east-1","cluster_name":"uss1","api_allowed_cidrs":["0.0.0.0/0"]}"#;
        let said = validate(block, &instance());
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].severity, Severity::Warning);
    }
}
