//! Where signals come from. A source answers one question, "what are your counters?", and judges
//! nothing.

pub mod mysql;
