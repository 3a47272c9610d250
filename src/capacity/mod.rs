//! What Kubernetes can carry: which pods a workload has, and which of them are ready and warm.
//!
//! Nothing here decides: it looks and counts.

pub mod feed;
pub mod floor;
pub mod pod;
pub mod roster;
pub mod selector;
pub mod target;

pub use feed::{Event, Fault};
pub use pod::Pod;
pub use roster::{Count, Roster};
pub use selector::Selector;
pub use target::Target;
