//! One backend with the patterns of its two pools: what is asked of HAProxy for it, and what the answers say.
//! Talks to nobody.

use super::address::Address;
use super::answer::Process;
use super::pools::Pools;
use super::{Config, Error, Glob, answer, cli, pools};
use crossfade_core::route::Reading;

/// The backend whose servers are the two pools.
#[derive(Clone, Debug)]
pub struct Backend {
    address: Address,
    name: String,
    legacy_servers: Vec<Glob>,
    kubernetes_servers: Vec<Glob>,
}

impl Backend {
    /// How many answers [`Self::questions`] have.
    pub(super) const QUESTIONS: usize = 2;

    /// That of an instance.
    pub(super) fn new(config: Config) -> Result<Self, Error> {
        let Config { address, backend: name, legacy_servers, kubernetes_servers, .. } = config;
        if !pools::is_name(&name) {
            return Err(Error::Name { backend: name });
        }
        Ok(Self { address, name, legacy_servers, kubernetes_servers })
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The commands that ask how it stands.
    pub(super) fn questions(&self) -> [String; Self::QUESTIONS] {
        let name = &self.name;
        // Servers only (4), all of them (-1).
        [format!("show servers state {name}"), format!("show stat {name} 4 -1")]
    }

    /// Takes the answers to [`Self::questions`] apart.
    pub(super) fn understand(&self, answers: &[String]) -> Result<Pools, Error> {
        let Self { address, name, legacy_servers, kubernetes_servers } = self;
        let [state, stat] = answers else {
            return Err(Error::Closed { address: address.clone() });
        };
        if state == "Can't find backend." {
            return Err(Error::NoBackend { address: address.clone(), backend: name.clone() });
        }
        let servers = answer::servers(name, state, stat).map_err(|missing| Error::Incomplete {
            address: address.clone(),
            command: format!("show servers state {name}"),
            missing,
        })?;
        Pools::sort(servers, legacy_servers, kubernetes_servers).map_err(|fault| self.at_fault(fault))
    }

    /// What its pools stand at.
    pub(super) fn reading(&self, process: &Process, pools: &Pools) -> Result<Reading, Error> {
        pools.reading(process).map_err(|fault| self.at_fault(fault))
    }

    /// A command that should have been done without a word was answered.
    pub(super) fn refused(&self, command: &str, answer: &str) -> Error {
        let (address, command) = (self.address.clone(), command.to_owned());
        Error::Refused { address, command, answer: cli::excerpt(answer.as_bytes()) }
    }

    fn at_fault(&self, fault: pools::Fault) -> Error {
        Error::Servers { address: self.address.clone(), backend: self.name.clone(), fault }
    }
}
