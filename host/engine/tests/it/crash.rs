//! A kill at every point.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;

use hangar_engine::failpoint::{Arming, Kill, arm};
use hangar_engine::{Lock, LockState, What};

use crate::fake::{Events, Fault, Log, Site, World, diamond, diamond_things, key, wait_until, work};

/// The host that is to be killed: this test program again, in a folder that says where. Without that file it does
/// nothing, so that it is no test of its own.
#[tokio::test]
#[ignore = "run by the tests that kill it"]
async fn killed_host() {
    let Ok(point) = fs::read_to_string("order") else { return };
    let kill = (point != "-").then(|| point.parse::<Kill>().unwrap());
    arm(Arming { kill, list: Some("points".into()) }).unwrap();
    let here = Path::new(".").canonicalize().unwrap();
    let world = World::new(&here.join("world"));
    let engine = hangar_engine::Engine::open(&here.join("state"), hangar_engine::Options::new("hangar up")).unwrap();
    engine.run(work("plan-1"), diamond(&world, |_| Fault::None, &Log::default())).await.unwrap();
}

#[expect(clippy::disallowed_methods, reason = "the host under test is started as a shell would start it")]
fn host(dir: &Path, point: &str) -> ExitStatus {
    fs::write(dir.join("order"), point).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::killed_host", "--ignored"])
        .current_dir(dir)
        .stdout(Stdio::null())
        .status()
        .unwrap()
}

/// Every passage of every point in an undisturbed run.
fn passages() -> BTreeMap<String, usize> {
    let site = Site::new();
    assert!(host(site.dir.path(), "-").success());
    let mut passages = BTreeMap::new();
    for line in fs::read_to_string(site.dir.path().join("points")).unwrap().lines() {
        let point = line.split(' ').next().unwrap();
        *passages.entry(point.to_owned()).or_default() += 1;
    }
    passages
}

#[tokio::test]
async fn killed_at_any_point_the_next_run_ends_the_same() {
    let passages = passages();
    assert!(passages.len() > 25, "{passages:?}");
    for (point, n_passages) in passages {
        // The first and the last passage of each point; those between differ in nothing but the step.
        for nth in [1, n_passages] {
            let site = Site::new();
            let died = host(site.dir.path(), &format!("{point}:{nth}"));
            assert_eq!(died.signal(), Some(9), "{point}:{nth} was not passed");
            let report = site.run(diamond(&site.world, |_| Fault::None, &Log::default())).await;
            let report = report.unwrap_or_else(|err| panic!("after {point}:{nth}: {err}"));
            assert!(report.is_complete());
            assert_eq!(site.world.things(), diamond_things(), "after {point}:{nth}");
            assert_eq!(Lock::look(&site.state()).unwrap(), LockState::Free);
        }
    }
}

#[tokio::test]
async fn the_lock_of_a_killed_host_is_taken_over_with_a_note() {
    let site = Site::new();
    host(site.dir.path(), "engine.act.after:2");
    wait_until("the lock to be free", || matches!(Lock::look(&site.state()).unwrap(), LockState::Abandoned(_)));
    let events = Arc::new(Events::default());
    let engine = site.engine_with(Arc::clone(&events) as _, hangar_engine::Cancel::default());
    engine.run(work("plan-1"), diamond(&site.world, |_| Fault::None, &Log::default())).await.unwrap();

    let events = events.0.lock().unwrap();
    let is_takeover = |text: &String| text.starts_with("took over the lock of `hangar up` (process ");
    assert!(events.iter().any(|event| matches!(&event.what, What::Note { text } if is_takeover(text))));
    assert!(events.iter().any(|event| event.what == What::Began { command: "hangar up".to_owned(), resumed: true }));
    let settled: Vec<_> = events.iter().filter(|event| matches!(event.what, What::Settling { .. })).collect();
    assert_eq!(settled.len(), 1);
    assert_eq!(settled[0].step, Some(key("b")));
}
