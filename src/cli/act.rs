//! What a person wants of a plan, as annotations that a `GitOps` tool does not undo.

use std::time::Duration;

use jiff::Timestamp;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::kubectl;
use crate::api::commands::annotation;
use crate::api::remember::cut;
use crate::api::{CLI_MANAGER, HOLD};
use crate::core::state::Command;

/// How long the operator's answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(250);

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Hold the weight.
    Pause {
        /// Why.
        reason: String,
    },
    /// Go on.
    Resume {
        /// Why.
        reason: String,
    },
    /// Approve one entry into a stage.
    Approve {
        /// The stage.
        stage: String,
        /// The token, as the person read it.
        token: Option<String>,
    },
    /// Walk back.
    Rollback {
        /// Why.
        reason: String,
    },
    /// Learn a database's baseline anew.
    AcceptBaseline {
        /// The database.
        database: String,
    },
}

/// A wish that makes no sense for the plan as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A reason is missing.
    #[error("say why, for those who come after: --reason \"...\"")]
    NoReason,
    /// No such stage.
    #[error("the plan has no stage {stage}; its stages are {known}")]
    NoStage {
        /// What was given.
        stage: String,
        /// What there is.
        known: String,
    },
    /// No such database.
    #[error("the plan has no database {database}; its databases are {known}")]
    NoDatabase {
        /// What was given.
        database: String,
        /// What there is.
        known: String,
    },
    /// The token is needed.
    #[error(
        "after two retreats within a day an approval must show that you have seen what the plan is now: read \
         `kubectl crossfade status {name}`, then approve with --token {token}"
    )]
    NeedsToken {
        /// The plan.
        name: String,
        /// The token.
        token: String,
    },
    /// The token is another one.
    #[error(
        "--token {given} stands for another state of the plan than the present one ({token}): read \
         `kubectl crossfade status {name}` again"
    )]
    OtherToken {
        /// The plan.
        name: String,
        /// What was given.
        given: String,
        /// The token.
        token: String,
    },
}

/// The annotations to set, and the command whose answer is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Annotations by name; `None` removes one.
    pub annotations: Vec<(String, Option<String>)>,
    /// The command that the operator answers, with its value.
    pub command: Option<(Command, String)>,
}

impl Change {
    /// As the API server takes it.
    pub fn patch(&self) -> Patch<Value> {
        let annotations: serde_json::Map<_, _> = self
            .annotations
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().map_or(Value::Null, Value::String)))
            .collect();
        Patch::Merge(json!({"metadata": {"annotations": annotations}}))
    }

    /// Under our own field manager, which Flux leaves alone.
    pub fn params(&self) -> PatchParams {
        PatchParams { field_manager: Some(CLI_MANAGER.into()), ..PatchParams::default() }
    }
}

/// What to write for `wish` on the plan `name`.
///
/// # Errors
/// When the wish makes no sense for the plan as it is.
pub fn change(name: &str, plan: &DynamicObject, wish: &Wish, now: Timestamp) -> Result<Change, Error> {
    let set = |command: Command, value: String| {
        let value = cut(&value);
        let annotations = vec![(annotation(command), Some(value.clone()))];
        Change { annotations, command: Some((command, value)) }
    };
    let timed = |reason: &str| format!("{now:.3} {}", reason.trim()).trim_end().to_owned();
    let known = |list: &str| -> Vec<String> {
        let items = in_force(plan)[list].as_array();
        let names = items.into_iter().flatten().filter_map(|item| item["name"].as_str());
        names.map(str::to_owned).collect()
    };
    match wish {
        Wish::Pause { reason } | Wish::Rollback { reason } if reason.trim().is_empty() => {
            Err(Error::NoReason)
        }
        Wish::Pause { reason } => {
            Ok(Change { annotations: vec![(HOLD.into(), Some(cut(reason.trim())))], command: None })
        }
        Wish::Resume { reason } => {
            let mut change = set(Command::Resume, timed(reason));
            change.annotations.push((HOLD.into(), None));
            Ok(change)
        }
        Wish::Rollback { reason } => Ok(set(Command::Rollback, timed(reason))),
        Wish::Approve { stage, token } => {
            let stages = known("stages");
            if !stages.contains(stage) {
                return Err(Error::NoStage { stage: stage.clone(), known: stages.join(", ") });
            }
            approve(name, plan, stage, token.as_deref()).map(|value| set(Command::Approve, value))
        }
        Wish::AcceptBaseline { database } => {
            let databases = known("databases");
            if !databases.contains(database) {
                return Err(Error::NoDatabase { database: database.clone(), known: databases.join(", ") });
            }
            Ok(set(Command::AcceptBaseline, timed(database)))
        }
    }
}

/// `<stage>/<token>`. Where the token is not asked for it is added all the same: after a retreat it
/// is another one, so that the same stage can be approved again.
fn approve(name: &str, plan: &DynamicObject, stage: &str, given: Option<&str>) -> Result<String, Error> {
    let status = &plan.data["status"];
    let name = || name.to_owned();
    match (status["approvalToken"].as_str(), given) {
        (None, None) => Ok(stage.to_owned()),
        (None, Some(given)) => Ok(format!("{stage}/{given}")),
        (Some(token), None) if status["approvalNeedsToken"] == true => {
            Err(Error::NeedsToken { name: name(), token: token.into() })
        }
        (Some(token), Some(given)) if given != token => {
            Err(Error::OtherToken { name: name(), given: given.into(), token: token.into() })
        }
        (Some(token), _) => Ok(format!("{stage}/{token}")),
    }
}

/// The spec in force: the accepted one, else the present one.
pub fn in_force(plan: &DynamicObject) -> &Value {
    let accepted = &plan.data["status"]["accepted"]["spec"];
    if accepted.is_object() { accepted } else { &plan.data["spec"] }
}

/// Writes the wish and waits for what the operator says to it.
pub async fn act(plans: &kubectl::Plans, name: &str, wish: &Wish) -> Result<String, kubectl::Error> {
    let plan = plans.get(name).await?;
    let change = change(name, &plan, wish, Timestamp::now())?;
    let after = plans.apply(name, &change).await?;
    let Some((command, value)) = &change.command else {
        return Ok(format!("{name} is held; `kubectl crossfade resume {name}` lets it go on"));
    };
    let mut says = answer(plans, name, *command, value, after).await?;
    if *command == Command::Resume && plan.data["spec"]["paused"] == true {
        says += "\nspec.paused is set too: the plan stays held until it is false there";
    }
    Ok(says)
}

async fn answer(
    plans: &kubectl::Plans,
    name: &str,
    command: Command,
    value: &str,
    mut plan: DynamicObject,
) -> Result<String, kubectl::Error> {
    let start = Instant::now();
    loop {
        let answered = &plan.data["status"]["commands"][command.name()];
        if answered["value"] == value {
            return Ok(format!("{name}: {}", answered["answer"].as_str().unwrap_or("done")));
        }
        if start.elapsed() >= PATIENCE {
            return Ok(format!(
                "{name}: {} is written, but the operator has not answered it within {PATIENCE:?}; it acts on it as soon \
                 as it can. See `kubectl --namespace crossfade-system get pods`",
                command.name(),
            ));
        }
        sleep(LOOK).await;
        plan = plans.get(name).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::needless_pass_by_value)] // literals
    fn plan(status: Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "crossfade.dev/v1alpha1", "kind": "MigrationPlan", "metadata": {"name": "mail"},
            "spec": {"stages": [{"name": "half"}], "databases": [{"name": "accounts"}]},
            "status": status,
        }))
        .unwrap()
    }

    fn value(wish: &Wish, status: Value) -> Result<Vec<(String, Option<String>)>, Error> {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        change("mail", &plan(status), wish, now).map(|change| change.annotations)
    }

    fn approve(token: Option<&str>) -> Wish {
        Wish::Approve { stage: "half".into(), token: token.map(str::to_owned) }
    }

    #[test]
    fn commands_become_annotations() {
        let reason = || "bad release ".to_owned();
        assert_eq!(
            value(&Wish::Pause { reason: reason() }, Value::Null),
            Ok(vec![("crossfade.dev/hold".into(), Some("bad release".into()))])
        );
        assert_eq!(
            value(&Wish::Resume { reason: String::new() }, Value::Null),
            Ok(vec![
                ("crossfade.dev/resume".into(), Some("2026-01-01T00:00:00.000Z".into())),
                ("crossfade.dev/hold".into(), None),
            ])
        );
        assert_eq!(
            value(&Wish::Rollback { reason: reason() }, Value::Null),
            Ok(vec![("crossfade.dev/rollback".into(), Some("2026-01-01T00:00:00.000Z bad release".into()))])
        );
        assert_eq!(
            value(&Wish::AcceptBaseline { database: "accounts".into() }, Value::Null),
            Ok(vec![(
                "crossfade.dev/accept-baseline".into(),
                Some("2026-01-01T00:00:00.000Z accounts".into())
            )])
        );
        assert_eq!(value(&Wish::Rollback { reason: " ".into() }, Value::Null), Err(Error::NoReason));
    }

    #[test]
    fn an_approval_carries_the_token_and_asks_for_it_after_retreats() {
        let ok = |value: &str| Ok(vec![("crossfade.dev/approve".to_owned(), Some(value.to_owned()))]);
        let status =
            |needed: bool| json!({"approvalToken": "0123456789abcdef", "approvalNeedsToken": needed});
        assert_eq!(value(&approve(None), Value::Null), ok("half"));
        assert_eq!(value(&approve(None), status(false)), ok("half/0123456789abcdef"));
        let needs = Error::NeedsToken { name: "mail".into(), token: "0123456789abcdef".into() };
        assert_eq!(value(&approve(None), status(true)), Err(needs));
        assert_eq!(value(&approve(Some("0123456789abcdef")), status(true)), ok("half/0123456789abcdef"));
        assert!(matches!(value(&approve(Some("feed")), status(true)), Err(Error::OtherToken { .. })));
        let wrong = Wish::Approve { stage: "haf".into(), token: None };
        assert_eq!(
            value(&wrong, Value::Null),
            Err(Error::NoStage { stage: "haf".into(), known: "half".into() })
        );
    }
}
