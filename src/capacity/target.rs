//! What runs the pods: anything with a scale subresource, by its API version, kind and name.

use kube::core::{ApiResource, GroupVersionKind};

/// Something that can be scaled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Its API group; empty for the core group.
    pub group: String,
    /// Its API version, without the group.
    pub version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl Target {
    /// The target that these words name; `api_version` is `group/version`, or `version` alone.
    pub fn new(api_version: &str, kind: &str, name: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self { group: group.into(), version: version.into(), kind: kind.into(), name: name.into() }
    }

    /// The resource under which the API server serves the kind. It is derived from the kind (lower
    /// case, plural), so that what is asked for offline is what is asked of the API server.
    pub fn resource(&self) -> ApiResource {
        ApiResource::from_gvk(&GroupVersionKind::gvk(&self.group, &self.version, &self.kind))
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_is_the_plural_of_the_kind() {
        let resource = |api_version, kind| {
            let resource = Target::new(api_version, kind, "mail").resource();
            (resource.group, resource.version, resource.plural)
        };
        let is = |group: &str, version: &str, plural: &str| (group.into(), version.into(), plural.into());
        assert_eq!(resource("apps/v1", "Deployment"), is("apps", "v1", "deployments"));
        assert_eq!(resource("apps/v1", "StatefulSet"), is("apps", "v1", "statefulsets"));
        assert_eq!(resource("argoproj.io/v1alpha1", "Rollout"), is("argoproj.io", "v1alpha1", "rollouts"));
        assert_eq!(resource("v1", "ReplicationController"), is("", "v1", "replicationcontrollers"));
    }
}
