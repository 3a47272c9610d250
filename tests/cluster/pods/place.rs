//! A namespace with a workload and pods that no kubelet runs, and a plan whose engine is told of them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use crossfade::capacity::Target;
use crossfade::control::counter::Counter;
use crossfade::control::fleet::{LaneHandle, Links, Start};
use crossfade::control::key::PlanKey;
use crossfade::control::mailbox::{Mailbox, Task};
use crossfade::control::operator::Operator;
use crossfade::control::teller::Teller;
use crossfade::control::warm::Normals;
use crossfade::control::workloads::WorkloadWire;
use crossfade::core::capacity::{Capacity, Demand, Kubernetes, Source, Takeover, Workload};
use crossfade::core::lease::Standing;
use crossfade::core::plan::{Plan, Ramp, Rollback, RollbackTo, Route, Stage, When};
use crossfade::core::report::Report;
use crossfade::core::route::Reading;
use crossfade::core::state::State;
use crossfade::core::weight::Weight;
use crossfade::serve::health::Health;
use crossfade::serve::metrics::Metrics;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::stage::cluster::Cluster;

/// How often is looked whether what is waited for has come.
const POLL: Duration = Duration::from_millis(10);
/// The name of the one count, and of the one lane.
pub const ID: u64 = 1;

/// The namespace with what may look at its pods, and nothing in it.
pub async fn space(cluster: &Cluster, name: &str) -> Result<()> {
    cluster
        .apply(&format!(
            "apiVersion: v1
kind: Namespace
metadata: {{name: {name}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: default, namespace: {name}}}
automountServiceAccountToken: false
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: looker, namespace: {name}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: looker, namespace: {name}}}
rules:
- {{apiGroups: [''], resources: [pods], verbs: [list, watch]}}
- {{apiGroups: [apps], resources: [deployments/scale], resourceNames: [mail], verbs: [get, patch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: looker, namespace: {name}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: looker}}
subjects: [{{kind: ServiceAccount, name: looker, namespace: {name}}}]
"
        ))
        .await
}

/// A Deployment `mail` of the pods with `app=mail`. Nobody runs any.
pub async fn deploy(cluster: &Cluster, namespace: &str) -> Result<()> {
    cluster
        .apply(&format!(
            "apiVersion: apps/v1
kind: Deployment
metadata: {{name: mail, namespace: {namespace}}}
spec:
  replicas: 3
  selector:
    matchLabels: {{app: mail}}
    matchExpressions: [{{key: canary, operator: DoesNotExist}}]
  template:
    metadata: {{labels: {{app: mail}}}}
    spec: {{containers: [{{name: mail, image: mail}}]}}
"
        ))
        .await
}

/// Pods of a namespace.
pub struct Pods(pub Api<Pod>);

impl Pods {
    pub fn of(cluster: &Cluster, namespace: &str) -> Result<Self> {
        Ok(Self(Api::namespaced(cluster.admin_client()?, namespace)))
    }

    /// A pod that is on a node and not ready.
    pub async fn create(&self, name: &str, app: &str) -> Result<()> {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app, "tier": "front"}},
            "spec": {"nodeName": "node-1", "containers": [{"name": "mail", "image": "mail"}]},
        });
        self.0.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
        Ok(())
    }

    /// Its kubelet says so: ready or not since so long ago.
    pub async fn say(&self, name: &str, ready: bool, ago: Duration) -> Result<()> {
        let since = Timestamp::now() - SignedDuration::try_from(ago)?;
        let status = json!({"status": {"phase": "Running", "conditions": [
            {"type": "Ready", "status": if ready { "True" } else { "False" }, "lastTransitionTime": format!("{since:.0}")},
        ]}});
        self.0.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
        Ok(())
    }

    /// Asks it to end; on its node it goes on, as no kubelet confirms.
    pub async fn end(&self, name: &str) -> Result<()> {
        self.0.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// It is gone.
    pub async fn remove(&self, name: &str) -> Result<()> {
        self.0.delete(name, &DeleteParams::default().grace_period(0)).await?;
        Ok(())
    }
}

/// A plan of the namespace: its engine, the counter of its pods, and a load balancer that does what it
/// is told. Demand is 100 requests per second, a pod carries 50.
pub struct Place {
    pub operator: Arc<Operator>,
    key: PlanKey,
    counter: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counter.cancel();
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Place {
    /// Counts the pods of the Deployment `mail`, as an account that has no other rights.
    pub async fn begin(cluster: &Cluster, namespace: &str, warm_up: Duration) -> Result<Self> {
        let (client, operator) = operator(cluster, namespace, "looker").await?;
        let key = PlanKey::new(namespace, "mail");
        let mailbox = Arc::new(Mailbox::default());
        let links = Links {
            lanes: vec![LaneHandle { id: ID, mailbox: mailbox.clone() }],
            workloads: vec![ID],
            ..Links::default()
        };
        let start = Start {
            plan: plan(warm_up),
            state: State::default(),
            normals: Normals::default(),
            links,
            recorder: Arc::default(),
        };
        operator.fleet(|fleet, now| {
            fleet.put(&key, start, now);
            fleet.stand(Standing::Holder { epoch: 1, until: now + Duration::from_hours(1) }, now);
            fleet.take_over(&key, 1, State::default(), now);
        });
        let target = Target::new("apps/v1", "Deployment", "mail");
        let wire = WorkloadWire { namespace: namespace.into(), target, warm_up };
        let (wanted, receiver) = watch::channel([(ID, wire)].into());
        let stop = CancellationToken::new();
        let counter =
            Counter { namespace: namespace.into(), wanted: receiver, client, operator: operator.clone() };
        let count = counter.count(stop.clone());
        let tasks = vec![
            tokio::spawn(async move {
                count.await;
                drop(wanted);
            }),
            tokio::spawn(balance(operator.clone(), key.clone(), mailbox)),
        ];
        Ok(Self { operator, key, counter: stop, tasks })
    }

    /// Pods that are ready and warm, as the engine knows it.
    pub fn pods(&self) -> Option<(u32, u32)> {
        self.operator.fleet(|fleet, now| {
            let count = fleet.pods(fleet.get(&self.key)?, now).first().copied()??;
            let known = fleet.get(&self.key)?.engine.report(now).capacity.spare.kubernetes.ready;
            assert_eq!(known, Some(f64::from(count.warm) * 50.0), "the engine knows another capacity");
            Some((count.ready, count.warm))
        })
    }

    /// What the plan says.
    pub fn report(&self) -> Result<Report> {
        self.operator.fleet(|fleet, now| Some(fleet.get(&self.key)?.engine.report(now))).context("no plan")
    }

    /// The weight that the plan wants, in percent.
    pub fn weight(&self) -> f64 {
        let intended = self.operator.fleet(|fleet, _| fleet.get(&self.key)?.engine.state().intended);
        intended.unwrap_or_default().percent()
    }

    /// How long it takes until so many pods are ready and warm.
    pub async fn until(&self, pods: (u32, u32), within: Duration) -> Result<Duration> {
        let begin = Instant::now();
        while self.pods() != Some(pods) {
            if begin.elapsed() > within {
                bail!("{:?} instead of {pods:?} (ready, warm) after {within:?}", self.pods());
            }
            sleep(POLL).await;
        }
        Ok(begin.elapsed())
    }
}

/// What an operator shares between its tasks, and a client with the rights of an account of `namespace`.
pub async fn operator(cluster: &Cluster, namespace: &str, account: &str) -> Result<(Client, Arc<Operator>)> {
    let kubeconfig = Kubeconfig::read_from(cluster.operator_kubeconfig(namespace, account).await?)?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    let metrics = Arc::new(Metrics::new());
    let (teller, _queue) = Teller::new(metrics.clone());
    let (refused, _) = mpsc::channel(8);
    let operator = Operator::new(metrics, Arc::new(Health::default()), teller, refused);
    Ok((Client::try_from(config)?, Arc::new(operator)))
}

/// A load balancer that stands where it was told to, and a record that is stored at once.
pub async fn balance(operator: Arc<Operator>, key: PlanKey, mailbox: Arc<Mailbox>) {
    let mut weight = Weight::ZERO;
    loop {
        let reading = |weight: Weight| Reading {
            weight,
            setting: u64::from(weight.hundredths()),
            boot: 1,
            legacy_up: 1,
            kubernetes_up: 1,
            counted: None,
        };
        let task = tokio::time::timeout(Duration::from_millis(100), mailbox.next()).await;
        if let Ok(Task::Write(order)) = task {
            weight = order.weight;
            operator.fleet(|fleet, now| fleet.written(&key, ID, &order, Ok(reading(weight)), now));
        }
        operator.fleet(|fleet, now| {
            fleet.read(&key, ID, Ok(reading(weight)), now);
            if let Some(revision) = fleet.get(&key).and_then(|entry| entry.wanted) {
                fleet.recorded(&key, revision, now);
            }
            fleet.tick(now);
        });
    }
}

pub fn plan(warm_up: Duration) -> Plan {
    Plan {
        paused: false,
        target_stage: None,
        approvals: [].into(),
        stages: vec![Stage {
            name: "full".into(),
            weight: Weight::FULL,
            ramp: Some(Ramp { step: Weight::from_hundredths(10), every: Duration::from_secs(1) }),
            soak: Duration::ZERO,
            peaks: 0,
            approval: false,
        }],
        routes: vec![Route { name: "edge".into(), instances: vec!["a".into()] }],
        databases: Vec::new(),
        rollback: Rollback {
            to: RollbackTo::Zero,
            max_step: Weight::FULL,
            every: Duration::from_secs(5),
            when: When::Always,
        },
        capacity: Capacity {
            demand: Some(Demand {
                from: Source::Declared { requests_per_second: 100.0, until: None },
                surge_factor: 1.5,
                peak_window: Duration::from_hours(1),
            }),
            legacy: None,
            kubernetes: Some(Kubernetes {
                workloads: vec![Workload {
                    name: "pods".into(),
                    requests_per_second_per_pod: 50.0,
                    connections_per_pod: None,
                    warm_up,
                    max_replicas: 10,
                    floor: false,
                }],
                headroom: 0.2,
            }),
            takeover: Takeover::default(),
            balance: None,
        },
    }
}
