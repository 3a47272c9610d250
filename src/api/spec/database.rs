//! The databases and their guards.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{rules, shape};

/// The port of MySQL and MariaDB.
const MYSQL_PORT: u16 = 3306;

fn mysql_port() -> u16 {
    MYSQL_PORT
}

fn one_second() -> String {
    "1s".into()
}

fn yes() -> bool {
    true
}

/// A database whose connections guard the migration.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(validation = &rules::EVERY_WITHIN_GUARDS)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseSpec {
    /// The database's name, unique in the plan: lower case letters, digits and `-`.
    #[schemars(schema_with = "shape::label")]
    pub name: String,

    /// MySQL or MariaDB, over one standing connection.
    pub mysql: MysqlSpec,

    /// The sampling period, 100ms to 60s. Default: 1s.
    #[x_kube(validation = &rules::SAMPLING_PERIOD)]
    #[serde(default = "one_second")]
    #[schemars(schema_with = "shape::duration")]
    pub every: String,

    /// The connects per second that the database was seen to answer well, if that is known. It bounds
    /// a step back together with `spec.legacy.capacity.connectionsPerServer`.
    /// Default: unknown, and not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::amount")]
    pub connection_rate_capacity: Option<f64>,

    /// The users as whom each side connects. With them a surge is known to be Kubernetes' own (it is
    /// walked back), or common to both sides (it is held, as moving traffic does not cure it). The server
    /// must count connects by user: MariaDB with `userstat=1` and the right PROCESS, or MySQL or MariaDB
    /// with `performance_schema=ON` and the right to SELECT from `performance_schema.users`. While it does not, `status.databases[].sides` says what to do; guards work all the same.
    /// Default: none, and the sides are not told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<UsersSpec>,

    /// Laid over the default set: a signal that is left out keeps its default thresholds. Those in
    /// force stand in `status.databases[].guards[]`, and `crossfade check FILE` prints them.
    /// The default set: ConnectionRate pauses above 1.5 times its baseline for 3s (it never rolls
    /// back; give thresholds with `rollback` for that); ConnectionsOfMax pauses above 70 %, or when full
    /// in 60s at its present slope, and rolls back above 85 % for 3s, or when full in 20s;
    /// FailedConnections pauses above 0.1 % and 5/s, and rolls back above 1 % and 20/s.
    /// Default: none.
    #[x_kube(merge_strategy = ListMerge::Map(vec!["signal".into()]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    pub guards: Vec<GuardSpec>,
}

/// The users as whom each side connects to the database, the host part left out. No user stands on
/// both sides.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[x_kube(validation = &rules::USER_ON_ONE_SIDE)]
#[serde(rename_all = "camelCase")]
pub struct UsersSpec {
    /// The users of the legacy side, 1 to 16. Case counts.
    #[schemars(schema_with = "shape::users")]
    pub legacy: Vec<String>,

    /// The users of the Kubernetes side, 1 to 16. Case counts.
    #[schemars(schema_with = "shape::users")]
    pub kubernetes: Vec<String>,
}

/// A MySQL or MariaDB server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[x_kube(validation = &rules::TLS_OR_INSECURE, validation = &rules::EXTRA_PORT_DIFFERS)]
#[serde(rename_all = "camelCase")]
pub struct MysqlSpec {
    /// Its host name or address.
    #[schemars(schema_with = "shape::host")]
    pub host: String,

    /// Its port. Default: 3306.
    #[serde(default = "mysql_port")]
    #[schemars(schema_with = "shape::port")]
    pub port: u16,

    /// A second way in for when the server refuses connections for want of room: MariaDB's
    /// `extra_port`, MySQL's `admin_port`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::port")]
    pub extra_port: Option<u16>,

    /// The Secret in the plan's namespace with the keys `username` and `password`. The user needs
    /// no privilege but to log in, and with `users` the one that is named there.
    #[schemars(schema_with = "shape::object")]
    pub credentials_secret: String,

    /// How to verify the server. Default: TLS, verified against the public authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<MysqlTls>,

    /// Connects without TLS: whoever is on the way can read and answer. Default: false.
    #[serde(default)]
    pub insecure: bool,
}

/// How to verify a server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct MysqlTls {
    /// The Secret in the plan's namespace whose key `ca.crt` holds the authority (PEM) that signs
    /// the server's certificate.
    #[schemars(schema_with = "shape::object")]
    pub ca_secret: String,
}

/// What a guard looks at.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalName {
    /// Attempts to connect per second.
    ConnectionRate,
    /// Connections held, in percent of the maximum.
    ConnectionsOfMax,
    /// Failed attempts, in percent of all attempts.
    FailedConnections,
}

/// A signal with its thresholds. They are given together, all absolute or all relative to the
/// baseline, and replace the default ones. Relative ones may do without `rollback`: then they only
/// pause.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = &rules::THRESHOLDS_TOGETHER,
    validation = &rules::ONE_MEASURE,
    validation = &rules::ABSOLUTE_NEEDS_ROLLBACK,
    validation = &rules::RELATIVE_IS_A_RATE,
    validation = &rules::RESUME_BELOW_PAUSE,
    validation = &rules::PAUSE_NOT_ABOVE_ROLLBACK,
    validation = &rules::PERCENT
)]
#[serde(rename_all = "camelCase")]
pub struct GuardSpec {
    /// What it looks at. `ConnectionRate`: attempts to connect per second. `ConnectionsOfMax`:
    /// connections held, in percent of the maximum. `FailedConnections`: failed attempts, in
    /// percent of all attempts, above their own 15 min median; to pause takes 5 failures/s
    /// besides, to roll back 20/s.
    pub signal: SignalName,

    /// Whether the guard works. Default: true.
    #[serde(default = "yes")]
    pub enabled: bool,

    /// Nothing rises once this was crossed, until `resume` holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Rise>,

    /// A retreat begins once this was crossed. Not below `pause`. A relative one knows nothing until a
    /// baseline is learned (15 min).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rise>,

    /// Clears the guard when it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Fall>,
}

/// A threshold that is crossed from below: `above` or `aboveBaseline`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(validation = &rules::ONE_RISE, validation = &rules::BASELINE_RISES, validation = &rules::WINDOW)]
#[serde(rename_all = "camelCase")]
pub struct Rise {
    /// The value in the signal's unit: attempts per second, or percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::level")]
    pub above: Option<f64>,

    /// The factor on the baseline, as text: "1.5". The baseline is the median of the last 15 min,
    /// at least 20/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::factor")]
    pub above_baseline: Option<String>,

    /// For how long in all, at most 10m.
    #[serde(rename = "for")]
    #[schemars(schema_with = "shape::duration")]
    pub lasting: String,

    /// Out of the last how long, at most 10m. Default: `for`, that is without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::duration")]
    pub within: Option<String>,
}

/// A threshold that is crossed from above: `below` or `belowBaseline`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(validation = &rules::ONE_FALL, validation = &rules::BASELINE_FALLS, validation = &rules::WINDOW)]
#[serde(rename_all = "camelCase")]
pub struct Fall {
    /// The value in the signal's unit: attempts per second, or percent. Below `pause.above`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::level")]
    pub below: Option<f64>,

    /// The factor on the baseline, as text: "1.2". Below `pause.aboveBaseline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::factor")]
    pub below_baseline: Option<String>,

    /// For how long in all, at most 10m.
    #[serde(rename = "for")]
    #[schemars(schema_with = "shape::duration")]
    pub lasting: String,

    /// Out of the last how long, at most 10m. Default: `for`, that is without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "shape::duration")]
    pub within: Option<String>,
}
