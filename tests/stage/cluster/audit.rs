//! Who wrote what to the API server, from its own audit log.
//!
//! For claims such as "the operator writes nothing but its lease while nothing
//! changes": the API server is the one witness that misses no writer.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// The log's name in the cluster's folder.
pub const FILE: &str = "audit.log";

/// One write request that the API server answered, or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The user: a service account is `system:serviceaccount:NAMESPACE:NAME`.
    pub user: String,
    /// `create`, `update`, `patch`, `delete` ...
    pub verb: String,
    /// The resource's plural, with its subresource: `migrationplans/status`.
    pub resource: String,
    /// Its namespace; empty if it has none.
    pub namespace: String,
    /// Its name; empty if the server gave it one, or for a collection.
    pub name: String,
    /// The answer's HTTP status.
    pub code: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    verb: String,
    user: User,
    #[serde(default)]
    object_ref: Object,
    #[serde(default)]
    response_status: Status,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
}

/// Every write since the cluster started, in the order of the answers.
pub fn read(dir: &Path) -> Result<Vec<Write>> {
    let path = dir.join(FILE);
    let log = match fs::read_to_string(&path) {
        Ok(log) => log,
        // It appears with the first write.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    // The line that is just being written has no end yet: it is for next time.
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    whole.lines().map(parse).collect()
}

fn parse(line: &str) -> Result<Write> {
    let event: Event = serde_json::from_str(line).with_context(|| format!("read the audit event {line}"))?;
    let Object { resource, subresource, namespace, name } = event.object_ref;
    let resource = if subresource.is_empty() { resource } else { format!("{resource}/{subresource}") };
    Ok(Write {
        user: event.user.username,
        verb: event.verb,
        resource,
        namespace,
        name,
        code: event.response_status.code,
    })
}
