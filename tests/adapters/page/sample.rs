//! A surge on the Kubernetes side, half an hour of it, with Crossfade and without: made up, but of
//! the size of the real one. Names are as hostile as a name can be.

use crossfade::report::{
    Chart, Column, Fact, Mark, MarkKind, Page, Role, Row, Run, Series, Table, Threshold, ThresholdKind,
    Verdict,
};

/// A name that would like to be script.
pub const HOSTILE: &str = "</script><img src=x onerror=\"window.hacked=1\">\u{202e}";

const LENGTH: u32 = 1_800;
/// When the Kubernetes side begins to open six times as many connections, and when that is mended.
const BEGIN: f64 = 300.0;
const MENDED: f64 = 1_200.0;
/// Requests per second that each side carries, and connects per second that the database does.
const CAPACITY: f64 = 10_600.0;
const CONNECTS: f64 = 2_600.0;

/// Noise from -1 to 1: the same in each run.
fn noise(seed: u32) -> f64 {
    let mixed = seed.wrapping_mul(2_654_435_761) ^ (seed >> 3).wrapping_mul(40_503);
    f64::from(mixed >> 8 & 0xffff) / 32_768.0 - 1.0
}

/// What one run saw, a value each second.
#[derive(Default)]
struct Seen {
    times: Vec<f64>,
    intended: Vec<Option<f64>>,
    edge: Vec<Option<f64>>,
    gateway: Vec<Option<f64>>,
    legacy: Vec<Option<f64>>,
    kubernetes: Vec<Option<f64>>,
    rate: Vec<Option<f64>>,
    connections: Vec<Option<f64>>,
    failed: Vec<Option<f64>>,
}

fn live(weight: impl Fn(f64) -> f64) -> Seen {
    let mut seen = Seen::default();
    let mut connections = 420.0;
    for second in 0..LENGTH {
        let now = f64::from(second);
        let demand = 10_000.0 * (1.0 + 0.03 * (now / 900.0).sin() + 0.012 * noise(second));
        let cost = if !(BEGIN..MENDED + 40.0).contains(&now) {
            0.10
        } else if now < MENDED {
            0.10 + 0.50 * ((now - BEGIN) / 60.0).min(1.0)
        } else {
            0.60 - 0.50 * (now - MENDED) / 40.0
        };
        let share = weight(now - 1.0) / 100.0;
        let kubernetes = demand * share;
        let legacy = demand - kubernetes;
        let wanted = (kubernetes * cost + legacy * 0.10) * (1.0 + 0.06 * noise(second + 7_777));
        let refused = (wanted - CONNECTS).max(0.0);
        let retried = wanted + refused * 0.8;
        let target: f64 = if refused > 0.0 { 4_000.0 } else { 120.0 + 0.3 * wanted };
        connections += (target - connections) * 0.06 + 6.0 * noise(second + 99);
        seen.times.push(now);
        seen.intended.push(Some(weight(now)));
        seen.edge.push(Some(weight(now - 1.0)));
        seen.gateway.push(Some(weight(now - 3.0)));
        seen.legacy.push(Some(legacy));
        seen.kubernetes.push(Some(kubernetes));
        // Ten seconds in which the database did not answer.
        seen.rate.push((!(700.0..710.0).contains(&now)).then_some(retried));
        seen.connections.push(Some(connections.min(4_000.0)));
        seen.failed.push(Some(refused * 2.4 + (0.5 + 0.5 * noise(second + 5)).max(0.0)));
    }
    seen
}

fn constant(value: f64) -> Vec<Option<f64>> {
    vec![Some(value); LENGTH as usize]
}

fn run(title: &str, seen: Seen) -> Run {
    let side = |id: &str, title: &str, role, load: Vec<Option<f64>>| {
        Chart::new(id, title, "requests/s")
            .series(Series::step("capacity without headroom", Role::Capacity, constant(CAPACITY * 0.8)))
            .series(Series::band("capacity ready", Role::Capacity, constant(CAPACITY)))
            .series(Series::area("demand", role, load))
    };
    Run::new(title, seen.times)
        .chart(
            Chart::new("weight", "Weight", "% on Kubernetes")
                .series(Series::step("intended", Role::Intended, seen.intended))
                .series(Series::step("route edge", Role::Weight, seen.edge))
                .series(Series::step(format!("route {HOSTILE}"), Role::Weight, seen.gateway)),
        )
        .chart(side("legacy", "Legacy: demand and capacity", Role::Legacy, seen.legacy))
        .chart(side("kubernetes", "Kubernetes: demand and capacity", Role::Kubernetes, seen.kubernetes))
        .chart(
            Chart::new("rate", "Connection rate, database accounts", "connects/s")
                .series(Series::line("attempts", Role::Rate, seen.rate))
                .line(Threshold::new("rollback", 1_500.0, ThresholdKind::Rollback))
                .line(Threshold::new("pause", 1_400.0, ThresholdKind::Pause))
                .line(Threshold::new("resume", 1_200.0, ThresholdKind::Resume))
                .line(Threshold::new("connectionRateCapacity", CONNECTS, ThresholdKind::Limit)),
        )
        .chart(
            Chart::new("connections", "Connections, database accounts", "connections")
                .series(Series::line("open", Role::Connections, seen.connections))
                .line(Threshold::new("max_connections", 4_000.0, ThresholdKind::Limit))
                .line(Threshold::new("rollback", 3_400.0, ThresholdKind::Rollback))
                .line(Threshold::new("pause", 2_800.0, ThresholdKind::Pause)),
        )
        .chart(Chart::new("failed", "Failed requests", "requests/s").series(Series::area(
            "failed",
            Role::Failed,
            seen.failed,
        )))
}

fn incident() -> Mark {
    Mark::new(
        BEGIN,
        MarkKind::Incident,
        "connects per request x6",
        "release 4.12 of the Kubernetes side opens a connection for each request",
    )
    .until(MENDED)
}

/// The page.
pub fn page() -> Page {
    let guarded = live(|now| match now {
        now if now < 312.0 => 50.0,
        now if now < 322.0 => 25.0,
        now if now < 1_320.0 => 10.0,
        now if now < 1_500.0 => 25.0,
        _ => 50.0,
    });
    let with = run("With Crossfade", guarded)
        .mark(incident())
        .mark(Mark::new(
            304.0,
            MarkKind::Pause,
            "ConnectionRate",
            "accounts: 1,418 connects/s, above 1.5 x the baseline of 940 for 3 s; nothing rises",
        ))
        .mark(Mark::new(
            312.0,
            MarkKind::Retreat,
            "50 → 25 %",
            "accounts: 1,530 connects/s, above 1,500 for 8 of 10 s; the Kubernetes side's share of them is 71 %",
        ))
        .mark(Mark::new(322.0, MarkKind::Retreat, "25 → 10 %", "still above 1,500 after 5 s; legacy has room"))
        .mark(Mark::new(700.0, MarkKind::Event, "no data", "accounts: no answer for 10 s").until(710.0))
        .mark(Mark::new(1_200.0, MarkKind::Event, "mended", HOSTILE))
        .mark(Mark::new(1_296.0, MarkKind::Clear, "ConnectionRate", "below 1,200 in 57 of 60 s"))
        .mark(Mark::new(1_320.0, MarkKind::Raise, "10 → 25 %", "approved by hand; all guards clear"))
        .mark(Mark::new(1_500.0, MarkKind::Raise, "25 → 50 %", "soaked for 3 minutes, all guards clear"));
    let without = run("Without Crossfade", live(|_| 50.0)).mark(incident()).mark(Mark::new(
        1_200.0,
        MarkKind::Event,
        "mended",
        "the release is taken back",
    ));
    Page::new(
        "Plan mail/mail · scenario proton-2025-kubernetes-only",
        Verdict::Good,
        "Crossfade took the surge back to legacy within 22 s: no request in ten thousand failed, without it one in nine.",
    )
    .fact(Fact::new("failed requests", "0.005 %").note("11.2 % without Crossfade").verdict(Verdict::Good))
    .fact(Fact::new("paused after", "4 s").note("asked: within 20 s").verdict(Verdict::Good))
    .fact(Fact::new("lowest weight", "10 %").note("from 50 %"))
    .fact(Fact::new("highest connection rate", "1,633 /s").note("4,777 /s without Crossfade"))
    .fact(Fact::new("retreats", "2").note("raises 2, pauses 1"))
    .run(with)
    .run(without)
    .table(
        Table::new(
            "Expectations",
            [Column::text("What"), Column::figure("Asked"), Column::figure("Seen"), Column::text("Where")],
        )
        .row(Row::new(["paused", "≤ 20 s", "4 s", "guard ConnectionRate"]).at(304.0).verdict(Verdict::Good))
        .row(Row::new(["retreat stops at", "≥ 10 %", "10 %", "route edge"]).at(322.0).verdict(Verdict::Good))
        .row(Row::new([HOSTILE, "< 0.5 %", "0.005 %"]).verdict(Verdict::Bad)),
    )
    .note("The demand is that of a weekday at noon; each side has 20 % headroom and can take over the other.")
    .note(HOSTILE)
    .footer("crossfade 0.1.0 · seed 42 · crossfade simulate --plan mail.yaml --scenario surge.yaml")
}
