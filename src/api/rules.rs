//! The rules that the API server checks (CEL), each with its reason and its remedy.
//!
//! They use only what kube's offline evaluator knows too (no `cel.bind`, no `sortBy`), and their
//! cost stays within the API server's limits through the bounds of [`super::spec`].

use kube::core::Rule;

/// A rule of the API server.
#[derive(Debug)]
pub struct Law {
    /// The expression (CEL).
    pub rule: &'static str,
    /// What is wrong when it does not hold.
    pub reason: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// Whether [`crate::core::check`] finds the same, with the very values.
    pub in_core: bool,
}

impl Law {
    const fn new(rule: &'static str, reason: &'static str, remedy: &'static str) -> Self {
        Self { rule, reason, remedy, in_core: false }
    }

    /// A rule that the core checks too.
    const fn core(rule: &'static str, reason: &'static str, remedy: &'static str) -> Self {
        Self { rule, reason, remedy, in_core: true }
    }

    /// What the API server answers.
    pub fn message(&self) -> String {
        format!("{}; {}", self.reason, self.remedy)
    }

    /// The rule with this message.
    pub fn by_message(message: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|law| law.message() == message)
    }
}

impl From<&Law> for Rule {
    fn from(law: &Law) -> Self {
        Self::new(law.rule).message(law.message().as_str())
    }
}

macro_rules! laws {
    ($($(#[doc = $doc:literal])+ $name:ident = $kind:ident($rule:expr, $reason:expr, $remedy:expr);)+) => {
        $($(#[doc = $doc])+ pub static $name: Law = Law::$kind($rule, $reason, $remedy);)+

        /// Every rule.
        pub static ALL: &[&Law] = &[$(&$name,)+];
    };
}

laws! {
    /// While a plan is in a stage, that stage stays.
    PRESENT_STAGE_STAYS = new(
        "!has(self.status) || !has(self.status.stage) || !has(self.status.stage.name) \
         || !oldSelf.spec.stages.exists(s, s.name == self.status.stage.name) \
         || self.spec.stages.exists(s, s.name == self.status.stage.name)",
        "the stage in which the plan is now (status.stage) would disappear",
        "keep it under its name, or walk back below it first (lower spec.targetStage)"
    );
    /// While a plan is in a stage, its routes stay; one that was never in force (the spec that named it
    /// was not accepted) may go.
    ROUTES_STAY = new(
        "!has(self.status) || !has(self.status.stage) || !has(self.status.stage.name) \
         || oldSelf.spec.routes.all(r, self.spec.routes.exists(n, n.name == r.name) \
         || (has(self.status.routes) && !self.status.routes.exists(s, s.name == r.name)))",
        "a route would disappear while the plan is in a stage, and its weight would be left behind",
        "keep every route under its name, or walk back below the first stage first"
    );
    /// `targetStage` names a stage.
    TARGET_IS_A_STAGE = core(
        "!has(self.targetStage) || self.stages.exists(s, s.name == self.targetStage)",
        "targetStage names no stage",
        "name one of spec.stages, or leave targetStage out to allow all"
    );
    /// Approvals name stages.
    APPROVALS_ARE_STAGES = core(
        "!has(self.approvals) || self.approvals.all(a, self.stages.exists(s, a.split('/', 2)[0] == s.name))",
        "an approval names no stage",
        "write <stage> or <stage>/<token> with a name of spec.stages, and remove approvals of stages that are gone"
    );
    /// Stage names are unique.
    STAGE_NAMES_UNIQUE = core(
        "self.all(s, self.exists_one(t, t.name == s.name))",
        "two stages have the same name",
        "give each stage a name of its own"
    );
    /// Weights do not fall from stage to stage.
    WEIGHTS_DO_NOT_FALL = core(
        "self.map(s, s.weight).isSorted()",
        "the weights fall from one stage to the next",
        "order the stages by weight; to walk back, use targetStage"
    );
    /// Weights in hundredths. (`multipleOf: 0.01` will not do: the API server cuts it to 0 where it
    /// meets a whole number, and refuses the definition; seen with 1.36.)
    HUNDREDTHS = core(
        "double(int(double(self) * 100.0 + 0.5)) / 100.0 == double(self)",
        "a weight comes in steps of 0.01",
        "write at most two decimals"
    );
    /// A step is more than nothing. (`minimum: 0.01` lets a whole 0 through: the API server cuts it as
    /// above; seen with 1.36.)
    STEP = core(
        "double(self) > 0.0",
        "in steps of 0 nothing ever arrives",
        "write for example 5"
    );
    /// Bounds of a ramp's period.
    RAMP_EVERY = core(
        "duration(self) >= duration('1s') && duration(self) <= duration('24h')",
        "a ramp's period must be 1s to 24h",
        "write for example every: 1m"
    );
    /// Bounds of a soak.
    SOAK_FOR = core(
        "duration(self) <= duration('2160h')",
        "a soak must be at most 2160h (90 days)",
        "write for example for: 24h"
    );
    /// Bounds of a retreat's period.
    ROLLBACK_EVERY = core(
        "duration(self) >= duration('1s') && duration(self) <= duration('10m')",
        "a retreat's period must be 1s to 10m",
        "write for example every: 5s"
    );
    /// Plain TCP beyond loopback must be asked for.
    PLAIN_TCP_REFUSED = new(
        "(has(self.insecure) && self.insecure) || self.instances.all(i, !i.startsWith('tcp://') \
         || i.matches('^tcp://([A-Za-z0-9_.-]+[.])?localhost:') || i.matches('^tcp://127[.][0-9]+[.][0-9]+[.][0-9]+:') \
         || i.startsWith('tcp://[::1]:'))",
        "plain tcp:// beyond loopback lets whoever reaches the port do anything to the load balancer",
        "use tls:// with a client certificate, or unix://, or write insecure: true if the network is trusted"
    );
    /// `tls://` needs the Secret.
    TLS_NEEDS_SECRET = new(
        "has(self.tls) || !self.instances.exists(i, i.startsWith('tls://'))",
        "a tls:// instance needs a client certificate",
        "name its Secret (type kubernetes.io/tls) in tls.secret"
    );
    /// The pools differ.
    POOLS_DIFFER = new(
        "!self.legacyServers.exists(l, self.kubernetesServers.exists(k, k == l))",
        "the same servers stand in both pools",
        "name each server, or pattern, in legacyServers or in kubernetesServers only"
    );
    /// Bounds of the sampling period.
    SAMPLING_PERIOD = core(
        "duration(self) >= duration('100ms') && duration(self) <= duration('60s')",
        "the sampling period must be 100ms to 60s",
        "write for example every: 1s"
    );
    /// A guard sees a sample within its window.
    EVERY_WITHIN_GUARDS = core(
        "!has(self.guards) || self.guards.all(g, \
         (!has(g.pause) || duration(self.every) <= duration(g.pause.__for__)) && \
         (!has(g.rollback) || duration(self.every) <= duration(g.rollback.__for__)) && \
         (!has(g.resume) || duration(self.every) <= duration(g.resume.__for__)))",
        "the sampling period is longer than a guard's for, so that one sample would decide alone",
        "sample more often (every), or give the guard's threshold a longer for"
    );
    /// TLS is on or off.
    TLS_OR_INSECURE = new(
        "!has(self.tls) || !has(self.insecure) || !self.insecure",
        "tls and insecure: true contradict each other",
        "remove one of them"
    );
    /// The second way in is another one.
    EXTRA_PORT_DIFFERS = new(
        "!has(self.extraPort) || self.extraPort != self.port",
        "extraPort is the same as port, so it is no second way in",
        "name the port of extra_port (MariaDB) or admin_port (MySQL), or leave extraPort out"
    );
    /// Thresholds are given together.
    THRESHOLDS_TOGETHER = new(
        "has(self.pause) == has(self.resume) && (!has(self.rollback) || has(self.pause))",
        "a guard's thresholds are given together",
        "give pause, rollback and resume (relative ones: rollback if wanted), or none for the default ones"
    );
    /// All absolute or all relative.
    ONE_MEASURE = new(
        "!has(self.pause) || !has(self.resume) || (has(self.pause.above) == has(self.resume.below) && \
         (!has(self.rollback) || has(self.pause.above) == has(self.rollback.above)))",
        "a guard's thresholds are all absolute or all relative",
        "use above and below, or aboveBaseline and belowBaseline"
    );
    /// Absolute thresholds come with a rollback.
    ABSOLUTE_NEEDS_ROLLBACK = new(
        "!has(self.pause) || !has(self.pause.above) || has(self.rollback)",
        "the rollback threshold is missing",
        "add rollback: {above: ..., for: ...}, not below pause.above"
    );
    /// Only the rate has a baseline.
    RELATIVE_IS_A_RATE = new(
        "!(self.signal in ['ConnectionsOfMax', 'FailedConnections']) || ((!has(self.pause) || !has(self.pause.aboveBaseline)) && \
         (!has(self.rollback) || !has(self.rollback.aboveBaseline)) && \
         (!has(self.resume) || !has(self.resume.belowBaseline)))",
        "only ConnectionRate has a baseline",
        "use above and below (percent) for this signal"
    );
    /// Clearing lies below pausing.
    RESUME_BELOW_PAUSE = core(
        "!has(self.pause) || !has(self.resume) || \
         ((!has(self.pause.above) || !has(self.resume.below) || self.resume.below < self.pause.above) && \
         (!has(self.pause.aboveBaseline) || !has(self.resume.belowBaseline) || \
         double(self.resume.belowBaseline) < double(self.pause.aboveBaseline)))",
        "resume must lie below pause, or the guard would flap",
        "lower resume, or raise pause"
    );
    /// Rolling back does not come before pausing.
    PAUSE_NOT_ABOVE_ROLLBACK = core(
        "!has(self.pause) || !has(self.rollback) || \
         ((!has(self.pause.above) || !has(self.rollback.above) || self.pause.above <= self.rollback.above) && \
         (!has(self.pause.aboveBaseline) || !has(self.rollback.aboveBaseline) || \
         double(self.pause.aboveBaseline) <= double(self.rollback.aboveBaseline)))",
        "rollback must not lie below pause",
        "raise rollback, or lower pause"
    );
    /// Percentages end at 100.
    PERCENT = core(
        "!(self.signal in ['ConnectionsOfMax', 'FailedConnections']) || ((!has(self.pause) || !has(self.pause.above) || \
         self.pause.above < 100.0) && (!has(self.rollback) || !has(self.rollback.above) || self.rollback.above < 100.0))",
        "this signal is a percentage, and never lies above 100",
        "give a value below 100"
    );
    /// A user's connects are those of one side.
    USER_ON_ONE_SIDE = new(
        "!self.legacy.exists(u, u in self.kubernetes)",
        "a user stands on both sides, and nobody could tell whose its connects are",
        "create a user of its own for the Kubernetes side, and name each on one side only"
    );
    /// Demand is counted on a route.
    DEMAND_IS_A_ROUTE = core(
        "!has(self.demand) || !has(self.demand.route) || self.routes.exists(r, r.name == self.demand.route)",
        "demand.route names no route",
        "name one of spec.routes, whose load balancers count the requests"
    );
    /// Room is known only with demand.
    LEGACY_NEEDS_DEMAND = core(
        "!has(self.legacy) || has(self.demand)",
        "how much room legacy has is known only with how much is asked for, and demand is missing",
        "name the route whose load balancers count the requests, as in demand: {route: edge}"
    );
    /// On the other side too.
    KUBERNETES_NEEDS_DEMAND = core(
        "!has(self.kubernetes) || has(self.demand)",
        "how much room Kubernetes has is known only with how much is asked for, and demand is missing",
        "name the route whose load balancers count the requests, as in demand: {route: edge}"
    );
    /// Peaks are seen only where demand is watched.
    PEAKS_NEED_DEMAND = core(
        "(has(self.demand) && !has(self.demand.requestsPerSecond)) \
         || self.stages.all(s, !has(s.soak) || !has(s.soak.peaks) || s.soak.peaks == 0)",
        "a peak (soak.peaks) is seen only where demand is watched",
        "name the route whose load balancers count the requests, as in demand: {route: edge}, or a query, or leave peaks out"
    );
    /// Which side has room is known only with both.
    BALANCE_NEEDS_BOTH = core(
        "!has(self.balance) || (has(self.legacy) && has(self.kubernetes))",
        "which side has room is known only with what both can carry, and balance is given without",
        "say it in legacy and kubernetes, or leave balance out"
    );
    /// Bounds of a move about the stage's weight.
    MAX_SHIFT = core(
        "self >= 0.01 && self <= 50.0",
        "balance may go 0.01 to 50 percent from the stage's weight",
        "write for example maxShift: 10"
    );
    /// Bounds of the time between two such moves.
    BALANCE_EVERY = core(
        "duration(self) >= duration('1m') && duration(self) <= duration('24h')",
        "balance moves at most once in a time of 1m to 24h",
        "write for example every: 10m"
    );
    /// Bounds of a warm-up.
    WARM_UP = core(
        "duration(self) <= duration('1h')",
        "a warm-up must be at most 1h",
        "write for example warmUp: 60s"
    );
    /// One way to say what legacy can carry.
    ONE_CAPACITY = new(
        "[has(self.requestsPerSecondPerServer), has(self.requestsPerSecond), has(self.prometheus)]\
         .filter(given, given).size() == 1",
        "exactly one of requestsPerSecondPerServer, requestsPerSecond and prometheus is needed",
        "keep the one that is known, for example requestsPerSecondPerServer: 300"
    );
    /// Servers are counted, or nothing is said of one.
    POOLS_OF_SERVERS = new(
        "!has(self.connectionsPerServer) || has(self.requestsPerSecondPerServer)",
        "connectionsPerServer says something of each server, but what each can carry is missing",
        "add requestsPerSecondPerServer, or remove connectionsPerServer"
    );
    /// What somebody measured has a date.
    DECLARED_AS_OF = new(
        "has(self.requestsPerSecond) == has(self.asOf)",
        "requestsPerSecond and asOf go together: what was measured once counts for 30 days",
        "write when it was measured, as in asOf: \"2026-11-01T09:00:00Z\""
    );
    /// One way to say how much is asked for.
    ONE_DEMAND = new(
        "[has(self.route), has(self.requestsPerSecond), has(self.prometheus)].filter(given, given).size() == 1",
        "exactly one of route, requestsPerSecond and prometheus is needed",
        "name the route whose load balancers count the requests, as in route: edge"
    );
    /// A surge is more than nothing.
    SURGE = core(
        "double(self) >= 1.0",
        "surgeFactor must be 1 or more, or a side could not carry what it is given",
        "write for example \"1.5\""
    );
    /// Bounds of the window of the peak.
    PEAK_WINDOW = core(
        "duration(self) >= duration('1h') && duration(self) <= duration('744h')",
        "peakWindow must be 1h to 744h (31 days)",
        "write for example 168h, which holds each day of the week"
    );
    /// Bounds of a query's period.
    QUERY_PERIOD = new(
        "duration(self) >= duration('5s') && duration(self) <= duration('30s')",
        "a query's period must be 5s to 30s",
        "write for example every: 15s"
    );
    /// Plain HTTP beyond loopback must be asked for.
    PLAIN_HTTP_REFUSED = new(
        "(has(self.insecure) && self.insecure) || self.url.startsWith('https://') || self.url.startsWith('http://[::1]') \
         || self.url.matches('^http://(localhost|127[.][0-9]+[.][0-9]+[.][0-9]+)(:|/|$)')",
        "over plain http:// beyond loopback whoever is on the way can answer",
        "use https://, or write insecure: true if the network is trusted"
    );
    /// A token is not sent in the clear.
    TOKEN_NEEDS_HTTPS = new(
        "!has(self.tokenSecret) || self.url.startsWith('https://') || self.url.startsWith('http://[::1]') \
         || self.url.matches('^http://(localhost|127[.][0-9]+[.][0-9]+[.][0-9]+)(:|/|$)')",
        "over plain http:// beyond loopback everybody on the way could read the token",
        "use https://, or remove tokenSecret"
    );
    /// An authority signs something.
    CA_NEEDS_HTTPS = new(
        "!has(self.caSecret) || self.url.startsWith('https://')",
        "caSecret says who signs a certificate, and http:// has none",
        "use https://, or remove caSecret"
    );
    /// The client knows the way below the address.
    NO_API_PATH = new(
        "!self.url.matches('/api/v1/*$')",
        "the address goes into the API of Prometheus",
        "leave out /api/v1"
    );
    /// One kind of rising threshold.
    ONE_RISE = new(
        "has(self.above) != has(self.aboveBaseline)",
        "exactly one of above and aboveBaseline is needed",
        "write above: <value> or aboveBaseline: \"<factor>\""
    );
    /// One kind of falling threshold.
    ONE_FALL = new(
        "has(self.below) != has(self.belowBaseline)",
        "exactly one of below and belowBaseline is needed",
        "write below: <value> or belowBaseline: \"<factor>\""
    );
    /// A relative threshold lies above the baseline.
    BASELINE_RISES = core(
        "!has(self.aboveBaseline) || double(self.aboveBaseline) > 1.0",
        "aboveBaseline must be more than 1, or the baseline itself would pause",
        "write for example aboveBaseline: \"1.5\""
    );
    /// So does the one that clears.
    BASELINE_FALLS = core(
        "!has(self.belowBaseline) || double(self.belowBaseline) > 1.0",
        "belowBaseline must be more than 1, or the baseline itself would not clear",
        "write for example belowBaseline: \"1.2\""
    );
    /// A window holds its time.
    WINDOW = core(
        "duration(self.__for__) <= duration('10m') && (!has(self.within) || \
         (duration(self.within) <= duration('10m') && duration(self.__for__) <= duration(self.within)))",
        "for must not be longer than within, and neither longer than 10m",
        "write for example for: 8s, within: 10s"
    );
}
