//! The operator under test: the real binary, as its own process, under a service account's
//! kubeconfig. Several may run at once, as replicas do.
//!
//! It may not reach into the operator: what it knows, it has from its log, its exit and its pages.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, sleep, timeout};

use super::cluster::port;
use super::cluster::process::{Launch, Process};

/// How long a start or an end may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often is looked whether what is waited for has come.
const POLL: Duration = Duration::from_millis(20);
/// How long one page may take.
const ANSWER: Duration = Duration::from_secs(2);
/// How long a page may be, in bytes.
const LONGEST_PAGE: usize = 4 << 20;

/// How an operator is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its kubeconfig: a service account's, never the administrator's.
    pub kubeconfig: PathBuf,
    /// The folder for its log, `<name>.log`.
    pub folder: PathBuf,
    /// What it is called among its replicas.
    pub name: String,
    /// Further environment variables.
    pub env: Vec<(String, String)>,
    /// Further arguments of `crossfade run`.
    pub args: Vec<String>,
}

impl Options {
    /// An operator of that name, with nothing special.
    pub fn new(kubeconfig: &Path, folder: &Path, name: &str) -> Self {
        Self {
            kubeconfig: kubeconfig.to_owned(),
            folder: folder.to_owned(),
            name: name.to_owned(),
            env: Vec::new(),
            args: Vec::new(),
        }
    }
}

/// A running, frozen or ended operator. Dropping it kills it.
#[derive(Debug)]
pub struct Operator {
    process: Process,
    address: SocketAddr,
}

impl Operator {
    /// Starts one; it may not be ready yet.
    pub fn start(options: &Options) -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], port::free()?));
        let log = options.folder.join(format!("{}.log", options.name));
        let mut launch = Launch::new(program("crossfade")?, log)
            .args(["run", "--listen", &address.to_string()])
            .args(&options.args)
            .env("KUBECONFIG", &options.kubeconfig)
            .env("POD_NAME", &options.name);
        for (name, value) in &options.env {
            launch = launch.env(name, value);
        }
        Ok(Self { process: launch.start()?, address })
    }

    /// Starts one, and waits until it is ready.
    pub async fn start_ready(options: &Options) -> Result<Self> {
        let mut operator = Self::start(options)?;
        operator.ready().await?;
        Ok(operator)
    }

    /// Waits until `/ready` says so.
    pub async fn ready(&mut self) -> Result<()> {
        let begin = Instant::now();
        loop {
            self.process.check()?;
            let answer = self.page("/ready").await;
            if answer.as_ref().is_ok_and(|(status, _)| *status == 200) {
                return Ok(());
            }
            if begin.elapsed() > PATIENCE {
                let said = answer.map_or_else(|error| format!("{error:#}"), |(_, page)| page);
                bail!("the operator is not ready after {PATIENCE:?}: {said}\n{}", self.process.log_tail());
            }
            sleep(POLL).await;
        }
    }

    /// A page of its own, such as `/metrics`: its status and text.
    pub async fn page(&self, path: &str) -> Result<(u16, String)> {
        page(self.address, path).await
    }

    /// The value of a metric by its name with labels as `/metrics` writes them; `None` if it is not
    /// there.
    pub async fn metric(&self, series: &str) -> Result<Option<f64>> {
        metric(self.address, series).await
    }

    /// Its process id, for reading its figures in `/proc`.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Where its pages are.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that it has logged.
    pub fn log(&self) -> Result<String> {
        let path = self.process.log();
        std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
    }

    /// An error that shows the end of its log, unless it runs.
    pub fn check(&mut self) -> Result<()> {
        self.process.check()
    }

    /// SIGKILL, as a node that dies. Again is harmless.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it anew where it was, after killing it if it still runs.
    pub fn restart(&mut self) -> Result<()> {
        self.process.restart()
    }

    /// SIGTERM, as a rollout; waits until it has ended, and says how.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        self.process.terminate()?;
        let begin = Instant::now();
        loop {
            if let Some(status) = self.process.exited()? {
                return Ok(status);
            }
            if begin.elapsed() > PATIENCE {
                bail!("the operator does not end after SIGTERM:\n{}", self.process.log_tail());
            }
            sleep(POLL).await;
        }
    }

    /// SIGSTOP: it holds its connections and does nothing.
    pub fn freeze(&mut self) -> Result<()> {
        self.process.freeze()
    }

    /// Lets it go on after [`Operator::freeze`].
    pub fn thaw(&mut self) -> Result<()> {
        self.process.thaw()
    }
}

/// A binary of this package: where cargo puts it, seen from a test (`target/<profile>/deps`) or an
/// example (`target/<profile>/examples`).
pub fn program(name: &str) -> Result<PathBuf> {
    let here = env::current_exe().context("ask where this program lies")?;
    let found = here.ancestors().nth(2).map(|profile| profile.join(name)).filter(|path| path.is_file());
    found.with_context(|| format!("there is no {name} beside {}: run `cargo build --bins`", here.display()))
}

async fn page(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let url = format!("http://{address}{path}");
    let ask = async {
        let response = client.get(url.parse()?).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LONGEST_PAGE).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
        anyhow::Ok((status, String::from_utf8_lossy(&body).into_owned()))
    };
    timeout(ANSWER, ask).await.context("no answer in time").flatten().with_context(|| format!("get {url}"))
}

/// The value of a metric of the operator whose pages are there.
pub async fn metric(address: SocketAddr, series: &str) -> Result<Option<f64>> {
    let (status, page) = page(address, "/metrics").await?;
    ensure!(status == 200, "/metrics was answered with {status}: {page}");
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    Ok(line.and_then(|value| value.split(' ').next()?.parse().ok()))
}
