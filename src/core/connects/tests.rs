use super::*;

const BEGAN: Time = Time::from_millis(1_000_000_000);

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn sides<T>(legacy: T, kubernetes: T) -> BySide<T> {
    BySide { legacy, kubernetes }
}

/// What comes per second.
#[derive(Clone, Copy)]
struct World {
    all: f64,
    connects: BySide<f64>,
    requests: Option<BySide<f64>>,
}

/// A tenth of a connect per request on legacy, three tenths on Kubernetes; of all, a fifth is nobody's.
fn busy() -> World {
    World { all: 150.0, connects: sides(90.0, 30.0), requests: Some(sides(900.0, 100.0)) }
}

/// The same, with twice as much of everything but of legacy's requests.
fn twice() -> World {
    World { all: 300.0, connects: sides(180.0, 60.0), requests: Some(sides(900.0, 200.0)) }
}

struct Counted {
    tally: Tally,
    now: Time,
}

fn counted() -> Counted {
    Counted { tally: Tally::default(), now: BEGAN }
}

impl Counted {
    /// So many samples, each of so many seconds.
    fn takes(mut self, samples: usize, seconds: u64, world: World) -> Self {
        for _ in 0..samples {
            self.now = self.now + secs(seconds);
            self.tally.push(self.now, secs(seconds), world.all, world.connects, world.requests);
        }
        self
    }

    fn waits(mut self, seconds: u64) -> Self {
        self.now = self.now + secs(seconds);
        self
    }

    fn known(&self) -> Connects {
        self.tally.known(self.now)
    }
}

fn cost(each: f64, counted: f64) -> Cost {
    Cost { each, counted }
}

#[test]
fn what_comes_is_counted_by_how_long_it_came_down_to_the_newest_second() {
    // Four parts of 10 s in samples of 1 s; in samples of 2 s two more, and 6 s of one that is not whole.
    let known = counted().takes(40, 1, busy()).takes(13, 2, twice()).known();
    let expected = Connects {
        rate: Some(sides(180.0, 60.0)),
        all: Some(300.0),
        per_request: sides(Some(cost(8_280.0 / 59_400.0, 8_280.0)), Some(cost(0.3, 2_760.0))),
        lately: sides(Some(cost(0.2, 2_880.0)), Some(cost(0.3, 960.0))),
        others: Some(2_760.0 / 66.0),
    };
    assert_eq!(known, expected);
}

#[test]
fn a_side_that_nobody_asks_has_no_cost_however_many_its_users_connect() {
    let idle = World { requests: Some(sides(900.0, 0.0)), ..busy() };
    let known = counted().takes(70, 1, idle).known();
    assert_eq!(known.per_request, sides(Some(cost(0.1, 6_300.0)), None));
    assert_eq!(known.lately, sides(Some(cost(0.1, 900.0)), None));
    assert_eq!(known.rate, Some(sides(90.0, 30.0)));
}

#[test]
fn what_came_before_a_gap_is_no_rate_of_now() {
    let before = counted().takes(25, 1, busy());
    assert_eq!(before.known().rate, Some(sides(90.0, 30.0)));
    assert_eq!(counted().takes(25, 1, busy()).waits(15).known().rate, Some(sides(90.0, 30.0)));
    assert_eq!(counted().takes(25, 1, busy()).waits(16).known(), Connects::default());
    let after = before.waits(20).takes(3, 1, busy());
    assert_eq!((after.known().rate, after.known().all), (None, None));
    // A part that was long because a sample came late is as near as another.
    let late = counted().takes(9, 1, busy()).takes(1, 15, busy()).takes(9, 1, busy());
    assert_eq!(late.known().rate, Some(sides(90.0, 30.0)));
}

#[test]
fn five_minutes_are_kept_and_no_more() {
    let hour = counted().takes(3_600, 1, busy());
    assert_eq!(hour.tally.parts.len(), 30);
    let changed = counted().takes(600, 1, busy()).takes(300, 1, twice());
    assert_eq!(changed.known().per_request, sides(Some(cost(0.2, 54_000.0)), Some(cost(0.3, 18_000.0))));
}

#[test]
fn what_came_since_is_of_whole_parts_from_the_first_on_whose_requests_are_known() {
    let unknown = World { requests: None, ..busy() };
    let seen = counted().takes(14, 1, unknown).takes(31, 1, twice());
    let sum = Part {
        since: BEGAN + secs(20),
        covers: secs(20),
        all: 6_000.0,
        connects: sides(3_600.0, 1_200.0),
        known: secs(20),
        requests: sides(18_000.0, 4_000.0),
        beside: sides(3_600.0, 1_200.0),
        asked: sides(secs(20), secs(20)),
    };
    assert_eq!(seen.tally.known_since(BEGAN), sum);
    assert_eq!(seen.tally.known_since(BEGAN + secs(20)), sum);
    assert_eq!(seen.tally.known_since(BEGAN + secs(21)).since, BEGAN + secs(30));
}
