use hangar_plan::strategy::observation::{
    Failure, FailureClass, HttpAnswer, Mounted, Pod, Release, Rows, TlsAnswer, TlsOutcome, Workload,
};

use super::*;

fn authority(fingerprint: &str) -> Certificate {
    Certificate {
        file: "ca.crt".into(),
        fingerprint: fingerprint.into(),
        subject: String::new(),
        issuer: String::new(),
        alternatives: Vec::new(),
        not_before_ms: 0,
        not_after_ms: 0,
        is_authority: true,
    }
}

fn pod(certificates: Vec<Certificate>, pending: bool) -> Mounted {
    Mounted { pod: "db-0".into(), certificates, signalled_ms: None, pending }
}

#[test]
fn a_bundle_is_loaded_only_when_every_pod_has_exactly_it() {
    let wanted = Expectation::Authorities(vec!["a".into(), "b".into()]);
    let whole = pod(vec![authority("b"), authority("a")], false);
    assert!(holds(&wanted, &Observation::Mounted(vec![whole.clone(), whole.clone()])));
    let short = pod(vec![authority("a")], false);
    assert!(!holds(&wanted, &Observation::Mounted(vec![whole.clone(), short])));
    let pending = pod(vec![authority("a"), authority("b")], true);
    assert!(!holds(&wanted, &Observation::Mounted(vec![whole, pending])));
    assert!(!holds(&wanted, &Observation::Mounted(Vec::new())), "no pod proves nothing");
}

#[test]
fn none_of_the_values_begins_a_row() {
    let row = |cell: &str| vec![Some(cell.to_owned()), Some("7".to_owned())];
    let rows = Observation::Rows(Rows { columns: Vec::new(), rows: vec![row("1"), row("2"), vec![None]] });
    let none_of = |values: &[&str]| {
        Expectation::Other(("none-of".into(), values.iter().map(|value| (*value).to_owned()).collect()))
    };
    assert!(holds(&none_of(&["7", "3"]), &rows) && !holds(&none_of(&["3", "2"]), &rows));
    assert!(!holds(&Expectation::Other(("later".into(), Vec::new())), &rows), "what is not known never holds");
}

#[test]
fn only_zeros_are_all_zero() {
    let all_zero = Expectation::Other(("all-zero".into(), Vec::new()));
    let row = |cells: &[Option<&str>]| {
        let cells = cells.iter().map(|cell| cell.map(ToOwned::to_owned)).collect();
        Observation::Rows(Rows { columns: Vec::new(), rows: vec![cells] })
    };
    assert!(holds(&all_zero, &row(&[Some("0"), Some("0.0")])) && holds(&all_zero, &row(&[Some("0E+0")])));
    assert!(!holds(&all_zero, &row(&[Some("0"), Some("3")])) && !holds(&all_zero, &row(&[Some("0"), None])));
    assert!(
        !holds(&Expectation::Other(("later".into(), Vec::new())), &row(&[Some("0")])),
        "what is not known never holds"
    );
    let none = Observation::Rows(Rows { columns: Vec::new(), rows: Vec::new() });
    assert!(!holds(&all_zero, &none), "no answer is no proof");
}

#[test]
fn a_failed_look_never_holds() {
    let failed = Observation::Failed(Failure { class: FailureClass::TimedOut, detail: String::new() });
    for wanted in [Expectation::Absent, Expectation::NoRows, Expectation::AllReady, Expectation::Status(200)] {
        assert!(!holds(&wanted, &failed), "{wanted:?}");
    }
}

fn rows(cells: &[&str]) -> Observation {
    let rows = cells.iter().map(|cell| vec![Some((*cell).to_owned())]).collect();
    Observation::Rows(Rows { columns: Vec::new(), rows })
}

fn http(status: u16, body: &str) -> Observation {
    Observation::Http(HttpAnswer { status, body: body.into() })
}

fn tls(outcome: TlsOutcome) -> Observation {
    Observation::Tls(TlsAnswer { outcome, peer_leaf: None, peer_authority: None, detail: "as told\nat length".into() })
}

/// Pods by phase and readiness.
fn workload(wanted: u32, pods: &[(&str, bool)]) -> Observation {
    let pod = |(i, (phase, ready)): (usize, &(&str, bool))| Pod {
        name: format!("db-{i}"),
        phase: (*phase).into(),
        ready: *ready,
        reason: (!ready).then(|| "db: CrashLoopBackOff".into()),
        restarts: 0,
        started_ms: None,
        address: None,
    };
    Observation::Workload(Workload { wanted, pods: pods.iter().enumerate().map(pod).collect(), generation: None })
}

fn release(status: &str, digest: Option<&str>) -> Observation {
    let (revision, chart_version) = (4, "1.0.0".into());
    Observation::Release(Release {
        status: status.into(),
        revision,
        chart_version,
        values_digest: digest.map(Into::into),
    })
}

#[test]
fn each_expectation_holds_of_its_own_answer_and_of_no_other() {
    let leaf = |name: &str| Certificate { is_authority: false, ..authority(name) };
    let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let (up, down) = (("Running", true), ("Running", false));
    let pods = |all: &[Vec<Certificate>]| {
        Observation::Mounted(all.iter().map(|certificates| pod(certificates.clone(), false)).collect())
    };
    let cases: Vec<(Expectation, Vec<Observation>, Vec<Observation>)> = vec![
        (Expectation::Value("a".into()), vec![rows(&["a"]), rows(&["a", "b"])], vec![rows(&["b", "a"]), rows(&[])]),
        (Expectation::SomeRows, vec![rows(&["a"])], vec![rows(&[])]),
        (Expectation::NoRows, vec![rows(&[])], vec![rows(&["a"])]),
        (Expectation::Status(200), vec![http(200, "")], vec![http(503, "")]),
        (Expectation::Contains("ok".into()), vec![http(503, "it is ok")], vec![http(200, "no")]),
        (Expectation::Tls(TlsOutcome::Accepted), vec![tls(TlsOutcome::Accepted)], vec![tls(TlsOutcome::Expired)]),
        (Expectation::AllReady, vec![workload(2, &[up, up])], vec![workload(2, &[up, down]), workload(3, &[up, up])]),
        (
            Expectation::AllRunning,
            vec![workload(2, &[up, down])],
            vec![workload(2, &[up, ("Pending", true)]), workload(3, &[up, up])],
        ),
        (
            Expectation::Fingerprints(texts(&["a"])),
            vec![
                Observation::Certificates(vec![leaf("a"), leaf("b")]),
                pods(&[vec![leaf("a")], vec![authority("a"), leaf("c")]]),
            ],
            vec![
                Observation::Certificates(vec![leaf("b")]),
                pods(&[]),
                pods(&[vec![leaf("a")], vec![leaf("b")]]),
                Observation::Mounted(vec![pod(vec![leaf("a")], true)]),
            ],
        ),
        (
            Expectation::Authorities(texts(&["a"])),
            vec![Observation::Certificates(vec![authority("a"), leaf("b")]), pods(&[vec![authority("a")]])],
            vec![
                Observation::Certificates(vec![leaf("a")]),
                Observation::Certificates(vec![authority("a"), authority("b")]),
            ],
        ),
        (
            Expectation::Deployed("1f".into()),
            vec![release("deployed", Some("1f"))],
            vec![release("deployed", Some("2f")), release("deployed", None), release("failed", Some("1f"))],
        ),
        (
            Expectation::Deployed(String::new()),
            vec![release("deployed", Some("1f")), release("deployed", None)],
            vec![release("pending-upgrade", None)],
        ),
        (Expectation::Absent, vec![Observation::Absent], vec![rows(&[])]),
    ];
    for (wanted, good, bad) in cases {
        for seen in good {
            assert!(holds(&wanted, &seen), "{wanted:?}: {seen:?}");
        }
        for seen in bad.into_iter().chain([Observation::Other("{}".into())]) {
            assert!(!holds(&wanted, &seen), "{wanted:?}: {seen:?}");
        }
    }
}

#[test]
fn what_was_seen_is_told_in_a_few_words() {
    let failure = Failure { class: FailureClass::Unreachable, detail: "no route\nat all".into() };
    for (seen, told) in [
        (rows(&["a", "b"]), "2 rows"),
        (http(503, "not now\nlater"), "status 503: not now"),
        (tls(TlsOutcome::Expired), "Expired: as told"),
        (workload(3, &[("Running", true), ("Running", false)]), "1 of 3 pods ready, pod db-1: db: CrashLoopBackOff"),
        (workload(1, &[("Running", true)]), "1 of 1 pods ready"),
        (Observation::Certificates(vec![authority("a")]), "1 certificates"),
        (
            Observation::Mounted(vec![pod(Vec::new(), true), pod(Vec::new(), false)]),
            "2 pods, 1 of them have yet to reload",
        ),
        (release("failed", None), "release failed at revision 4"),
        (Observation::Absent, "nothing there"),
        (Observation::Failed(failure), "Unreachable: no route"),
        (Observation::Other("later\nmore".into()), "later"),
    ] {
        assert_eq!(describe(&seen), told);
    }
}
