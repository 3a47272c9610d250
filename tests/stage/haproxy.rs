//! A real HAProxy: one backend with a legacy and a Kubernetes pool, commands over TCP, a Unix
//! socket and TLS. Everything lies in a temporary folder and on loopback, and dies with its owner.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what cannot be staged ends the test or the demo

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// How long a start, a reload or an end may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// One server of the backend.
#[derive(Clone, Debug)]
pub struct Server {
    pub address: SocketAddr,
    /// As configured, 0 to 256.
    pub weight: u16,
    /// Further words of the `server` line, such as `disabled` or `backup`.
    pub words: String,
}

impl Server {
    pub fn new(address: SocketAddr, weight: u16) -> Self {
        Self { address, weight, words: String::new() }
    }

    #[must_use]
    pub fn with(mut self, words: &str) -> Self {
        words.clone_into(&mut self.words);
        self
    }
}

/// What the HAProxy is to be. The servers are named `vm-1`.. and `ingress-1`...
#[derive(Clone, Debug)]
pub struct Options {
    pub legacy: Vec<Server>,
    pub kubernetes: Vec<Server>,
    /// The period of the health checks (TCP connects, one failure is enough); none if left out.
    pub checks: Option<Duration>,
    /// Further lines of the backend `mail`, such as more servers.
    pub backend: String,
    /// Further lines of the `global` section.
    pub global: String,
    /// Further sections.
    pub sections: String,
}

impl Options {
    /// Legacy servers at weight 100, Kubernetes servers at 0, no checks.
    pub fn new(legacy: &[SocketAddr], kubernetes: &[SocketAddr]) -> Self {
        let pool =
            |addresses: &[SocketAddr], weight| addresses.iter().map(|a| Server::new(*a, weight)).collect();
        Self {
            legacy: pool(legacy, 100),
            kubernetes: pool(kubernetes, 0),
            checks: None,
            backend: String::new(),
            global: String::new(),
            sections: String::new(),
        }
    }
}

/// The PEM texts of a CA and of a client certificate that it signed.
#[derive(Clone, Debug)]
pub struct Certificates {
    pub ca: String,
    pub client: String,
    pub client_key: String,
    server: String,
}

impl Certificates {
    /// A new CA, a server certificate for `localhost` and 127.0.0.1, and a client certificate.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "stage CA");
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let leaf = |names: &[&str], usage| {
            let key = KeyPair::generate().unwrap();
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            let mut params = CertificateParams::new(names).unwrap();
            params.extended_key_usages = vec![usage];
            (params.signed_by(&key, &ca).unwrap().pem(), key.serialize_pem())
        };
        let (server, server_key) = leaf(&["localhost", "127.0.0.1"], ExtendedKeyUsagePurpose::ServerAuth);
        let (client, client_key) = leaf(&["crossfade"], ExtendedKeyUsagePurpose::ClientAuth);
        Self { ca: ca.pem(), client, client_key, server: server + &server_key }
    }
}

/// A running (or killed) HAProxy. Must be started from a thread that outlives it: the kernel
/// kills it when that thread ends.
pub struct HaProxy {
    folder: TempDir,
    certificates: Certificates,
    ports: Ports,
    /// The process that listens; none after [`HaProxy::kill`].
    process: Option<Child>,
    /// Processes on their way out after a reload.
    old: Vec<Child>,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    front: SocketAddr,
    tcp: SocketAddr,
    tls: SocketAddr,
}

impl HaProxy {
    /// Starts and waits until it answers.
    pub async fn start(options: &Options) -> Self {
        let certificates = Certificates::new();
        let ports = Ports { front: free_address(), tcp: free_address(), tls: free_address() };
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("ca.pem"), &certificates.ca).unwrap();
        fs::write(folder.path().join("server.pem"), &certificates.server).unwrap();
        let mut haproxy = Self { folder, certificates, ports, process: None, old: Vec::new() };
        haproxy.configure(options);
        haproxy.restart().await;
        haproxy
    }

    /// Writes another configuration, for the next reload or restart.
    pub fn configure(&self, options: &Options) {
        fs::write(self.path("haproxy.cfg"), configuration(options, self.ports, self.folder.path())).unwrap();
    }

    /// As `systemctl reload` does: a new process takes the listening sockets over, the old one ends
    /// when its last connection does.
    pub async fn reload(&mut self) {
        let old = self.process.take().expect("running");
        let pid = old.id().to_string();
        self.old.push(old);
        self.process = Some(self.spawn(&["-x", self.path("admin.sock").to_str().unwrap(), "-sf", &pid]));
        self.until_answering().await;
    }

    /// Ends every process at once, without grace.
    pub fn kill(&mut self) {
        for mut process in self.process.take().into_iter().chain(self.old.drain(..)) {
            // Fails only if it has already ended.
            process.kill().and_then(|()| process.wait()).ok();
        }
    }

    /// Starts it again where it was, with the configured weights.
    pub async fn restart(&mut self) {
        self.kill();
        self.process = Some(self.spawn(&[]));
        self.until_answering().await;
    }

    /// Suspends the listening process, or lets it go on: it is then stuck, but not gone.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let pid = self.process.as_ref().expect("running").id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let started = Instant::now();
        // A signal takes effect a little later: the state stands after the name, in brackets.
        let stopped = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") T ");
        while stopped() != frozen {
            assert!(started.elapsed() < PATIENCE, "{signal} has no effect on {pid}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Where traffic goes in.
    pub fn front_address(&self) -> SocketAddr {
        self.ports.front
    }

    /// `tcp://...` of the Runtime API.
    pub fn admin_tcp(&self) -> String {
        format!("tcp://{}", self.ports.tcp)
    }

    /// `unix://...` of the Runtime API.
    pub fn admin_unix(&self) -> String {
        format!("unix://{}", self.path("admin.sock").display())
    }

    /// `tls://...` of the Runtime API; wants a client certificate.
    pub fn admin_tls(&self) -> String {
        format!("tls://localhost:{}", self.ports.tls.port())
    }

    /// `unix://...` of a Runtime API that may only look.
    pub fn admin_readonly(&self) -> String {
        format!("unix://{}", self.path("user.sock").display())
    }

    /// The certificates for [`HaProxy::admin_tls`].
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Says a command as an administrator would, and returns the answer.
    pub async fn command(&self, command: &str) -> String {
        self.say(command).await.unwrap()
    }

    async fn say(&self, command: &str) -> io::Result<String> {
        let mut stream = UnixStream::connect(self.path("admin.sock")).await?;
        stream.write_all(format!("{command}\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer.trim().to_owned())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "haproxy", "-db", "-f"])
            .arg(self.path("haproxy.cfg"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("setpriv (util-linux) and haproxy are installed")
    }

    /// Until commands and traffic reach the newest process.
    async fn until_answering(&mut self) {
        let started = Instant::now();
        let pid = format!("Pid: {}\n", self.process.as_ref().expect("spawned").id());
        loop {
            let ended = self.process.as_mut().and_then(|process| process.try_wait().unwrap());
            let log = || fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(ended.is_none(), "haproxy ended: {}", log());
            let answers = self.say("show info").await.is_ok_and(|answer| answer.contains(&pid));
            if answers && TcpStream::connect(self.ports.front).await.is_ok() {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "haproxy does not answer: {}", log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        self.kill();
    }
}

fn configuration(options: &Options, ports: Ports, folder: &Path) -> String {
    let Options { legacy, kubernetes, checks, backend, global, sections } = options;
    let Ports { front, tcp, tls } = ports;
    let folder = folder.display();
    // `stats socket` ignores `ssl` in HAProxy 2.6, hence the proxy in front of it.
    let mut text = format!(
        "global
  stats socket unix@{folder}/admin.sock mode 600 level admin expose-fd listeners
  stats socket unix@{folder}/user.sock mode 600 level user
  stats socket ipv4@{tcp} level admin
  {global}
defaults
  timeout connect 1s
  timeout client 1h
  timeout server 1h
listen admin-tls
  mode tcp
  bind {tls} ssl crt {folder}/server.pem ca-file {folder}/ca.pem verify required
  server admin unix@{folder}/admin.sock
frontend front
  mode http
  bind {front}
  default_backend mail
{sections}
backend mail
  mode http
  {backend}
"
    );
    let check =
        checks.map(|inter| format!("check inter {}ms rise 1 fall 1", inter.as_millis())).unwrap_or_default();
    for (name, pool) in [("vm", legacy), ("ingress", kubernetes)] {
        for (number, Server { address, weight, words }) in (1..).zip(pool) {
            writeln!(text, "  server {name}-{number} {address} weight {weight} {check} {words}").unwrap();
        }
    }
    text
}

/// A port of loopback that nobody listens on, and that stays free of the kernel's own choices: those
/// begin at 32768.
pub fn free_address() -> SocketAddr {
    const FIRST: u16 = 15_000;
    const COUNT: u16 = 15_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run at once begin at different places.
    let start = std::process::id().wrapping_mul(97);
    (0..COUNT)
        .map(|_| u32::from(NEXT.fetch_add(1, Ordering::Relaxed)).wrapping_add(start) % u32::from(COUNT))
        .map(|offset| SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + u16::try_from(offset).unwrap())))
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("a free port")
}
