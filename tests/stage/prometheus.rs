//! A real Prometheus: filled with history by `promtool`, on loopback, on a free port, in a folder
//! that goes with it. It scrapes nothing.
//!
//! It dies with the thread that started it (`PR_SET_PDEATHSIG`), and on drop.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what cannot be staged ends the test

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::cluster::port;
use super::mariadb::Tls;

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The history of one metric: a gauge, or a counter as it was read.
#[derive(Clone, Debug)]
pub struct Metric {
    pub name: String,
    /// The series: its labels as PromQL writes them, such as `{instance="db-1"}`, and its samples,
    /// in seconds since the epoch.
    pub series: Vec<(String, Vec<(u64, f64)>)>,
}

/// A running Prometheus.
pub struct Prometheus {
    folder: TempDir,
    port: u16,
    tls: Option<Tls>,
    process: Child,
}

impl Prometheus {
    /// Starts one that holds `history`, with further arguments, and waits until it answers.
    pub fn start(history: &[Metric], tls: Option<Tls>, more: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("crossfade-prometheus-").tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        fs::write(at("history.txt"), open_metrics(history)).unwrap();
        // One block: the many small ones that it makes else cost the start seconds.
        let filled = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=8784h"])
            .args([at("history.txt"), at("data")])
            .output()
            .expect("promtool is not installed: run tests/setup");
        assert!(filled.status.success(), "promtool: {}", String::from_utf8_lossy(&filled.stderr));
        fs::write(at("prometheus.yml"), "scrape_configs: []\n").unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "prometheus", "--storage.tsdb.retention.time=100y"]);
        command.arg(format!("--config.file={}", at("prometheus.yml")));
        command.arg(format!("--storage.tsdb.path={}", at("data")));
        if let Some(tls) = &tls {
            fs::write(at("certificate.pem"), &tls.certificate).unwrap();
            fs::write(at("key.pem"), &tls.key).unwrap();
            let web = "tls_server_config: {cert_file: certificate.pem, key_file: key.pem}\n";
            fs::write(at("web.yml"), web).unwrap();
            command.arg(format!("--web.config.file={}", at("web.yml")));
        }
        let port = port::free().unwrap();
        command.arg(format!("--web.listen-address=127.0.0.1:{port}")).args(more);
        let log = File::create(at("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let process = command.spawn().unwrap();
        let mut prometheus = Self { folder, port, tls, process };
        prometheus.wait();
        prometheus
    }

    /// Its address.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn wait(&mut self) {
        let begin = Instant::now();
        while !self.log().contains("Server is ready to receive web requests") {
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "prometheus ended at once ({ended:?}): {}", self.log());
            assert!(begin.elapsed() < PATIENCE, "prometheus did not start: {}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        for result in [self.process.kill(), self.process.wait().map(drop)] {
            if let Err(error) = result {
                io::Write::write_fmt(
                    &mut io::stderr(),
                    format_args!("cannot end prometheus {}: {error}\n", self.process.id()),
                )
                .ok();
            }
        }
    }
}

fn open_metrics(history: &[Metric]) -> String {
    let mut text = String::new();
    for Metric { name, series } in history {
        writeln!(text, "# TYPE {name} gauge").unwrap();
        for (labels, samples) in series {
            for (at, value) in samples {
                writeln!(text, "{name}{labels} {value} {at}").unwrap();
            }
        }
    }
    text + "# EOF\n"
}
