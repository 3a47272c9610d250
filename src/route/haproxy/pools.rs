//! Which server of a backend belongs to which pool, and at what share the two stand. Pure.

use super::answer::{Process, Server};
use super::share::{self, Weights};
use crossfade_core::route::{Counted, Reading, Requests};
use crossfade_core::weight::Weight;
use std::fmt;
use wildmatch::WildMatch;

/// A pattern for names of servers: `*` stands for any characters, `?` for one.
#[derive(Clone, Debug, PartialEq)]
pub struct Glob(WildMatch);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "server pattern `{0}` can match no server: write letters, digits and `-_.:` as in HAProxy's names, \
     `*` for any characters, `?` for one"
)]
pub struct GlobError(String);

impl Glob {
    /// Reads a pattern of 1 to 253 characters.
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        let allowed = |byte: u8| is_name_byte(byte) || byte == b'*' || byte == b'?';
        if (1..=253).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(WildMatch::new(text)))
        } else {
            Err(GlobError(text.to_owned()))
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether HAProxy takes the text as the name of a backend or a server. Nothing else may become
/// part of a command.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_name_byte)
}

/// HAProxy's configuration manual, 2.1: letters, digits, `-`, `_`, `.`, `:`.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)
}

/// The servers of a backend by pool. Backup servers belong to none: they get traffic only while
/// all others are down, whatever their weight.
#[derive(Debug, PartialEq)]
pub struct Pools {
    legacy: Vec<Server>,
    kubernetes: Vec<Server>,
    strays: Vec<Server>,
}

impl Pools {
    /// Sorts the servers by the patterns. Each pool must have at least one, and none may be in both.
    pub fn sort(servers: Vec<Server>, legacy: &[Glob], kubernetes: &[Glob]) -> Result<Self, Fault> {
        let matches = |globs: &[Glob], server: &Server| globs.iter().any(|glob| glob.0.matches(&server.name));
        let mut pools = Self { legacy: Vec::new(), kubernetes: Vec::new(), strays: Vec::new() };
        for server in servers.into_iter().filter(|server| !server.backup) {
            match (matches(legacy, &server), matches(kubernetes, &server)) {
                (true, true) => return Err(Fault::Overlap { server: server.name }),
                (true, false) => pools.legacy.push(server),
                (false, true) => pools.kubernetes.push(server),
                (false, false) => pools.strays.push(server),
            }
        }
        let empty = |pool, globs: &[Glob]| Fault::Empty { pool, patterns: list(globs) };
        if pools.legacy.is_empty() {
            return Err(empty("legacy", legacy));
        }
        if pools.kubernetes.is_empty() {
            return Err(empty("kubernetes", kubernetes));
        }
        Ok(pools)
    }

    /// The commands that bring the pools nearest to `asked`, given who is up; where a pool has
    /// nobody up, by its configured servers. Servers that are down get their pool's weight too.
    ///
    /// They are carried out one after the other, under traffic. In this order at no moment all are
    /// zero, and at no moment Kubernetes has more than before and after: in any other, a step from
    /// 33 % (256 to 128) to 30 % (147 to 63) may stand at 47 % in between.
    pub fn commands(&self, backend: &str, asked: Weight) -> Vec<String> {
        let count = |servers: &[Server]| match up(servers) {
            0 => count(servers.iter()),
            up => up,
        };
        let Weights { legacy, kubernetes } =
            share::choose(asked, count(&self.legacy), count(&self.kubernetes));
        let order = |is_legacy: bool, server: &Server, weight: u16| match (is_legacy, weight > server.weight)
        {
            (true, true) => 0,
            (false, false) => 1,
            (false, true) => 2,
            (true, false) => 3,
        };
        let legacy = self.legacy.iter().map(|server| (order(true, server, legacy), server, legacy));
        let kubernetes =
            self.kubernetes.iter().map(|server| (order(false, server, kubernetes), server, kubernetes));
        let mut all: Vec<_> = legacy.chain(kubernetes).collect();
        all.sort_by_key(|(order, ..)| *order);
        let command = |(_, server, weight): (u8, &Server, u16)| {
            format!("set server {backend}/{} weight {weight}", server.name)
        };
        all.into_iter().map(command).collect()
    }

    /// What the pools stand at. Refused while a server of neither pool could take traffic.
    pub fn reading(&self, process: &Process) -> Result<Reading, Fault> {
        let loose = |server: &&Server| server.weight > 0 && !server.withheld;
        let strays: Vec<_> = self.strays.iter().filter(loose).map(|server| server.name.as_str()).collect();
        if !strays.is_empty() {
            return Err(Fault::Strays { servers: strays.join("`, `") });
        }
        let sum = |servers: &[Server], also_down: bool| -> u64 {
            servers
                .iter()
                .filter(|server| server.up || also_down)
                .map(|server| u64::from(server.weight))
                .sum()
        };
        let share =
            |also_down| share::achieved(sum(&self.legacy, also_down), sum(&self.kubernetes, also_down));
        Ok(Reading {
            // With nobody up who has a weight, there is no share: what is set has to stand for it.
            weight: share(false).or_else(|| share(true)).unwrap_or(Weight::ZERO),
            setting: self.setting(),
            boot: fingerprint([process.pid, process.started].iter().flat_map(|number| number.to_le_bytes())),
            legacy_up: up(&self.legacy),
            kubernetes_up: up(&self.kubernetes),
            counted: counted(&self.legacy)
                .zip(counted(&self.kubernetes))
                .map(|(legacy, kubernetes)| Counted { legacy, kubernetes }),
        })
    }

    /// Names and weights, whoever is up.
    fn setting(&self) -> u64 {
        let bytes = |server: &Server| -> Vec<u8> {
            let [low, high] = server.weight.to_le_bytes();
            server.name.bytes().chain([0, low, high]).collect()
        };
        fingerprint(self.legacy.iter().chain(&self.kubernetes).flat_map(bytes))
    }
}

/// What is wrong with a backend's servers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A pool has no server.
    #[error(
        "no server, backups aside, matches the {pool} patterns `{patterns}`: correct {pool}Servers, \
         or add the servers in HAProxy"
    )]
    Empty {
        /// `legacy` or `kubernetes`.
        pool: &'static str,
        /// The patterns.
        patterns: String,
    },
    /// A server is in both pools.
    #[error("server `{server}` matches legacyServers and kubernetesServers: make the patterns narrower")]
    Overlap {
        /// Its name.
        server: String,
    },
    /// Servers outside both pools take traffic that no weight moves.
    #[error(
        "server `{servers}` matches neither legacyServers nor kubernetesServers, and may take traffic: \
         add a pattern for it, or in HAProxy set its weight to 0, put it in maintenance or make it a backup"
    )]
    Strays {
        /// Their names.
        servers: String,
    },
}

fn up(servers: &[Server]) -> u32 {
    count(servers.iter().filter(|server| server.up))
}

/// The sum over a pool, if all of its servers are counted. It falls when a server is removed, or its
/// counters are cleared.
fn counted(servers: &[Server]) -> Option<Requests> {
    servers.iter().try_fold(Requests::default(), |sum, server| {
        let Requests { all, failed } = server.counted?;
        Some(Requests { all: sum.all.saturating_add(all), failed: sum.failed.saturating_add(failed) })
    })
}

fn count<'a>(servers: impl Iterator<Item = &'a Server>) -> u32 {
    servers.fold(0, |count, _| count + 1)
}

fn list(globs: &[Glob]) -> String {
    globs.iter().map(Glob::to_string).collect::<Vec<_>>().join("`, `")
}

/// FNV-1a, 64 bits. The same in every build, since a fingerprint may outlive the process.
fn fingerprint(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
#[path = "pools_tests.rs"]
mod tests;
