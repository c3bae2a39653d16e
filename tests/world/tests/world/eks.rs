//! A Kubernetes that takes the tokens of EKS, beside the emulator of AWS with signatures on.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;
use test_world::aws::{AccessEntry, AccessKey, Call, Eks, Emulator};
use test_world::{OrganisationFile, World};

use crate::lab::options;

/// What a client makes a token of.
struct Wanted<'a> {
    key: &'a AccessKey,
    cluster: &'a str,
    at: SystemTime,
}

/// One world for all of it: a control plane takes seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_eks_lets_in_whom_its_access_entries_name_and_nobody_else() -> Result<()> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let emulator = Emulator::start(&dir.path().join("aws")).await?;
    let (ana, ben) = (emulator.add_operator("ana").await?, emulator.add_operator("ben").await?);
    emulator.require_signatures().await?;
    let world = world(dir.path(), &emulator, [&ana.key, &ben.key], &ana.arn).await?;
    let uss1 = world.organisation("uss1").context("no `uss1`")?;
    let wanted = |key| Wanted { key, cluster: "uss1", at: SystemTime::now() };

    let good = token(&emulator, &wanted(&ana.key))?;
    let admin = client(uss1, &good).await?;
    let review = serde_json::from_value(json!({ "metadata": {} }))?;
    let me = Api::<SelfSubjectReview>::all(admin.clone()).create(&PostParams::default(), &review).await?;
    let user = me.status.and_then(|status| status.user_info).context("nobody")?;
    assert_eq!(user.username.as_deref(), Some(ana.arn.as_str()));
    assert!(user.groups.unwrap_or_default().contains(&"system:masters".to_owned()));
    Api::<Secret>::all(admin).list(&ListParams::default()).await?;

    let refused = [
        ("another cluster", token(&emulator, &Wanted { cluster: "uss2", ..wanted(&ana.key) })?),
        (
            "expired",
            token(&emulator, &Wanted { at: SystemTime::now() - Duration::from_secs(960), ..wanted(&ana.key) })?,
        ),
        ("no access entry", token(&emulator, &wanted(&ben.key))?),
        ("another secret", token(&emulator, &wanted(&AccessKey::new(&ana.key.id, "guessed")))?),
        ("unknown key", token(&emulator, &wanted(&AccessKey::new("AKIAUNKNOWN", "guessed")))?),
        ("tampered", tampered(&good)?),
        ("no token of EKS", "a-token".to_owned()),
    ];
    for (why, token) in refused {
        let answer = Api::<Secret>::all(client(uss1, &token).await?).list(&ListParams::default()).await;
        let status = match answer {
            Err(kube::Error::Api(status)) => status.code,
            other => anyhow::bail!("{why}: {other:?}"),
        };
        assert_eq!(status, 401, "{why}");
    }
    // A cluster's own tokens count beside those of EKS.
    let own = std::fs::read_to_string(&uss1.token_file)?;
    Api::<Secret>::all(client(uss1, own.trim()).await?).list(&ListParams::default()).await?;

    // What the emulator checks itself: whoever is not known is not served.
    let regions = Call::form("ec2", "us-east-1", &[("Action", "DescribeRegions"), ("Version", "2016-11-15")]);
    emulator.call(&ana.key, &regions).await?;
    let guessed = AccessKey::new(&ana.key.id, "guessed");
    let err = emulator.call(&guessed, &regions).await.expect_err("the secret is wrong").to_string();
    assert!(err.starts_with("ec2 DescribeRegions was refused with status 401"), "{err}");
    assert!(!err.contains("guessed"));
    Ok(())
}

async fn world(dir: &Path, emulator: &Emulator, keys: [&AccessKey; 2], admin: &str) -> Result<World> {
    let mut options = options(dir.join("world"));
    let eks = Eks {
        cluster: "uss1".to_owned(),
        sts: emulator.endpoint().to_owned(),
        keys: keys.map(Clone::clone).into(),
        entries: vec![AccessEntry { principal: admin.to_owned(), groups: vec!["system:masters".to_owned()] }],
    };
    options.eks.insert("uss1".to_owned(), eks);
    Ok(World::start(options).await?)
}

/// As `aws eks get-token` makes it.
fn token(emulator: &Emulator, wanted: &Wanted<'_>) -> Result<String> {
    let (id, secret) = (&wanted.key.id, wanted.key.secret());
    let identity = aws_credential_types::Credentials::new(id, secret, None, None, "tests").into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(60));
    let parameters = v4::SigningParams::builder().identity(&identity).region("us-east-1").name("sts");
    let parameters = parameters.time(wanted.at).settings(settings).build()?.into();
    let url = format!("{}/?Action=GetCallerIdentity&Version=2011-06-15", emulator.endpoint());
    let headers = [("x-k8s-aws-id", wanted.cluster)];
    let request = SignableRequest::new("GET", &url, headers.into_iter(), SignableBody::Bytes(&[]))?;
    let (instructions, _) = sign(request, &parameters)?.into_parts();
    let mut url = url::Url::parse(&url)?;
    for (name, value) in instructions.params() {
        url.query_pairs_mut().append_pair(name, value);
    }
    Ok(format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url.as_str())))
}

/// The same, said to be good for longer.
fn tampered(token: &str) -> Result<String> {
    let encoded = token.strip_prefix("k8s-aws-v1.").context("no prefix")?;
    let url = String::from_utf8(URL_SAFE_NO_PAD.decode(encoded)?)?;
    Ok(format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url.replace("X-Amz-Expires=60", "X-Amz-Expires=900"))))
}

async fn client(organisation: &OrganisationFile, token: &str) -> Result<Client> {
    let mut kubeconfig = Kubeconfig::read_from(&organisation.kubeconfig)?;
    let user = kubeconfig.auth_infos.first_mut().and_then(|named| named.auth_info.as_mut()).context("no user")?;
    user.token = Some(token.to_owned().into());
    Ok(Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)?)
}
