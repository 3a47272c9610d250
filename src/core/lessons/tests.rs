use super::*;

/// What is true of a world: connects per request of each side, and those of others, per second.
#[derive(Clone, Copy)]
struct World {
    legacy: f64,
    kubernetes: f64,
    others: f64,
}

/// A request costs twice as much on Kubernetes, and a fifth of all at 10 % are others'.
const DEAR: World = World { legacy: 0.1, kubernetes: 0.2, others: 275.0 };

#[derive(Clone)]
struct Seen {
    lessons: Lessons,
    now: Time,
    demand: f64,
    world: World,
}

fn seen(world: World) -> Seen {
    Seen { lessons: Lessons::default(), now: Time::from_millis(1_000_000_000), demand: 10_000.0, world }
}

impl Seen {
    /// So many seconds go by at a weight of so many percent.
    fn at(mut self, percent: f64, seconds: u64) -> Self {
        for _ in 0..seconds {
            self.now = self.now + Duration::from_secs(1);
            let requests = BySide {
                legacy: self.demand * (1.0 - percent / 100.0),
                kubernetes: self.demand * percent / 100.0,
            };
            let World { legacy, kubernetes, others } = self.world;
            let attempts = requests.legacy * legacy + requests.kubernetes * kubernetes + others;
            self.lessons.push(self.now, Duration::from_secs(3), attempts, requests, percent / 100.0);
        }
        self
    }

    fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn steps(&self) -> usize {
        self.lessons.steps(self.now)
    }

    fn slope(&self) -> Option<Slope> {
        self.lessons.slope(self.now)
    }

    /// To a thousandth.
    fn more(&self) -> Option<String> {
        self.slope().map(|slope| format!("{:.3}", slope.more))
    }
}

#[test]
fn two_steps_teach_how_much_more_a_request_costs_whatever_others_connect() {
    let one = seen(DEAR).at(10.0, 60).at(20.0, 60);
    assert_eq!((one.steps(), one.more()), (1, None));
    let two = one.clone().at(30.0, 60);
    assert_eq!((two.steps(), two.more()), (2, Some("0.100".into())));
    let alone = seen(World { others: 0.0, ..DEAR }).at(10.0, 60).at(20.0, 60).at(30.0, 60);
    assert_eq!(alone.more(), two.more());
    let down = two.at(10.0, 60);
    assert_eq!((down.steps(), down.more()), (3, Some("0.100".into())));
    let cheap = seen(World { kubernetes: 0.05, ..DEAR }).at(10.0, 60).at(20.0, 60).at(30.0, 60);
    assert_eq!(cheap.more(), Some("-0.050".into()));
}

#[test]
fn the_more_steps_the_more_certain_and_one_is_never_believed_alone() {
    let after = |ends: &[f64]| {
        let seen = ends.iter().fold(seen(DEAR).at(10.0, 60), |seen, end| seen.at(*end, 60));
        format!("{:.3}", seen.slope().unwrap().noise)
    };
    assert_eq!(after(&[15.0, 20.0]), "0.034");
    assert_eq!(after(&[15.0, 20.0, 25.0, 30.0, 35.0]), "0.018");
    // The smaller of the two tells little.
    assert_eq!(after(&[11.0, 21.0]), "0.161");
}

#[test]
fn steps_that_differ_by_more_than_chance_leave_it_uncertain() {
    let other = |seen: &mut Seen| seen.world.others += 200.0;
    let alike = seen(DEAR).at(10.0, 60).at(20.0, 60).at(30.0, 60);
    let met = seen(DEAR).at(10.0, 60).at(20.0, 60).but(other).at(30.0, 60);
    let noise = |seen: &Seen| seen.slope().unwrap().noise;
    assert!(noise(&met) > 3.0 * noise(&alike), "{} {}", noise(&met), noise(&alike));
}

#[test]
fn a_mean_is_of_20_seconds_at_least_from_15_seconds_after_a_step_on() {
    let two = |before: u64, after: u64| {
        seen(DEAR).at(10.0, 60).at(20.0, 60).at(30.0, before).at(40.0, after).steps()
    };
    // The first second at a weight is a part of the way there.
    assert_eq!((two(60, 35), two(60, 36)), (2, 3));
    // One that was too short is passed over: the one before is compared with the next.
    let short = seen(DEAR).at(10.0, 60).at(15.0, 30).at(20.0, 30).at(30.0, 60).at(40.0, 60);
    assert_eq!((short.steps(), short.more()), (2, Some("0.100".into())));
    let long = seen(DEAR).at(10.0, 60).at(15.0, 30).but(|seen| seen.now = seen.now + Duration::from_secs(2));
    let (way, apart): (Vec<f64>, u64) = ((0..30).map(f64::from).collect(), 30);
    let long = way.iter().fold(long, |seen, step| seen.at(16.0 + step, apart));
    assert_eq!(long.steps(), 0);
    assert_eq!(long.at(60.0, 60).steps(), 0, "what is a quarter of an hour apart is not compared");
}

#[test]
fn pools_that_are_filled_after_a_step_teach_nothing() {
    let fills = |seen: Seen, percent: f64| {
        let filling = |seen: &mut Seen| seen.world.others += 2_000.0;
        let filled = |seen: &mut Seen| seen.world.others -= 2_000.0;
        seen.but(filling).at(percent, 15).but(filled).at(percent, 60)
    };
    let seen = fills(fills(seen(DEAR).at(10.0, 60), 20.0), 30.0);
    assert_eq!((seen.steps(), seen.more()), (2, Some("0.100".into())));
}

#[test]
fn what_is_not_calm_parts_two_times() {
    let disturbed = |seen: &mut Seen| seen.lessons.interrupt();
    let parted = seen(DEAR).at(10.0, 60).at(20.0, 30).but(disturbed).at(20.0, 60);
    assert_eq!(parted.steps(), 0);
    // What was learned before stays, without the ten seconds before: they may have been a part of it.
    let surged = |seen: &mut Seen| seen.world.others += 500.0;
    let known = seen(DEAR).at(10.0, 60).at(20.0, 60).at(30.0, 46).but(surged).at(30.0, 10);
    assert_ne!(known.more(), Some("0.100".into()));
    let known = known.but(disturbed);
    assert_eq!((known.steps(), known.more()), (2, Some("0.100".into())));
    assert_eq!(format!("{:.4}", known.lessons.level(known.now).unwrap().each), "0.1575");
    let gap = |seen: &mut Seen| seen.now = seen.now + Duration::from_secs(3);
    assert_eq!(seen(DEAR).at(10.0, 60).but(gap).at(20.0, 60).steps(), 0);
}

#[test]
fn a_demand_that_changes_with_a_step_leaves_it_uncertain_and_one_that_changes_much_teaches_nothing() {
    let noise = |times: f64| {
        let rises = |seen: &mut Seen| seen.demand *= times;
        let seen = seen(DEAR).at(10.0, 60).at(20.0, 60).but(rises).at(30.0, 60);
        seen.slope().map(|slope| format!("{:.3}", slope.noise))
    };
    assert_eq!(noise(1.0), Some("0.018".into()));
    assert_eq!(noise(1.1), Some("0.071".into()));
    assert_eq!(noise(1.12), None);
}

#[test]
fn what_is_older_than_a_week_is_forgotten_and_of_the_newest_ten_are_kept() {
    let many = (1..=12).fold(seen(DEAR).at(10.0, 60), |seen, step| seen.at(10.0 + 5.0 * f64::from(step), 60));
    assert_eq!(many.steps(), 10);
    let late = many.now + Duration::from_hours(7 * 24) - Duration::from_secs(45);
    assert_eq!((many.lessons.steps(late), many.lessons.steps(late + Duration::from_mins(1))), (1, 0));
    assert_eq!(many.but(|seen| seen.lessons.forget()).lessons, Lessons::default());
}

#[test]
fn the_level_is_a_mean_of_5_minutes_and_the_last_one_known() {
    let level = |seen: &Seen| seen.lessons.level(seen.now).map(|mean| format!("{:.4}", mean.each));
    let stands = seen(DEAR).at(10.0, 36);
    assert_eq!(level(&stands), Some("0.1375".into()));
    assert_eq!(level(&stands.clone().at(20.0, 30)), Some("0.1375".into()));
    assert_eq!(level(&stands.clone().at(20.0, 36)), Some("0.1475".into()));
    let grows = |seen: &mut Seen| seen.world.others += 1_000.0;
    let after = stands.at(10.0, 300).but(grows);
    assert_eq!(level(&after.clone().at(10.0, 310)), Some("0.2375".into()));
    assert_eq!(after.at(10.0, 7200).lessons.parts.len(), 30);
}

#[test]
fn what_came_before_a_disturbance_is_no_level_of_now_and_none_at_all_after_an_hour() {
    let stands = seen(DEAR).at(10.0, 60);
    let later = |seen: &Seen, by: Duration| seen.lessons.level(seen.now + by).is_some();
    let hour = Duration::from_hours(1);
    assert!(stands.lessons.is_of_now());
    assert!(stands.clone().at(20.0, 5).lessons.is_of_now(), "only the weight has moved");
    let after = stands.but(|seen| seen.lessons.interrupt());
    assert!(!after.lessons.is_of_now());
    assert_eq!((later(&after, hour), later(&after, hour + Duration::from_secs(1))), (true, false));
    assert!(after.at(10.0, 60).lessons.is_of_now());
}

#[test]
fn samples_that_are_no_whole_parts_of_a_second_fill_a_mean_as_soon() {
    let mut lessons = Lessons::default();
    let began = Time::from_millis(1_000_000_000);
    let requests = BySide { legacy: 900.0, kubernetes: 100.0 };
    for sample in 0..=175 {
        let at = began + Duration::from_millis(200) * sample;
        assert_eq!(lessons.level(at), None, "{sample}");
        lessons.push(at, Duration::from_secs(1), 100.0, requests, 0.1);
    }
    assert!(lessons.level(began + Duration::from_secs(36)).is_some());
}

#[test]
fn what_was_remembered_counts_as_if_it_had_been_learned_and_what_no_step_can_have_taught_is_left_out() {
    let taught = seen(DEAR).at(10.0, 60).at(20.0, 60).at(30.0, 60);
    let remembered: Vec<Lesson> = taught.lessons.learned().copied().collect();
    assert_eq!(remembered.len(), 2, "the one that is being made among them");
    let mut again = Lessons::default();
    again.seed(remembered.iter().copied());
    assert_eq!(again.slope(taught.now), taught.slope());
    again.seed(remembered.iter().copied());
    assert_eq!(again.steps(taught.now), 2, "once");
    let sound = remembered[0];
    let unsound = [
        Lesson { by: 0.0, ..sound },
        Lesson { by: 1.5, ..sound },
        Lesson { by: f64::NAN, ..sound },
        Lesson { rise: f64::INFINITY, ..sound },
        Lesson { noise: 0.0, ..sound },
        Lesson { noise: f64::INFINITY, ..sound },
    ];
    let mut none = Lessons::default();
    none.seed(unsound);
    assert_eq!(none.steps(taught.now), 0);
    let mut old = Lessons::default();
    old.seed(remembered);
    assert_eq!(old.steps(taught.now + Duration::from_hours(8 * 24)), 0);
}
