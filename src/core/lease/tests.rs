use proptest::prelude::*;

use super::*;

const TIMEOUT: u64 = 2_000;

/// The API server's side: one object, optimistic locking.
struct Server {
    stored: Option<Found>,
    versions: u64,
}

impl Default for Server {
    /// A lease that the last holder has released.
    fn default() -> Self {
        let record = Record { holder: None, epoch: 0, duration: Duration::from_secs(10) };
        Self { stored: Some(Found { record, version: "0".into() }), versions: 0 }
    }
}

impl Server {
    fn serve(&mut self, request: &Next) -> Answer {
        match request {
            Next::Read => Answer::Read(self.stored.clone()),
            Next::Write { record, over } => {
                if self.stored.as_ref().map(|found| &found.version) != over.as_ref() {
                    return Answer::Conflict;
                }
                self.versions += 1;
                let found = Found { record: record.clone(), version: self.versions.to_string() };
                self.stored = Some(found.clone());
                Answer::Written(found)
            }
            Next::Wait(_) => unreachable!("a wait is not a request"),
        }
    }
}

/// A request under way: when it reaches the server (if ever) and when its answer arrives.
struct Flight {
    request: Next,
    sent: u64,
    reaches: Option<u64>,
    arrives: Option<u64>,
    answer: Option<Answer>,
}

struct Replica {
    lease: Lease,
    offset: u64,
    flight: Option<Flight>,
    /// Requests that the client gave up and that may still reach the server.
    ghosts: Vec<Flight>,
    dead: bool,
}

impl Replica {
    fn new(name: &str, offset: u64) -> Self {
        let lease = Lease::new(name, Times::STANDARD);
        Self { lease, offset, flight: None, ghosts: Vec::new(), dead: false }
    }

    fn clock(&self, now: u64) -> Time {
        Time::from_millis(now + self.offset)
    }

    fn standing(&self, now: u64) -> Standing {
        if self.dead { Standing::None } else { self.lease.standing(self.clock(now)) }
    }

    /// One millisecond. `travel` gives the time to the server and back; `None` is lost.
    fn tick(&mut self, now: u64, server: &mut Server, travel: &mut impl FnMut() -> [Option<u64>; 2]) {
        let clock = self.clock(now);
        for flight in self.ghosts.iter_mut().chain(&mut self.flight) {
            if flight.reaches == Some(now) {
                flight.answer = Some(server.serve(&flight.request));
            }
        }
        self.ghosts.retain(|flight| flight.reaches.is_some_and(|at| at > now));
        if self.dead {
            return;
        }
        if let Some(mut flight) = self.flight.take() {
            let sent = self.clock(flight.sent);
            if flight.arrives == Some(now)
                && let Some(answer) = flight.answer.take()
            {
                self.lease.answer(answer, sent, clock);
            } else if now >= flight.sent + TIMEOUT {
                self.lease.answer(Answer::None, sent, clock);
                self.ghosts.push(flight);
            } else {
                self.flight = Some(flight);
                return;
            }
        }
        match self.lease.next(clock) {
            Next::Wait(_) => {}
            request => {
                let [there, back] = travel();
                let reaches = there.map(|there| now + 1 + there);
                let arrives = reaches.zip(back).map(|(reaches, back)| reaches + back);
                self.flight = Some(Flight { request, sent: now, reaches, arrives, answer: None });
            }
        }
    }
}

fn holders(replicas: &[Replica], now: u64) -> usize {
    replicas.iter().filter(|replica| matches!(replica.standing(now), Standing::Holder { .. })).count()
}

/// Runs replicas on a network that always takes `travel` ms each way.
fn run(replicas: &mut [Replica], server: &mut Server, span: std::ops::Range<u64>, travel: u64) {
    for now in span {
        for replica in &mut *replicas {
            replica.tick(now, server, &mut || [Some(travel), Some(travel)]);
        }
        assert!(holders(replicas, now) <= 1, "two holders at {now}");
    }
}

#[test]
fn a_lone_replica_holds_after_two_answers_and_keeps_renewing() {
    let mut server = Server::default();
    let mut replicas = [Replica::new("a", 0)];
    run(&mut replicas, &mut server, 1..100, 5);
    assert!(matches!(replicas[0].standing(100), Standing::Holder { epoch: 1, .. }));
    run(&mut replicas, &mut server, 100..60_000, 5);
    assert!(matches!(replicas[0].standing(60_000), Standing::Holder { epoch: 1, .. }));
    assert!((28..=32).contains(&server.versions), "a write each 2 s, not {}", server.versions);
}

#[test]
fn a_lease_that_is_not_there_is_made_at_once_and_held_one_duration_later() {
    let mut server = Server { stored: None, versions: 0 };
    let mut replicas = [Replica::new("a", 0), Replica::new("b", 0)];
    run(&mut replicas, &mut server, 1..100, 5);
    assert_eq!(server.stored.as_ref().map(|found| found.record.epoch), Some(1));
    run(&mut replicas, &mut server, 100..10_000, 5);
    assert_eq!(holders(&replicas, 10_000), 0);
    run(&mut replicas, &mut server, 10_000..10_100, 5);
    assert_eq!(holders(&replicas, 10_100), 1);
    run(&mut replicas, &mut server, 10_100..30_000, 5);
    assert_eq!((holders(&replicas, 30_000), server.stored.map(|found| found.record.epoch)), (1, Some(1)));
}

#[test]
fn one_that_made_the_lease_and_died_is_followed_when_its_claim_expires() {
    let mut server = Server { stored: None, versions: 0 };
    let mut replicas = [Replica::new("a", 0), Replica::new("b", 0)];
    run(&mut replicas[..1], &mut server, 1..5_000, 5);
    replicas[0].dead = true;
    run(&mut replicas, &mut server, 5_000..15_900, 5);
    assert!(matches!(replicas[1].standing(15_900), Standing::Holder { epoch: 2, .. }));
}

#[test]
fn a_lease_that_came_and_went_unseen_is_not_taken_from_its_holder() {
    let mut server = Server { stored: None, versions: 0 };
    let mut replicas = [Replica::new("a", 0), Replica::new("b", 0)];
    // The second has seen that there is none, and then nothing for long.
    replicas[1].lease.answer(Answer::Read(None), Time::from_millis(1), Time::from_millis(2));
    run(&mut replicas[..1], &mut server, 1..20_000, 5);
    assert_eq!(holders(&replicas, 20_000), 1);
    server.stored = None;
    // The first hears nothing any more: its claim stands until it expires.
    let silent = &mut || [None, None];
    for now in 20_000..29_000 {
        replicas[0].tick(now, &mut server, silent);
        replicas[1].tick(now, &mut server, &mut || [Some(5), Some(5)]);
        assert!(holders(&replicas, now) <= 1, "two holders at {now}");
    }
    assert_eq!(server.stored.as_ref().and_then(|found| found.record.holder.as_deref()), Some("b"));
    run(&mut replicas[1..], &mut server, 29_000..31_000, 5);
    assert!(matches!(replicas[1].standing(31_000), Standing::Holder { .. }));
}

#[test]
fn another_takes_over_within_two_seconds_after_the_expiry_of_a_dead_holder() {
    let mut server = Server::default();
    let mut replicas = [Replica::new("a", 0), Replica::new("b", 777_777)];
    run(&mut replicas, &mut server, 1..30_000, 5);
    let holder = usize::from(matches!(replicas[1].standing(30_000), Standing::Holder { .. }));
    let Standing::Holder { until, epoch } = replicas[holder].standing(30_000) else { panic!("nobody holds") };
    let until = until.as_millis() - replicas[holder].offset;
    replicas[holder].dead = true;
    run(&mut replicas, &mut server, 30_000..until + 2_000, 5);
    assert!(
        matches!(replicas[1 - holder].standing(until + 2_000), Standing::Holder { epoch: new, .. } if new == epoch + 1)
    );
}

#[test]
fn a_released_lease_is_taken_at_the_next_look() {
    let mut server = Server::default();
    let mut replicas = [Replica::new("a", 0), Replica::new("b", 0)];
    run(&mut replicas[..1], &mut server, 1..3_000, 5);
    run(&mut replicas, &mut server, 3_000..9_000, 5);
    let release = replicas[0].lease.release(replicas[0].clock(9_000)).expect("it was held");
    assert_eq!(replicas[0].standing(9_000), Standing::None);
    assert!(matches!(server.serve(&release), Answer::Written(_)));
    run(&mut replicas, &mut server, 9_000..10_100, 5);
    assert!(matches!(replicas[1].standing(10_100), Standing::Holder { epoch: 2, .. }));
}

#[test]
fn without_an_answer_the_holder_becomes_the_last_holder_for_one_hour() {
    let mut server = Server::default();
    let mut replica = Replica::new("a", 0);
    run(std::slice::from_mut(&mut replica), &mut server, 1..3_000, 5);
    let mut seen = Vec::new();
    for now in 3_000..3_700_000 {
        replica.tick(now, &mut server, &mut || [None, None]);
        let standing = match replica.standing(now) {
            Standing::Holder { .. } => "holder",
            Standing::LastHolder { .. } => "last holder",
            Standing::None => "none",
        };
        if seen.last().is_none_or(|(_, last)| *last != standing) {
            seen.push((now / 1000, standing));
        }
    }
    assert_eq!(seen, [(3, "holder"), (12, "last holder"), (3612, "none")]);
}

#[test]
fn a_conflict_or_another_name_or_a_refusal_ends_the_last_holder_for_good() {
    let other = Found {
        record: Record { holder: Some("b".into()), epoch: 2, duration: Duration::from_secs(10) },
        version: "9".into(),
    };
    for end in [Answer::Conflict, Answer::Refused, Answer::Read(Some(other)), Answer::Read(None)] {
        let mut server = Server::default();
        let mut replica = Replica::new("a", 0);
        run(std::slice::from_mut(&mut replica), &mut server, 1..3_000, 5);
        let at = |seconds: u64| Time::from_millis(seconds * 1000);
        replica.lease.answer(Answer::None, at(20), at(20));
        assert!(matches!(replica.lease.standing(at(20)), Standing::LastHolder { .. }));
        replica.lease.answer(end.clone(), at(20), at(20));
        assert_eq!(replica.lease.standing(at(20)), Standing::None, "{end:?}");
        replica.lease.answer(Answer::None, at(21), at(21));
        assert_eq!(replica.lease.standing(at(21)), Standing::None, "{end:?}");
    }
}

#[test]
fn a_holder_that_comes_back_before_anybody_took_over_goes_on_in_its_epoch() {
    let mut server = Server::default();
    let mut replica = Replica::new("a", 0);
    run(std::slice::from_mut(&mut replica), &mut server, 1..3_000, 5);
    for now in 3_000..60_000 {
        replica.tick(now, &mut server, &mut || [None, None]);
    }
    run(std::slice::from_mut(&mut replica), &mut server, 60_000..64_000, 5);
    assert!(matches!(replica.standing(64_000), Standing::Holder { epoch: 1, .. }));
}

#[test]
fn a_restarted_process_waits_for_the_claim_of_the_one_before() {
    let mut server = Server::default();
    let mut replicas = [Replica::new("pod-1", 0), Replica::new("pod-2", 0)];
    run(&mut replicas[..1], &mut server, 1..3_000, 5);
    replicas[0].dead = true;
    run(&mut replicas, &mut server, 3_000..12_900, 5);
    assert_eq!(replicas[1].standing(12_900), Standing::None);
    run(&mut replicas, &mut server, 12_900..13_200, 5);
    assert!(matches!(replicas[1].standing(13_200), Standing::Holder { epoch: 2, .. }));
}

#[test]
fn a_deleted_lease_is_not_held_anew_before_its_last_claim_expired() {
    let mut server = Server::default();
    let mut replicas = [Replica::new("a", 0), Replica::new("b", 0)];
    run(&mut replicas[..1], &mut server, 1..3_000, 5);
    run(&mut replicas, &mut server, 3_000..5_000, 5);
    server.stored = None;
    run(&mut replicas, &mut server, 5_000..30_000, 5);
    assert_eq!(holders(&replicas, 30_000), 1);
    assert_eq!(server.stored.as_ref().map(|found| found.record.epoch), Some(2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// However slow, lost or late requests and answers are, and whatever the clocks show.
    #[test]
    fn two_replicas_never_hold_at_once(
        offsets in prop::array::uniform3(0_u64..10_000_000),
        travels in prop::collection::vec(
            prop::array::uniform2(prop_oneof![
                4 => (0_u64..50).prop_map(Some),
                2 => (0_u64..15_000).prop_map(Some),
                1 => Just(None),
            ]),
            40..200,
        ),
        deaths in prop::collection::vec((0_usize..3, 0_u64..90_000), 0..2),
        deleted in prop::collection::vec(0_u64..90_000, 0..3),
        installed in any::<bool>(),
    ) {
        let mut server = if installed { Server::default() } else { Server { stored: None, versions: 0 } };
        let mut replicas: Vec<Replica> = ["a", "b", "c"].into_iter().zip(offsets)
            .map(|(name, offset)| Replica::new(name, offset)).collect();
        let mut next = travels.iter().copied().cycle();
        for now in 1..90_000 {
            for (index, replica) in replicas.iter_mut().enumerate() {
                replica.dead |= deaths.contains(&(index, now));
                replica.tick(now, &mut server, &mut || next.next().unwrap_or([None, None]));
            }
            if deleted.contains(&now) {
                server.stored = None;
            }
            prop_assert!(holders(&replicas, now) <= 1, "two holders at {now} ms");
        }
    }
}
