//! The lookout over a real HAProxy that many plans share.

use super::*;
use crossfade::api::parse::parse;
use crossfade::control::fleet::{LaneHandle, Links, Start};
use crossfade::control::key::PlanKey;
use crossfade::control::lookout::{Lookout, Place, Post};
use crossfade::control::mailbox::{Mailbox, Task};
use crossfade::control::operator::Operator;
use crossfade::control::seat::Seat;
use crossfade::control::teller::Teller;
use crossfade::control::warm::Normals;
use crossfade::core::state::State;
use crossfade::route::haproxy::Line;
use crossfade::serve::metrics::Metrics;
use futures::FutureExt as _;
use serde_json::json;
use std::fmt::Write as _;

/// One HAProxy with a backend for each plan: `mail-3` has its Kubernetes server at weight 3, its legacy
/// server at 100 less.
struct Shared {
    haproxy: HaProxy,
    operator: Arc<Operator>,
    seats: Vec<Arc<Seat>>,
    lookout: Lookout,
    /// Empty when the lanes are to have left.
    places: Vec<Place>,
    post: Post,
}

impl Shared {
    /// Lanes of so many plans, all of them proven.
    async fn by(plans: u16) -> Self {
        let mut options = Options::new(&nobody(1), &nobody(1));
        for plan in 0..plans {
            let legacy = 100 - plan;
            let servers = format!(
                "  server vm-1 127.0.0.1:9 weight {legacy}\n  server ingress-1 127.0.0.1:9 weight {plan}\n"
            );
            write!(options.sections, "backend mail-{plan}\n  mode http\n{servers}").unwrap();
        }
        let haproxy = HaProxy::start(&options).await;
        let metrics = Arc::new(Metrics::new());
        let (teller, _) = Teller::new(metrics.clone());
        let (refuse, _) = tokio::sync::mpsc::channel(1);
        let operator = Arc::new(Operator::new(metrics, Arc::default(), teller, refuse));
        let line = Line::new(&config(&haproxy.admin_tcp())).unwrap();
        let (post, lookout, _) = Post::new(line, operator.clone());
        let mut shared = Self { haproxy, operator, seats: vec![], lookout, places: vec![], post };
        for plan in 0..plans {
            shared.add(&format!("mail-{plan}"));
        }
        shared.places = shared.seats.iter().map(|seat| shared.post.take(seat.clone())).collect();
        shared
    }

    fn add(&mut self, backend: &str) {
        let address = self.haproxy.admin_tcp();
        let spec = json!({
            "stages": [{"name": "full", "weight": 100}],
            "routes": [{"name": "edge", "haproxy": {
                "instances": [address], "insecure": true, "backend": backend,
                "legacyServers": ["vm-*"], "kubernetesServers": ["ingress-*"],
            }}],
            "databases": [{"name": "accounts", "mysql": {"host": "db", "credentialsSecret": "db"}}],
        });
        let (key, mailbox) = (PlanKey::new("mail", backend), Arc::new(Mailbox::default()));
        let links = Links { lanes: vec![LaneHandle { id: 1, mailbox: mailbox.clone() }], ..Links::default() };
        let (state, normals, recorder) = (State::default(), Normals::default(), Arc::default());
        let start = Start { plan: parse(&spec).unwrap().plan, state, normals, links, recorder };
        self.operator.fleet(|fleet, now| fleet.put(&key, start, now));
        let instance = Instance::new(Config { backend: backend.into(), ..config(&address) }).unwrap();
        let seat = Seat::new(key, 1, mailbox, instance.backend().clone());
        seat.answered(true);
        self.seats.push(Arc::new(seat));
    }

    /// The lanes that are to read themselves since that was asked last.
    fn asked(&self) -> Vec<usize> {
        let asked = |seat: &Arc<Seat>| seat.mailbox.next().now_or_never() == Some(Task::Look);
        self.places_of(asked)
    }

    /// The plans whose engine knows what stands in HAProxy.
    fn read(&self) -> Vec<usize> {
        let read = |seat: &Arc<Seat>| {
            let weight = self.operator.fleet(|fleet, _| {
                let seen = &fleet.get(&seat.plan).unwrap().engine.seen().instances[0];
                assert_eq!(seen.failing, None);
                seen.reading.as_ref().map(|(_, reading)| reading.weight)
            });
            let place: f64 = seat.plan.as_str().rsplit('-').next().unwrap().parse().unwrap();
            assert!(weight.is_none_or(|weight| weight == percent(place)), "{weight:?}");
            weight.is_some()
        };
        self.places_of(read)
    }

    fn places_of(&self, holds: impl Fn(&Arc<Seat>) -> bool) -> Vec<usize> {
        (0..self.seats.len()).filter(|place| holds(&self.seats[*place])).collect()
    }
}

#[tokio::test]
async fn it_reads_for_all_but_those_whose_turn_it_is_to_read_themselves() {
    let mut shared = Shared::by(70).await;
    let turn = |round: usize| (0..70).filter(|place| place % 5 == round).collect::<Vec<usize>>();
    shared.lookout.look(0).await;
    assert_eq!(shared.asked(), turn(0));
    assert_eq!(shared.read(), (0..70).filter(|place| place % 5 != 0).collect::<Vec<_>>());
    shared.lookout.look(1).await;
    assert_eq!((shared.asked(), shared.read().len()), (turn(1), 70));
}

#[tokio::test]
async fn a_few_lanes_read_themselves_always() {
    let mut shared = Shared::by(9).await;
    shared.lookout.look(0).await;
    assert_eq!((shared.asked(), shared.read().len()), (vec![0, 5], 7));
    shared.places.pop();
    shared.lookout.look(1).await;
    assert_eq!((shared.asked(), shared.read().len()), ((0..8).collect(), 7));
    // Nor does it keep a connection: the one that is left asks this.
    let started = Instant::now();
    loop {
        let sessions = shared.haproxy.command("show sess").await;
        if sessions.matches("fe=GLOBAL").count() == 1 {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{sessions}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_lane_at_work_is_told_nothing_and_an_unproven_one_reads_itself() {
    let mut shared = Shared::by(10).await;
    let seats = shared.seats.clone();
    let busy = seats[1].begin();
    seats[2].answered(false);
    shared.lookout.look(0).await;
    assert_eq!((shared.asked(), shared.read()), (vec![0, 2, 5], vec![3, 4, 6, 7, 8, 9]));
    drop(busy);
    seats[2].answered(true);
    shared.lookout.look(3).await;
    assert_eq!((shared.asked(), shared.read()), (vec![3, 8], vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
}

#[tokio::test]
async fn who_cannot_be_read_reads_itself_and_finds_out_why() {
    let mut shared = Shared::by(9).await;
    shared.add("mail-99");
    let place = shared.post.take(shared.seats[9].clone());
    shared.places.push(place);
    shared.lookout.look(0).await;
    assert_eq!((shared.asked(), shared.read()), (vec![0, 5, 9], vec![1, 2, 3, 4, 6, 7, 8]));
    shared.haproxy.kill();
    shared.lookout.look(1).await;
    assert_eq!(shared.asked(), (0..10).collect::<Vec<_>>());
    shared.haproxy.restart().await;
    shared.lookout.look(2).await;
    assert_eq!((shared.asked(), shared.read()), (vec![2, 7, 9], (0..9).collect::<Vec<_>>()));
}

#[tokio::test]
async fn it_ends_with_the_last_who_needs_it() {
    let shared = Shared::by(0).await;
    let line = Line::new(&config(&shared.haproxy.admin_tcp())).unwrap();
    let (post, lookout, stop) = Post::new(line, shared.operator.clone());
    let task = tokio::spawn(lookout.look_out(stop.clone()));
    assert!(!stop.is_cancelled());
    drop(post);
    assert!(stop.is_cancelled());
    task.await.unwrap();
}
