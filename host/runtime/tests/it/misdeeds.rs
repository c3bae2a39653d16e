//! One test for each way to behave badly: each costs one clear error, and the host goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hangar_plan::grant::{Egress, Grant, Limits};
use hangar_plan::infrastructure::{Progress, ProviderError};
use hangar_runtime::{Fault, InfraProvider, Limit, LimitReached, PluginError, Services, StateStore};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::support::{Guest, Lines, chain, instance};

/// The guest, a grant that a test may change, and where its requests go.
struct Site {
    grant: Grant,
    services: Services,
    lines: Lines,
    url: String,
}

impl Site {
    fn new() -> Self {
        let lines = Lines::default();
        let services = Services { log: Arc::new(lines.clone()), ..Services::default() };
        let mut grant = Guest::misdeeds().grant();
        grant.limits = Limits { cpu_ms: 2_000, wall_ms: 20_000, ..Limits::default() };
        Self { grant, services, lines, url: String::new() }
    }

    fn limit(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.grant.limits);
        self
    }

    /// Lets the guest reach a port of this machine.
    fn granting(mut self, port: u16) -> Self {
        let egress = Egress { dev: true, ..Egress::new("127.0.0.1".parse().unwrap(), port) };
        self.grant.infra_provider.as_mut().unwrap().egress.push(egress);
        self.url = format!("http://127.0.0.1:{port}/");
        self
    }

    async fn provider(&self) -> InfraProvider {
        let plugin = Guest::misdeeds().load(self.grant.clone(), self.services.clone()).await;
        plugin.infra_provider().unwrap()
    }

    /// What `preflight` ends in.
    async fn run(&self, misdeed: &str) -> Result<String, PluginError> {
        let provider = self.provider().await;
        let config = json!({"misdeed": misdeed, "url": self.url});
        match provider.preflight(&config, &instance(), None).await? {
            Progress::Done(findings) => Ok(findings[0].message.clone()),
            Progress::Poll(_) => panic!("no misdeed polls"),
        }
    }

    /// What `render` ends in.
    async fn run_pure(&self, misdeed: &str) -> PluginError {
        let provider = self.provider().await;
        let config = json!({"misdeed": misdeed, "url": self.url});
        provider.render(&config, &instance()).await.expect_err("no misdeed renders anything")
    }

    /// The error of a misdeed, after which the same runtime still serves.
    async fn fault(&self, misdeed: &str) -> Fault {
        let err = self.run(misdeed).await.expect_err("a misdeed");
        assert_eq!(err.plugin, "misdeeds");
        assert_eq!(err.digest, Guest::misdeeds().digest);
        let words = chain(&err);
        assert!(
            words.starts_with(&format!("plugin `misdeeds` ({}) gave no answer to `preflight`: ", err.digest)),
            "{words}"
        );
        assert_eq!(Site::new().run("long-line").await.expect("the host goes on"), "written");
        *err.fault
    }
}

fn reached(fault: Fault) -> LimitReached {
    match fault {
        Fault::Limit(reached) => reached,
        other => panic!("a limit, not {other:?}"),
    }
}

/// What the guest itself was told.
fn told(result: Result<String, PluginError>) -> String {
    match result.map_err(|err| *err.fault) {
        Err(Fault::Provider(ProviderError::Other(text))) => text,
        other => panic!("an answer of the guest, not {other:?}"),
    }
}

/// A server that answers 204, or never. It lives as long as the test's runtime.
async fn server(answers: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if !answers {
                silent.push(stream);
                continue;
            }
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {
                    if stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn a_guest_that_loops_is_stopped() {
    let site = Site::new().limit(|limits| limits.cpu_ms = 100);
    // Loaded first, so that the time is that of the call.
    let provider = site.provider().await;
    let started = Instant::now();
    let err = provider.preflight(&json!({"misdeed": "loop"}), &instance(), None).await.expect_err("a loop");
    assert_eq!(reached(*err.fault), LimitReached { limit: Limit::Cpu, bound: 100 });
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(site.fault("loop").await.to_string(), "it passed its limit of processor time: 100 ms");
}

#[tokio::test]
async fn a_guest_that_hoards_memory_is_stopped() {
    let site = Site::new().limit(|limits| limits.memory_mib = 32);
    assert_eq!(reached(site.fault("hoard").await), LimitReached { limit: Limit::Memory, bound: 32 });
}

#[tokio::test]
async fn a_guest_that_panics_costs_its_call() {
    let fault = Site::new().fault("trap").await;
    assert!(matches!(&fault, Fault::Trap(what) if what.contains("unreachable")), "{fault:?}");
}

#[tokio::test]
async fn a_guest_that_recurses_is_stopped() {
    // What Rust keeps on its stack lies in linear memory, so that ends before the engine's own stack does.
    let fault = Site::new().fault("recurse").await;
    assert!(matches!(&fault, Fault::Trap(what) if what.contains("out of bounds memory access")), "{fault:?}");
}

#[tokio::test]
async fn a_guest_that_floods_the_log_is_stopped() {
    let site = Site::new().limit(|limits| limits.log_lines = 10);
    assert_eq!(reached(site.fault("flood-log").await), LimitReached { limit: Limit::LogLines, bound: 10 });
    assert_eq!(site.lines.all(), vec!["misdeeds preflight INFO: again"; 10]);
}

#[tokio::test]
async fn a_long_line_is_cut() {
    let site = Site::new();
    site.run("long-line").await.expect("an answer");
    let lines = site.lines.all();
    assert_eq!(lines[0].len(), "misdeeds preflight INFO: ".len() + 4096);
}

#[tokio::test]
async fn a_secret_in_a_line_is_not_shown() {
    let site = Site::new();
    site.services.redactor.register("xxxxxxxx");
    site.run("long-line").await.expect("an answer");
    assert!(!site.lines.all()[0].contains("xxxxxxxx"));
}

#[tokio::test]
async fn a_huge_answer_is_stopped() {
    let fault = Site::new().fault("huge-answer").await;
    assert_eq!(reached(fault), LimitReached { limit: Limit::Payload, bound: 8192 });
}

#[tokio::test]
async fn a_huge_request_is_stopped() {
    let fault = Site::new().granting(1).fault("huge-request").await;
    assert_eq!(reached(fault), LimitReached { limit: Limit::Payload, bound: 8192 });
}

#[tokio::test]
async fn a_host_that_is_not_granted_is_denied_as_a_value() {
    let mut site = Site::new();
    site.url = "https://example.com/".into();
    let text = told(site.run("ungranted-host").await);
    assert_eq!(text, "http: Error::Denied(\"GET https://example.com:443 is not granted to `misdeeds`\")");
}

#[tokio::test]
async fn a_guests_own_authorization_is_denied() {
    let site = Site::new().granting(1);
    let text = told(site.run("own-authorization").await);
    assert_eq!(text, "http: Error::Denied(\"header `authorization` is the host's to set\")");
}

#[tokio::test]
async fn a_slot_that_is_not_granted_is_denied() {
    let site = Site::new().granting(1);
    let text = told(site.run("foreign-slot").await);
    assert_eq!(text, "http: Error::Denied(\"credential `foreign` is not granted to `misdeeds`\")");
}

#[tokio::test]
async fn too_many_requests_are_stopped() {
    let site = Site::new().granting(server(true).await).limit(|limits| limits.http_requests = 5);
    assert_eq!(site.run("ungranted-host").await.expect("one request is fine"), "204");
    let fault = *site.run("too-many-requests").await.err().map_or_else(
        || panic!("one request after the other is answered, and answers end the loop only in an error"),
        |err| err.fault,
    );
    assert_eq!(reached(fault), LimitReached { limit: Limit::HttpRequests, bound: 5 });
}

#[tokio::test]
async fn a_guest_that_waits_in_the_host_is_stopped_by_the_clock() {
    let site = Site::new().granting(server(false).await).limit(|limits| limits.wall_ms = 300);
    // Compiled first, so that the time is that of the call.
    site.provider().await;
    let started = Instant::now();
    assert_eq!(reached(site.fault("wait-in-host-call").await), LimitReached { limit: Limit::Wall, bound: 300 });
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_ends() {
    let site = Site::new().granting(server(false).await);
    let call = site.run("wait-in-host-call");
    assert!(tokio::time::timeout(Duration::from_millis(300), call).await.is_err());
    assert_eq!(Site::new().run("long-line").await.expect("the host goes on"), "written");
}

#[tokio::test]
async fn state_that_is_not_granted_is_denied() {
    let mut site = Site::new();
    site.grant.infra_provider.as_mut().unwrap().state = false;
    site.services.state = Some(Arc::new(Memory::default()));
    let text = told(site.run("state-ungranted").await);
    assert_eq!(text, "state: Error::Denied(\"`state` is not granted to `misdeeds` as infra-provider\")");
}

#[tokio::test]
async fn only_so_much_state_is_kept() {
    let memory = Arc::new(Memory::default());
    let mut site = Site::new();
    site.services.state = Some(memory.clone());
    assert_eq!(told(site.run("state-hoard").await), "state: Error::TooLarge(256)");
    assert_eq!(memory.0.lock().await.len(), 256);
}

#[tokio::test]
async fn a_pure_call_is_not_told_the_time() {
    let err = Site::new().run_pure("clock-in-pure-call").await;
    assert_eq!(err.fault.to_string(), "it may not ask for the time in `render`, which must be pure");
}

#[tokio::test]
async fn a_pure_call_sends_nothing() {
    let err = Site::new().granting(1).run_pure("http-in-pure-call").await;
    let text = err.fault.to_string();
    assert_eq!(text, "http: Error::Denied(\"`render` must be pure: it may not send a request\")");
}

#[test]
fn every_misdeed_has_a_test() {
    let tests = include_str!("misdeeds.rs");
    for name in test_plugins::NAMES {
        assert!(
            tests.contains(&format!("\"{name}\")")) || tests.contains(&format!("\"{name}\"}}")),
            "`{name}` has no test"
        );
    }
}

/// State that lasts as long as a test.
#[derive(Default)]
struct Memory(Mutex<std::collections::BTreeMap<String, Vec<u8>>>);

#[async_trait]
impl StateStore for Memory {
    async fn get(&self, _plugin: &str, key: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.0.lock().await.get(key).cloned())
    }

    async fn set(&self, _plugin: &str, key: &str, value: Option<&[u8]>) -> Result<(), String> {
        let mut values = self.0.lock().await;
        match value {
            Some(value) => values.insert(key.to_owned(), value.to_vec()),
            None => values.remove(key),
        };
        Ok(())
    }

    async fn count(&self, _plugin: &str) -> Result<usize, String> {
        Ok(self.0.lock().await.len())
    }
}
