//! What a run is made of: the world as it begins, and what happens to it. Data only.

use std::time::Duration;

use crossfade_core::plan::Plan;
use crossfade_core::time::Time;
use crossfade_core::weight::Weight;

use crate::autoscaler::AutoscalerSetup;

/// Midnight of a Monday (2025-01-06, UTC): where a run begins unless told otherwise.
pub const MONDAY: Time = Time::from_millis(1_736_121_600_000);

/// A whole run.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Where all chance comes from.
    pub seed: u64,
    /// When the run begins: the time of day and the weekday shape the demand.
    pub begins: Time,
    /// How long it lasts.
    pub lasts: Duration,
    /// How far the world goes at once: 100 ms to 1 s, and not above the sampling period of a database.
    pub step: Duration,
    /// Replicas of the operator, 0 to 3. Without any the weights stay where they are.
    pub replicas: usize,
    /// The databases.
    pub databases: Vec<DatabaseSetup>,
    /// The services, each with its plan.
    pub services: Vec<ServiceSetup>,
    /// What happens, in any order.
    pub events: Vec<Event>,
}

/// A database as it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseSetup {
    /// How scenario files and reports call it.
    pub name: String,
    /// Connects that it can answer, per second.
    pub connects_per_second: f64,
    /// `max_connections`.
    pub max_connections: u32,
    /// How long a connection is held.
    pub held: Duration,
    /// Connects of other users, per second.
    pub others: f64,
}

/// A service as it begins: who uses it, the two sides that serve it, and its plan.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceSetup {
    /// The plan's name, `namespace/name`.
    pub name: String,
    /// Its plan.
    pub plan: Plan,
    /// Which of [`Scenario::databases`] stands behind each of the plan's databases.
    pub databases: Vec<usize>,
    /// Where the load balancers stand at the begin.
    pub weight: Weight,
    /// The plan has stood there, guards clear and baselines learned, since long before: every stage up to
    /// `weight` is proven. Else it has no status, and adopts what it finds.
    pub standing: bool,
    /// The highest demand of the last days that a standing plan's status remembers, a day before the begin.
    pub peak: Option<f64>,
    /// Who uses it.
    pub demand: DemandSetup,
    /// The legacy servers.
    pub legacy: SideSetup,
    /// The Kubernetes pods.
    pub kubernetes: SideSetup,
    /// What scales the pods; `None` if nothing does.
    pub autoscaler: Option<AutoscalerSetup>,
    /// The load balancers see an ingress in front of the pods, as many servers of it as pods at the begin, which
    /// are up whatever becomes of the pods. Else they see the pods.
    pub ingress: bool,
}

/// Who uses a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DemandSetup {
    /// Requests per second at the daily peak.
    pub requests_per_second: f64,
    /// The night's share of the peak, 0 to 1; 1 is flat.
    pub trough: f64,
    /// The weekend's share of a weekday, 0 to 1 or more.
    pub weekend: f64,
    /// Standard deviation of each second's demand, as a share of it.
    pub noise: f64,
    /// How often a failed request is tried again.
    pub retries: u32,
}

/// One side of a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SideSetup {
    /// Servers or pods.
    pub servers: u32,
    /// What each can serve.
    pub requests_per_second_per_server: f64,
    /// New connections to each database per request.
    pub connects_per_request: f64,
    /// How long a new server takes until it serves.
    pub warm_up: Duration,
    /// How much more a connect or a request costs on a receiver that is new to its load (cold caches,
    /// empty pools): 0.5 is half as much again for the part of the load that came within
    /// [`crate::side::CACHE`].
    pub cold: f64,
    /// How long a request waits for its turn before its user gives up.
    pub patience: Duration,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, after the begin.
    pub after: Duration,
    /// How often again: the time between two, and when the last may be (after the begin).
    pub every: Option<(Duration, Duration)>,
    /// What.
    pub what: What,
}

/// Which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Which {
    /// The old servers.
    Legacy,
    /// The pods.
    Kubernetes,
}

/// What happens. Services, databases, instances and replicas are named by their place; `span` is how
/// long it lasts, after which things are as before (zero: to the end of the run).
#[allow(missing_docs)] // each variant says what its fields are
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Each request of a side costs so many times the usual connects, reached within `over`.
    Connects { service: usize, side: Which, times: f64, over: Duration },
    /// Demand is so many times the usual, reached within `over`.
    Demand { service: usize, times: f64, over: Duration },
    /// Servers of a side come up (cold) or go down.
    Servers { service: usize, side: Which, up: u32 },
    /// Every pod of a service is replaced by a new one, one after the other: as many are ready all the time.
    Replaced { service: usize },
    /// A side can no longer serve more than this, per server.
    PerServer { service: usize, side: Which, requests_per_second: f64 },
    /// Other users of a database connect so often, for a while.
    Burst { database: usize, connects_per_second: f64, span: Duration },
    /// A connect costs the database so many times the usual.
    ConnectCost { database: usize, times: f64 },
    /// `max_connections` is changed.
    MaxConnections { database: usize, maximum: u32 },
    /// The database is gone for a while, then another server answers under its name, or the same.
    Restart { database: usize, span: Duration, failover: bool },
    /// `FLUSH STATUS`.
    FlushStatus { database: usize },
    /// The monitors' questions are not answered.
    Blind { database: usize, span: Duration },
    /// The monitors' own connection is lost and refused.
    MonitorRefused { database: usize, span: Duration },
    /// The monitors' own connection is lost, and refused for want of connections.
    MonitorCrowdedOut { database: usize, span: Duration },
    /// A load balancer is reloaded and stands where its configuration says.
    Reload { service: usize, instance: usize, configured: Weight },
    /// Somebody else sets a weight.
    Set { service: usize, instance: usize, weight: Weight },
    /// What becomes of reads and writes at a load balancer.
    Hands { service: usize, instance: usize, hands: Hands, span: Duration },
    /// What becomes of calls of the API server.
    Api { mode: Mode, span: Duration },
    /// Somebody else changes the plan's object, so that a status write conflicts.
    Touch { service: usize },
    /// A replica dies and is started again after `span`.
    Crash { replica: usize, span: Duration },
    /// The replica that holds the lease dies after so many of its next actions, and is started again.
    CrashAfter { actions: u32, span: Duration },
    /// A replica stands still (a paused machine); its clock goes on.
    Freeze { replica: usize, span: Duration },
    /// A replica is asked to end, and is started again after `span`.
    Stop { replica: usize, span: Duration },
    /// A replica cannot reach the API server, while the others can.
    Cut { replica: usize, span: Duration },
    /// A replica's watch of the plans says nothing new, while its calls are answered.
    Unwatched { replica: usize, span: Duration },
    /// The wall clock of a replica's host steps by so many seconds: its next start sees it.
    ClockStep { replica: usize, seconds: i64 },
    /// Somebody deletes the lease, or takes it for himself.
    LeaseLost { stolen: bool },
    /// The status remembers so many retreats of the last day, the last step of the last one so long ago.
    Retreated { service: usize, times: u32, ago: Duration },
    /// The plan in force is replaced.
    Plan { service: usize, plan: Box<Plan> },
    /// `spec.paused`.
    Pause { service: usize, paused: bool },
    /// `spec.targetStage`.
    TargetStage { service: usize, stage: Option<String> },
    /// The annotation `hold`, or its removal.
    Hold { service: usize, reason: Option<String> },
    /// `approve` with the token that stands in the status then.
    Approve { service: usize, stage: String },
    /// `rollback`.
    Rollback { service: usize },
    /// `resume`.
    Resume { service: usize },
    /// `accept-baseline`, of the plan's database of that name.
    AcceptBaseline { service: usize, database: String },
    /// The newest spec is not accepted, or is again.
    Reject { service: usize, rejected: bool },
}

/// What becomes of reads and writes at a load balancer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hands {
    /// Carried out and answered at once.
    #[default]
    Well,
    /// Refused.
    Refuse,
    /// Carried out; the answer is lost.
    Lost,
    /// Carried out after three seconds, when nobody waits for the answer any more.
    Late,
    /// Carried out; the answer comes after a second and a half, and says how it was then.
    Slow,
    /// Not carried out, and no answer.
    Dropped,
    /// Each call meets one of the others by chance, every other one none.
    Any,
}

/// What becomes of calls of the API server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Carried out and answered at once.
    #[default]
    Up,
    /// Answered after a second.
    Slow,
    /// Carried out; the answer is lost.
    Lost,
    /// Not to be reached.
    Away,
    /// Writes are carried out after three seconds, when nobody waits for the answer any more; reads are
    /// not answered.
    Late,
    /// Somebody else changes the plans' objects before each write of a status, which conflicts.
    Conflict,
    /// Each call meets one of the others by chance, every other one none.
    Any,
}
