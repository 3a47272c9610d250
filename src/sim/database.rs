//! A database as its clients and its monitors meet it: connects that it answers one after the other,
//! a queue of those that wait, a limit of those that are held, and counters that behave like the real
//! ones (see [`crossfade_core::meter`] for what was measured on MariaDB 10.11).

use std::time::Duration;

use crossfade_core::meter::{Answer, Counters};
use crossfade_core::side::BySide;
use crossfade_core::time::Time;

use crate::scenario::DatabaseSetup;

/// How long the clients' pools take to come back after the database was gone, as in the incident
/// `failover-storm`.
const STORM: Duration = Duration::from_secs(2);

/// A database.
#[derive(Clone, Debug)]
pub struct Database {
    setup: DatabaseSetup,
    /// How much a connect costs, times the usual.
    pub cost: f64,
    /// `max_connections`.
    pub maximum: u32,
    /// Connects of others in a burst, per second, and until when.
    pub burst: (f64, Time),
    /// The monitors get no answer until then.
    pub blind: Time,
    /// The monitors are refused until then.
    pub refuses_monitor: Time,
    /// When its counters last began anew: it came back, or `FLUSH STATUS`.
    pub anew: Time,
    /// The monitors are refused for want of connections until then.
    pub crowds_out_monitor: Time,
    /// Gone until then.
    gone: Option<Time>,
    /// Connections that come back, per second, and until when.
    storm: (f64, Time),
    connected: f64,
    waiting: f64,
    identity: u64,
    started: Time,
    /// Attempts, refused, failed: since the start, with fractions.
    counted: [f64; 3],
    /// Connects of each service's legacy and Kubernetes users that were let in.
    accounts: Vec<[f64; 2]>,
    /// The part of what was tried in the last step that was let in.
    let_in: f64,
    last: Flow,
}

/// What happened in the last step, per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flow {
    /// Connects that were tried.
    pub attempts: f64,
    /// Those that failed.
    pub failed: f64,
    /// Those that its counters show as tried.
    pub counted: f64,
    /// Those that were refused for want of connections.
    pub refused: f64,
}

impl Database {
    /// The database that `setup` describes, running for a day.
    pub fn new(setup: DatabaseSetup, now: Time) -> Self {
        Self {
            cost: 1.0,
            maximum: setup.max_connections,
            setup,
            burst: (0.0, Time::default()),
            blind: Time::default(),
            refuses_monitor: Time::default(),
            anew: Time::default(),
            crowds_out_monitor: Time::default(),
            gone: None,
            storm: (0.0, Time::default()),
            connected: 0.0,
            waiting: 0.0,
            identity: 1,
            started: now - Duration::from_hours(24),
            counted: [0.0; 3],
            accounts: Vec::new(),
            let_in: 0.0,
            last: Flow::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.setup.name
    }

    /// What happened in the last step.
    pub fn flow(&self) -> Flow {
        self.last
    }

    /// The part of what was tried in the last step that was let in, 0 to 1.
    pub fn let_in(&self) -> f64 {
        self.let_in.min(1.0)
    }

    /// Connections held.
    pub fn connected(&self) -> f64 {
        self.connected
    }

    /// Connects that it can answer now, per second.
    pub fn capacity(&self) -> f64 {
        self.setup.connects_per_second / self.cost
    }

    /// It has long answered so many connects per second.
    pub fn settle(&mut self, connects: f64) {
        self.connected = (connects + self.setup.others) * self.setup.held.as_secs_f64();
    }

    /// Is gone for `span`; then another server answers, or the same.
    pub fn restart(&mut self, span: Duration, failover: bool, now: Time) {
        if self.gone.is_none() {
            self.storm.0 = self.connected / STORM.as_secs_f64();
        }
        self.gone = Some(now + span);
        self.identity += u64::from(failover);
        (self.connected, self.waiting, self.counted) = (0.0, 0.0, [0.0; 3]);
        self.accounts.fill([0.0; 2]);
    }

    /// `FLUSH STATUS`: `Connections` stays, the others begin anew.
    pub fn flush_status(&mut self, now: Time) {
        self.anew = now;
        (self.counted[1], self.counted[2]) = (0.0, 0.0);
    }

    /// Answers what came within `step`; the share of `connects` that failed.
    pub fn serve(&mut self, connects: f64, now: Time, step: Duration) -> f64 {
        let seconds = step.as_secs_f64();
        if let Some(until) = self.gone {
            if now < until {
                let all = connects / seconds;
                self.last = Flow { attempts: all, failed: all, ..Flow::default() };
                self.let_in = 0.0;
                return 1.0;
            }
            self.gone = None;
            (self.started, self.anew) = (now, now);
            self.storm.1 = now + STORM;
        }
        let burst = if now < self.burst.1 { self.burst.0 } else { 0.0 };
        let storm = if now < self.storm.1 { self.storm.0 } else { 0.0 };
        let came = connects + (self.setup.others + burst + storm) * seconds;
        // Each is held for a time that varies by chance: of those that were there this part leaves, and of
        // those that come within the step this many are still there at its end.
        let held = self.setup.held.as_secs_f64().max(f64::MIN_POSITIVE);
        let leave = 1.0 - (-seconds / held).exp();
        self.connected -= self.connected * leave;
        let stay = held * leave / seconds;

        let all = self.waiting + came;
        let answered = all.min(self.capacity() * seconds);
        let waiting = (all - answered).min(self.backlog());
        let dropped = all - answered - waiting;
        self.waiting = waiting;
        let admitted = answered.min((f64::from(self.maximum) - self.connected) / stay).max(0.0);
        let refused = answered - admitted;
        self.connected += admitted * stay;
        self.let_in = if came > 0.0 { admitted / came } else { 0.0 };
        // At the limit the refused ones do not count as connections; the dropped ones were never seen.
        self.counted[0] += admitted;
        self.counted[1] += refused;
        self.counted[2] += refused;
        let failed = dropped + refused;
        self.last = Flow {
            attempts: came / seconds,
            failed: failed / seconds,
            counted: answered / seconds,
            refused: refused / seconds,
        };
        // Whoever comes last finds the queue full.
        if came > 0.0 { (failed / came).min(1.0) } else { 0.0 }
    }

    /// Counts who it let in of those who came in the last step: `connects` of a service's legacy and
    /// Kubernetes users. Each has the same chance.
    pub fn count(&mut self, service: usize, connects: [f64; 2]) {
        if self.accounts.len() <= service {
            self.accounts.resize(service + 1, [0.0; 2]);
        }
        for (account, connects) in self.accounts[service].iter_mut().zip(connects) {
            *account += connects * self.let_in;
        }
    }

    /// Whether a monitor is told counters now.
    pub fn is_heard(&self, now: Time) -> bool {
        !self.is_silent(now) && now >= self.crowds_out_monitor
    }

    /// Whether a monitor is told nothing now.
    pub fn is_silent(&self, now: Time) -> bool {
        let refused = now < self.refuses_monitor || now < self.blind && now >= self.crowds_out_monitor;
        self.gone.is_some() || refused
    }

    /// Whether a monitor's standing connection is lost now.
    pub fn is_lost(&self, now: Time) -> bool {
        self.gone.is_some() || now < self.refuses_monitor || now < self.crowds_out_monitor
    }

    /// What a monitor is told; with the connects of both sides' users of a service, if it asks for them.
    pub fn answer(&self, now: Time, service: Option<usize>) -> Answer {
        if self.gone.is_some() {
            return Answer::Down("connection refused".into());
        }
        if now < self.refuses_monitor {
            return Answer::Down("host is not allowed to connect".into());
        }
        if now < self.crowds_out_monitor {
            return Answer::Full;
        }
        if now < self.blind {
            return Answer::Late;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counts, far below 2^53
        let whole = |count: f64| count as u64;
        Answer::Counters(Counters {
            identity: self.identity,
            uptime: now.since(self.started).as_secs(),
            attempts: whole(self.counted[0]),
            refused: whole(self.counted[1]),
            failed: whole(self.counted[2]),
            connected: whole(self.connected.round()),
            maximum: u64::from(self.maximum),
            by_side: service.map(|service| {
                let [legacy, kubernetes] = self.accounts.get(service).copied().unwrap_or_default().map(whole);
                BySide { legacy, kubernetes }
            }),
        })
    }

    /// How many may wait to be accepted: MariaDB's default of `back_log`, min(900, 50 +
    /// `max_connections` / 5).
    fn backlog(&self) -> f64 {
        (50.0 + f64::from(self.maximum) / 5.0).min(900.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(held: Duration, maximum: u32) -> Database {
        let setup = DatabaseSetup {
            name: "accounts".into(),
            connects_per_second: 2600.0,
            max_connections: maximum,
            held,
            others: 0.0,
        };
        Database::new(setup, Time::from_millis(86_400_000))
    }

    fn counters(database: &Database, now: Time) -> Counters {
        match database.answer(now, None) {
            Answer::Counters(counters) => counters,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn as_many_connections_are_held_as_are_opened_in_the_time_that_each_is_held() {
        for (millis, held) in [(100, 1), (1000, 1), (1000, 30), (250, 7)] {
            let mut database = database(Duration::from_secs(held), 100_000);
            let step = Duration::from_millis(millis);
            let mut now = Time::from_millis(86_400_000);
            for _ in 0..6000 {
                now = now + step;
                database.serve(1000.0 * step.as_secs_f64(), now, step);
            }
            let expected = 1000.0 * held as f64;
            assert!((database.connected() - expected).abs() < 1.0, "{} of {expected}", database.connected());
        }
    }

    #[test]
    fn the_counter_of_connections_collapses_when_the_database_is_full() {
        let mut database = database(Duration::from_mins(1), 200);
        let second = Duration::from_secs(1);
        let mut now = Time::from_millis(86_400_000);
        let mut before = Counters::default();
        let mut moved = Vec::new();
        for _ in 0..60 {
            now = now + second;
            database.serve(100.0, now, second);
            let after = counters(&database, now);
            moved.push((after.attempts - before.attempts, after.refused - before.refused));
            before = after;
        }
        assert_eq!(moved[0], (100, 0));
        // Only whoever takes the place of one that leaves is counted as a connection; all others are refused.
        assert_eq!(moved[59].0 + moved[59].1, 100);
        assert!(moved[59].0 <= 4, "{moved:?}");
        assert_eq!((before.connected, before.maximum), (200, 200));
    }

    #[test]
    fn of_those_who_come_each_side_has_its_part_let_in() {
        let mut database = database(Duration::from_secs(1), 100_000);
        let second = Duration::from_secs(1);
        let now = Time::from_millis(86_400_000);
        // It can answer half of them.
        for _ in 0..100 {
            database.serve(5200.0, now, second);
            database.count(1, [1300.0, 3900.0]);
        }
        let accounts = |service| match database.answer(now, Some(service)) {
            Answer::Counters(Counters { by_side: Some(by_side), .. }) => by_side,
            other => panic!("{other:?}"),
        };
        assert_eq!(accounts(1), BySide { legacy: 65_000, kubernetes: 195_000 });
        assert_eq!(accounts(0), BySide::default());
        assert_eq!(counters(&database, now).by_side, None);
    }

    #[test]
    fn after_a_restart_all_pools_come_back_within_two_seconds() {
        let mut database = database(Duration::from_secs(3), 4000);
        let second = Duration::from_secs(1);
        let mut now = Time::from_millis(86_400_000);
        database.settle(1000.0);
        assert!((database.connected() - 3000.0).abs() < 1.0);
        database.restart(Duration::from_secs(2), true, now);
        let mut tried = Vec::new();
        for _ in 0..5 {
            now = now + second;
            database.serve(1000.0, now, second);
            tried.push(format!("{:.0}", database.flow().attempts));
        }
        assert_eq!(tried, ["1000", "2500", "2500", "1000", "1000"]);
        assert_eq!(counters(&database, now).identity, 2);
    }
}
