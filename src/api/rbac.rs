//! The rights that a plan needs in its namespace: to read the Secrets that it names, to look at the pods
//! of its workloads, to scale these and to raise the floors of what scales them, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::parse::Parsed;

/// Whom the rights are given to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Default for Account {
    /// As `deploy/` creates it.
    fn default() -> Self {
        Self { namespace: "crossfade-system".into(), name: "crossfade".into() }
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A text that is no `namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no service account; write <namespace>/<name>, for example crossfade-system/crossfade")]
pub struct Error(String);

impl std::str::FromStr for Account {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self { namespace: namespace.into(), name: name.into() })
            }
            _ => Err(Error(text.into())),
        }
    }
}

/// The name of a plan's Role and `RoleBinding`.
pub fn role_name(plan: &str) -> String {
    format!("crossfade-{plan}")
}

/// The Role and the `RoleBinding` of the plan `name`. Without a namespace they carry none either, and
/// go where `kubectl apply` puts them.
pub fn objects(name: &str, namespace: Option<&str>, parsed: &Parsed, account: &Account) -> [Value; 2] {
    let api_version = "rbac.authorization.k8s.io/v1";
    let role = role_name(name);
    let mut metadata = json!({"name": role, "labels": {"app.kubernetes.io/part-of": "crossfade"}});
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    [
        json!({
            "apiVersion": api_version, "kind": "Role", "metadata": metadata,
            "rules": rules(parsed),
        }),
        json!({
            "apiVersion": api_version, "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account.name, "namespace": account.namespace}],
        }),
    ]
}

fn rules(parsed: &Parsed) -> Vec<Value> {
    let secrets = parsed.secrets();
    let mut rules = vec![
        json!({"apiGroups": [""], "resources": ["secrets"], "resourceNames": secrets, "verbs": ["get"]}),
    ];
    let mut scaled: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for target in parsed.targets() {
        let resource = target.resource();
        scaled.entry((resource.group, resource.plural)).or_default().insert(target.name);
    }
    if !scaled.is_empty() {
        // A list and its watch cannot be bound to names.
        rules.push(json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}));
    }
    rules.extend(scaled.into_iter().map(|((group, plural), names)| {
        json!({
            "apiGroups": [group], "resources": [format!("{plural}/scale")], "resourceNames": names,
            "verbs": ["get", "patch"],
        })
    }));
    let mut workloads = parsed.plan.capacity.kubernetes.iter().flat_map(|side| &side.workloads);
    if workloads.any(|workload| workload.floor) {
        // Which of them scales a workload, and what it is called, is found out by looking.
        let verbs = ["get", "list", "patch"];
        rules.push(json!({
            "apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": verbs,
        }));
        // The name of one stands in the autoscaler that it owns.
        rules.push(json!({
            "apiGroups": ["keda.sh"], "resources": ["scaledobjects"], "verbs": ["get", "patch"],
        }));
    }
    rules
}
