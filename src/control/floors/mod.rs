//! Floors: brings what runs a plan's pods to what its engine promises, and gives back what was changed.
//!
//! One [`Keeper`] per running plan looks at the objects when something else is promised, and every 20 s while
//! something is. A plan that is being deleted has a
//! [`leave::Leaving`] instead. Both write only under a claim that outlives the write.

mod keeper;
pub mod leave;
mod object;
mod own;

pub use keeper::{FloorWire, Keeper};
pub use object::{Error, Space};
pub use own::Own;
