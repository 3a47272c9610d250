//! Floors on a real API server: raised before the weight, put back, given back, and let go.

mod ended;
mod gone;
mod ground;
mod kept;
mod kinds;
