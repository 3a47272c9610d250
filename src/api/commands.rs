//! The commands that are given as annotations.

use std::collections::BTreeMap;

use super::HOLD;
use super::remember::cut;
use crate::core::state::Command;

/// What the annotations of a plan ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// The reason for which the plan is held; `None` when it is not.
    pub hold: Option<String>,
    /// The commands that stand there, each with its value: to be acted on once per value.
    pub given: BTreeMap<Command, String>,
}

/// The annotation of `command`.
pub fn annotation(command: Command) -> String {
    format!("{}/{}", super::GROUP, command.name())
}

/// Reads the commands; values are cut to what the status can hold, so that one that was acted on is
/// found there again.
pub fn read(annotations: &BTreeMap<String, String>) -> Commands {
    Commands {
        hold: annotations.get(HOLD).map(|reason| cut(reason)),
        given: Command::ALL
            .into_iter()
            .filter_map(|command| Some((command, cut(annotations.get(&annotation(command))?))))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_from_annotations() {
        let annotations = [
            ("crossfade.dev/hold", "release"),
            ("crossfade.dev/approve", "half"),
            ("crossfade.dev/unknown", "x"),
        ];
        let annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let given = [(Command::Approve, "half".to_owned())].into();
        assert_eq!(read(&annotations), Commands { hold: Some("release".into()), given });
    }
}
