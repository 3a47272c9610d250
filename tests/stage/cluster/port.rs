//! Free ports on loopback for programs that cannot choose their own.
//!
//! Below the range that Linux gives to outgoing connections: else one of a load
//! generator's could take a server's port while that server is down.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};

/// The first, and how many.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port on 127.0.0.1 on which nobody listens, and which this process did not
/// hand out before. Other test processes begin elsewhere in the range.
pub fn free() -> Result<u16> {
    static HANDED_OUT: AtomicU32 = AtomicU32::new(0);
    let begin = process::id().wrapping_mul(97);
    (0..COUNT)
        .filter_map(|_| {
            let next = begin.wrapping_add(HANDED_OUT.fetch_add(1, Ordering::Relaxed));
            u16::try_from(next % u32::from(COUNT)).ok()
        })
        .map(|offset| FIRST + offset)
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .context("no free port between 20000 and 32000 on loopback")
}
