//! `crossfade rbac FILE`: the Role and the `RoleBinding` that the plans in a file need.

use super::check;
use crate::api::document;
use crate::api::rbac::{Account, objects};

/// Why there is nothing to print.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] document::Error),
    /// No plan in it.
    #[error("there is no MigrationPlan (crossfade.dev/v1alpha1) in the file; name the file that holds it")]
    NoPlan,
    /// Plans that cannot be accepted.
    #[error("what a plan needs is known only of one that can be accepted; correct this first:\n{0}")]
    Wrong(String),
    /// The objects could not be written.
    #[error("could not write the rights as YAML: {0}; this is a bug, please report it")]
    Yaml(#[from] serde_saphyr::ser::Error),
}

/// The YAML for `kubectl apply`.
pub fn rbac(text: &str, account: &Account) -> Result<String, Error> {
    let mut yaml = String::new();
    let mut wrong = String::new();
    for document in document::read(text)?.iter().filter(|document| document.is_plan()) {
        match document.parse() {
            Ok(parsed) => {
                let name = document.object["metadata"]["name"].as_str().unwrap_or_default();
                yaml += &format!(
                    "# MigrationPlan {}: {account} may use what it names, and nothing else.\n",
                    document.name()
                );
                for object in objects(name, document.namespace(), &parsed, account) {
                    yaml += &format!("---\n{}", serde_saphyr::to_string(&object)?);
                }
            }
            Err(problems) => wrong += &check::listed(document, &problems),
        }
    }
    match (wrong.is_empty(), yaml.is_empty()) {
        (false, _) => Err(Error::Wrong(wrong.trim_end().to_owned())),
        (true, true) => Err(Error::NoPlan),
        (true, false) => Ok(yaml),
    }
}
