//! Random plans, random faults, random kills: always the same end.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use hangar_engine::{Cancel, Engine, EngineError, NoProgress, Options, Steps};
use proptest::prelude::*;

use crate::fake::{Fault, Log, Make, Site, key, work};

/// One plan: for each step, which earlier ones it requires.
fn plans() -> impl Strategy<Value = Vec<Vec<bool>>> {
    (1..8_usize).prop_flat_map(|n_steps| {
        (0..n_steps).map(|step| proptest::collection::vec(any::<bool>(), step)).collect::<Vec<_>>()
    })
}

/// What goes wrong in one run: a fault for each step, and after how many polls the run is dropped, as by a kill.
fn runs() -> impl Strategy<Value = Vec<(Vec<u8>, Option<u16>)>> {
    let run = (proptest::collection::vec(0..8_u8, 8), proptest::option::of(0..400_u16));
    proptest::collection::vec(run, 0..5)
}

fn fault(number: u8) -> Fault {
    match number {
        0 => Fault::Before,
        1 => Fault::After,
        2 => Fault::Vain,
        3 => Fault::Blind,
        _ => Fault::None,
    }
}

fn steps(site: &Site, plan: &[Vec<bool>], faults: &[u8]) -> Steps {
    let mut steps = Steps::new();
    for (number, requires) in plan.iter().enumerate() {
        let required =
            requires.iter().enumerate().filter(|(_, is)| **is).map(|(earlier, _)| key(&format!("s{earlier}")));
        let thing = format!("s{number}");
        let step = Make::new(&site.world, &thing).with_fault(faults.get(number).copied().map_or(Fault::None, fault));
        steps.add(key(&thing), required.collect::<Vec<_>>(), step.with_log(&Log::default()));
    }
    steps
}

async fn run(
    site: &Site,
    plan: &[Vec<bool>],
    faults: &[u8],
    dropped_after: Option<u16>,
    parallelism: usize,
) -> Result<(), EngineError> {
    let options = Options {
        parallelism: NonZeroUsize::new(parallelism).unwrap(),
        cancel: Cancel::default(),
        progress: Arc::new(NoProgress),
        ..Options::new("hangar up")
    };
    let engine = Engine::open(&site.state(), options).unwrap();
    let run = engine.run(work("plan-1"), steps(site, plan, faults));
    match dropped_after {
        None => run.await.map(drop),
        Some(n_polls) => tokio::select! {
            biased;
            () = polls(n_polls) => Ok(()),
            ended = run => ended.map(drop),
        },
    }
}

async fn polls(n_polls: u16) {
    for _ in 0..n_polls {
        tokio::task::yield_now().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_wrong_the_next_good_run_ends_the_same(plan in plans(), runs in runs(), parallelism in 1..4_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let site = Site::new();
            for (faults, dropped_after) in &runs {
                run(&site, &plan, faults, *dropped_after, parallelism).await.ok();
            }
            run(&site, &plan, &[], None, parallelism).await.unwrap();
            let wanted: BTreeSet<_> = (0..plan.len()).map(|number| format!("s{number}")).collect();
            assert_eq!(site.world.things(), wanted);
        });
    }
}
