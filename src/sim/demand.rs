//! Who uses a service: how many requests per second, by the time of day and the weekday.

use std::f64::consts::TAU;
use std::time::Duration;

use crossfade_core::time::Time;

use crate::scenario::DemandSetup;

const DAY: f64 = 86_400.0;
/// The hour of the daily peak; mail and web traffic peaks in the working afternoon (own choice).
const PEAK_HOUR: f64 = 15.0;
/// Days from the Unix epoch, a Thursday, to the first Monday.
const MONDAY: f64 = 4.0;

/// A factor that goes from one value to another within a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factor {
    from: f64,
    to: f64,
    began: Time,
    over: Duration,
}

impl Default for Factor {
    fn default() -> Self {
        Self { from: 1.0, to: 1.0, began: Time::default(), over: Duration::ZERO }
    }
}

impl Factor {
    /// Goes to `to` from where it stands now.
    pub fn go(&mut self, to: f64, over: Duration, now: Time) {
        *self = Self { from: self.at(now), to, began: now, over };
    }

    /// Its value.
    pub fn at(&self, now: Time) -> f64 {
        let gone = now.since(self.began);
        if gone >= self.over {
            return self.to;
        }
        self.from + (self.to - self.from) * gone.as_secs_f64() / self.over.as_secs_f64()
    }
}

/// The demand of one service.
#[derive(Clone, Debug)]
pub struct Demand {
    setup: DemandSetup,
    /// Times the usual.
    pub factor: Factor,
    /// The shape's value, and until when it is good.
    shape: (f64, Time),
}

impl Demand {
    /// The demand that `setup` describes.
    pub fn new(setup: DemandSetup) -> Self {
        Self { setup, factor: Factor::default(), shape: (0.0, Time::default()) }
    }

    /// How often a failed request is tried again.
    pub fn retries(&self) -> u32 {
        self.setup.retries
    }

    /// Requests per second now, retries left out.
    pub fn at(&mut self, now: Time, random: &mut fastrand::Rng) -> f64 {
        if now >= self.shape.1 {
            // A minute changes nothing that can be seen.
            self.shape = (shape(&self.setup, now), now + Duration::from_mins(1));
        }
        let noise = if self.setup.noise > 0.0 { 1.0 + self.setup.noise * normal(random) } else { 1.0 };
        (self.setup.requests_per_second * self.shape.0 * self.factor.at(now) * noise).max(0.0)
    }
}

/// The share of the peak at a time of day and week: a cosine between trough and peak, and from noon to
/// noon on to the weekend and back.
fn shape(setup: &DemandSetup, now: Time) -> f64 {
    let days = now.as_millis() as f64 / 1000.0 / DAY;
    let phase = (days - PEAK_HOUR / 24.0).fract();
    let height = f64::midpoint(1.0, (phase * TAU).cos());
    let noons = (days + 7.0 - MONDAY - 0.5).rem_euclid(7.0);
    // From Friday's noon on, which is the fifth.
    let weekend = (noons - 4.0).clamp(0.0, 1.0) - (noons - 6.0).clamp(0.0, 1.0);
    (setup.trough + (1.0 - setup.trough) * height) * (1.0 + (setup.weekend - 1.0) * weekend)
}

/// About a standard normal: the sum of twelve uniform numbers less six.
pub fn normal(random: &mut fastrand::Rng) -> f64 {
    let bits = [random.u64(..), random.u64(..), random.u64(..)];
    let quarters =
        bits.iter().flat_map(|bits| [bits & 0xffff, bits >> 16 & 0xffff, bits >> 32 & 0xffff, bits >> 48]);
    quarters.map(|part| part as f64 / 65_536.0).sum::<f64>() - 6.0
}
