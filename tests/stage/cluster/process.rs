//! A program that the stage runs, and that cannot outlive it.
//!
//! Three nets, because a leaked database or API server spoils the next run:
//! dropping a [`Process`] kills it (a panic unwinds through the drop); the
//! kernel kills it when the test process dies without unwinding, for which it
//! is started through `setpriv --pdeathsig KILL`; and it has a process group of
//! its own, so that Ctrl-C reaches the test only, which then takes it down in
//! order.
//!
//! Linux only. It may not wait without looking whether the program still runs.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use anyhow::{Context as _, Result, anyhow, bail, ensure};

/// How many lines of a log an error shows.
const TAIL: usize = 15;

/// What to start: a program, its arguments, and where its output goes.
#[derive(Clone, Debug)]
pub struct Launch {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    log: PathBuf,
}

impl Launch {
    /// `program` with both its outputs appended to the file `log`.
    pub fn new(program: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), args: Vec::new(), env: Vec::new(), log: log.into() }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds an environment variable to those inherited.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Starts it.
    pub fn start(self) -> Result<Process> {
        let child = self.spawn()?;
        Ok(Process { launch: self, child })
    }

    fn spawn(&self) -> Result<Child> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("open the log {}", self.log.display()))?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.program)
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share the log")?)
            .stderr(log)
            .process_group(0);
        spawn_from_lasting_thread(command)
            .with_context(|| format!("start {} (through setpriv, of util-linux)", self.program.display()))
    }
}

/// Spawns from a thread that lives as long as the process does.
///
/// The kernel sends the parent-death signal when the *thread* that spawned ends:
/// a test's own thread ends with the test, and a runtime's worker with the
/// runtime, while a cluster shared by several tests has to go on.
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    type Request = (Command, Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<Sender<Request>> = LazyLock::new(|| {
        let (requests, inbox) = channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                // A failed send: who asked is gone, and the child with it below.
                if let Err(unwanted) = answer.send(command.spawn())
                    && let Ok(mut child) = unwanted.0
                {
                    kill_and_reap(&mut child);
                }
            }
        });
        requests
    });
    let gone = || io::Error::other("the spawning thread is gone");
    let (answer, child) = channel();
    SPAWNER.send((command, answer)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}

/// SIGKILL, and wait: neither can fail for a child that was not yet reaped, and
/// for one that was there is nothing left to do.
fn kill_and_reap(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    launch: Launch,
    child: Child,
}

impl Process {
    /// The process id, for reading its figures in `/proc`.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.launch.log
    }

    /// Its exit status if it no longer runs.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("ask whether a child still runs")
    }

    /// An error that shows the end of its log, unless it runs.
    pub fn check(&mut self) -> Result<()> {
        match self.exited()? {
            None => Ok(()),
            Some(status) => Err(anyhow!(
                "{} ended ({status}); the end of its log:\n{}",
                self.launch.program.display(),
                self.log_tail()
            )),
        }
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let log = fs::read(&self.launch.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// Kills it (SIGKILL) and waits until it is gone. Again is harmless.
    pub fn kill(&mut self) {
        kill_and_reap(&mut self.child);
    }

    /// Starts the same program anew, after killing it if it still runs.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        self.child = self.launch.spawn()?;
        Ok(())
    }

    /// Sends SIGTERM: asks it to end in order.
    pub fn terminate(&mut self) -> Result<()> {
        self.signal("TERM")
    }

    /// Stops it in its tracks (SIGSTOP): connections stay open, nothing answers.
    pub fn freeze(&mut self) -> Result<()> {
        self.signal("STOP")
    }

    /// Lets it go on after [`Process::freeze`].
    pub fn thaw(&mut self) -> Result<()> {
        self.signal("CONT")
    }

    /// Only to one that runs: a reaped child's id may be another's by now.
    fn signal(&mut self, signal: &str) -> Result<()> {
        let program = self.launch.program.display();
        if let Some(status) = self.child.try_wait()? {
            bail!("signal {program}: it ended ({status})");
        }
        let done = Command::new("kill").args(["-s", signal, "--", &self.id().to_string()]).status();
        let done = done.with_context(|| format!("run kill, to signal {program}"))?;
        ensure!(done.success(), "signal {program} with {signal}: kill says {done}");
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
