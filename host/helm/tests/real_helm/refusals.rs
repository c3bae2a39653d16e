//! What the real Helm says when it will not, without a cluster: fails when a new Helm says it otherwise.

use anyhow::Result;
use hangar_helm::{Chart, HelmError, ReleaseName, Render, Values};
use hangar_plan::hint::Hint as _;
use serde_json::{Value, json};

use crate::{example, tool};

async fn refusal(chart: &Chart, values: Value, kube_version: &str) -> Result<HelmError> {
    let helm = tool::helm().await?;
    let (release, values) = (ReleaseName::new("dss")?, Values::layered([values])?);
    let render = Render { release: &release, namespace: "uss1", chart, values: &values, kube_version };
    match helm.render(&render, &tool::cache()).await {
        Ok(_) => anyhow::bail!("rendered"),
        Err(err) => Ok(err),
    }
}

#[tokio::test]
async fn values_that_the_schema_refuses_come_with_every_finding() -> Result<()> {
    let chart = Chart::open(tool::chart_path())?;
    let mut values = example::with("/cockroachdb/nodes", json!("three"));
    example::set(&mut values, "/cocroachdb", json!({}));
    let err = refusal(&chart, values, tool::KUBE_VERSION).await?;
    assert!(matches!(&err, HelmError::ValuesRefused { findings } if findings.len() == 2), "{err:?}");
    assert!(err.hint().is_some());
    Ok(())
}

#[tokio::test]
async fn a_chart_for_another_kubernetes_says_so() -> Result<()> {
    let chart = Chart::open(tool::chart_path())?;
    let err = refusal(&chart, example::values(), "v1.28.0").await?;
    assert!(matches!(err, HelmError::KubeVersion { .. }), "{err:?}");
    assert!(err.to_string().contains("1.28.0"), "{err}");
    Ok(())
}

#[tokio::test]
async fn a_template_that_fails_says_where() -> Result<()> {
    for (template, wanted) in [
        ("{{ fail \"no\" }}", "execution error at"),
        ("{{ .Values.a.b }}", "nil pointer"),
        ("{{ if }}", "parse error"),
        ("a: b: c", "YAML"),
    ] {
        let dir = tempfile::tempdir()?;
        std::fs::create_dir(dir.path().join("templates"))?;
        std::fs::write(dir.path().join("Chart.yaml"), "apiVersion: v2\nname: bad\nversion: 0.1.0\n")?;
        std::fs::write(dir.path().join("templates/a.yaml"), template)?;
        let err = refusal(&Chart::open(dir.path())?, json!({}), tool::KUBE_VERSION).await?;
        assert!(matches!(err, HelmError::Template { .. }), "{template}: {err:?}");
        assert!(err.to_string().contains(wanted), "{template}: {err}");
    }
    Ok(())
}

#[tokio::test]
async fn a_chart_rendered_once_is_not_rendered_again() -> Result<()> {
    let (helm, cache) = (tool::helm().await?, tempfile::tempdir()?);
    let (release, chart) = (ReleaseName::new("dss")?, Chart::open(tool::chart_path())?);
    let values = Values::layered([example::values()])?;
    let render = Render {
        release: &release,
        namespace: "uss1",
        chart: &chart,
        values: &values,
        kube_version: tool::KUBE_VERSION,
    };
    let first = helm.render(&render, cache.path()).await?;
    let kept: Vec<_> = std::fs::read_dir(cache.path())?.collect::<Result<_, _>>()?;
    assert_eq!(kept.len(), 1);
    // Only a rendering that comes from there can be this one.
    let changed = std::fs::read_to_string(kept[0].path())?.replace("Deployment", "Kept");
    std::fs::write(kept[0].path(), changed)?;
    assert_ne!(helm.render(&render, cache.path()).await?, first);
    std::fs::write(kept[0].path(), "spoilt")?;
    assert_eq!(helm.render(&render, cache.path()).await?, first);
    Ok(())
}
