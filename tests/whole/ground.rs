//! What the tests of faults stand on: one [`World`] that several scenes share, each with a plan of
//! its own, and a second `HAProxy` before the same pools. A scene's name is the sentence that it
//! proves. It looks and waits; it decides nothing.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::stage::haproxy::{self, HaProxy};
use crate::stage::load::{self, Load};
use crate::stage::operator::Operator;
use crate::stage::pool::Behaviour;
use crate::stage::world::{NAMESPACE, Settings, World, read_weight};

/// How often is looked whether what is waited for has come.
const POLL: Duration = Duration::from_millis(25);
/// How long a scene may take.
const SCENE: Duration = Duration::from_mins(2);
/// How long a plan may take to be where it begins, or to be gone, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Weights this near are the same: server weights are small integers.
pub const NEAR: f64 = 0.6;

/// In calm 60 requests a second cost 15 connections a second. In a surge each request on Kubernetes
/// costs 8: at 10 % already 60 connections a second.
const PLAN: &str = r#"apiVersion: crossfade.dev/v1alpha1
kind: MigrationPlan
metadata: {name: mail, namespace: mail}
spec:
  stages:
${STAGES}
  routes:
  - name: edge
    haproxy:
      instances: [${INSTANCES}]
      backend: ${BACKEND}
      legacyServers: ["${LEGACY}"]
      kubernetesServers: ["ingress-*"]
  databases:
  - name: accounts
    every: 100ms
    mysql: {host: 127.0.0.1, port: ${DATABASE_PORT}, credentialsSecret: accounts-db-monitor, insecure: true}
    guards:
    - signal: ConnectionRate
      pause: {above: 45, for: 300ms}
      rollback: {above: 50, for: 400ms}
      resume: {below: 40, for: 1s}
    - {signal: ConnectionsOfMax, enabled: false}
    - {signal: FailedConnections, enabled: false}
  legacy: {capacity: {requestsPerSecondPerServer: 1000}}
  demand: {requestsPerSecond: 60}
  rollback: {to: Zero, maxStep: 20, every: 1s}
"#;
const SURGE: f64 = 8.0;

/// What differs from plan to plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Lines of `stages`.
    pub stages: String,
    /// Of the route.
    pub instances: Vec<String>,
    /// Of the route.
    pub backend: String,
    /// Pattern of the legacy pool.
    pub legacy: String,
}

impl Plan {
    /// A plan on these instances that soaks for a day at this weight.
    pub fn at(weight: f64, instances: &[String]) -> Self {
        Self::with(&[(weight, 0.0)], instances)
    }

    /// A plan with these stages: weight and step of the ramp, each second one; 0 for no ramp. The
    /// last soaks for a day, the others not at all.
    pub fn with(stages: &[(f64, f64)], instances: &[String]) -> Self {
        let last = stages.len() - 1;
        let line = |(number, (weight, step)): (usize, &(f64, f64))| {
            let ramp =
                if *step > 0.0 { format!(", ramp: {{step: {step}, every: 1s}}") } else { String::new() };
            let soak = if number == last { ", soak: {for: 24h}" } else { "" };
            format!("  - {{name: stage-{number}, weight: {weight}{ramp}{soak}}}")
        };
        Self {
            stages: stages.iter().enumerate().map(line).collect::<Vec<_>>().join("\n"),
            instances: instances.to_vec(),
            backend: "mail".into(),
            legacy: "vm-*".into(),
        }
    }

    fn text(&self) -> String {
        let instances: Vec<String> = self.instances.iter().map(|address| format!("{address:?}")).collect();
        PLAN.replace("${STAGES}", &self.stages)
            .replace("${INSTANCES}", &instances.join(", "))
            .replace("${BACKEND}", &self.backend)
            .replace("${LEGACY}", &self.legacy)
    }
}

/// The world with a second `HAProxy`.
pub struct Ground {
    pub world: World,
    /// Another way in to the same pools.
    pub second: HaProxy,
}

impl Ground {
    /// A world with two servers a side and one operator.
    pub async fn start() -> Result<Self> {
        let settings = Settings { legacy: 2, kubernetes: 2, rate: 60.0, ..Settings::default() };
        let begin = Instant::now();
        let mut world = World::start(settings, |_| {}).await?;
        let second = HaProxy::start(&options(&world, 0)).await;
        world.start_operator().await?;
        println!("the world stands after {:.1?}", begin.elapsed());
        Ok(Self { world, second })
    }

    /// The operator of which there is one in most scenes.
    pub fn operator(&mut self) -> &mut Operator {
        &mut self.world.operators[0]
    }

    /// The one instance that carries the traffic.
    pub fn one(&self) -> Vec<String> {
        vec![self.world.haproxy.admin_unix()]
    }

    /// Both instances.
    pub fn both(&self) -> Vec<String> {
        vec![self.world.haproxy.admin_unix(), self.second.admin_unix()]
    }

    /// Everything as a scene wants to find it: calm, no plan, both `HAProxy`s up and at `weight`, by
    /// their configuration too.
    pub async fn clean(&mut self, weight: u16) -> Result<()> {
        self.calm();
        self.delete_plan().await?;
        let options = options(&self.world, weight);
        self.world.haproxy.configure(&options);
        self.second.configure(&options);
        self.world.haproxy.restart().await;
        self.second.restart().await;
        Ok(())
    }

    /// A clean ground with this plan, adopted at `weight`.
    pub async fn begin(&mut self, weight: u16, plan: &Plan) -> Result<()> {
        self.clean(weight).await?;
        self.apply(plan).await?;
        let weight = f64::from(weight);
        self.until("the plan has adopted", PATIENCE, |status| {
            near(&status["weight"]["intended"], weight)
                && condition(status, "RoutesInSync")["status"] == "True"
        })
        .await?;
        Ok(())
    }

    /// What the next reload or restart of the first `HAProxy` begins with.
    pub fn configure(&self, weight: u16) {
        self.world.haproxy.configure(&options(&self.world, weight));
    }

    /// Sets the weight by the socket, as a person does.
    pub async fn set_by_hand(&self, weight: u16) {
        for server in 1..=2 {
            for (pool, weight) in [("vm", 100 - weight), ("ingress", weight)] {
                let command = format!("set server mail/{pool}-{server} weight {weight}");
                let answer = self.world.haproxy.command(&command).await;
                assert_eq!(answer, "", "{command}");
            }
        }
    }

    /// Grants what the plan needs and applies it.
    pub async fn apply(&self, plan: &Plan) -> Result<()> {
        self.world.apply_plan(&self.world.fill(&plan.text())).await
    }

    /// Deletes the plan, if there is one, and waits until it is gone.
    pub async fn delete_plan(&self) -> Result<()> {
        let plans = self.world.plans()?;
        match plans.delete("mail", &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            deleted => drop(deleted.context("delete the plan")?),
        }
        until("the plan is gone", PATIENCE, async || Ok(plans.get_opt("mail").await?.is_none())).await
    }

    /// Kubernetes' servers need many connections a request from now on.
    pub fn surge(&self) {
        self.world.kubernetes.change(|behaviour| behaviour.connects_per_request = SURGE);
    }

    /// Requests straight to Kubernetes: with them a surge falls neither with the weight nor when
    /// `HAProxy` passes nothing on.
    pub fn direct(&self) -> Result<Load> {
        Load::start(load::Settings::new(self.world.kubernetes.addresses()[0], 60.0))
    }

    /// They need few.
    pub fn calm(&self) {
        let calm = Behaviour::default().connects_per_request;
        self.world.kubernetes.change(|behaviour| behaviour.connects_per_request = calm);
    }

    /// The plan's status now; null if there is none.
    pub async fn status(&self) -> Result<Value> {
        let plan = self.world.plans()?.get_opt("mail").await?;
        Ok(plan.and_then(|plan| plan.data.get("status").cloned()).unwrap_or_default())
    }

    /// Waits until the status fulfils a condition.
    pub async fn until(&self, what: &str, within: Duration, holds: impl Fn(&Value) -> bool) -> Result<Value> {
        let begin = Instant::now();
        let plans = self.world.plans()?;
        let mut last = Value::Null;
        loop {
            if let Ok(Ok(plan)) = timeout(Duration::from_secs(2), plans.get_opt("mail")).await {
                last = plan.and_then(|plan| plan.data.get("status").cloned()).unwrap_or_default();
                if holds(&last) {
                    return Ok(last);
                }
            }
            if begin.elapsed() > within {
                bail!("not within {within:?}: {what}; the status: {last:#}");
            }
            sleep(POLL).await;
        }
    }

    /// Waits until the first `HAProxy` stands at a weight.
    pub async fn until_weight(&self, weight: f64, within: Duration) -> Result<()> {
        weighs(&self.world.haproxy, weight, within).await
    }

    /// Sets one of the annotations that are commands.
    pub async fn command(&self, name: &str, value: &str) -> Result<()> {
        let patch = json!({"metadata": {"annotations": {format!("crossfade.dev/{name}"): value}}});
        self.world.plans()?.patch("mail", &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Waits for an event of this reason whose note contains `says`.
    pub async fn until_event(&self, reason: &str, says: &str, within: Duration) -> Result<()> {
        let events: Api<Event> = Api::namespaced(self.world.cluster.admin_client()?, NAMESPACE);
        let what = format!("an event {reason} that says {says:?}");
        until(&what, within, async || {
            let list = events.list(&ListParams::default()).await?;
            Ok(list.items.iter().any(|event| {
                event.reason.as_deref() == Some(reason)
                    && event.note.as_deref().unwrap_or_default().contains(says)
            }))
        })
        .await
    }
}

/// Both pools, every legacy server at the rest of `weight`.
pub fn options(world: &World, weight: u16) -> haproxy::Options {
    let mut options = haproxy::Options::new(&world.legacy.addresses(), &world.kubernetes.addresses());
    options.checks = Some(Duration::from_millis(200));
    options.global = "stats maxconn 100".into();
    options.legacy.iter_mut().for_each(|server| server.weight = 100 - weight);
    options.kubernetes.iter_mut().for_each(|server| server.weight = weight);
    options
}

/// Waits until a `HAProxy` stands at a weight.
pub async fn weighs(haproxy: &HaProxy, weight: f64, within: Duration) -> Result<()> {
    let socket = haproxy.admin_unix();
    until(&format!("{socket} stands at {weight} %"), within, async || {
        Ok((read_weight(&socket).await? - weight).abs() < NEAR)
    })
    .await
}

/// Waits until something holds; an error counts as no.
pub async fn until(what: &str, within: Duration, holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let begin = Instant::now();
    loop {
        let held = timeout(Duration::from_secs(2), holds()).await.context("no answer in time").flatten();
        match held {
            Ok(true) => return Ok(()),
            held if begin.elapsed() > within => bail!("not within {within:?}: {what} ({held:?})"),
            _ => sleep(POLL).await,
        }
    }
}

/// Whether a figure of a status is this weight, but for rounding.
pub fn near(value: &Value, weight: f64) -> bool {
    value.as_f64().is_some_and(|value| (value - weight).abs() < NEAR)
}

/// A condition of a status.
pub fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let all = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}

/// Whether the status is blocked by this reason, in words that contain `says`.
pub fn blocked(status: &Value, reason: &str, says: &str) -> bool {
    let all = status["blockedBy"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().any(|by| by["reason"] == reason && by["message"].as_str().unwrap_or_default().contains(says))
}

/// A scene.
pub type Scene = for<'a> fn(&'a mut Ground) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// Plays scenes one after the other; all of them, even if one fails.
pub async fn play(ground: &mut Ground, scenes: &[(&str, Scene)]) -> Result<()> {
    let only = std::env::var("SCENE").unwrap_or_default();
    let mut failed = Vec::new();
    for (name, scene) in scenes.iter().filter(|(name, _)| name.contains(&only)) {
        let begin = Instant::now();
        let played = timeout(SCENE, scene(ground)).await.context("the scene does not end").flatten();
        let took = begin.elapsed();
        match played {
            Ok(()) => println!("ok      {took:>6.1?}  {name}"),
            Err(error) => {
                println!("FAILED  {took:>6.1?}  {name}: {error:#}");
                for operator in &ground.world.operators {
                    let log = operator.log().unwrap_or_default();
                    let lines: Vec<&str> = log.lines().collect();
                    let end = lines[lines.len().saturating_sub(40)..].join("\n");
                    println!("--- the end of the log of {}:\n{end}", operator.address());
                }
                failed.push(*name);
            }
        }
        // A scene that failed may have left anything behind.
        for operator in &mut ground.world.operators {
            if operator.check().is_err() {
                println!("the operator at {} is not running and is started anew", operator.address());
                operator.restart()?;
                operator.ready().await?;
            }
        }
    }
    ensure!(failed.is_empty(), "{} of {} scenes failed: {failed:#?}", failed.len(), scenes.len());
    Ok(())
}

/// Scenes with their functions' names.
macro_rules! scenes {
    ($($name:ident,)+) => {
        &[$((stringify!($name), (|ground| Box::pin($name(ground))) as $crate::ground::Scene),)+]
    };
}
pub(crate) use scenes;
