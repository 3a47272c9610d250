//! The part of the status that says what each side carries, and how much is asked for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

shapes! {
    /// What a side carries and can carry. What is absent is not known now.
    SideStatus {
        /// The requests per second that it can carry now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ready_requests_per_second: Option<f64>,
        /// The requests per second that it is asked for now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        requests_per_second: Option<f64>,
        /// The part of what it can carry that is used, in percent; above 100 it is overloaded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        utilisation: Option<f64>,
        /// The part of the other side's traffic that it could take over at the peak, in percent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        absorbable: Option<f64>,
    }
    /// What the Kubernetes side carries and can carry. What is absent is not known now.
    KubernetesStatus {
        /// What both sides have.
        #[serde(flatten)]
        side: SideStatus,
        /// Its workloads with their pods.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = 16))]
        workloads: Vec<WorkloadStatus>,
    }
    /// A workload with its pods. What is absent is not known now.
    WorkloadStatus {
        /// Its name in the plan.
        #[schemars(length(max = 63))]
        name: String,
        /// Its pods that are ready.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ready: Option<u32>,
        /// Those of them that have been ready for the warm-up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warm: Option<u32>,
    }
    /// How much is asked for, of both sides together.
    DemandStatus {
        /// The requests per second now; absent while they are not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        requests_per_second: Option<f64>,
        /// The highest of `spec.demand.peakWindow`, in requests per second.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peak: Option<f64>,
        /// When that was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 40))]
        peak_at: Option<String>,
        /// The highest of each part of the window, oldest first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = 17))]
        window: Vec<PeakStatus>,
    }
    /// The highest mean of 5 minutes in one part of the window.
    PeakStatus {
        /// When it ended.
        #[schemars(length(max = 40))]
        at: String,
        /// In requests per second.
        requests_per_second: f64,
    }
}
