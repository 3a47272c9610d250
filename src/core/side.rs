//! What is told apart by the side that it comes from.

/// One thing for each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BySide<T> {
    /// Of legacy.
    pub legacy: T,
    /// Of Kubernetes.
    pub kubernetes: T,
}
