//! The operator's own process under its own account, with a load balancer: from a plan that it finds at a
//! weight to one that is deleted.

use anyhow::Result;
use serde_json::{Value, json};

use super::ground::{autoscale, is_finalized, mark, object, space, until};
use crate::stage::cluster::{Cluster, Options};
use crate::stage::haproxy::{self, HaProxy, free_address};
use crate::stage::operator::{self, Operator};
use crate::stage::world::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, install};

const HPA: &str = "hpa/mail-hpa";
const PLAN: &str = "mplan/mail";

#[tokio::test(flavor = "multi_thread")]
async fn a_floor_outlives_the_operator_that_raised_it_and_not_its_plan() -> Result<()> {
    let (cluster, name) = (Cluster::start(Options::default()).await?, "mail");
    install(&cluster).await?;
    // It stands at half of the traffic: nobody knows its guards, and its floor is needed all the same.
    let mut options = haproxy::Options::new(&[free_address()], &[free_address()]);
    options.kubernetes[0].weight = 100;
    let haproxy = HaProxy::start(&options).await;
    space(&cluster, name, ("apps/v1", "Deployment"), &haproxy.admin_unix()).await?;
    autoscale(&cluster, name, "").await?;
    let kubeconfig = cluster.operator_kubeconfig(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT).await?;
    let mut operator =
        Operator::start_ready(&operator::Options::new(&kubeconfig, cluster.dir(), "only")).await?;

    until(&cluster, name, HPA, |it| it["spec"]["minReplicas"] == 8 && mark(it).is_string()).await?;
    let floor = json!([{
        "workload": "pods", "pods": 8, "object": "HorizontalPodAutoscaler mail-hpa", "before": 2, "set": 8,
    }]);
    let plan = until(&cluster, name, PLAN, |plan| plan["status"]["floors"] == floor).await?;
    assert!(is_finalized(&plan));
    let told = async || {
        let events =
            cluster.kubectl(["get", "events.events.k8s.io", "--output=json", "--namespace=mail"]).await?;
        let events: Value = serde_json::from_str(&events)?;
        let notes = events["items"].as_array().into_iter().flatten();
        let notes = notes.filter_map(|event| event["note"].as_str().map(ToOwned::to_owned));
        anyhow::Ok(notes.collect::<Vec<_>>())
    };
    let says = "HorizontalPodAutoscaler mail-hpa: minReplicas 2 to 8, for workload pods".to_owned();
    assert!(told().await?.contains(&says), "{:?}", told().await?);

    // It dies; somebody takes the floor away, and the next one brings it back.
    operator.kill();
    let inside = "--namespace=mail";
    let less = r#"{"spec":{"minReplicas":4}}"#;
    cluster.kubectl(["patch", HPA, "--type=merge", "--patch", less, inside]).await?;
    operator.restart()?;
    operator.ready().await?;
    until(&cluster, name, HPA, |it| it["spec"]["minReplicas"] == 8).await?;

    cluster.kubectl(["delete", PLAN, "--timeout=30s", inside]).await?;
    let restored = object(&cluster, name, HPA).await?;
    assert_eq!((&restored["spec"]["minReplicas"], mark(&restored)), (&json!(4), &Value::Null));
    operator.check()
}
