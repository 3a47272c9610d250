//! What the status says of floors.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// The pods that a workload is promised at least, and what was changed for it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FloorStatus {
    /// The workload's name in the plan.
    #[schemars(length(max = 63))]
    pub workload: String,
    /// The pods that it is promised; 0 while what was changed is being given back.
    pub pods: u32,
    /// What was changed, such as HorizontalPodAutoscaler mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 320))]
    pub object: Option<String>,
    /// Its floor before that; absent while it is not changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u32>,
    /// Its floor when it was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<u32>,
    /// Why it does not stand where it should, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub lack: Option<String>,
}
