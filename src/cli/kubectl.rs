//! The arguments of `kubectl crossfade`, and what they lead to.

use std::io::Write as _;
use std::time::Duration;

use clap::{Parser, Subcommand};
use jiff::Timestamp;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::act::{self, Wish};
use super::show;
use crate::api::{GROUP, KIND, VERSION};

/// How long the API server may take for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How often `--watch` looks.
const LOOK: Duration = Duration::from_secs(1);
/// The most plans that are listed at once.
const MOST: u32 = 500;

/// Shows migration plans, and holds, approves or walks them back.
#[derive(Debug, Parser)]
#[command(name = "kubectl crossfade", bin_name = "kubectl crossfade", version)]
pub struct Arguments {
    /// The plan's namespace. Default: that of the kubeconfig's context.
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    /// The kubeconfig's context. Default: the current one.
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows one plan, or all of the namespace.
    Status {
        /// The plan. Default: all.
        name: Option<String>,
        /// Goes on showing until Ctrl-C.
        #[arg(short, long)]
        watch: bool,
    },
    /// Holds the weight where it is; guards keep working.
    #[command(visible_alias = "hold")]
    Pause {
        /// The plan.
        name: String,
        /// Why, for those who come after.
        #[arg(short, long)]
        reason: String,
    },
    /// Lets a plan go on that was held, rolled back by hand, or stopped by drift.
    Resume {
        /// The plan.
        name: String,
        /// Why, for those who come after.
        #[arg(short, long, default_value = "")]
        reason: String,
    },
    /// Approves the entry into a stage, once.
    Approve {
        /// The plan.
        name: String,
        /// The stage.
        stage: String,
        /// The token that `status` shows, once there were two retreats within a day.
        #[arg(long)]
        token: Option<String>,
    },
    /// Walks back to the previous proven stage; nothing rises until `resume`.
    Rollback {
        /// The plan.
        name: String,
        /// Why, for those who come after.
        #[arg(short, long)]
        reason: String,
    },
    /// Takes the present connection rate of a database as the new normal.
    AcceptBaseline {
        /// The plan.
        name: String,
        /// The database's name in the plan.
        database: String,
    },
}

/// Why it failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No kubeconfig, or not that context.
    #[error("no way to the cluster: {0}; set KUBECONFIG or --context, as for kubectl")]
    Config(Box<dyn std::error::Error + Send + Sync>),
    /// The API server did not answer in time.
    #[error("the API server did not answer within {ANSWER:?}; try `kubectl get --raw /readyz`")]
    Silent,
    /// The plan is not there.
    #[error(
        "there is no MigrationPlan {name} in namespace {namespace}; see `kubectl get mplan --all-namespaces`"
    )]
    NoPlan {
        /// The plan.
        name: String,
        /// Where it was looked for.
        namespace: String,
    },
    /// The definition is not installed.
    #[error(
        "this cluster does not know MigrationPlan; install it: `crossfade crd | kubectl apply --server-side -f -`"
    )]
    NoDefinition,
    /// The user may not.
    #[error("not allowed: {0}; ask for the right, or check it with `kubectl auth can-i patch mplan`")]
    Forbidden(String),
    /// The API server refused otherwise.
    #[error("the API server refused: {0}")]
    Refused(String),
    /// The wish makes no sense for the plan as it is.
    #[error(transparent)]
    Wish(#[from] act::Error),
    /// Nothing could be printed.
    #[error("print: {0}")]
    Print(#[from] std::io::Error),
}

/// The plans of one namespace.
#[derive(Debug)]
pub struct Plans {
    api: Api<DynamicObject>,
    namespace: String,
}

impl Plans {
    /// As the kubeconfig and the arguments say.
    async fn connect(arguments: &Arguments) -> Result<Self, Error> {
        let config = match &arguments.context {
            None => Config::infer().await.map_err(|error| Error::Config(error.into()))?,
            Some(context) => {
                let kubeconfig = Kubeconfig::read().map_err(|error| Error::Config(error.into()))?;
                let options =
                    KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
                let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
                config.map_err(|error| Error::Config(error.into()))?
            }
        };
        let namespace = arguments.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| Error::Config(error.into()))?;
        Ok(Self::new(client, namespace))
    }

    /// The plans that `client` sees in `namespace`.
    pub fn new(client: Client, namespace: String) -> Self {
        let kind = GroupVersionKind::gvk(GROUP, VERSION, KIND);
        let resource = ApiResource::from_gvk_with_plural(&kind, "migrationplans");
        Self { api: Api::namespaced_with(client, &namespace, &resource), namespace }
    }

    /// One plan.
    pub async fn get(&self, name: &str) -> Result<DynamicObject, Error> {
        self.ask(name, self.api.get(name)).await
    }

    /// All plans.
    pub async fn list(&self) -> Result<Vec<DynamicObject>, Error> {
        let params = ListParams::default().limit(MOST);
        Ok(self.ask("", self.api.list(&params)).await?.items)
    }

    /// Writes what is wished, and gives back the plan as it then is.
    pub async fn apply(&self, name: &str, change: &act::Change) -> Result<DynamicObject, Error> {
        self.ask(name, self.api.patch(name, &change.params(), &change.patch())).await
    }

    async fn ask<T>(&self, name: &str, call: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
        let answer = timeout(ANSWER, call).await.map_err(|_| Error::Silent)?;
        answer.map_err(|error| match error {
            kube::Error::Api(status)
                if status.code == 404
                    && status.details.as_ref().is_some_and(|d| d.name == name && !name.is_empty()) =>
            {
                Error::NoPlan { name: name.into(), namespace: self.namespace.clone() }
            }
            kube::Error::Api(status) if status.code == 404 => Error::NoDefinition,
            kube::Error::Api(status) if status.code == 403 => Error::Forbidden(status.message.clone()),
            kube::Error::Api(status) => Error::Refused(status.message.clone()),
            other => Error::Config(other.into()),
        })
    }
}

/// Does what `arguments` say.
pub async fn run(arguments: Arguments) -> Result<(), Error> {
    let plans = Plans::connect(&arguments).await?;
    let wish = match arguments.command {
        Command::Status { name, watch } => return status(&plans, name.as_deref(), watch).await,
        Command::Pause { name, reason } => (name, Wish::Pause { reason }),
        Command::Resume { name, reason } => (name, Wish::Resume { reason }),
        Command::Approve { name, stage, token } => (name, Wish::Approve { stage, token }),
        Command::Rollback { name, reason } => (name, Wish::Rollback { reason }),
        Command::AcceptBaseline { name, database } => (name, Wish::AcceptBaseline { database }),
    };
    let (name, wish) = wish;
    let says = act::act(&plans, &name, &wish).await?;
    say(&format!("{says}\n"))
}

async fn status(plans: &Plans, name: Option<&str>, watch: bool) -> Result<(), Error> {
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let objects = match name {
            Some(name) => vec![plans.get(name).await?],
            None => plans.list().await?,
        };
        let now = Timestamp::now();
        let views: Vec<_> = objects.iter().map(|object| show::plan(object, now)).collect();
        let text = if views.is_empty() {
            format!("no MigrationPlan in namespace {}\n", plans.namespace)
        } else {
            views.join("\n")
        };
        if !watch {
            return say(&text);
        }
        // Home, the text, and what is left of the last one cleared line by line: no flicker.
        say(&format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n")))?;
    }
}

/// Prints; a reader that has seen enough (`| head`) is no error.
fn say(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
