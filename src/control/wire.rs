//! How to reach what a plan names, its Secrets filled in. Two wires that are equal reach the same
//! thing in the same way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::floors::FloorWire;
use super::lookout;
use super::pace::Pace;
use super::secrets::{Lack, Secrets};
use super::workloads::WorkloadWire;
use crate::api::parse::Parsed;
use crate::api::spec::{DatabaseSpec, HaproxySpec, Measured, MigrationPlanSpec};
use crate::core::capacity::Figure;
use crate::core::reason::Reason;
use crate::probe::mysql::{self, Credentials, Source, Tls};
use crate::probe::prometheus;
use crate::route::{Instance, haproxy};

/// Why a plan's connections cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A Secret.
    #[error(transparent)]
    Lack(#[from] Lack),
    /// Something else in the spec.
    #[error("{field}: {why}")]
    Unusable {
        /// Where.
        field: String,
        /// What is wrong and what to do.
        why: String,
    },
}

impl Error {
    /// The reason for `Accepted`.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Lack(lack) => lack.reason(),
            Self::Unusable { .. } => Reason::InvalidSpec,
        }
    }
}

/// How to reach one instance of a route.
#[derive(Clone, PartialEq, Eq)]
pub struct InstanceWire {
    address: String,
    backend: String,
    legacy: Vec<String>,
    kubernetes: Vec<String>,
    tls: Option<[Vec<u8>; 3]>,
}

/// How to reach a load balancer: its address, and what both sides show each other.
#[derive(Clone, PartialEq, Eq)]
pub struct Way {
    address: String,
    tls: Option<[Vec<u8>; 3]>,
}

/// How to reach a database.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseWire {
    host: String,
    port: u16,
    extra_port: Option<u16>,
    credentials: Credentials,
    tls: Tls,
}

/// A figure, and how it is asked of a Prometheus.
#[derive(Clone, PartialEq, Eq)]
pub struct FigureWire {
    /// Which figure.
    pub figure: Figure,
    /// The field that asks for it.
    pub field: &'static str,
    /// How often it is asked.
    pub every: Duration,
    url: String,
    query: String,
    ca_pem: Option<Vec<u8>>,
    token: Option<String>,
}

/// How to reach everything that a plan names.
#[derive(Clone, PartialEq, Eq)]
pub struct Wiring {
    /// The instances, in the order of [`crate::core::plan::Plan::instances`].
    pub instances: Vec<InstanceWire>,
    /// The databases with their name and pace in the plan.
    pub databases: Vec<(String, Pace, DatabaseWire)>,
    /// The workloads, in the order of the plan's.
    pub workloads: Vec<WorkloadWire>,
    /// Those of them whose floors may be raised.
    pub floors: Vec<FloorWire>,
    /// The figures that are measured.
    pub figures: Vec<FigureWire>,
}

/// What the plan's routes are in the world: an instance's address and its backend.
pub fn routes(spec: &MigrationPlanSpec) -> BTreeSet<String> {
    let of = |haproxy: &HaproxySpec| {
        let backend = haproxy.backend.clone();
        haproxy.instances.clone().into_iter().map(move |address| route(&address, &backend))
    };
    spec.routes.iter().flat_map(|route| of(&route.haproxy)).collect()
}

fn route(address: &str, backend: &str) -> String {
    format!("{address} {backend}")
}

impl Wiring {
    /// Fills the Secrets in, and checks that connections could be made so.
    pub fn new(namespace: &str, parsed: &Parsed, secrets: &Secrets) -> Result<Self, Error> {
        let Parsed { spec, plan } = parsed;
        let mut instances = Vec::new();
        for (index, route) in spec.routes.iter().enumerate() {
            for wire in instances_of(&route.haproxy, secrets)? {
                wire.open()
                    .map_err(|why| Error::Unusable { field: format!("spec.routes[{index}].haproxy"), why })?;
                instances.push(wire);
            }
        }
        let mut databases = Vec::new();
        for (index, (database, spec)) in plan.databases.iter().zip(&spec.databases).enumerate() {
            let wire = DatabaseWire::new(spec, secrets)?;
            wire.open(database.every)
                .map_err(|why| Error::Unusable { field: format!("spec.databases[{index}].mysql"), why })?;
            let pace = Pace { every: database.every, users: spec.users.clone().map(Arc::new) };
            databases.push((database.name.clone(), pace, wire));
        }
        let mut figures = Vec::new();
        for measured in spec.measured() {
            let wire = FigureWire::new(&measured, secrets)?;
            wire.open().map_err(|why| Error::Unusable { field: measured.field.into(), why })?;
            figures.push(wire);
        }
        let workloads = WorkloadWire::all(namespace, parsed);
        let floors = FloorWire::all(parsed);
        Ok(Self { instances, databases, workloads, floors, figures })
    }

    /// How each database is sampled.
    pub fn paces(&self) -> Vec<Pace> {
        self.databases.iter().map(|(_, pace, _)| pace.clone()).collect()
    }

    /// What the databases are in the world.
    pub fn endpoints(&self) -> BTreeSet<String> {
        self.databases.iter().map(|(_, _, wire)| wire.endpoint()).collect()
    }
}

fn instances_of(haproxy: &HaproxySpec, secrets: &Secrets) -> Result<Vec<InstanceWire>, Error> {
    let tls = match &haproxy.tls {
        None => None,
        Some(tls) => Some([
            secrets.bytes(&tls.secret, "ca.crt")?,
            secrets.bytes(&tls.secret, "tls.crt")?,
            secrets.bytes(&tls.secret, "tls.key")?,
        ]),
    };
    let wire = |address: &String| InstanceWire {
        address: address.clone(),
        backend: haproxy.backend.clone(),
        legacy: haproxy.legacy_servers.clone(),
        kubernetes: haproxy.kubernetes_servers.clone(),
        tls: tls.clone(),
    };
    Ok(haproxy.instances.iter().map(wire).collect())
}

impl InstanceWire {
    /// What it is in the world.
    pub fn route(&self) -> String {
        route(&self.address, &self.backend)
    }

    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How its load balancer is reached.
    pub fn way(&self) -> Way {
        Way { address: self.address.clone(), tls: self.tls.clone() }
    }

    /// An instance that connects with its first reading.
    pub fn open(&self) -> Result<Instance, String> {
        haproxy::Instance::new(self.config()?).map(Instance::HaProxy).map_err(|error| error.to_string())
    }

    /// A line to its load balancer, for whatever is read there.
    pub fn line(&self) -> Result<haproxy::Line, String> {
        let config = haproxy::Config { timeout: lookout::TIMEOUT, ..self.config()? };
        haproxy::Line::new(&config).map_err(|error| error.to_string())
    }

    fn config(&self) -> Result<haproxy::Config, String> {
        let globs = |patterns: &[String]| {
            let globs = patterns.iter().map(|pattern| haproxy::Glob::parse(pattern));
            globs.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())
        };
        let tls = match &self.tls {
            None => None,
            Some([ca, cert, key]) => {
                Some(Arc::new(haproxy::tls::client_config(ca, cert, key).map_err(|error| error.to_string())?))
            }
        };
        Ok(haproxy::Config {
            address: haproxy::Address::parse(&self.address).map_err(|error| error.to_string())?,
            backend: self.backend.clone(),
            legacy_servers: globs(&self.legacy)?,
            kubernetes_servers: globs(&self.kubernetes)?,
            tls,
            timeout: haproxy::TIMEOUT,
        })
    }
}

impl DatabaseWire {
    fn new(spec: &DatabaseSpec, secrets: &Secrets) -> Result<Self, Error> {
        let mysql = &spec.mysql;
        let ca_pem = match &mysql.tls {
            None => None,
            Some(tls) => Some(secrets.bytes(&tls.ca_secret, "ca.crt")?),
        };
        Ok(Self {
            host: mysql.host.clone(),
            port: mysql.port,
            extra_port: mysql.extra_port,
            credentials: Credentials {
                username: secrets.text(&mysql.credentials_secret, "username")?,
                password: secrets.text(&mysql.credentials_secret, "password")?,
            },
            tls: if mysql.insecure { Tls::Disabled } else { Tls::Verified { ca_pem } },
        })
    }

    /// Host and port.
    pub fn endpoint(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A source that connects with its first question; `every` is the shortest period.
    pub fn open(&self, every: Duration) -> Result<Source, String> {
        let config = mysql::Config {
            host: self.host.clone(),
            port: self.port,
            extra_port: self.extra_port,
            credentials: self.credentials.clone(),
            tls: self.tls.clone(),
            timeout: ask_within(every),
            patience: mysql::PATIENCE,
            again: mysql::AGAIN,
        };
        Source::new(config).map_err(|error| error.to_string())
    }
}

impl FigureWire {
    fn new(measured: &Measured, secrets: &Secrets) -> Result<Self, Error> {
        let Measured { figure, field, every, prometheus } = *measured;
        let ca = prometheus.ca_secret.as_ref().map(|name| secrets.bytes(name, "ca.crt"));
        let token = prometheus.token_secret.as_ref().map(|name| secrets.text(name, "token"));
        Ok(Self {
            figure,
            field,
            every,
            url: prometheus.url.clone(),
            query: prometheus.query.clone(),
            ca_pem: ca.transpose()?,
            // Files end with a line's end, and Secrets are made of files.
            token: token.transpose()?.map(|token| token.trim_end().to_owned()),
        })
    }

    /// What is asked.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// A client that connects with its first question.
    pub fn open(&self) -> Result<prometheus::Client, String> {
        let config = prometheus::Config {
            url: self.url.clone(),
            ca_pem: self.ca_pem.clone(),
            bearer_token: self.token.clone(),
            timeout: (self.every * 4 / 5).min(QUERY),
        };
        prometheus::Client::new(&config).map_err(|error| error.to_string())
    }
}

/// The longest that one question to a Prometheus may take: a query may be slow where a database's
/// counters are not, and after so long it weighs on Prometheus more than it tells.
const QUERY: Duration = Duration::from_secs(10);

/// How long one question may take: less than the period, and never so long that a late answer is of
/// no use.
pub fn ask_within(every: Duration) -> Duration {
    (every * 4 / 5).min(Duration::from_secs(2))
}
