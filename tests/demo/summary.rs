//! What came of it, in a few lines; the last run of the other kind is remembered beside it.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::graph::{CALM, FAILURE, bold, paint};

/// More failures than this, in percent, would mean that the guard did not protect.
const WITH_THE_GUARD: f64 = 5.0;
/// Fewer failures than this, in percent, would mean that there was nothing to protect from.
const WITHOUT_THE_GUARD: f64 = 10.0;

/// What the story measured. Times are since the event that is named.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Whether an operator watched.
    pub guarded: bool,
    /// When the smaller surge began, since the start.
    pub surge_at: Duration,
    /// From the surge to the pause.
    pub paused_after: Option<Duration>,
    /// When the bad release began to go out, since the start.
    pub release_at: Duration,
    /// Whose surge it was.
    pub whose: Option<String>,
    /// From its begin to the first fall of the weight, read back from HAProxy.
    pub retreat_after: Option<Duration>,
    /// From its begin to the retreat's end.
    pub retreat_took: Option<Duration>,
    /// The weights on the way back.
    pub steps: Vec<f64>,
    /// Requests from the begin of the bad release to its aftermath.
    pub requests: u64,
    /// Of these, failed.
    pub failed: u64,
    /// From the release's end to all guards clear.
    pub clear_after: Option<Duration>,
    /// Nothing rises before.
    pub cooldown_until: Option<String>,
    /// Where the weight stood at the end.
    pub weight: Option<f64>,
}

/// What is remembered of a run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Remembered {
    requests: u64,
    failed: u64,
}

impl Remembered {
    fn percent(self) -> f64 {
        100.0 * self.failed as f64 / self.requests.max(1) as f64
    }
}

impl Outcome {
    /// The lines to print.
    pub fn lines(&self) -> Vec<String> {
        let seconds =
            |time: Option<Duration>| time.map_or("-".into(), |time| format!("{:.1} s", time.as_secs_f64()));
        let mut lines = vec![bold("What happened"), String::new()];
        let mut line = |what: &str, value: String| lines.push(format!("  {what:<52}{value}"));
        if self.guarded {
            let steps: Vec<String> = self.steps.iter().map(|weight| format!("{weight:.0}")).collect();
            line("from the first surge to the pause", seconds(self.paused_after));
            line("from the bad release's first server to the retreat", seconds(self.retreat_after));
            line("whose surge it is, by each side's connects", self.whose.clone().unwrap_or("-".into()));
            line("its steps, Kubernetes' share in percent", format!("50, {}", steps.join(", ")));
            line("and to its end, at the stage that was proven", seconds(self.retreat_took));
            line("from the release taken back to all guards clear", seconds(self.clear_after));
            line("cooldown: nothing rises before", self.until());
        }
        let mine = Remembered { requests: self.requests, failed: self.failed };
        let text = |run: Remembered| format!("{} of {} ({:.1} %)", run.failed, run.requests, run.percent());
        let (with, without) = ("requests failed, with the guard", "requests failed, without the guard");
        let colour = if mine.percent() < WITH_THE_GUARD { CALM } else { FAILURE };
        line(if self.guarded { with } else { without }, paint(colour, &text(mine)));
        match (recall(!self.guarded), self.guarded) {
            (Some(other), true) => line(without, text(other) + ", when it was played last"),
            (Some(other), false) => line(with, text(other) + ", when it was played last"),
            (None, true) => line(without, "play it: make demo ARGS=--unguarded".into()),
            (None, false) => line(with, "play it: make demo".into()),
        }
        lines
    }

    /// The end of the cooldown, to the second.
    pub fn until(&self) -> String {
        let until = self.cooldown_until.as_deref().unwrap_or("-");
        until.split('.').next().unwrap_or(until).replace('T', " ").trim_end_matches('Z').to_owned() + " UTC"
    }

    /// An error unless it showed what it is to show.
    pub fn judge(&self) -> Result<()> {
        let mine = Remembered { requests: self.requests, failed: self.failed };
        let percent = mine.percent();
        if self.guarded {
            ensure!(self.whose.as_deref() == Some("Kubernetes"), "it was held to be {:?}", self.whose);
            ensure!(self.steps.len() > 1, "the retreat went by one step only: {:?}", self.steps);
            ensure!(percent < WITH_THE_GUARD, "{percent:.1} % of requests failed though the guard was there");
            ensure!(self.weight.is_some_and(|weight| weight < 11.0), "it rose again: {:?}", self.weight);
        } else {
            ensure!(
                percent > WITHOUT_THE_GUARD,
                "{percent:.1} % of requests failed without the guard: too few to show anything"
            );
        }
        remember(self.guarded, mine)
    }
}

fn file(guarded: bool) -> Option<PathBuf> {
    let cache = env::var_os("CROSSFADE_CACHE").map(PathBuf::from).or_else(|| {
        let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        base.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))
            .map(|base| base.join("crossfade"))
    });
    cache.map(|cache| cache.join(if guarded { "demo-guarded.json" } else { "demo-unguarded.json" }))
}

/// The last run of that kind on this machine; none if it cannot be read.
fn recall(guarded: bool) -> Option<Remembered> {
    serde_json::from_str(&fs::read_to_string(file(guarded)?).ok()?).ok()
}

fn remember(guarded: bool, run: Remembered) -> Result<()> {
    let Some(file) = file(guarded) else { return Ok(()) };
    let save = || {
        fs::create_dir_all(file.parent().unwrap_or(&file))?;
        fs::write(&file, serde_json::to_string(&run)?)
    };
    save().with_context(|| format!("remember the result in {}", file.display()))
}
