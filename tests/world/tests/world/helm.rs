use anyhow::Result;

use crate::lab::{Namespace, SHELL};

const TEMPLATES: &str = r#"
apiVersion: v1
kind: Service
metadata: { name: {{ .Release.Name }} }
spec:
  type: LoadBalancer
  selector: { app: {{ .Release.Name }} }
  ports: [{ port: 8080 }]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: {{ .Release.Name }} }
spec:
  serviceName: {{ .Release.Name }}
  replicas: {{ .Values.replicas }}
  podManagementPolicy: Parallel
  selector: { matchLabels: { app: {{ .Release.Name }} } }
  template:
    metadata: { labels: { app: {{ .Release.Name }} } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: main
          image: {{ .Values.image }}
          command: ["/bin/sh", "-c", {{ .Values.script | quote }}]
          readinessProbe: { exec: { command: ["true"] }, periodSeconds: 1 }
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-hook
  annotations: { helm.sh/hook: pre-install, helm.sh/hook-delete-policy: hook-succeeded }
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: main, image: {{ .Values.image }}, command: ["true"] }]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn helm_installs_upgrades_and_uninstalls_a_chart() -> Result<()> {
    let lab = Namespace::new("helm").await?;
    let chart = tempfile::tempdir()?;
    std::fs::create_dir(chart.path().join("templates"))?;
    std::fs::write(
        chart.path().join("Chart.yaml"),
        "apiVersion: v2\nname: lab\nversion: 0.1.0\nkubeVersion: '>=1.30'\n",
    )?;
    std::fs::write(chart.path().join("values.yaml"), format!("replicas: 2\nimage: {SHELL}\nscript: exec sleep 600\n"))?;
    std::fs::write(chart.path().join("templates/all.yaml"), TEMPLATES)?;
    let path = chart.path().to_string_lossy().into_owned();
    lab.helm(&["install", "web", &path, "--wait", "--timeout", "80s"]).await?;
    assert_eq!(lab.kubectl(&["get", "statefulset", "web", "-o", "jsonpath={.status.readyReplicas}"]).await?, "2");
    lab.helm(&["upgrade", "web", &path, "--set", "replicas=1", "--wait", "--timeout", "80s"]).await?;
    let failing = ["upgrade", "web", &path, "--set", "script=exit 1", "--wait", "--timeout", "4s"];
    assert!(lab.helm(&failing).await.is_err());
    lab.helm(&["uninstall", "web", "--wait", "--timeout", "80s"]).await?;
    Ok(())
}
