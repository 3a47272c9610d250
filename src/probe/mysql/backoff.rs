//! When a lost connection may be tried again. Pure: the caller says what time it is.

use std::time::{Duration, Instant};

/// Between the beginnings of two attempts at least (R12).
pub const LEAST: Duration = Duration::from_secs(1);
/// At most, while the server does not answer.
pub const MOST: Duration = Duration::from_secs(10);
/// After a refused login: each attempt counts as a failed connection on the server and may lock the
/// account, and the Secret is read again at most that often (DESIGN section 7.7).
pub const AFTER_REFUSED_LOGIN: Duration = Duration::from_secs(30);

/// The pause between two attempts to log in.
#[derive(Clone, Debug)]
pub struct Backoff {
    begun: Option<Instant>,
    pause: Duration,
}

impl Backoff {
    /// No attempt was made yet.
    pub fn new() -> Self {
        Self { begun: None, pause: LEAST }
    }

    /// Whether an attempt may begin at `now`.
    pub fn may_begin(&self, now: Instant) -> bool {
        self.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= self.pause)
    }

    /// An attempt begins at `now`.
    pub fn begin(&mut self, now: Instant) {
        self.begun = Some(now);
    }

    /// The server answered: the next loss is tried again at once, but never within [`LEAST`].
    pub fn answered(&mut self) {
        self.pause = LEAST;
    }

    /// The server is there and full: it may have room again at any moment.
    pub fn full(&mut self) {
        self.pause = LEAST;
    }

    /// The attempt failed.
    pub fn failed(&mut self) {
        self.pause = (self.pause * 2).min(MOST);
    }

    /// The login was refused.
    pub fn refused(&mut self) {
        self.pause = AFTER_REFUSED_LOGIN;
    }

    /// There are other credentials: they may be tried soon.
    pub fn renewed(&mut self) {
        self.pause = LEAST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_attempt_waits_for_nothing() {
        assert!(Backoff::new().may_begin(Instant::now()));
    }

    #[test]
    fn failures_double_the_pause_up_to_ten_seconds() {
        let start = Instant::now();
        let mut backoff = Backoff::new();
        let mut pauses = Vec::new();
        for _ in 0..6 {
            backoff.begin(start);
            backoff.failed();
            pauses.push((0..60).find(|second| backoff.may_begin(start + seconds(*second))).unwrap());
        }
        assert_eq!(pauses, [2, 4, 8, 10, 10, 10]);
    }

    #[test]
    fn whatever_happens_a_second_passes_between_two_attempts() {
        let start = Instant::now();
        let steps: [fn(&mut Backoff); 5] =
            [Backoff::answered, Backoff::full, Backoff::failed, Backoff::refused, Backoff::renewed];
        for first in steps {
            for second in steps {
                let mut backoff = Backoff::new();
                backoff.begin(start);
                first(&mut backoff);
                second(&mut backoff);
                assert!(!backoff.may_begin(start + Duration::from_millis(999)));
            }
        }
    }

    #[test]
    fn a_refused_login_rests_for_half_a_minute_unless_the_credentials_change() {
        let start = Instant::now();
        let mut backoff = Backoff::new();
        backoff.begin(start);
        backoff.refused();
        assert!(!backoff.may_begin(start + Duration::from_millis(29_999)));
        assert!(backoff.may_begin(start + seconds(30)));
        backoff.renewed();
        assert!(backoff.may_begin(start + seconds(1)));
    }
}
