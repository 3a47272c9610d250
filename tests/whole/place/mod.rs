//! What many tests stand on at once: one cluster with one operator, and for each test a place of
//! its own in it: a namespace, an `HAProxy` and a `MariaDB`.
//!
//! A place has no traffic: what a plan is guarded by, connections to its database, is made by
//! [`Place::storm`], so that many places fit on one machine.

mod ground;
mod reading;
mod storm;

pub use crate::mail::condition;
pub use ground::{Ground, shared};
pub use reading::{accepted, blocked_by, brief, differences, moves, near, soaks_in};
pub use storm::Storm;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use mysql_async::Conn;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::sleep;

use crate::stage::cluster::audit::Write;
use crate::stage::haproxy::{self, HaProxy, free_address};
use crate::stage::mariadb::{self, APP_KUBE, MONITOR, MariaDb, User};
use crate::stage::operator::program;
use crate::stage::world::{self, OPERATOR_NAMESPACE, plan_resource};

/// How often is looked whether what is waited for has come.
const POLL: Duration = Duration::from_millis(50);
/// How long a plan may take to go on, in seconds: a short ramp on a busy machine, and the minute for which a
/// database's data counts for nothing when its connection was lost for a moment.
pub const GOES_ON: u64 = 60 + 60;
/// The user that the operator is for the API server.
const OPERATOR_USER: &str = "system:serviceaccount:crossfade-system:crossfade";

/// One test's part of the world.
pub struct Place<'a> {
    pub ground: &'a Ground,
    /// Its namespace; its plan is called `mail`.
    pub namespace: String,
    pub haproxy: HaProxy,
    pub database: MariaDb,
}

impl<'a> Place<'a> {
    /// A namespace with the database's Secret, two servers a side, and a database. Call it from the
    /// test's own thread: the programs end with it.
    pub async fn new(ground: &'a Ground, namespace: &str) -> Result<Self> {
        Self::with(ground, namespace, mariadb::Options::default()).await
    }

    /// With a database that is so.
    pub async fn with(ground: &'a Ground, namespace: &str, database: mariadb::Options) -> Result<Self> {
        let servers = [free_address(), free_address(), free_address(), free_address()];
        let haproxy = HaProxy::start(&haproxy::Options::new(&servers[..2], &servers[2..])).await;
        let database = MariaDb::start(database);
        let place = Self { ground, namespace: namespace.into(), haproxy, database };
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        ground.cluster.apply(&object.to_string()).await?;
        place.secret(MONITOR.password).await?;
        Ok(place)
    }

    /// Writes the database's Secret.
    pub async fn secret(&self, password: &str) -> Result<()> {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "accounts-db-monitor", "namespace": self.namespace},
            "stringData": {"username": MONITOR.name, "password": password},
        });
        self.ground.cluster.apply(&secret.to_string()).await
    }

    /// The plan `name` as `edit` changes its spec: a stage at 10 % that soaks for a second, then in
    /// steps to 50 %, and a last stage that needs approval. Guards pause at 60 connections a second
    /// and roll back at 150.
    pub fn plan_named(&self, name: &str, edit: impl FnOnce(&mut Value)) -> Value {
        let mut spec = json!({
            "stages": [
                {"name": "tenth", "weight": 10, "soak": {"for": "1s"}},
                {"name": "half", "weight": 50, "ramp": {"step": 20, "every": "1s"}, "soak": {"for": "24h"}},
                {"name": "full", "weight": 100, "approval": "Required"},
            ],
            "routes": [{"name": "edge", "haproxy": {
                "instances": [self.haproxy.admin_unix()], "backend": "mail",
                "legacyServers": ["vm-*"], "kubernetesServers": ["ingress-*"],
            }}],
            "databases": [{
                "name": "accounts", "every": "200ms",
                "mysql": {
                    "host": "127.0.0.1", "port": self.database.port(),
                    "credentialsSecret": "accounts-db-monitor", "insecure": true,
                },
                "guards": [
                    {"signal": "ConnectionRate", "pause": {"above": 60, "for": "600ms"},
                     "rollback": {"above": 150, "for": "600ms"}, "resume": {"below": 30, "for": "2s"}},
                    {"signal": "ConnectionsOfMax", "pause": {"above": 70, "for": "600ms"},
                     "rollback": {"above": 85, "for": "600ms"}, "resume": {"below": 60, "for": "2s"}},
                    {"signal": "FailedConnections", "enabled": false},
                ],
            }],
            "legacy": {"capacity": {"requestsPerSecondPerServer": 1000}},
            "demand": {"requestsPerSecond": 100},
            "rollback": {"to": "Previous", "maxStep": 20, "every": "1s"},
        });
        edit(&mut spec);
        json!({
            "apiVersion": "crossfade.dev/v1alpha1", "kind": "MigrationPlan",
            "metadata": {"name": name, "namespace": self.namespace}, "spec": spec,
        })
    }

    /// The plan `mail` as `edit` changes its spec.
    pub fn plan(&self, edit: impl FnOnce(&mut Value)) -> Value {
        self.plan_named("mail", edit)
    }

    /// Applies a plan without any right.
    pub async fn apply(&self, plan: &Value) -> Result<()> {
        self.ground.cluster.apply(&plan.to_string()).await
    }

    /// Grants the operator what the plan needs, by what `crossfade rbac` prints, and applies it.
    pub async fn begin(&self, plan: &Value) -> Result<()> {
        self.grant(plan).await?;
        self.apply(plan).await
    }

    /// Grants the operator what the plan needs, by what `crossfade rbac` prints.
    pub async fn grant(&self, plan: &Value) -> Result<()> {
        let file = self.write(plan)?;
        let output = Command::new(program("crossfade")?).arg("rbac").arg(&file).output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "crossfade rbac refuses the plan: {said}");
        self.ground.cluster.apply(std::str::from_utf8(&output.stdout)?).await
    }

    fn write(&self, plan: &Value) -> Result<PathBuf> {
        let file = self.ground.cluster.dir().join(format!("{}.json", self.namespace));
        fs::write(&file, plan.to_string())?;
        Ok(file)
    }

    /// The plans of the namespace.
    pub fn plans(&self) -> Result<Api<DynamicObject>> {
        let client = self.ground.cluster.admin_client()?;
        Ok(Api::namespaced_with(client, &self.namespace, &plan_resource()))
    }

    /// Changes the plan `mail` by a merge patch.
    pub async fn change(&self, patch: Value) -> Result<()> {
        let params = PatchParams { field_manager: Some("crossfade-test".into()), ..PatchParams::default() };
        self.plans()?.patch("mail", &params, &Patch::Merge(patch)).await.context("change the plan")?;
        Ok(())
    }

    /// Sets, or with null removes, an annotation `crossfade.dev/<name>`.
    pub async fn annotate(&self, name: &str, value: Value) -> Result<()> {
        let key = format!("crossfade.dev/{name}");
        self.change(json!({"metadata": {"annotations": {key: value}}})).await
    }

    /// Deletes a plan and waits until it is gone from the API server.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let plan = format!("migrationplan/{name}");
        self.ground.cluster.kubectl(["delete", "--wait", "-n", &self.namespace, &plan]).await.map(drop)
    }

    /// A plan's status; null if there is none.
    pub async fn status_of(&self, name: &str) -> Result<Value> {
        let plan = self.plans()?.get_opt(name).await?;
        Ok(plan.and_then(|plan| plan.data.get("status").cloned()).unwrap_or_default())
    }

    /// The status of the plan `mail`.
    pub async fn status(&self) -> Result<Value> {
        self.status_of("mail").await
    }

    /// Waits until the status of the plan `mail` is so, and returns it.
    pub async fn until(&self, what: &str, within: u64, is: impl Fn(&Value) -> bool) -> Result<Value> {
        self.until_of("mail", what, within, is).await
    }

    /// Waits, at most `within` seconds, until the status of a plan is so, and returns it.
    pub async fn until_of(
        &self,
        name: &str,
        what: &str,
        within: u64,
        is: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let begin = Instant::now();
        loop {
            let status = self.status_of(name).await?;
            if is(&status) {
                println!("{} {name}: {what}, after {:?}", self.namespace, begin.elapsed());
                return Ok(status);
            }
            if begin.elapsed() > Duration::from_secs(within) {
                let (status, log) = (brief(&status), self.ground.log(&self.namespace));
                bail!("{name} is not {what} within {within} s: {status}\nthe operator's log:\n{log}");
            }
            sleep(POLL).await;
        }
    }

    /// Watches the status of the plan `mail` for a while, and fails if it is ever not so. For what
    /// must not happen there is no condition to wait for.
    pub async fn throughout(&self, what: &str, time: Duration, is: impl Fn(&Value) -> bool) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < time {
            let status = self.status().await?;
            let log = || self.ground.log(&self.namespace);
            ensure!(
                is(&status),
                "no longer {what} after {:?}: {}\n{}",
                begin.elapsed(),
                brief(&status),
                log()
            );
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Kubernetes' weight as the `HAProxy` has it, in percent.
    pub async fn weight(&self) -> Result<f64> {
        world::read_weight(&self.haproxy.admin_unix()).await
    }

    /// Waits until the `HAProxy` has this weight, to half a point.
    pub async fn until_weight(&self, weight: f64, within: u64) -> Result<()> {
        let begin = Instant::now();
        loop {
            let is = self.weight().await?;
            if near(is, weight) {
                return Ok(());
            }
            if begin.elapsed() > Duration::from_secs(within) {
                let (status, log) = (brief(&self.status().await?), self.ground.log(&self.namespace));
                bail!("the weight is {is} % and not {weight} % within {within} s: {status}\n{log}");
            }
            sleep(POLL).await;
        }
    }

    /// Watches the weight for a while, and fails if it ever is another one.
    pub async fn weight_stays(&self, weight: f64, time: Duration) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < time {
            let is = self.weight().await?;
            ensure!(
                near(is, weight),
                "the weight is {is} % instead of {weight} %: {}",
                brief(&self.status().await?)
            );
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Runs a command line as the administrator would, with this package's programs and kubectl.
    pub async fn run(&self, line: &str) -> Result<String> {
        let kubectl = self.ground.cluster.kubectl_command();
        let mut folders: Vec<PathBuf> = [Path::new(kubectl.as_std().get_program()), &program("crossfade")?]
            .iter()
            .filter_map(|program| Some(program.parent()?.to_owned()))
            .collect();
        folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", line])
            .env("PATH", env::join_paths(folders)?)
            .env("KUBECONFIG", self.ground.cluster.admin_kubeconfig())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("run {line}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{line}: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Every write of the operator that concerns this place, or its own namespace, but the lease's.
    pub fn writes(&self) -> Result<Vec<Write>> {
        let mut writes = self.ground.cluster.writes()?;
        writes.retain(|write| {
            write.user == OPERATOR_USER
                && write.resource != "leases"
                && (write.namespace == self.namespace || write.namespace == OPERATOR_NAMESPACE)
        });
        Ok(writes)
    }

    /// Opens and closes `rate` connections a second until it is dropped.
    pub fn storm(&self, rate: f64) -> Storm {
        self.storm_of(APP_KUBE, rate)
    }

    /// The same as another user.
    pub fn storm_of(&self, user: User, rate: f64) -> Storm {
        Storm::start(&self.database, user, rate)
    }

    /// Opens connections and holds them.
    pub async fn crowd(&self, count: usize) -> Result<Vec<Conn>> {
        let mut held = Vec::new();
        for _ in 0..count {
            held.push(Conn::new(storm::opts(&self.database)).await.context("open a connection")?);
        }
        Ok(held)
    }
}
