//! What one replica has of one plan: its engine, its lanes and its recorder, put together as the shell's
//! fleet does.

use crossfade_core::action::Action;
use crossfade_core::capacity::{Figure, MEASURED_STALE};
use crossfade_core::fence;
use crossfade_core::guard::Signal;
use crossfade_core::lease::Standing;
use crossfade_core::route::Purpose;
use crossfade_core::seen::Authority;
use crossfade_core::time::Time;

use crate::api::{ApiServer, Normals, Object, TIMEOUT};
use crate::broken::{Broken, Engine};
use crate::lane::{self, Lane, Order};
use crate::recorder::{self, Recorder, Wanted};
use crate::service::Service;
use crate::side::Side;

/// A status baseline younger than this is gone on from (DESIGN section 4).
const BASELINE_AGE: std::time::Duration = std::time::Duration::from_hours(1);

/// One plan in one replica.
#[derive(Clone, Debug)]
pub struct Mind {
    /// The engine.
    pub engine: Engine,
    /// Which service it is for.
    pub service: usize,
    /// Something came that it has not decided on yet.
    pub touched: bool,
    /// The claim under which it took over.
    pub taken_over: Option<u64>,
    lanes: Vec<Lane>,
    recorder: Recorder,
    /// The revision to be stored.
    wanted: Option<u64>,
    /// The generation and the version of the object that it knows.
    known: (u64, u64),
    /// What people asked for last, as far as it knows.
    pub asked: u64,
    replica: usize,
}

/// What a replica may do, by its own clock.
#[derive(Clone, Copy, Debug)]
pub struct Rights {
    /// By its lease.
    pub standing: Standing,
    /// What its own clock says.
    pub clock: Time,
}

impl Mind {
    /// A mind of a replica that has just learned of the plan in `object`.
    pub fn new(replica: usize, service: usize, object: &Object, clock: Time, broken: Option<Broken>) -> Self {
        let engine = Engine::new(object.plan.clone(), clock, broken);
        let mut mind = Self {
            lanes: object.plan.instances().map(|_| Lane::new(replica)).collect(),
            engine,
            service,
            touched: true,
            taken_over: None,
            recorder: Recorder::default(),
            wanted: None,
            known: (object.generation, 0),
            asked: 0,
            replica,
        };
        mind.watch(object, clock);
        mind
    }

    /// What the watch of the plans delivers; whether the plan is another one.
    pub fn watch(&mut self, object: &Object, clock: Time) -> bool {
        if self.known.1 == object.version {
            return false;
        }
        let respecified = self.known.0 != object.generation;
        if respecified {
            self.engine.set_plan(object.plan.clone(), clock);
            self.lanes.resize_with(object.plan.instances().count(), || Lane::new(self.replica));
        }
        self.known = (object.generation, object.version);
        if self.asked == object.asked {
            return respecified;
        }
        self.asked = object.asked;
        self.engine.set_wishes(object.wishes.clone());
        self.engine.set_rejected(object.rejected.clone());
        self.touched = true;
        respecified
    }

    /// What this replica may do has changed.
    pub fn stand(&mut self, standing: Standing) {
        if let Standing::Holder { epoch, .. } = standing
            && self.taken_over != Some(epoch)
        {
            self.taken_over = None;
        }
        let authority = authority(standing, self.taken_over);
        if self.engine.seen().authority != authority {
            self.engine.set_authority(authority);
            self.touched = true;
        }
    }

    /// Lets the lanes work.
    pub fn drive(&mut self, service: &mut Service, now: Time, rights: Rights) {
        for instance in 0..self.lanes.len() {
            for _ in 0..MOST_NEWS {
                let Some(lane) = self.lanes.get_mut(instance) else { break };
                let permit = |order: &Order| {
                    let standing = self.engine.standing(rights.standing);
                    fence::permit(standing, order.purpose, order.epoch, TIMEOUT, rights.clock)
                };
                let Some(news) = lane.work(service, instance, now, permit) else { break };
                self.touched = true;
                match news {
                    lane::News::Read(result) => self.engine.read(instance, result, rights.clock),
                    // An order of an earlier claim has nothing to say.
                    lane::News::Written(order, result) if self.taken_over == Some(order.epoch) => {
                        self.engine.written(instance, order.number, result, rights.clock);
                    }
                    lane::News::Written(..) => {}
                }
            }
        }
    }

    /// Lets the recorder work.
    pub fn record(&mut self, api: &mut ApiServer, now: Time, rights: Rights) {
        for _ in 0..MOST_NEWS {
            let wanted = match rights.standing {
                Standing::Holder { epoch, .. } => {
                    if self.taken_over == Some(epoch) && self.wanted.is_none() {
                        return;
                    }
                    let permit = fence::permit(rights.standing, Purpose::Raise, epoch, TIMEOUT, rights.clock);
                    Some(Wanted {
                        epoch,
                        taken_over: self.taken_over,
                        state: self.wanted.map(|revision| (revision, self.engine.state())),
                        stage: present(&self.engine),
                        baselines: self.baselines(),
                        permitted: permit == fence::Permit::AsOrdered,
                        clock: rights.clock,
                    })
                }
                _ => None,
            };
            let Some(news) = self.recorder.work(api, self.service, wanted, now) else { return };
            self.touched = true;
            match news {
                recorder::News::Recorded(revision) => {
                    if self.wanted == Some(revision) {
                        self.wanted = None;
                    }
                    self.engine.recorded(revision);
                }
                recorder::News::TakeOver(epoch, read) => self.take_over(epoch, *read, rights),
            }
        }
    }

    fn take_over(&mut self, epoch: u64, read: recorder::Read, rights: Rights) {
        let current = matches!(rights.standing, Standing::Holder { epoch: held, .. } if held == epoch);
        if !current || self.taken_over == Some(epoch) {
            return;
        }
        self.taken_over = Some(epoch);
        self.wanted = None;
        let (measured, baselines) = read.baselines;
        for (database, learned) in baselines.lessons {
            self.engine.seed_lessons(&database, learned);
        }
        if rights.clock.since(measured) < BASELINE_AGE {
            for (key, value) in baselines.rates {
                self.engine.seed_baseline(&key, value);
            }
            for (database, normal) in baselines.sides {
                self.engine.seed_sides(&database, normal);
            }
        }
        let mut state = read.state;
        // By its name, as the shell reads it.
        state.stage = read.stage.and_then(|name| {
            let stages = &self.engine.plan().stages;
            let named = stages.iter().position(|stage| stage.name == name);
            named.or_else(|| self.engine.plan().stage_at(state.intended?))
        });
        self.engine.take_over(state, rights.clock);
        self.engine.set_authority(authority(rights.standing, self.taken_over));
        self.lanes.iter_mut().for_each(Lane::look);
    }

    /// Whether there is something to decide on.
    pub fn is_due(&self, clock: Time) -> bool {
        self.touched || self.engine.deadline().is_some_and(|deadline| deadline <= clock)
    }

    /// Takes in how many pods of each workload are ready, and how many of these are warm: all of `side` stand
    /// behind the first.
    pub fn count_pods(&mut self, side: &Side, now: Time, clock: Time) {
        let workloads =
            |engine: &Engine| engine.plan().capacity.kubernetes.as_ref().map(|it| it.workloads.len());
        for place in 0..workloads(&self.engine).unwrap_or_default() {
            let capacity = self.engine.plan().capacity.kubernetes.as_ref();
            let warm_up = capacity.and_then(|it| it.workloads.get(place)).map(|it| it.warm_up);
            let first = warm_up.filter(|_| place == 0);
            let warm = first.map_or(0, |warm_up| side.ready_for(warm_up, now));
            let ready = first.map_or(0, |_| side.ready());
            self.count(Figure::Pods(place), warm, clock);
            self.count(Figure::Ready(place), ready, clock);
        }
    }

    /// Another number is news, and so is one after which nobody knew.
    fn count(&mut self, figure: Figure, pods: u32, clock: Time) {
        let pods = f64::from(pods);
        let before = self.engine.seen().figures.measured.get(&figure);
        let same = |(at, before): &(Time, f64)| {
            before.to_bits() == pods.to_bits() && clock.since(*at) <= MEASURED_STALE
        };
        self.touched |= !before.is_some_and(same);
        self.engine.measured(figure, pods, clock);
    }

    /// Decides.
    pub fn decide(&mut self, clock: Time) -> Vec<Action> {
        self.touched = false;
        self.engine.decide(clock)
    }

    /// Carries an action out; a raise or a record takes effect when lane or recorder work.
    pub fn act(&mut self, action: &Action) {
        match action {
            &Action::Write { instance, number, weight, purpose } => {
                let epoch = self.taken_over.unwrap_or_default();
                if let Some(lane) = self.lanes.get_mut(instance) {
                    lane.post(Order { number, weight, purpose, epoch });
                }
            }
            &Action::Record { revision } => self.wanted = Some(revision),
            Action::Tell { .. } => {}
        }
    }

    /// Whether it may write everything, its status taken over.
    pub fn is_in_charge(&self, rights: Rights) -> bool {
        matches!(rights.standing, Standing::Holder { epoch, .. } if self.taken_over == Some(epoch))
    }

    /// The version of the object that its recorder has read or written last.
    pub fn read_version(&self) -> Option<u64> {
        self.recorder.version()
    }

    /// Whether nothing that was decided waits to be done.
    pub fn is_idle(&self) -> bool {
        self.wanted.is_none() && self.lanes.iter().all(Lane::is_idle)
    }

    /// The baselines that a status shows.
    fn baselines(&self) -> Normals {
        let seen = self.engine.seen();
        let rates = seen.judgements.iter().filter(|(key, _)| key.signal == Signal::ConnectionRate);
        let sides = self
            .engine
            .plan()
            .databases
            .iter()
            .zip(&seen.looks)
            .filter_map(|(database, look)| Some((database.name.clone(), look.normal?)));
        let databases = self.engine.plan().databases.iter().zip(&seen.lessons);
        let lessons = databases
            .map(|(database, lessons)| (database.name.clone(), lessons.learned().copied().collect()));
        Normals {
            rates: rates.filter_map(|(key, judgement)| Some((key.clone(), judgement.baseline?))).collect(),
            sides: sides.collect(),
            lessons: lessons.collect(),
        }
    }
}

/// The present stage's name.
fn present(engine: &Engine) -> Option<&str> {
    engine.plan().stages.get(engine.state().stage?).map(|stage| stage.name.as_str())
}

/// So much may happen at one moment; more is a loop.
const MOST_NEWS: u32 = 8;

fn authority(standing: Standing, taken_over: Option<u64>) -> Authority {
    match (standing, taken_over) {
        (Standing::Holder { epoch, .. }, Some(taken)) if taken == epoch => Authority::Holder,
        (Standing::LastHolder { .. }, Some(_)) => Authority::LastHolder,
        _ => Authority::None,
    }
}
