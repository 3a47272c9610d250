//! What the runner is asked.

use std::fmt::Write as _;
use std::thread;

use crossfade_sim::broken::Broken;

/// What the runner is asked.
#[derive(Clone, Debug)]
pub struct Args {
    /// How many seeds.
    pub seeds: u64,
    /// The first.
    pub from: u64,
    /// This one alone, told in full.
    pub seed: Option<u64>,
    /// A rule that is broken on purpose.
    pub broken: Option<Broken>,
    /// Threads that work.
    pub threads: usize,
    /// Lines of the trace.
    pub lines: usize,
    /// Go on after a violation, and list them all.
    pub all: bool,
    /// Do not shrink.
    pub whole: bool,
    /// Trace a seed that breaks nothing too.
    pub trace: bool,
}

impl Args {
    /// Reads them.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self {
            seeds: 20_000,
            from: 0,
            seed: None,
            broken: None,
            threads: thread::available_parallelism().map_or(1, usize::from),
            lines: 60,
            all: false,
            whole: false,
            trace: false,
        };
        while let Some(word) = words.next() {
            let mut number = || {
                let value = words.next().ok_or_else(|| format!("{word} needs a number"))?;
                value.parse::<u64>().map_err(|error| format!("{word} {value}: {error}"))
            };
            let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            match word.as_str() {
                "--seeds" => args.seeds = number()?,
                "--from" => args.from = number()?,
                "--seed" => args.seed = Some(number()?),
                "--threads" => args.threads = size(number()?).max(1),
                "--lines" => args.lines = size(number()?),
                "--all" => args.all = true,
                "--whole" => args.whole = true,
                "--trace" => args.trace = true,
                "--broken" => args.broken = Some(broken(&words.next().unwrap_or_default())?),
                _ => return Err(usage(&word)),
            }
        }
        Ok(args)
    }
}

fn broken(name: &str) -> Result<Broken, String> {
    Broken::ALL.into_iter().find(|broken| broken.name() == name).ok_or_else(|| usage(name))
}

fn usage(word: &str) -> String {
    let mut text = format!("\"{word}\" is not understood\n");
    let _ = writeln!(text, "--seeds N --from S --threads N   many seeds");
    let _ =
        writeln!(text, "--seed X --lines N --trace --whole   one seed, told in full, shrunk unless --whole");
    let _ = writeln!(text, "--all   go on after a violation");
    let names: Vec<&str> = Broken::ALL.iter().map(|broken| broken.name()).collect();
    let _ = writeln!(text, "--broken {}", names.join("|"));
    text
}
