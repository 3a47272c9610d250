//! A real MariaDB server: on loopback, on a free port, in a folder that goes with it.
//!
//! It dies with the thread that started it (`PR_SET_PDEATHSIG`), so start it from one that lives
//! as long as the server is needed, and on drop.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what cannot be staged ends the test or the demo

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a start or a stop may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Small and fast: nothing here has to survive a power cut.
const QUICK: [&str; 18] = [
    "--no-defaults",
    "--user=root",
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--innodb-buffer-pool-size=8M",
    "--innodb-log-file-size=4M",
    "--innodb-temp-data-file-path=ibtmp1:1M:autoextend",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--innodb-fast-shutdown=2",
    "--innodb-buffer-pool-dump-at-shutdown=0",
    "--innodb-buffer-pool-load-at-startup=0",
    "--aria-pagecache-buffer-size=1M",
    "--key-buffer-size=1M",
    "--performance-schema=OFF",
    "--thread-cache-size=64",
];

/// A user of the server.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// Its name.
    pub name: &'static str,
    /// Its password.
    pub password: &'static str,
}

/// The guard's user: it may log in, and has no other right.
pub const MONITOR: User = User { name: "monitor", password: "only-to-look" };
/// The user of the legacy servers, with every right on the schema `mail`.
pub const APP_LEGACY: User = User { name: "app_legacy", password: "from-the-old-side" };
/// The user of the pods, with every right on the schema `mail`.
pub const APP_KUBE: User = User { name: "app_kube", password: "from-the-new-side" };

/// How a server is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its port; a free one if none is given.
    pub port: Option<u16>,
    /// Whether it also listens on an `extra_port`.
    pub extra_port: bool,
    /// `max_connections`; the server lets in one more with administration rights.
    pub max_connections: u32,
    /// `server_id`.
    pub server_id: u32,
    /// Certificate and key, both PEM, if it is to speak TLS.
    pub tls: Option<Tls>,
    /// Further arguments.
    pub more: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: None,
            extra_port: false,
            max_connections: 400,
            server_id: 1,
            tls: None,
            more: Vec::new(),
        }
    }
}

/// What a server needs to speak TLS, and a client to believe it. All PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The authority's certificate.
    pub authority: String,
    /// The server's certificate.
    pub certificate: String,
    /// The server's private key.
    pub key: String,
}

impl Tls {
    /// A new authority, and by it a certificate for these names (host names or addresses).
    pub fn issue(names: &[&str]) -> Self {
        let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, "the stage's authority");
        let issuer =
            rcgen::CertifiedIssuer::self_signed(authority, rcgen::KeyPair::generate().unwrap()).unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        Self { authority: issuer.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// A running (or stopped, or killed) server.
#[derive(Debug)]
pub struct MariaDb {
    folder: TempDir,
    options: Options,
    port: u16,
    extra_port: Option<u16>,
    process: Option<Child>,
}

impl MariaDb {
    /// Starts a server and waits until it takes connections.
    pub fn start(options: Options) -> Self {
        let folder = tempfile::Builder::new().prefix("crossfade-mariadb-").tempdir().unwrap();
        copy(&template(), &folder.path().join("data")).unwrap();
        let port = options.port.unwrap_or_else(free_port);
        let extra_port = options.extra_port.then(free_port);
        if let Some(tls) = &options.tls {
            fs::write(folder.path().join("ca.pem"), &tls.authority).unwrap();
            fs::write(folder.path().join("certificate.pem"), &tls.certificate).unwrap();
            fs::write(folder.path().join("key.pem"), &tls.key).unwrap();
        }
        fs::write(folder.path().join("users.sql"), users()).unwrap();
        let mut server = Self { folder, options, port, extra_port, process: None };
        server.run();
        server
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its extra port on 127.0.0.1, if it was asked for.
    pub fn extra_port(&self) -> Option<u16> {
        self.extra_port
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its socket file.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Runs SQL as root over the socket file (one connection) and returns the rows, tab-separated.
    pub fn exec(&self, sql: &str) -> String {
        let output = Command::new("mariadb")
            .args(["--no-defaults", "--batch", "--skip-column-names", "--user=root"])
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--execute={sql}"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Kills it at once (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Shuts it down in an orderly way.
    pub fn stop(&mut self) {
        self.signal("TERM");
        if let Some(mut process) = self.process.take() {
            process.wait().unwrap();
        }
    }

    /// Starts it again on the same port and data; stops it first if it runs.
    pub fn restart(&mut self) {
        self.stop();
        self.run();
    }

    /// Lets it hang (SIGSTOP): its port still accepts, nothing answers.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        if let Some(process) = &self.process {
            let done = Command::new("kill").arg(format!("-{name}")).arg(process.id().to_string()).status();
            assert!(done.unwrap().success(), "kill -{name} {}", process.id());
        }
    }

    fn run(&mut self) {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let log = File::create(at("log")).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "mariadbd"]).args(QUICK);
        command.arg(format!("--datadir={}", at("data")));
        command.arg(format!("--socket={}", at("socket")));
        command.arg(format!("--pid-file={}", at("pid")));
        command.arg(format!("--init-file={}", at("users.sql")));
        command.arg(format!("--port={}", self.port));
        command.arg(format!("--max-connections={}", self.options.max_connections));
        command.arg(format!("--server-id={}", self.options.server_id));
        if let Some(port) = self.extra_port {
            command.arg(format!("--extra-port={port}")).arg("--extra-max-connections=2");
        }
        if self.options.tls.is_some() {
            command.arg(format!("--ssl-ca={}", at("ca.pem")));
            command.arg(format!("--ssl-cert={}", at("certificate.pem")));
            command.arg(format!("--ssl-key={}", at("key.pem")));
        }
        command.args(&self.options.more);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().unwrap());

        let begin = Instant::now();
        // A trial connection would move the counters that the tests count.
        while !self.log().contains("ready for connections") {
            let ended = self.process.as_mut().and_then(|process| process.try_wait().unwrap());
            assert!(ended.is_none(), "mariadbd ended at once ({ended:?}): {}", self.log());
            assert!(begin.elapsed() < PATIENCE, "mariadbd did not start: {}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            for result in [process.kill(), process.wait().map(drop)] {
                if let Err(error) = result {
                    let mut stderr = io::stderr();
                    writeln!(stderr, "cannot end mariadbd {}: {error}", process.id()).ok();
                }
            }
        }
    }
}

/// A port on loopback that nobody listens on now.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// SQL that makes the users; run at every start.
fn users() -> String {
    let mut sql = vec!["CREATE DATABASE IF NOT EXISTS mail;".to_owned()];
    for user in [MONITOR, APP_LEGACY, APP_KUBE] {
        let User { name, password } = user;
        sql.push(format!("CREATE USER IF NOT EXISTS '{name}'@'%' IDENTIFIED BY '{password}';"));
    }
    for User { name, .. } in [APP_LEGACY, APP_KUBE] {
        sql.push(format!("GRANT ALL ON mail.* TO '{name}'@'%';"));
    }
    // An init file takes one statement per line.
    sql.join("\n") + "\n"
}

/// A fresh data folder, made once per build folder and copied for each server.
fn template() -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap();

    let version = Command::new("mariadbd").arg("--version").output().expect("mariadbd is not installed");
    let version: String =
        String::from_utf8_lossy(&version.stdout).chars().filter(char::is_ascii_alphanumeric).collect();
    // Two levels up from the test or the example: the profile's own folder.
    let here = std::env::current_exe().unwrap();
    let place = here.ancestors().nth(2).unwrap().to_owned();
    let ready = place.join(format!("stage-mariadb-{version}"));
    if ready.exists() {
        return ready;
    }
    let making = tempfile::Builder::new().prefix("stage-mariadb-").tempdir_in(&place).unwrap();
    let data = making.path().join("data");
    let done = Command::new("mariadb-install-db")
        .args(QUICK.iter().filter(|option| **option != "--bind-address=127.0.0.1"))
        .args(["--auth-root-authentication-method=socket", "--skip-test-db"])
        .arg(format!("--datadir={}", data.display()))
        .output()
        .expect("mariadb-install-db is not installed");
    assert!(done.status.success(), "mariadb-install-db: {}", String::from_utf8_lossy(&done.stdout));
    // Another process may have been quicker: its folder is as good.
    if let Err(error) = fs::rename(&data, &ready) {
        assert!(ready.exists(), "cannot keep the data folder at {}: {error}", ready.display());
    }
    ready
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
