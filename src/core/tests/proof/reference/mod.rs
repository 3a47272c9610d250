//! The plain windows: no value is remembered as counted, every judgement counts anew. Slow, and short
//! enough to be seen right; the core's own windows must say the same, to the bit.

pub mod baseline;
pub mod series;
pub mod watch;
