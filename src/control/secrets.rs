//! The Secrets that a plan names: read one by one, by name, in the plan's namespace. What they hold
//! is never shown.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::Api;

use super::client::{self, Failure};
use crate::core::reason::Reason;

/// The contents of Secrets by name and key.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(BTreeMap<String, BTreeMap<String, Vec<u8>>>);

/// Why a plan cannot have its Secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// It is not there.
    #[error("there is no Secret {namespace}/{name}: create it; the plan is looked at again by itself")]
    Missing {
        /// Where.
        namespace: String,
        /// Which.
        name: String,
    },
    /// A key is not there.
    #[error("the Secret {name} has no key {key}: add it; the plan is looked at again by itself")]
    NoKey {
        /// Which Secret.
        name: String,
        /// Which key.
        key: &'static str,
    },
    /// A key's value is no text.
    #[error("the key {key} of the Secret {name} is no UTF-8 text: correct it")]
    NoText {
        /// Which Secret.
        name: String,
        /// Which key.
        key: &'static str,
    },
    /// The right to read it is missing.
    #[error(
        "the operator may not read the Secret {namespace}/{name}: run \
         `crossfade rbac FILE | kubectl apply -f -`, FILE being the plan's file"
    )]
    Forbidden {
        /// Where.
        namespace: String,
        /// Which.
        name: String,
    },
    /// The API server did not say.
    #[error("the Secret {namespace}/{name} could not be read: {failure}; it is tried again by itself")]
    Unread {
        /// Where.
        namespace: String,
        /// Which.
        name: String,
        /// What happened.
        failure: Failure,
    },
}

impl Lack {
    /// The reason for `Accepted`.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Forbidden { .. } => Reason::PermissionMissing,
            Self::Missing { .. } | Self::NoKey { .. } | Self::NoText { .. } | Self::Unread { .. } => {
                Reason::ReferenceNotFound
            }
        }
    }
}

impl Secrets {
    /// Reads these Secrets of a namespace. Fails with the first that cannot be had.
    pub async fn read(client: &Client, namespace: &str, names: &BTreeSet<String>) -> Result<Self, Lack> {
        let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let mut all = BTreeMap::new();
        for name in names {
            let secret = client::ask(api.get(name)).await.map_err(|failure| {
                let (namespace, name) = (namespace.to_owned(), name.clone());
                match failure {
                    Failure::NotFound => Lack::Missing { namespace, name },
                    Failure::Forbidden(_) => Lack::Forbidden { namespace, name },
                    failure => Lack::Unread { namespace, name, failure },
                }
            })?;
            let data = secret.data.unwrap_or_default();
            all.insert(name.clone(), data.into_iter().map(|(key, value)| (key, value.0)).collect());
        }
        Ok(Self(all))
    }

    /// A key's value.
    pub fn bytes(&self, name: &str, key: &'static str) -> Result<Vec<u8>, Lack> {
        let value = self.0.get(name).and_then(|secret| secret.get(key));
        value.cloned().ok_or_else(|| Lack::NoKey { name: name.into(), key })
    }

    /// A key's value as text.
    pub fn text(&self, name: &str, key: &'static str) -> Result<String, Lack> {
        String::from_utf8(self.bytes(name, key)?).map_err(|_| Lack::NoText { name: name.into(), key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_is_named_and_nothing_of_a_value_is_shown() {
        let data = [("username".to_owned(), b"probe".to_vec()), ("password".to_owned(), vec![0xff, b'x'])];
        let secrets = Secrets([("db".to_owned(), data.into())].into());
        assert_eq!(secrets.text("db", "username"), Ok("probe".into()));
        let lack = secrets.text("db", "password").unwrap_err();
        assert_eq!(lack.to_string(), "the key password of the Secret db is no UTF-8 text: correct it");
        let lack = secrets.bytes("db", "ca.crt").unwrap_err();
        assert_eq!(lack, Lack::NoKey { name: "db".into(), key: "ca.crt" });
    }

    #[test]
    fn a_missing_right_is_told_with_the_command_that_grants_it() {
        let lack = Lack::Forbidden { namespace: "mail".into(), name: "db".into() };
        assert!(lack.to_string().contains("`crossfade rbac FILE | kubectl apply -f -`"));
        assert_eq!(lack.reason(), Reason::PermissionMissing);
    }
}
