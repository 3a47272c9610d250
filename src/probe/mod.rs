//! Where signals come from. A source answers one question, "what are your counters?" or "what is
//! this query's value?", and judges nothing.

pub mod mysql;
pub mod prometheus;
