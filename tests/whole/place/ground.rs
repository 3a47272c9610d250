//! The ground: a cluster with one operator.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, ensure};
use tokio::sync::OnceCell;

use crate::stage::cluster::{self, Cluster};
use crate::stage::operator::{self, Operator};
use crate::stage::world::{self, OPERATOR_ACCOUNT, OPERATOR_NAMESPACE};

/// A cluster with the CRD and the operator's rights, and an operator when one was started.
pub struct Ground {
    pub cluster: Cluster,
    operator: Mutex<Option<Operator>>,
}

/// The ground that tests share; its operator runs on.
pub async fn shared() -> Result<&'static Ground> {
    static SHARED: OnceCell<Ground> = OnceCell::const_new();
    let make = async {
        let ground = Ground::new().await?;
        ground.start_operator("shared", &[]).await?;
        Ok(ground)
    };
    SHARED.get_or_try_init(|| make).await
}

impl Ground {
    /// Without an operator.
    pub async fn new() -> Result<Self> {
        let cluster = Cluster::start(cluster::Options::default()).await?;
        world::install(&cluster).await?;
        Ok(Self { cluster, operator: Mutex::new(None) })
    }

    /// Starts an operator in place of the one before, and waits until it is ready.
    pub async fn start_operator(&self, name: &str, env: &[(&str, &str)]) -> Result<()> {
        let kubeconfig = self.cluster.operator_kubeconfig(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT).await?;
        let mut options = operator::Options::new(&kubeconfig, self.cluster.dir(), name);
        options.env = env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let operator = Operator::start_ready(&options).await?;
        *self.operator() = Some(operator);
        Ok(())
    }

    /// Kills the operator, as a node that dies, and starts it again.
    pub async fn restart_operator(&self) -> Result<()> {
        let mut operator = self.operator().take().context("no operator runs")?;
        operator.restart()?;
        operator.ready().await?;
        *self.operator() = Some(operator);
        Ok(())
    }

    /// Stops the operator in order, so that the next one need not wait for its lease.
    pub async fn stop_operator(&self) -> Result<()> {
        let mut operator = self.operator().take().context("no operator runs")?;
        let ended = operator.stop().await?;
        ensure!(ended.success(), "the operator ended with {ended}");
        Ok(())
    }

    /// The value of a metric of the operator; `None` if it is not there.
    pub async fn metric(&self, series: &str) -> Result<Option<f64>> {
        let address = self.operator().as_ref().context("no operator runs")?.address();
        operator::metric(address, series).await
    }

    /// What the operator has logged about `of`.
    pub fn log(&self, of: &str) -> String {
        let operator = self.operator();
        let log = operator.as_ref().map_or(Ok(String::new()), Operator::log).unwrap_or_default();
        let lines: Vec<&str> =
            log.lines().filter(|line| line.contains(of) || line.contains("ERROR")).collect();
        lines.join("\n")
    }

    fn operator(&self) -> MutexGuard<'_, Option<Operator>> {
        self.operator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
