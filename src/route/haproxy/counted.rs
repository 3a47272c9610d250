//! What HAProxy counts of a server: how many requests it was sent, and how many of them it failed.
//! Parses text; talks to nobody.
//!
//! The columns of `show stat`, measured on HAProxy 2.6.12, five requests each (`.` is 0):
//!
//! | what the server does | `stot` | `lbtot` | `req_tot` | `hrsp_5xx` | `econ` | `eresp` | `wretr` | `wredis` | others |
//! | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
//! | answers 200, also over one kept connection | 5 | 5 | 5 | . | . | . | . | . | |
//! | answers 500 or 503 | 5 | 5 | 5 | 5 | . | . | . | . | |
//! | closes, is silent or writes nonsense before its answer | 5 | 5 | . | . | . | 5 | . | . | |
//! | resets before its answer | 5 | 5 | . | . | . | **10** | . | . | |
//! | breaks off in its answer | 5 | 5 | 5 | . | . | 5 | . | . | `srv_abrt` 5 |
//! | breaks off in its answer of 500 | 5 | 5 | 5 | 5 | . | 5 | . | . | `srv_abrt` 5 |
//! | falls silent in its answer | 5 | 5 | 5 | . | . | . | . | . | `srv_abrt` 5 |
//! | refuses, or does not answer SYN | 20 | 5 | . | . | 5 | . | 15 | . | `retries 3` |
//! | the same, `option redispatch`, another is there | 5 | 5 | . | . | . | . | . | 5 | the other: 5, 5, 5 |
//! | answers 500, `retry-on 500` | 20 | 5 | 5 | 5 | . | . | **30** | . | |
//! | is down or in maintenance | . | . | . | . | . | . | . | . | backend: `econ` 5 |
//! | client leaves, before or in the answer | 5 | 5 | 5 | . | . | . | . | . | `cli_abrt` 0 or 5 |
//! | client leaves in a silent answer | 5 | 5 | 5 | . | . | . | . | . | `srv_abrt` 5 |
//! | answers 200, chosen by cookie, stick table or `use-server` | 5 | **0 or 1** | 5 | . | . | . | . | . | |
//! | the same, and refuses | 20 | . | . | . | 5 | . | 15 | . | |
//! | is full (`maxconn`), `timeout queue` | . | . | . | . | . | . | . | . | backend: `econ` 5 |
//!
//! In TCP mode connections are what is counted; `req_tot` and `hrsp_5xx` are empty, and what a server
//! says is not looked at: a reset counts in `eresp`, a refusal in `econ`, `wretr` and `wredis`.
//!
//! So no column alone is right: `stot` counts every attempt to connect, `lbtot` misses whom the
//! algorithm did not choose, `req_tot` who gave no answer. Three terms never count a request twice,
//! and the largest is taken: `lbtot`, `stot - wretr`, and `req_tot + econ + wredis`. A request that
//! was sent to another server after a failure (`option redispatch`) counts at both.
//!
//! Failed are `hrsp_5xx + econ + eresp + wredis`, at most all. That is each once but for resets
//! before an answer and for answers of 5xx that break off, which may count twice while others
//! succeed. `cli_abrt` is the client's doing; `srv_abrt` is left out since a client that left counts
//! there too, and an idle connection that the server's time limit ends.
//!
//! In neither: what never got to a server, as nobody was up, or in a queue for too long.

use crossfade_core::route::Requests;

/// Where the counters stand in a row.
pub struct Counters {
    stot: usize,
    lbtot: usize,
    req_tot: usize,
    hrsp_5xx: usize,
    econ: usize,
    eresp: usize,
    wretr: usize,
    wredis: usize,
}

impl Counters {
    /// Finds all of them by name.
    pub fn find(index: impl Fn(&'static str) -> Option<usize>) -> Option<Self> {
        Some(Self {
            stot: index("stot")?,
            lbtot: index("lbtot")?,
            req_tot: index("req_tot")?,
            hrsp_5xx: index("hrsp_5xx")?,
            econ: index("econ")?,
            eresp: index("eresp")?,
            wretr: index("wretr")?,
            wredis: index("wredis")?,
        })
    }

    /// The last column that is read.
    pub fn last(&self) -> usize {
        let Self { stot, lbtot, req_tot, hrsp_5xx, econ, eresp, wretr, wredis } = self;
        [stot, lbtot, req_tot, hrsp_5xx, econ, eresp, wretr, wredis].into_iter().copied().fold(0, usize::max)
    }

    /// What a server's row says; `None` if it is cut short, or a counter is no number. Each figure
    /// only grows while the process lives and the server stays, but for `stot - wretr` while a server
    /// that cookies choose begins to refuse.
    pub fn read(&self, row: &[&str]) -> Option<Requests> {
        // In TCP mode the counters of HTTP are empty.
        let count = |column: usize| match *row.get(column)? {
            "" => Some(0),
            text => text.parse::<u64>().ok(),
        };
        let (answered, refused) = (count(self.req_tot)?, count(self.econ)?);
        let (retried, elsewhere) = (count(self.wretr)?, count(self.wredis)?);
        let all = count(self.lbtot)?
            .max(count(self.stot)?.saturating_sub(retried))
            .max(answered.saturating_add(refused).saturating_add(elsewhere));
        let failed = [count(self.hrsp_5xx)?, refused, count(self.eresp)?, elsewhere];
        let failed = failed.into_iter().fold(0, u64::saturating_add);
        Some(Requests { all, failed: failed.min(all) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 8] = ["stot", "lbtot", "req_tot", "hrsp_5xx", "econ", "eresp", "wretr", "wredis"];

    fn read(row: [&str; 8]) -> Option<(u64, u64)> {
        let counters = Counters::find(|name| NAMES.iter().position(|known| *known == name)).unwrap();
        counters.read(&row).map(|Requests { all, failed }| (all, failed))
    }

    /// The rows of the table above.
    #[test]
    fn each_request_counts_once_whatever_became_of_it() {
        assert_eq!(read(["5", "5", "5", "0", "0", "0", "0", "0"]), Some((5, 0)), "200");
        assert_eq!(read(["5", "5", "5", "5", "0", "0", "0", "0"]), Some((5, 5)), "500");
        assert_eq!(read(["5", "5", "0", "0", "0", "5", "0", "0"]), Some((5, 5)), "closed");
        assert_eq!(read(["5", "5", "0", "0", "0", "10", "0", "0"]), Some((5, 5)), "reset");
        assert_eq!(read(["5", "5", "5", "0", "0", "5", "0", "0"]), Some((5, 5)), "broken off");
        assert_eq!(read(["5", "5", "5", "5", "0", "5", "0", "0"]), Some((5, 5)), "500, broken off");
        assert_eq!(read(["20", "5", "0", "0", "5", "0", "15", "0"]), Some((5, 5)), "refused");
        assert_eq!(read(["5", "5", "0", "0", "0", "0", "0", "5"]), Some((5, 5)), "sent elsewhere");
        assert_eq!(read(["20", "5", "5", "5", "0", "0", "30", "0"]), Some((5, 5)), "tried again");
        assert_eq!(read(["5", "0", "5", "0", "0", "0", "0", "0"]), Some((5, 0)), "by cookie");
        assert_eq!(read(["20", "0", "0", "0", "5", "0", "15", "0"]), Some((5, 5)), "by cookie, refused");
        assert_eq!(read(["15", "0", "0", "0", "0", "0", "10", "5"]), Some((5, 5)), "by cookie, elsewhere");
        assert_eq!(read(["1", "0", "1", "0", "5", "0", "0", "0"]), Some((6, 5)), "queued too long");
        assert_eq!(read(["5", "5", "", "", "0", "0", "0", "0"]), Some((5, 0)), "TCP");
    }

    #[test]
    fn what_is_no_counter_is_not_taken_for_one() {
        assert_eq!(read(["x", "5", "5", "0", "0", "0", "0", "0"]), None);
        let counters = Counters::find(|name| NAMES.iter().position(|known| *known == name)).unwrap();
        assert_eq!(counters.read(&["5"; 7]), None);
    }
}
