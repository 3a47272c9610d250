//! The core's windows count as they go; the plain ones of `reference` count anew each time. Whatever
//! is sampled, and whatever is done to the baselines meanwhile, they say the same.

use std::time::Duration;

use crossfade_core::guard::{Condition, Guard, Level, Signal, Test, Tripped};
use crossfade_core::meter::{Observation, Reading, Sample};
use crossfade_core::plan::Database;
use crossfade_core::time::Time;
use crossfade_core::watch::Watch;
use proptest::prelude::*;

use crate::build::{NOW, minutes, seconds};
use crate::reference;
use crate::sampled::millis;

/// What happens to a watch.
#[derive(Clone, Debug)]
enum Event {
    /// So many samples around a level.
    Samples {
        count: u32,
        level: f64,
        noise: f64,
        jitter: u64,
        saturated: bool,
    },
    /// So many periods without a sample.
    Gap(u32),
    Down,
    /// The data does not count for this long.
    Returning(u64),
    Freeze(Option<f64>),
    Thaw,
    Seed(f64),
    Relearn,
    RestartTrend,
    /// How far the guards have tripped, as the engine remembers it.
    Tripped(Level, Option<f64>),
    /// Another configuration: a period, and guards drawn from this seed.
    Configure(Duration, u64),
}

/// A small generator (splitmix64): proptest gives the seed, so that a case stays small to show.
#[derive(Clone, Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    /// From 0 up to 1, in steps of a thousandth: values do meet thresholds.
    fn part(&mut self) -> f64 {
        self.below(1000) as f64 / 1000.0
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    /// A slope is fitted where it is asked for; of connections in percent always.
    fn test(&mut self, slopes: bool) -> Test {
        match self.below(if slopes { 9 } else { 7 }) {
            0 => Test::Above(self.choose(&[0.0, 20.0, 55.0, 70.0, 100.0, 150.0])),
            1 => Test::Below(self.choose(&[10.0, 50.0, 60.0, 100.0, 120.0])),
            2 => Test::AboveBaseline(self.choose(&[1.01, 1.2, 1.5, 2.0])),
            3 => Test::BelowBaseline(self.choose(&[1.01, 1.2, 1.5])),
            4 => Test::Trend(self.choose(&[0.5, 3.0, 12.0, 40.0])),
            5 => Test::Failures {
                percent: self.choose(&[0.1, 1.0, 20.0]),
                per_second: self.choose(&[5.0, 300.0]),
            },
            6 => Test::FailuresBelow { percent: self.choose(&[0.02, 1.0, 20.0]) },
            _ => Test::FullWithin(self.choose(&[seconds(10), seconds(20), minutes(1), minutes(30)])),
        }
    }

    fn condition(&mut self, slopes: bool) -> Condition {
        let lasting = self.choose(&[0, 1, 700, 2500, 3000, 8000, 10_000, 57_000, 61_234, 120_000]);
        let more = self.choose(&[0, 0, 0, 1, 2000, 5001, 60_000, 900_000]);
        Condition { test: self.test(slopes), lasting: millis(lasting), within: millis(lasting + more) }
    }

    fn guards(&mut self, slopes: bool) -> Vec<Guard> {
        let mut guards: Vec<Guard> = Signal::ALL
            .into_iter()
            .map(|signal| {
                let fits = slopes || signal == Signal::ConnectionsOfMax;
                let mut conditions =
                    |most| (0..self.below(most)).map(|_| self.condition(fits)).collect::<Vec<_>>();
                let (mut pause, rollback) = (conditions(4), conditions(3));
                if slopes {
                    let test = Test::FullWithin(minutes(1));
                    pause.push(Condition { test, lasting: seconds(3), within: seconds(3) });
                }
                Guard { signal, pause, rollback, resume: self.condition(fits) }
            })
            .collect();
        if self.below(4) == 0 {
            guards.remove(usize::try_from(self.below(3)).unwrap());
        }
        guards
    }
}

/// The core's watch and the plain one, shown the same.
struct Both {
    core: Watch,
    plain: reference::watch::Watch,
    database: Database,
    slopes: bool,
    now: Time,
    returning: Option<Time>,
    tripped: Tripped,
    dice: Dice,
    samples: u32,
}

impl Both {
    fn new(every: Duration, slopes: bool, seed: u64) -> Self {
        let mut dice = Dice(seed);
        let database = Database {
            name: "accounts".into(),
            every,
            guards: dice.guards(slopes),
            connection_rate_capacity: None,
            by_side: false,
        };
        Self {
            core: Watch::new(&database, NOW),
            plain: reference::watch::Watch::new(&database, NOW),
            database,
            slopes,
            now: NOW,
            returning: None,
            tripped: Tripped::default(),
            dice,
            samples: 0,
        }
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Samples { count, level, noise, jitter, saturated } => {
                for _ in 0..count {
                    self.sample(level, noise, jitter, saturated);
                    self.compare();
                }
            }
            Event::Gap(periods) => self.now = self.now + self.database.every * periods,
            Event::Down => {
                let since = self.now;
                self.observe(Reading::Down { since, error: "refused".into() });
            }
            Event::Returning(span) => self.returning = Some(self.now + seconds(span)),
            Event::Freeze(value) => self.baselines(|core, plain| {
                core.freeze(value);
                plain.freeze(value);
            }),
            Event::Thaw => self.baselines(|core, plain| {
                core.thaw();
                plain.thaw();
            }),
            Event::Seed(value) => self.baselines(|core, plain| {
                core.seed(value);
                plain.seed(value);
            }),
            Event::Relearn => {
                self.core.relearn();
                self.plain.relearn();
            }
            Event::RestartTrend => {
                let signal = self.dice.choose(&Signal::ALL);
                self.core.restart_trend(signal);
                self.plain.restart_trend(signal);
            }
            Event::Tripped(level, baseline) => {
                self.tripped = Tripped { level, since: self.now, baseline };
            }
            Event::Configure(every, seed) => {
                self.database.every = every;
                self.database.guards = Dice(seed).guards(self.slopes);
                self.core.configure(&self.database);
                self.plain.configure(&self.database);
            }
        }
        self.compare();
        self.compare_baselines();
    }

    /// Changes the baselines of one or more of the signals.
    fn baselines(
        &mut self,
        change: impl Fn(&mut crossfade_core::baseline::Baseline, &mut reference::baseline::Baseline),
    ) {
        let which = 1 + self.dice.below(7);
        for (place, signal) in Signal::ALL.into_iter().enumerate() {
            if which & (1 << place) != 0 {
                change(self.core.baseline(signal), self.plain.baseline(signal));
            }
        }
    }

    fn sample(&mut self, level: f64, noise: f64, jitter: u64, saturated: bool) {
        let every = u64::try_from(self.database.every.as_millis()).unwrap();
        let early = self.dice.below(1 + every * jitter / 100);
        let late = self.dice.below(1 + every * jitter / 100);
        self.now = self.now + millis(every + late - early);
        let value = (level + noise * (2.0 * self.dice.part() - 1.0)).max(0.0);
        let often = |dice: &mut Dice| dice.below(50) > 0;
        let sample = Sample {
            by_side: None,
            at: self.now,
            connection_rate: often(&mut self.dice).then_some(value),
            of_max: often(&mut self.dice).then_some(value.min(100.0)),
            failed_percent: often(&mut self.dice).then_some((value / 10.0).min(100.0)),
            failed_rate: Some(value * self.dice.choose(&[0.5, 3.0])),
            saturated: saturated && self.dice.below(4) == 0,
        };
        self.observe(Reading::Sample(sample));
        self.samples += 1;
        if self.samples.is_multiple_of(97) {
            self.compare_baselines();
        }
    }

    fn observe(&mut self, reading: Reading) {
        let observation = Observation { reading, returning_until: self.returning };
        self.core.observe(&observation, self.now);
        self.plain.observe(&observation, self.now);
    }

    fn compare(&mut self) {
        let age = self.dice.choose(&[0, 0, 0, 1, 2999, 3001, 100_000]);
        for now in [self.now, self.now + millis(age)] {
            for guard in &self.database.guards {
                let core = self.core.judge(guard, &self.tripped, now);
                let plain = self.plain.judge(guard, &self.tripped, now);
                assert_eq!(core, plain, "{guard:#?}\nafter {} samples", self.samples);
            }
            assert_eq!(self.core.changes_at(now), self.plain.changes_at(now));
        }
    }

    fn compare_baselines(&mut self) {
        // A guard that is not configured is judged all the same.
        let other = Dice(self.samples.into()).guards(self.slopes);
        for guard in &other {
            let core = self.core.judge(guard, &self.tripped, self.now);
            assert_eq!(core, self.plain.judge(guard, &self.tripped, self.now), "{guard:#?}");
        }
        for signal in self.database.guards.iter().map(|guard| guard.signal) {
            let (core, plain) = (self.core.baseline(signal), self.plain.baseline(signal));
            let bits = |value: Option<f64>| value.map(f64::to_bits);
            assert_eq!(bits(core.value()), bits(plain.value()), "{signal}");
            assert_eq!(bits(core.so_far()), bits(plain.so_far()), "{signal}");
            assert_eq!(core.deviation().to_bits(), plain.deviation().to_bits(), "{signal}");
            assert_eq!(core.learned_at(self.now), plain.learned_at(self.now), "{signal}");
        }
    }
}

fn period() -> impl Strategy<Value = Duration> {
    prop_oneof![
        2 => Just(seconds(1)),
        1 => Just(millis(100)),
        2 => (100_u64..2500).prop_map(millis),
        1 => (2500_u64..=60_000).prop_map(millis),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let level = prop_oneof![
        2 => Just(100.0), 1 => Just(0.0), 1 => Just(20.0), 1 => Just(55.0), 1 => Just(65.0), 1 => Just(130.0), 1 => Just(400.0)
    ];
    let noise = prop_oneof![Just(0.0), Just(1.0), Just(15.0), Just(60.0)];
    let jitter = prop_oneof![Just(0_u64), Just(5), Just(50), Just(95)];
    let value = || prop_oneof![Just(0.0), Just(30.0), Just(90.0), Just(100.0)];
    let samples = |count: std::ops::Range<u32>| {
        (count, level.clone(), noise.clone(), jitter.clone(), any::<bool>()).prop_map(
            |(count, level, noise, jitter, saturated)| Event::Samples {
                count,
                level,
                noise,
                jitter,
                saturated,
            },
        )
    };
    prop_oneof![
        12 => samples(1..90),
        4 => samples(300..1500),
        1 => (1_u32..900).prop_map(Event::Gap),
        1 => Just(Event::Down),
        1 => (1_u64..90).prop_map(Event::Returning),
        1 => prop::option::of(value()).prop_map(Event::Freeze),
        2 => Just(Event::Thaw),
        1 => value().prop_map(Event::Seed),
        1 => Just(Event::Relearn),
        1 => Just(Event::RestartTrend),
        1 => (prop_oneof![Just(Level::Clear), Just(Level::Pause)], prop::option::of(value()))
            .prop_map(|(level, baseline)| Event::Tripped(level, baseline)),
        2 => (period(), any::<u64>()).prop_map(|(every, seed)| Event::Configure(every, seed)),
    ]
}

/// So many cases, or as many as `PROPTEST_CASES` asks for.
fn config(cases: u32) -> ProptestConfig {
    #[allow(clippy::disallowed_methods)] // a test may be asked for more
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = asked.unwrap_or(cases);
    ProptestConfig { cases, max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn windows_that_count_as_they_go_judge_as_plain_ones(
        every in period(),
        slopes: bool,
        seed: u64,
        events in prop::collection::vec(event(), 1..40),
    ) {
        let mut both = Both::new(every, slopes, seed);
        for event in &events {
            both.happen(event);
        }
    }
}
