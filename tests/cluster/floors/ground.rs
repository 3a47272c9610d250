//! A namespace with a workload, and a plan whose engine promises it pods; the keeper acts under the
//! operator's own account, by the Role that `crossfade rbac` prints.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use crossfade::api::rbac::Account;
use crossfade::capacity::Target;
use crossfade::cli::rbac::rbac;
use crossfade::control::fleet::{LaneHandle, Links, Start};
use crossfade::control::floors::{FloorWire, Keeper, Space};
use crossfade::control::key::PlanKey;
use crossfade::control::mailbox::Mailbox;
use crossfade::control::operator::Operator;
use crossfade::control::warm::Normals;
use crossfade::core::capacity::{Figure, Source};
use crossfade::core::lease::{Answer, Found, Lease, Record, Times};
use crossfade::core::plan::{Plan, Stage};
use crossfade::core::report::Report;
use crossfade::core::state::State;
use crossfade::core::weight::Weight;
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::pods::place::{self, ID, balance};
use crate::stage::cluster::{Cluster, Options};
use crate::stage::world::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, install};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The cluster that these tests share.
static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

pub async fn cluster() -> &'static Cluster {
    let start = async || {
        let cluster = Cluster::start(Options::default()).await?;
        install(&cluster).await?;
        anyhow::Ok(cluster)
    };
    CLUSTER.get_or_init(async || start().await.unwrap()).await
}

/// A plan of `namespace` whose workload is `target` (`apiVersion` and kind), called mail; the load balancer
/// answers there. 400 requests per second are asked for, and a pod carries 50.
pub fn plan_yaml(namespace: &str, target: (&str, &str), socket: &str) -> String {
    let (api_version, kind) = target;
    format!(
        "apiVersion: crossfade.dev/v1alpha1
kind: MigrationPlan
metadata: {{name: mail, namespace: {namespace}}}
spec:
  stages: [{{name: half, weight: 50}}, {{name: full, weight: 100}}]
  routes:
  - name: edge
    haproxy:
      instances: ['{socket}']
      backend: mail
      legacyServers: ['vm-*']
      kubernetesServers: ['ingress-*']
  databases:
  - name: accounts
    mysql: {{host: 127.0.0.1, port: 1, credentialsSecret: accounts-db-monitor, insecure: true}}
  demand: {{requestsPerSecond: 400}}
  kubernetes:
    workloads:
    - target: {{apiVersion: {api_version}, kind: {kind}, name: mail}}
      requestsPerSecondPerPod: 50
      maxReplicas: 20
"
    )
}

/// A namespace with a plan and the rights that it needs, and the Deployment `mail` of 3 pods.
pub async fn space(cluster: &Cluster, namespace: &str, target: (&str, &str), socket: &str) -> Result<()> {
    cluster
        .apply(&format!(
            "apiVersion: v1
kind: Namespace
metadata: {{name: {namespace}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: accounts-db-monitor, namespace: {namespace}}}
stringData: {{username: monitor, password: secret}}
"
        ))
        .await?;
    place::deploy(cluster, namespace).await?;
    let plan = plan_yaml(namespace, target, socket);
    cluster.apply(&rbac(&plan, &Account::default())?).await?;
    cluster.apply(&plan).await
}

/// An autoscaler of the Deployment `mail`, from 2 to 20 pods.
pub async fn autoscale(cluster: &Cluster, namespace: &str, more: &str) -> Result<()> {
    cluster
        .apply(&format!(
            "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: mail-hpa, namespace: {namespace}{more}}}
spec:
  minReplicas: 2
  maxReplicas: 20
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: mail}}
"
        ))
        .await
}

/// An object as it stands.
pub async fn object(cluster: &Cluster, namespace: &str, name: &str) -> Result<Value> {
    let space = format!("--namespace={namespace}");
    let text = cluster.kubectl(["get", name, "--output=json", &space]).await?;
    Ok(serde_json::from_str(&text)?)
}

/// Waits until an object looks so.
pub async fn until(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    what: impl Fn(&Value) -> bool,
) -> Result<Value> {
    let begin = Instant::now();
    loop {
        let found = object(cluster, namespace, name).await;
        if let Some(found) = found.as_ref().ok().filter(|found| what(found)) {
            return Ok(found.clone());
        }
        if begin.elapsed() > PATIENCE {
            bail!("{name} in {namespace} does not come to it: {found:#?}");
        }
        sleep(Duration::from_millis(200)).await;
    }
}

pub fn mark(object: &Value) -> &Value {
    &object["metadata"]["annotations"]["crossfade.dev/restore"]
}

pub fn is_finalized(plan: &Value) -> bool {
    let finalizers = plan["metadata"]["finalizers"].as_array();
    finalizers.is_some_and(|all| all.iter().any(|one| one == "crossfade.dev/restore"))
}

/// A plan's engine with a load balancer that does what it is told, and the keeper of its floors.
pub struct Ground {
    pub operator: Arc<Operator>,
    key: PlanKey,
    mailbox: Arc<Mailbox>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.stop.cancel();
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Ground {
    /// Promises pods for the first stage, half of the traffic: (200 + half of 200) / 0.95 = 316, which is 7
    /// pods of 50, and one more. Two are warm.
    pub async fn begin(cluster: &Cluster, namespace: &str, target: &Target) -> Result<Self> {
        let (client, operator) = place::operator(cluster, OPERATOR_NAMESPACE, OPERATOR_ACCOUNT).await?;
        operator.stand(&held(&operator));
        let (key, mailbox) = (PlanKey::new(namespace, "mail"), Arc::new(Mailbox::default()));
        let found = object(cluster, namespace, "mplan/mail").await?;
        let uid = found["metadata"]["uid"].as_str().context("no UID")?.to_owned();
        let stop = CancellationToken::new();
        let space = Space { namespace: namespace.into(), client, operator: operator.clone() };
        let wire = FloorWire { place: 0, name: "pods".into(), target: target.clone() };
        let keeper = Keeper::new(key.clone(), uid, vec![wire], is_finalized(&found), space);
        let keeper = keeper.looking_every(Duration::from_millis(500));
        let tasks = vec![
            tokio::spawn(keeper.keep(stop.clone())),
            tokio::spawn(balance(operator.clone(), key.clone(), mailbox.clone())),
        ];
        let ground = Self { operator, key, mailbox, stop, tasks };
        ground.plan(plan());
        ground.operator.fleet(|fleet, now| fleet.take_over(&ground.key, 1, State::default(), now));
        ground.warm(2);
        Ok(ground)
    }

    /// The plan is so from now on.
    pub fn plan(&self, plan: Plan) {
        let lane = LaneHandle { id: ID, mailbox: self.mailbox.clone() };
        let links = Links { lanes: vec![lane], ..Links::default() };
        let start = Start {
            plan,
            state: State::default(),
            normals: Normals::default(),
            links,
            recorder: Arc::default(),
        };
        self.operator.fleet(|fleet, now| fleet.put(&self.key, start, now));
    }

    /// The plan no longer names the workload.
    pub fn without_workloads(&self) {
        let mut plan = plan();
        plan.capacity.kubernetes = None;
        self.plan(plan);
    }

    /// So many pods are ready and warm.
    pub fn warm(&self, pods: u32) {
        let figure = Figure::Pods(0);
        self.operator.fleet(|fleet, now| fleet.measured(&self.key, figure, f64::from(pods), now, now));
    }

    /// The weight that the plan wants, in percent.
    pub fn weight(&self) -> f64 {
        let intended = self.operator.fleet(|fleet, _| fleet.get(&self.key)?.engine.state().intended);
        intended.unwrap_or_default().percent()
    }

    /// What the plan says.
    pub fn report(&self) -> Report {
        self.operator.fleet(|fleet, now| fleet.get(&self.key).unwrap().engine.report(now))
    }

    /// Waits until a weight is wanted, in percent.
    pub async fn until_at(&self, weight: f64) -> Result<()> {
        let begin = Instant::now();
        while (self.weight() - weight).abs() > f64::EPSILON {
            if begin.elapsed() > PATIENCE {
                bail!("at {} %: {:#?}", self.weight(), self.report().blocked_by);
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

fn plan() -> Plan {
    let mut plan = place::plan(Duration::ZERO);
    let stage = |name: &str, weight, approval| Stage {
        name: name.into(),
        weight: Weight::from_hundredths(weight),
        ramp: None,
        approval,
        ..plan.stages[0].clone()
    };
    plan.stages = vec![stage("half", 5_000, false), stage("full", 10_000, true)];
    let demand = plan.capacity.demand.as_mut().unwrap();
    demand.from = Source::Declared { requests_per_second: 400.0, until: None };
    let workload = &mut plan.capacity.kubernetes.as_mut().unwrap().workloads[0];
    (workload.floor, workload.max_replicas) = (true, 20);
    plan
}

/// A lease that is held for an hour, under epoch 1.
fn held(operator: &Operator) -> Lease {
    let hour = Duration::from_hours(1);
    let mut lease = Lease::new("only", Times { duration: hour, ..Times::STANDARD });
    let found = |holder: Option<&str>, epoch, version: &str| Found {
        record: Record { holder: holder.map(Into::into), epoch, duration: hour },
        version: version.into(),
    };
    let now = operator.clock.now();
    lease.answer(Answer::Read(Some(found(None, 0, "1"))), now, now);
    lease.answer(Answer::Written(found(Some("only"), 1, "2")), now, now);
    lease
}
