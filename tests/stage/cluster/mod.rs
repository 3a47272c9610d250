//! A real Kubernetes control plane for a test: etcd, kube-apiserver and, when
//! asked, kube-controller-manager, kube-scheduler and nodes that KWOK plays.
//!
//! [`Cluster::start`] takes the first of: the cluster of `KUBECONFIG` with
//! `CROSSFADE_USE_EXISTING_CLUSTER=1`; the programs in `KUBEBUILDER_ASSETS`;
//! those that `tests/controlplane/build` makes. RBAC is on, and the operator
//! under test gets its own service account's token from
//! [`Cluster::operator_kubeconfig`]: it never acts as administrator.
//!
//! Everything ends with the [`Cluster`] or with the process, whichever is first:
//! the programs (see [`process`]) and their data (see [`folder`]).
//! It may not decide anything that a test is about.

mod assets;
pub mod audit;
mod certs;
mod control;
pub mod folder;
mod kubeconfig;
pub mod nodes;
pub mod port;
pub mod process;

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{Api, GetParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use self::assets::Assets;
use self::audit::Write;
use self::certs::Certs;
use self::control::Plan;
use self::folder::Folder;
use self::process::Process;

/// How long a part may take to become ready. It takes 4 s on two idle cores;
/// they may be busy compiling.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often readiness is asked for.
const POLL: Duration = Duration::from_millis(50);
/// How long one answer to that may take.
const ANSWER: Duration = Duration::from_secs(2);
/// How long a service account token is good for, in seconds: a day.
const TOKEN_SECONDS: i64 = 24 * 60 * 60;

/// What a cluster should have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Run kube-controller-manager too: default service accounts, Deployments,
    /// autoscalers, garbage collection, deletion of namespaces.
    pub controllers: bool,
    /// So many nodes, `node-1` and on, to which kube-scheduler gives pods and
    /// whose life KWOK plays (see [`nodes`]); they ask for `controllers`.
    pub nodes: usize,
}

/// A running control plane. Dropping it kills it and removes its data.
#[derive(Debug)]
pub struct Cluster {
    // First, so that the programs are gone before their folder is.
    own: Option<Own>,
    config: Config,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    dir: Folder,
}

/// The programs of a cluster that this process started, in the order in which
/// they are killed.
#[derive(Debug)]
struct Own {
    /// kube-controller-manager, kube-scheduler and KWOK, as far as asked for.
    controllers: Vec<Mutex<Process>>,
    api: Mutex<Process>,
    etcd: Mutex<Process>,
}

impl Cluster {
    /// Starts a cluster, or connects to the one that the environment names, and
    /// waits until it is ready.
    pub async fn start(options: Options) -> Result<Self> {
        let dir = Folder::create("crossfade-cluster-")?;
        if env::var_os("CROSSFADE_USE_EXISTING_CLUSTER").is_some_and(|value| value == "1") {
            return Self::existing(dir).await;
        }
        let assets = Assets::find(options.controllers).await?;
        let certs = Certs::create(dir.path()).context("make the cluster's certificates")?;
        let port = port::free()?;
        let plan = Plan { assets: &assets, dir: dir.path(), certs: &certs, port };

        let server = kubeconfig::cluster(plan.url(), &certs.authority);
        let as_user = |name: &str, user| {
            let path = dir.path().join(name);
            let config = kubeconfig::compose(server.clone(), user, None);
            kubeconfig::write(&path, &config).map(|()| (path, config))
        };
        let (kubeconfig, admin) = as_user("admin.kubeconfig", kubeconfig::by_certificate(&certs.admin))?;
        let config = client_config(admin).await?;

        // The API server waits for etcd by itself.
        let etcd = Mutex::new(plan.etcd().start()?);
        let api = Mutex::new(plan.api_server()?.start()?);
        let mut own = Own { controllers: Vec::new(), api, etcd };
        own.ready(&config).await.context("start the control plane")?;
        if options.controllers {
            let user = kubeconfig::by_certificate(&certs.controllers);
            let (path, _) = as_user("controllers.kubeconfig", user)?;
            own.controllers.push(Mutex::new(plan.controller_manager(&path).start()?));
            own.controlled(&config).await.context("start the controllers")?;
        }
        if options.nodes > 0 {
            let user = kubeconfig::by_certificate(&certs.scheduler);
            let (path, _) = as_user("scheduler.kubeconfig", user)?;
            own.controllers.push(Mutex::new(plan.scheduler(&path).start()?));
            own.controllers.push(Mutex::new(nodes::kwok(&kubeconfig, dir.path()).await?.start()?));
            Box::pin(own.populated(&config, options.nodes)).await.context("start the nodes")?;
        }
        let kubectl = assets.program("kubectl");
        Ok(Self { own: Some(own), config, kubeconfig, kubectl, dir })
    }

    async fn existing(dir: Folder) -> Result<Self> {
        let kubeconfig = env::var_os("KUBECONFIG")
            .map(PathBuf::from)
            .context("CROSSFADE_USE_EXISTING_CLUSTER=1 uses the cluster of KUBECONFIG: set it to one file")?;
        let admin = Kubeconfig::read_from(&kubeconfig)
            .with_context(|| format!("read KUBECONFIG={}", kubeconfig.display()))?;
        let config = client_config(admin).await?;
        probe(&config).await.with_context(|| format!("ask {}", config.cluster_url))?;
        Ok(Self { own: None, config, kubeconfig, kubectl: assets::kubectl(), dir })
    }

    /// A client that may do anything: for the test, never for the operator.
    ///
    /// A new one each time, for it belongs to the runtime in which it is made:
    /// tests that share a cluster have a runtime each.
    pub fn admin_client(&self) -> Result<Client> {
        Ok(Client::try_from(self.config.clone())?)
    }

    /// The administrator's kubeconfig.
    pub fn admin_kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The folder of the cluster's logs (`etcd.log`, `kube-apiserver.log`,
    /// `kube-controller-manager.log`, `kube-scheduler.log`, `kwok.log`); it goes
    /// when the cluster does.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// kubectl, ready to be given arguments, as administrator.
    pub fn kubectl_command(&self) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", self.dir.path().join("kubectl"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs kubectl as administrator: its standard output, or its error.
    pub async fn kubectl<S>(&self, args: impl IntoIterator<Item = S>) -> Result<String>
    where
        S: AsRef<OsStr>,
    {
        let mut command = self.kubectl_command();
        command.args(args);
        run(command, "").await
    }

    /// Applies one or more YAML documents, server side, as administrator. A CRD
    /// is accepted before it is served: apply it first, then
    /// `kubectl wait --for=condition=Established`.
    pub async fn apply(&self, yaml: &str) -> Result<()> {
        let mut command = self.kubectl_command();
        command.args(["apply", "--server-side", "--force-conflicts", "--filename=-"]);
        run(command, yaml).await.map(drop)
    }

    /// Writes a kubeconfig with a fresh token of a service account, which must
    /// exist: what the operator under test runs under.
    pub async fn operator_kubeconfig(&self, namespace: &str, account: &str) -> Result<PathBuf> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.admin_client()?, namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() },
            ..TokenRequest::default()
        };
        let token = accounts
            .create_token_request(account, &PostParams::default(), &request)
            .await
            .with_context(|| format!("ask for a token of {namespace}/{account}"))?
            .status
            .map(|status| status.token)
            .context("the token request was answered without a token")?;
        let admin = Kubeconfig::read_from(&self.kubeconfig)?;
        let server = kubeconfig::current_cluster(&admin)?;
        let path = self.dir.path().join(format!("{namespace}.{account}.kubeconfig"));
        let user = kubeconfig::by_token(token);
        kubeconfig::write(&path, &kubeconfig::compose(server, user, Some(namespace)))?;
        Ok(path)
    }

    /// Every write that the API server answered or refused since it started.
    pub fn writes(&self) -> Result<Vec<Write>> {
        self.own()?;
        audit::read(self.dir.path())
    }

    /// Whether this process started the cluster, and so may stop its API server.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// The process ids of everything that was started for it.
    pub fn process_ids(&self) -> Result<Vec<u32>> {
        let own = self.own()?;
        Ok(own.processes().map(|process| lock(process).id()).collect())
    }

    /// Kills the API server (SIGKILL): connections are refused from now on.
    pub fn stop_api(&self) -> Result<()> {
        lock(&self.own()?.api).kill();
        Ok(())
    }

    /// Starts the API server again, on its port and its data, and waits until it
    /// is ready. One that still runs is killed first.
    pub async fn start_api(&self) -> Result<()> {
        let own = self.own()?;
        lock(&own.api).restart()?;
        own.ready(&self.config).await.context("start the API server again")
    }

    /// Freezes the API server (SIGSTOP): connections stay open, or are even
    /// accepted by the kernel, and nothing is answered.
    pub fn freeze_api(&self) -> Result<()> {
        lock(&self.own()?.api).freeze()
    }

    /// Lets the API server go on after [`Cluster::freeze_api`].
    pub fn thaw_api(&self) -> Result<()> {
        lock(&self.own()?.api).thaw()
    }

    fn own(&self) -> Result<&Own> {
        self.own
            .as_ref()
            .context("this needs a cluster of the test's own: unset CROSSFADE_USE_EXISTING_CLUSTER")
    }
}

impl Own {
    fn processes(&self) -> impl Iterator<Item = &Mutex<Process>> {
        [&self.etcd, &self.api].into_iter().chain(&self.controllers)
    }

    /// Until the API server says that it is ready and has its first namespaces.
    async fn ready(&self, config: &Config) -> Result<()> {
        self.until(async || {
            let client = probe(config).await?;
            let namespaces: Api<Namespace> = Api::all(client);
            namespaces.get("default").await?;
            namespaces.get("kube-system").await?;
            Ok(())
        })
        .await
    }

    /// Until the controllers work: a namespace gets its service account.
    async fn controlled(&self, config: &Config) -> Result<()> {
        self.until(async || {
            let accounts: Api<ServiceAccount> = Api::namespaced(Client::try_from(config.clone())?, "default");
            accounts.get("default").await?;
            Ok(())
        })
        .await
    }

    /// Makes so many nodes, and waits until they may be given pods.
    async fn populated(&self, config: &Config, nodes: usize) -> Result<()> {
        nodes::create(config, nodes).await?;
        self.until(async || nodes::are_ready(config).await).await
    }

    /// Asks every [`POLL`] until `ask` succeeds, a program ended, or
    /// [`PATIENCE`] is over.
    async fn until(&self, ask: impl AsyncFn() -> Result<()>) -> Result<()> {
        let start = Instant::now();
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            poll.tick().await;
            for process in self.processes() {
                lock(process).check()?;
            }
            let answer = timeout(ANSWER, ask()).await;
            match answer.unwrap_or_else(|_| Err(anyhow!("no answer within {ANSWER:?}"))) {
                Ok(()) => return Ok(()),
                Err(_) if start.elapsed() < PATIENCE => {}
                Err(error) => {
                    return Err(error.context(format!("not ready after {PATIENCE:?}")));
                }
            }
        }
    }
}

/// A poisoned lock's process is still there to be killed.
fn lock(process: &Mutex<Process>) -> MutexGuard<'_, Process> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn client_config(kubeconfig: Kubeconfig) -> Result<Config> {
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    config.context("read the administrator's kubeconfig")
}

/// A client of an API server that has just said that it is ready.
async fn probe(config: &Config) -> Result<Client> {
    let mut config = config.clone();
    config.default_retry = false;
    let client = Client::try_from(config)?;
    let request = kube::core::Request::new("").get("readyz", &GetParams::default())?;
    client.request_text(request).await?;
    Ok(client)
}

async fn run(mut command: Command, input: &str) -> Result<String> {
    let args: Vec<_> = command.as_std().get_args().map(OsStr::to_string_lossy).collect();
    let what = format!("kubectl {}", args.join(" "));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("run {what}"))?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes()).await.with_context(|| format!("write to {what}"))?;
    }
    let output = child.wait_with_output().await.with_context(|| format!("wait for {what}"))?;
    if !output.status.success() {
        bail!("{what}: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("read what {what} says"))
}
