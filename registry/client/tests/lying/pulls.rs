//! Pulling from registries that are not honest or not well.

use std::{net::TcpListener, sync::Mutex, time::Duration};

use registry_client::{
    Artifact, Blob, Client, ClientOptions, Credentials, Failure, Limits, Patience, Progress, media_type,
};
use registry_reference::{ByteSize, Digest};

use crate::{
    fake::Answer,
    site::{COMPONENT, Site, artifact, blob_line, patience, plugin},
};

#[tokio::test]
async fn an_honest_plugin_arrives_whole_and_is_named() {
    let site = Site::new().await;
    let manifest_digest = site.serve_plugin();
    let pulled = site.pull().await.unwrap();
    assert_eq!(pulled.manifest_digest, manifest_digest);
    assert_eq!(pulled.content_digest, plugin().layers[0].digest());
    assert_eq!(std::fs::read(&pulled.path).unwrap(), COMPONENT);
    assert_eq!(pulled.claims.unwrap().os, "wasip2");
    assert_eq!(site.store.names().unwrap(), [(site.reference(":0.1").to_string(), manifest_digest)]);
    site.assert_nothing_partial();
}

#[tokio::test]
async fn a_tag_is_resolved_once_and_everything_else_goes_by_digest() {
    let site = Site::new().await;
    let digest = site.serve_plugin();
    site.pull().await.unwrap();
    let lines: Vec<_> = site.fake.seen().into_iter().map(|request| request.line).collect();
    let plugin = plugin();
    assert_eq!(
        lines,
        [
            "GET /v2/".to_owned(),
            "HEAD /v2/hangar/aws/manifests/0.1".into(),
            format!("GET /v2/hangar/aws/manifests/{digest}"),
            blob_line(&plugin.config),
            blob_line(&plugin.layers[0]),
        ]
    );
}

#[tokio::test]
async fn a_tag_that_moves_after_it_was_resolved_changes_nothing() {
    let site = Site::new().await;
    let first = site.serve_plugin();
    let resolved = site.client.resolve(&site.reference(":0.1")).await.unwrap();
    let other = Artifact { layers: vec![Blob::new(media_type::WASM, "other")], ..plugin() };
    site.serve("0.1", &other);
    let pinned = site.reference(":0.1").pinned(resolved.manifest_digest);
    let pulled = site.client.pull(&site.store, &pinned, Limits::default(), &|_| {}).await.unwrap();
    assert_eq!(pulled.manifest_digest, first);
}

#[tokio::test]
async fn other_bytes_for_the_content_are_refused() {
    let site = Site::new().await;
    site.serve_plugin();
    let content = &plugin().layers[0];
    let other = COMPONENT.to_ascii_uppercase();
    site.fake.answer(&blob_line(content), Answer::ok(other));
    let Failure::WrongDigest { wanted, got, .. } = site.refused().await else { panic!("wrong digest") };
    assert_eq!(wanted, content.digest());
    assert_ne!(got, wanted);
    assert!(!site.store.blob_path(wanted).exists());
    assert_eq!(site.fake.n_seen(&blob_line(content)), 1, "a lie is not asked for again");
}

#[tokio::test]
async fn other_bytes_for_the_manifest_are_refused_before_they_are_read() {
    let site = Site::new().await;
    let digest = Digest::from_sha256([7; 32]);
    site.serve_manifest("0.1", digest, b"{ this is not even JSON");
    let Failure::WrongDigest { wanted, .. } = site.refused().await else { panic!("wrong digest") };
    assert_eq!(wanted, digest);
}

#[tokio::test]
async fn content_declared_too_large_is_never_asked_for() {
    let site = Site::new().await;
    site.serve_plugin();
    let limits = Limits { content: ByteSize::bytes(10), ..Limits::default() };
    let failure = site.refused_within(limits).await;
    insta::assert_snapshot!(failure, @"the content is larger than allowed: 32 B, the limit is 10 B");
    assert_eq!(site.fake.n_seen(&blob_line(&plugin().layers[0])), 0);
}

#[tokio::test]
async fn a_config_declared_too_large_is_never_asked_for() {
    let site = Site::new().await;
    let config = Blob::new(media_type::WASM_CONFIG, vec![b' '; (1 << 20) + 1]);
    site.serve("0.1", &Artifact { config: config.clone(), ..plugin() });
    let Failure::TooLarge { what, .. } = site.refused().await else { panic!("too large") };
    assert_eq!(what, "the config");
    assert_eq!(site.fake.n_seen(&blob_line(&config)), 0);
}

#[tokio::test]
async fn a_body_longer_than_declared_is_cut_off() {
    let site = Site::new().await;
    site.serve_plugin();
    let content = &plugin().layers[0];
    // No length, and more than the manifest says: only counting can tell.
    site.fake.answer(&blob_line(content), Answer::ok(vec![0; 1 << 20]).without_length());
    let Failure::TooLarge { limit, got, .. } = site.refused().await else { panic!("too large") };
    assert_eq!(limit, ByteSize::bytes(COMPONENT.len() as u64));
    assert!(got < ByteSize::bytes(1 << 20), "stopped at the first bytes too many, not after {got}");
}

#[tokio::test]
async fn a_manifest_over_four_mebibytes_is_refused_with_and_without_a_length() {
    let digest = Digest::from_sha256([7; 32]);
    let line = format!("GET /v2/hangar/aws/manifests/{digest}");
    for answer in [Answer::ok("").claiming((4 << 20) + 1), Answer::ok(vec![b' '; (4 << 20) + 1]).without_length()] {
        let site = Site::new().await;
        site.serve_manifest("0.1", digest, b"");
        site.fake.answer(&line, answer);
        let Failure::TooLarge { limit, .. } = site.refused().await else { panic!("too large") };
        assert_eq!(limit, ByteSize::mib(4));
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_asked_for_again() {
    let site = Site::new().await;
    site.serve_plugin();
    let content = &plugin().layers[0];
    let broken = Answer::ok(&COMPONENT[..9]).claiming(COMPONENT.len() as u64);
    site.fake.answers(&blob_line(content), vec![broken, Answer::ok(COMPONENT)]);
    let steps = Mutex::new(Vec::new());
    let note = |progress: Progress| steps.lock().unwrap().push(progress.done.get());
    site.client.pull(&site.store, &site.reference(":0.1"), Limits::default(), &note).await.unwrap();
    let steps = steps.into_inner().unwrap();
    assert_eq!(steps.iter().filter(|done| **done == 0).count(), 2, "it began twice: {steps:?}");
    assert_eq!(steps.last(), Some(&(COMPONENT.len() as u64)));
}

#[tokio::test]
async fn a_body_that_always_breaks_off_is_given_up() {
    let site = Site::new().await;
    site.serve_plugin();
    let content = &plugin().layers[0];
    let broken = Answer::ok(&COMPONENT[..9]).claiming(COMPONENT.len() as u64);
    site.fake.answer(&blob_line(content), broken);
    let Failure::Truncated { got, .. } = site.refused().await else { panic!("truncated") };
    assert_eq!(got, ByteSize::bytes(9));
    assert_eq!(site.fake.n_seen(&blob_line(content)), patience().n_tries);
}

#[tokio::test]
async fn a_short_body_that_ends_well_is_truncated_too() {
    let site = Site::new().await;
    site.serve_plugin();
    site.fake.answer(&blob_line(&plugin().layers[0]), Answer::ok(&COMPONENT[..9]));
    assert!(matches!(site.refused().await, Failure::Truncated { .. }));
}

#[tokio::test]
async fn a_registry_that_goes_silent_is_not_waited_for_for_ever() {
    let site = Site::new().await;
    site.serve_plugin();
    let silent = Answer::ok(&COMPONENT[..9]).claiming(COMPONENT.len() as u64).stalling();
    site.fake.answer(&blob_line(&plugin().layers[0]), silent);
    let patience = Patience { idle: Duration::from_millis(500), ..patience() };
    let options = ClientOptions { dev: true, credentials: Credentials::Anonymous, patience };
    let client = Client::new(options);
    let err = client.pull(&site.store, &site.reference(":0.1"), Limits::default(), &|_| {}).await.unwrap_err();
    assert!(matches!(*err.failure, Failure::TimedOut { after, .. } if after == patience.idle), "{err:?}");
    site.assert_nothing_partial();
}

#[tokio::test]
async fn a_pull_that_is_given_up_by_the_caller_leaves_nothing_half_done() {
    let site = Site::new().await;
    site.serve_plugin();
    let silent = Answer::ok(&COMPONENT[..9]).claiming(COMPONENT.len() as u64).stalling();
    site.fake.answer(&blob_line(&plugin().layers[0]), silent);
    let (began, mut begun) = tokio::sync::watch::channel(false);
    let note = move |progress: Progress| {
        began.send_replace(progress.done.get() == 9);
    };
    let reference = site.reference(":0.1");
    tokio::select! {
        result = site.client.pull(&site.store, &reference, Limits::default(), &note) => panic!("{result:?}"),
        _ = begun.wait_for(|half| *half) => {}
    }
    site.assert_nothing_partial();
    assert_eq!(site.store.names().unwrap(), []);
}

#[tokio::test]
async fn two_layers_are_refused() {
    let site = Site::new().await;
    site.serve("0.1", &artifact(media_type::WASM_CONFIG, &[media_type::WASM, media_type::WASM]));
    let failure = site.refused().await;
    assert!(matches!(failure, Failure::Layers { n_layers: 2, .. }));
    insta::assert_snapshot!(failure, @"a plugin artifact has exactly one layer, this artifact has 2");
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_by_name() {
    let site = Site::new().await;
    let mut refusals = Vec::new();
    for artifact in [
        artifact(media_type::WASM_CONFIG, &[]),
        artifact(media_type::HELM_CONFIG, &[media_type::HELM_CHART]),
        artifact(media_type::WASM_CONFIG, &["application/vnd.oci.image.layer.v1.tar+gzip"]),
        artifact(media_type::WASM_CONFIG, &[media_type::OLD_WASM]),
    ] {
        site.serve("0.1", &artifact);
        refusals.push(site.refused().await.to_string());
    }
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": [] }).to_string();
    site.serve_manifest("0.1", Blob::new("", index.clone()).digest(), index.as_bytes());
    refusals.push(site.refused().await.to_string());
    insta::assert_snapshot!(refusals.join("\n"), @"
    this is no plugin artifact: it has no layer
    this is no plugin artifact: its config has media type `application/vnd.cncf.helm.config.v1+json`
    this is no plugin artifact: its layer has media type `application/vnd.oci.image.layer.v1.tar+gzip`
    this is no plugin artifact: its layer has media type `application/vnd.wasm.content.layer.v1+wasm`
    this is no plugin artifact: it is an index of several images
    ");
}

#[tokio::test]
async fn a_config_that_speaks_of_another_layer_is_refused() {
    let site = Site::new().await;
    let other = artifact(media_type::WASM_CONFIG, &[media_type::WASM, media_type::WASM]);
    let config = Blob::new(
        media_type::WASM_CONFIG,
        serde_json::json!({ "layerDigests": [other.layers[1].digest()] }).to_string(),
    );
    site.serve("0.1", &Artifact { config, ..plugin() });
    assert!(matches!(site.refused().await, Failure::WrongKind { .. }));
}

#[tokio::test]
async fn the_older_layouts_are_still_read() {
    for layer in [media_type::OLD_WASM, media_type::OLD_WASM_MODULE] {
        let site = Site::new().await;
        site.serve("0.1", &artifact(media_type::OLD_WASM_CONFIG, &[layer]));
        assert_eq!(site.pull().await.unwrap().claims, None);
    }
}

#[tokio::test]
async fn a_registry_in_trouble_is_asked_again_and_one_that_says_no_is_not() {
    let site = Site::new().await;
    site.serve_plugin();
    site.fake.answers("GET /v2/", vec![Answer::status(503), Answer::status(429), Answer::ok("{}")]);
    site.pull().await.unwrap();

    let site = Site::new().await;
    let missing = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
    site.fake.answer("HEAD /v2/hangar/aws/manifests/0.1", Answer::status(404).body(missing));
    let failure = site.refused().await;
    assert!(matches!(failure, Failure::NotFound { .. }));
    assert_eq!(site.fake.n_seen("HEAD"), 1);
}

#[tokio::test]
async fn a_registry_without_head_or_digest_header_is_read_anyway() {
    for head in [Answer::ok(""), Answer::status(405)] {
        let site = Site::new().await;
        let digest = site.serve_plugin();
        site.fake.answer("HEAD /v2/hangar/aws/manifests/0.1", head);
        site.fake.answer("GET /v2/hangar/aws/manifests/0.1", Answer::ok(plugin().manifest().to_vec()));
        assert_eq!(site.pull().await.unwrap().manifest_digest, digest);
    }
}

#[tokio::test]
async fn an_unreachable_registry_is_named_with_what_was_left() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let site = Site::new().await;
    let reference = format!("{free}/hangar/aws:0.1").parse().unwrap();
    let err = site.client.pull(&site.store, &reference, Limits::default(), &|_| {}).await.unwrap_err();
    let stable = |text: String| text.replace(&free.to_string(), "REGISTRY");
    assert!(err.is_outside());
    assert!(matches!(*err.failure, Failure::Unreachable { .. }));
    insta::assert_snapshot!(stable(format!("{err}\n{}\n{}", err.failure, err.hint().unwrap())), @"
    cannot pull `REGISTRY/hangar/aws:0.1`; nothing new was named in the store
    registry `REGISTRY` cannot be reached
    check the name `REGISTRY` and the network; what was pulled before is used without a network
    ");
}

#[tokio::test]
async fn plain_http_is_not_spoken_unless_asked_for() {
    let site = Site::new().await;
    site.serve_plugin();
    let patience = Patience { idle: Duration::from_millis(500), connect: Duration::from_millis(500), ..patience() };
    let options = ClientOptions { dev: false, credentials: Credentials::Anonymous, patience };
    let client = Client::new(options);
    // The fake waits for the end of what is no request to it.
    let err = client.pull(&site.store, &site.reference(":0.1"), Limits::default(), &|_| {}).await.unwrap_err();
    assert!(matches!(*err.failure, Failure::Unreachable { .. } | Failure::TimedOut { .. }), "{err:?}");
    assert_eq!(site.fake.seen().len(), 0);
}

#[tokio::test]
async fn a_redirect_out_of_https_is_not_followed() {
    let site = Site::new().await;
    site.serve_plugin();
    let away = Answer::status(307).header("location", "http://blobs.example.com/secret-path?signature=hunter2");
    site.fake.answer(&blob_line(&plugin().layers[0]), away);
    let failure = site.refused().await;
    assert!(matches!(failure, Failure::UnsafeAddress { .. }));
    insta::assert_snapshot!(site.stable(failure), @"registry `REGISTRY` points to `http://blobs.example.com/secret-path`, which is not https");
}

#[tokio::test]
async fn a_redirect_to_another_server_does_not_carry_our_credentials() {
    let credentials = Credentials::Password { user: "ana".into(), password: "hunter2".into() };
    let site = Site::with(credentials).await;
    let elsewhere = crate::fake::Fake::start().await;
    site.serve_plugin();
    let challenge = Answer::status(401).header("www-authenticate", "Basic realm=\"r\"");
    site.fake.answer("GET /v2/", challenge);
    elsewhere.answer("GET /blob", Answer::ok(COMPONENT));
    let away = Answer::status(307).header("location", &format!("http://{}/blob", elsewhere.address));
    site.fake.answer(&blob_line(&plugin().layers[0]), away);
    site.pull().await.unwrap();
    assert!(site.fake.seen().last().unwrap().authorization.is_some());
    assert_eq!(elsewhere.seen()[0].authorization, None);
}

#[tokio::test]
async fn a_reference_without_tag_and_digest_names_nothing() {
    let site = Site::new().await;
    let err = site.client.resolve(&site.reference("")).await.unwrap_err();
    assert!(matches!(*err.failure, Failure::NoVersion { .. }));
}
