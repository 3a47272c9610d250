//! The lookout over one load balancer: every second it looks for all lanes there. It decides nothing and writes
//! nothing.
//!
//! Each lane has a connection of its own, for its writes: no plan waits for another, and none has to connect
//! when it must brake. A reading over it each second is too dear where a thousand plans share a load balancer,
//! so the lookout reads for many at once. The lanes read themselves all the same, in turn, which keeps their
//! connections alive and proven; and whichever the lookout cannot read reads itself at once, and tells why
//! not. A few lanes always read themselves, and so does one whose own connection failed it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::operator::Operator;
use super::seat::Seat;
use crate::core::route::Reading;
use crate::route::haproxy::Line;

/// How often every instance is read; a reload must be seen within 2 s (R8).
const LOOK: Duration = Duration::from_secs(1);
/// The longest that a reading for many may take. The lanes then still read themselves in time.
pub const TIMEOUT: Duration = Duration::from_millis(500);
/// So few lanes read themselves always. HAProxy's socket takes ten connections (`stats maxconn`) unless it is
/// told to take more, and the lookout's is one on top of theirs.
const FEW: usize = 8;
/// Of more lanes each reads itself in one of so many looks. HAProxy hangs up on who is silent for 10 s (`stats
/// timeout`).
const IN_TURN: usize = 5;
/// So many are read by one exchange.
const AT_ONCE: usize = 32;

/// The lanes of one load balancer; the lookout over them ends when this is dropped.
pub struct Post {
    seats: Arc<Seats>,
    _stop: DropGuard,
}

#[derive(Default)]
struct Seats {
    all: Mutex<BTreeMap<u64, Arc<Seat>>>,
}

/// Keeps a lane on its post, until this is dropped.
pub struct Place {
    seats: Arc<Seats>,
    name: u64,
}

impl Seats {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Seat>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Post {
    /// A post, and the lookout over it, which is to run until the token is cancelled.
    pub fn new(line: Line, operator: Arc<Operator>) -> (Self, Lookout, CancellationToken) {
        let (seats, stop) = (Arc::<Seats>::default(), CancellationToken::new());
        let post = Self { seats: seats.clone(), _stop: stop.clone().drop_guard() };
        (post, Lookout { line, seats, operator }, stop)
    }

    /// A lane takes its place.
    pub fn take(&self, seat: Arc<Seat>) -> Place {
        let mut all = self.seats.lock();
        let name = all.last_key_value().map_or(0, |(last, _)| last + 1);
        all.insert(name, seat);
        Place { seats: self.seats.clone(), name }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.seats.lock().remove(&self.name);
    }
}

/// Looks for all lanes of one load balancer.
pub struct Lookout {
    line: Line,
    seats: Arc<Seats>,
    operator: Arc<Operator>,
}

impl Lookout {
    /// Looks until `stop`.
    pub async fn look_out(mut self, stop: CancellationToken) {
        let mut look = Instant::now();
        for round in 0.. {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(look) => look = Instant::now() + LOOK,
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.look(round) => {}
            }
        }
    }

    /// Looks once; rounds are numbered, so that each lane has its turn.
    pub async fn look(&mut self, round: usize) {
        let seats: Vec<Arc<Seat>> = self.seats.lock().values().cloned().collect();
        if seats.len() <= FEW {
            self.line.close();
            ask(&seats);
            return;
        }
        let own =
            |(place, seat): &(usize, Arc<Seat>)| place % IN_TURN == round % IN_TURN || !seat.is_proven();
        let (own, rest): (Vec<_>, Vec<_>) = seats.into_iter().enumerate().partition(own);
        let [own, rest] =
            [own, rest].map(|seats| seats.into_iter().map(|(_, seat)| seat).collect::<Vec<_>>());
        ask(&own);
        for (place, many) in rest.chunks(AT_ONCE).enumerate() {
            if !self.read(many).await {
                // They find out for themselves, and none waits for another.
                ask(&rest[place * AT_ONCE..]);
                return;
            }
        }
    }

    /// Reads for these; whether it was answered.
    async fn read(&mut self, seats: &[Arc<Seat>]) -> bool {
        let turns: Vec<u64> = seats.iter().map(|seat| seat.turn()).collect();
        let backends: Vec<_> = seats.iter().map(|seat| &*seat.backend).collect();
        let Ok(readings) = self.line.read(&backends).await else { return false };
        for ((seat, turn), reading) in seats.iter().zip(turns).zip(readings) {
            match reading {
                Ok(reading) => self.tell(seat, turn, reading),
                Err(_) => seat.mailbox.look(),
            }
        }
        true
    }

    fn tell(&self, seat: &Seat, turn: u64, reading: Reading) {
        self.operator.fleet(|fleet, now| {
            if seat.is_at(turn) {
                fleet.read(&seat.plan, seat.lane, Ok(reading), now);
            }
        });
    }
}

/// Lets lanes read themselves.
fn ask(seats: &[Arc<Seat>]) {
    for seat in seats {
        seat.mailbox.look();
    }
}
