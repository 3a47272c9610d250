//! Everything together: a mail service that is being moved. Two pools behind an HAProxy, a MariaDB
//! behind both, traffic, a cluster with the CRD and the operator's rights, and operators.
//!
//! What `make demo`, the whole-system tests and the benchmarks stand on. It sets up and it looks;
//! it decides nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use mysql_async::{Opts, OptsBuilder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::timeout;

use super::cluster::{self, Cluster};
use super::haproxy::{self, HaProxy};
use super::load::{self, Load};
use super::mariadb::{self, APP_KUBE, APP_LEGACY, MONITOR, MariaDb, User};
use super::operator::{self, Operator, program};
use super::pool::{self, Behaviour, Pool, Side};

/// The package's folder.
const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");
/// The CRD.
const CRDS: &str = "crds";
/// The operator's namespace, service account and rights; not its Deployment, as it runs beside the
/// cluster here.
const RIGHTS: &str = "deploy/rbac.yaml";
/// The operator's namespace, as [`RIGHTS`] has it.
pub const OPERATOR_NAMESPACE: &str = "crossfade-system";
/// The operator's service account, as [`RIGHTS`] has it.
pub const OPERATOR_ACCOUNT: &str = "crossfade";
/// The namespace of the service that is moved, and of its plan.
pub const NAMESPACE: &str = "mail";

/// How long HAProxy may take for its weights, and how long its answer may be, in bytes.
const ANSWER: Duration = Duration::from_secs(2);
const LONGEST_ANSWER: u64 = 1 << 20;

/// How big the world is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Servers of the legacy pool.
    pub legacy: usize,
    /// Servers of the Kubernetes pool.
    pub kubernetes: usize,
    /// How they all behave at first.
    pub behaviour: Behaviour,
    /// The database.
    pub database: mariadb::Options,
    /// The period of HAProxy's health checks.
    pub checks: Option<Duration>,
    /// Further lines of its backend.
    pub backend: String,
    /// Requests per second.
    pub rate: f64,
    /// What the cluster has.
    pub cluster: cluster::Options,
}

impl Default for Settings {
    /// Four servers a side, 200 requests a second.
    fn default() -> Self {
        Self {
            legacy: 4,
            kubernetes: 4,
            behaviour: Behaviour::default(),
            database: mariadb::Options::default(),
            checks: Some(Duration::from_millis(200)),
            backend: String::new(),
            rate: 200.0,
            cluster: cluster::Options::default(),
        }
    }
}

/// The service and what moves it. The fields end in their order: traffic first, the cluster last.
pub struct World {
    /// The traffic.
    pub load: Load,
    /// The operators that [`World::operator`] did not give away.
    pub operators: Vec<Operator>,
    /// The old side, `vm-1` and on.
    pub legacy: Pool,
    /// The new side, `ingress-1` and on.
    pub kubernetes: Pool,
    /// Where traffic is split, all of it on legacy at first.
    pub haproxy: HaProxy,
    /// What both sides stand on.
    pub database: MariaDb,
    /// Where the plan lives.
    pub cluster: Cluster,
}

impl World {
    /// Sets everything up but operators and plan; `say` is told what comes next.
    ///
    /// Call it from a task that runs on the main or the test's own thread: the programs end with
    /// the thread that starts them.
    pub async fn start(settings: Settings, say: impl Fn(&str)) -> Result<Self> {
        say("cluster: etcd and kube-apiserver");
        let cluster = Cluster::start(settings.cluster).await?;
        say("cluster: the CRD and the operator's rights");
        install(&cluster).await?;
        say("database: MariaDB");
        let database = MariaDb::start(settings.database);
        let pool = |side, servers, user| {
            let behaviour = settings.behaviour;
            Pool::start(pool::Settings { side, servers, database: login(&database, user), behaviour })
        };
        say("service: two pools behind HAProxy");
        let legacy = pool(Side::Legacy, settings.legacy, APP_LEGACY).await?;
        let kubernetes = pool(Side::Kubernetes, settings.kubernetes, APP_KUBE).await?;
        let mut options = haproxy::Options::new(&legacy.addresses(), &kubernetes.addresses());
        options.checks = settings.checks;
        options.backend = settings.backend;
        let haproxy = HaProxy::start(&options).await;
        let load = Load::start(load::Settings::new(haproxy.front_address(), settings.rate))?;
        Ok(Self { load, operators: Vec::new(), legacy, kubernetes, haproxy, database, cluster })
    }

    /// Starts another operator and waits until it is ready.
    pub async fn start_operator(&mut self) -> Result<&mut Operator> {
        let name = format!("crossfade-{}", self.operators.len());
        let kubeconfig = self.cluster.operator_kubeconfig(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT).await?;
        let options = operator::Options::new(&kubeconfig, self.cluster.dir(), &name);
        self.operators.push(Operator::start_ready(&options).await?);
        self.operators.last_mut().context("just started")
    }

    /// A plan's text with this world's addresses in place of `${HAPROXY}` and `${DATABASE_PORT}`.
    pub fn fill(&self, template: &str) -> String {
        template
            .replace("${HAPROXY}", &self.haproxy.admin_unix())
            .replace("${DATABASE_PORT}", &self.database.port().to_string())
    }

    /// Grants the operator what a filled-in plan needs, by what `crossfade rbac` prints, and
    /// applies the plan.
    pub async fn apply_plan(&self, plan: &str) -> Result<()> {
        self.grant(plan).await?;
        self.cluster.apply(plan).await.context("apply the plan")
    }

    /// Grants the operator what a filled-in plan needs.
    pub async fn grant(&self, plan: &str) -> Result<()> {
        let file = self.cluster.dir().join("plan.yaml");
        fs::write(&file, plan).context("write the plan to a file")?;
        let output = Command::new(program("crossfade")?)
            .arg("rbac")
            .arg(&file)
            .kill_on_drop(true)
            .output()
            .await
            .context("run crossfade rbac")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "crossfade rbac refuses the plan: {said}");
        let rights = String::from_utf8(output.stdout).context("read what crossfade rbac prints")?;
        self.cluster.apply(&rights).await.context("apply what crossfade rbac prints")
    }

    /// The plans of the service's namespace, as whatever they are.
    pub fn plans(&self) -> Result<Api<DynamicObject>> {
        Ok(Api::namespaced_with(self.cluster.admin_client()?, NAMESPACE, &plan_resource()))
    }

    /// Kubernetes' weight in percent as `HAProxy` has it: the share of the
    /// weights of its servers that are up.
    pub async fn read_back(&self) -> Result<f64> {
        read_weight(&self.haproxy.admin_unix()).await
    }
}

/// Kubernetes' weight in percent as the `HAProxy` behind a `unix://` socket has it.
pub async fn read_weight(socket: &str) -> Result<f64> {
    let path = socket.strip_prefix("unix://").unwrap_or(socket);
    let ask = async {
        let mut stream = UnixStream::connect(path).await?;
        stream.write_all(b"show stat mail 4 -1\n").await?;
        let mut answer = String::new();
        stream.take(LONGEST_ANSWER).read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = timeout(ANSWER, ask).await.context("no answer in time").flatten();
    let answer = answer.with_context(|| format!("ask {socket} for its weights"))?;
    read_weights(&answer).with_context(|| format!("read the weights out of {answer:?}"))
}

/// A user's way into the database.
pub fn login(database: &MariaDb, user: User) -> Opts {
    OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(database.port())
        .user(Some(user.name))
        .pass(Some(user.password))
        .into()
}

/// What a plan is for a client that does not know its fields.
pub fn plan_resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("crossfade.dev", "v1alpha1", "MigrationPlan"))
}

/// The CRD, the operator's rights, and the service's namespace with its Secret.
pub async fn install(cluster: &Cluster) -> Result<()> {
    for file in yaml_files(&Path::new(PACKAGE).join(CRDS))? {
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        cluster.apply(&text).await?;
    }
    let established =
        ["wait", "--for=condition=Established", "--timeout=30s", "crd/migrationplans.crossfade.dev"];
    cluster.kubectl(established).await?;
    let rights = Path::new(PACKAGE).join(RIGHTS);
    let rights = fs::read_to_string(&rights).with_context(|| format!("read {}", rights.display()))?;
    cluster.apply(&rights).await?;
    release_lease(cluster).await?;
    let User { name, password } = MONITOR;
    cluster
        .apply(&format!(
            "apiVersion: v1
kind: Namespace
metadata: {{name: {NAMESPACE}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: accounts-db-monitor, namespace: {NAMESPACE}}}
stringData: {{username: {name}, password: {password}}}
"
        ))
        .await
}

/// Makes the operators' lease, held by nobody. A new installation waits for one lease duration, as a
/// lease that is not there may have been deleted under its holder; a test's cluster need not.
pub async fn release_lease(cluster: &Cluster) -> Result<()> {
    cluster
        .apply(&format!(
            "apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {{name: crossfade, namespace: {OPERATOR_NAMESPACE}}}
spec: {{leaseTransitions: 0}}
"
        ))
        .await
}

fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    ensure!(!files.is_empty(), "{} holds no YAML file", folder.display());
    Ok(files)
}

/// From `show stat` of the servers: the weights of `ingress-*` as a part of all, in percent.
fn read_weights(answer: &str) -> Option<f64> {
    let mut lines = answer.lines();
    let header: Vec<&str> = lines.next()?.trim_start_matches("# ").split(',').collect();
    let place = |name| header.iter().position(|column| *column == name);
    let (name, weight, status) = (place("svname")?, place("weight")?, place("status")?);
    let (mut kubernetes, mut all) = (0.0, 0.0);
    for line in lines.filter(|line| !line.is_empty()) {
        let cells: Vec<&str> = line.split(',').collect();
        if cells.get(status)?.starts_with("DOWN") {
            continue;
        }
        let value: f64 = cells.get(weight)?.parse().ok()?;
        all += value;
        if cells.get(name)?.starts_with("ingress-") {
            kubernetes += value;
        }
    }
    (all > 0.0).then(|| 100.0 * kubernetes / all)
}
