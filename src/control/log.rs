//! The log: lines go through a bounded queue to a thread of their own, so that a stalled pipe never
//! holds up a decision. What finds the queue full is dropped and counted in the next line.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How long the rest may take at the end.
const MOMENT: Duration = Duration::from_millis(500);
/// How many lines may wait.
const QUEUE: usize = 4096;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object per line.
    Json,
    /// For people.
    #[default]
    Text,
}

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is one already.
    #[error("cannot set up the log: {0}")]
    Set(#[from] tracing_subscriber::util::TryInitError),
    /// No thread.
    #[error("cannot start the thread that writes the log: {0}")]
    Thread(#[from] io::Error),
}

/// Writes out what waits when it is dropped, if that takes no longer than a moment.
pub struct Rest {
    queue: SyncSender<Line>,
}

impl Drop for Rest {
    fn drop(&mut self) {
        let (written, rest) = mpsc::sync_channel(1);
        // A queue that is full now is stalled: there is nothing to wait for.
        if self.queue.try_send(Line::Mark(written)).is_ok() && rest.recv_timeout(MOMENT).is_err() {
            tracing::debug!("the log is stalled");
        }
    }
}

/// What waits to be written.
enum Line {
    Text(Vec<u8>),
    /// Answer when you have come here.
    Mark(SyncSender<()>),
}

/// Sends the process's log to standard error; `RUST_LOG` says what, by default `info`. What comes
/// back writes out the rest when it is dropped.
pub fn set_up(format: Format) -> Result<Rest, Error> {
    let (queue, receiver) = mpsc::sync_channel(QUEUE);
    let dropped = Arc::new(AtomicU64::new(0));
    std::thread::Builder::new().name("log".into()).spawn({
        let dropped = dropped.clone();
        move || write(&receiver, &dropped, io::stderr())
    })?;
    let rest = Rest { queue: queue.clone() };
    let filter = EnvFilter::try_from_default_env()
        // The client logs every request that fails; those that matter are told where they are made.
        .unwrap_or_else(|_| EnvFilter::new("info,kube_client=off,kube_runtime=warn"));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = Lines { queue, dropped };
    match format {
        Format::Json => {
            let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(lines);
            registry.with(layer).try_init()?;
        }
        Format::Text => {
            let layer =
                tracing_subscriber::fmt::layer().with_ansi(false).with_target(false).with_writer(lines);
            registry.with(layer).try_init()?;
        }
    }
    Ok(rest)
}

fn write(receiver: &Receiver<Line>, dropped: &AtomicU64, mut out: impl Write) {
    while let Ok(line) = receiver.recv() {
        let line = match line {
            Line::Text(line) => line,
            Line::Mark(written) => {
                if written.try_send(()).is_err() {
                    tracing::trace!("nobody waits for the log any more");
                }
                continue;
            }
        };
        let lost = dropped.swap(0, Ordering::Relaxed);
        let note = if lost > 0 { format!("{lost} log lines were dropped\n") } else { String::new() };
        // Nobody is left to be told of a log that cannot be written.
        if out.write_all(note.as_bytes()).and_then(|()| out.write_all(&line)).is_err() {
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[derive(Clone)]
struct Lines {
    queue: SyncSender<Line>,
    dropped: Arc<AtomicU64>,
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Line::Text(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stalled_log_drops_lines_and_says_so() {
        let (queue, receiver) = mpsc::sync_channel(2);
        let mut lines = Lines { queue, dropped: Arc::default() };
        for line in ["a\n", "b\n", "c\n", "d\n"] {
            lines.write_all(line.as_bytes()).unwrap();
        }
        let dropped = lines.dropped.clone();
        drop(lines);
        let mut out = Vec::new();
        write(&receiver, &dropped, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "2 log lines were dropped\na\nb\n");
    }
}
