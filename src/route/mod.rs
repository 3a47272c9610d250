//! Where traffic is split. An instance reads and writes weights, and decides nothing.

pub mod haproxy;
