//! Floors: how many pods a workload has at least, whatever its autoscaler thinks (R9).

/// What the shell found of a workload's floor, after it brought it to where it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Found {
    /// The pods that it asks for at least; `None` if that could not be read.
    pub pods: Option<u32>,
    /// What holds it, in words, such as `HorizontalPodAutoscaler mail`; empty if that could not be read.
    pub object: String,
    /// The floor before this operator raised it; `None` while it has not.
    pub before: Option<u32>,
    /// Why it does not stand where it should, and what to do; `None` if it does.
    pub lack: Option<String>,
}

/// One workload's floor as status shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Floor {
    /// The workload's name in the plan.
    pub workload: String,
    /// The pods that are promised.
    pub pods: u32,
    /// What the shell found last.
    pub found: Option<Found>,
}
