//! What HAProxy's answers say. Parses text; talks to nobody. Columns and fields are found by name,
//! since versions add some.
//!
//! Two answers are needed for a server. `show servers state` says in numbers, in a versioned format,
//! how it stands. `show stat` says that only in texts of many forms (`UP 1/3`, `MAINT (via b/s)`),
//! but alone says who is a backup, and what was counted ([`counted`]).

use super::counted;
use crossfade_core::route::Requests;
use std::collections::HashMap;

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number in the process table of its machine or container.
    pub pid: u64,
    /// When it started, in seconds since the Unix epoch.
    pub started: u64,
    /// Whether it is on its way out and takes no new traffic, as after a reload.
    pub stopping: bool,
}

/// One server of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Unique in its backend.
    pub name: String,
    /// The weight as it is set, 0 to 256, whatever a slow start makes of it for now.
    pub weight: u16,
    /// Whether it would get traffic if its weight asked for it: it runs and is neither in
    /// maintenance nor drained by an administrator. A server without checks runs.
    pub up: bool,
    /// Whether an administrator keeps traffic away from it.
    pub withheld: bool,
    /// Whether it gets traffic only while all others are down.
    pub backup: bool,
    /// What was counted of it, if this version says so.
    pub counted: Option<Requests>,
}

/// What `show stat` says of a server.
struct Statistics {
    backup: bool,
    counted: Option<Requests>,
}

/// Operational states in which a server takes new requests: starting (slow start), running
/// (management guide, `show servers state`).
const RUNS: [u64; 2] = [1, 2];

/// The columns of `show stat` in HAProxy 2.6.12 (128), and some more: room is made for them at once.
const COLUMNS: usize = 144;

/// Administrative states that keep traffic away: maintenance forced, inherited or for want of a
/// name's address (0x01, 0x02, 0x20), drain forced or inherited (0x08, 0x10). 0x04 only says that
/// the configuration began with maintenance, 0x40 that the name came from a state file.
const WITHHELD: u64 = 0x01 | 0x02 | 0x20 | 0x08 | 0x10;

/// Reads the answer to `show info`, or says which field is missing.
pub fn process(answer: &str) -> Result<Process, &'static str> {
    let value = |name| answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let number = |name| value(name).and_then(|value| value.trim().parse().ok());
    Ok(Process {
        pid: number("Pid").ok_or("Pid")?,
        started: number("Start_time_sec").ok_or("Start_time_sec")?,
        stopping: number("Stopping").ok_or("Stopping")? != 0,
    })
}

/// Reads the answers to `show servers state BACKEND` and `show stat BACKEND 4 -1`, or says what is
/// missing. Sorted by name.
pub fn servers(backend: &str, state: &str, stat: &str) -> Result<Vec<Server>, &'static str> {
    let mut statistics = statistics(backend, stat)?;
    let mut lines = state.lines();
    // The first line is the format's version. A later one may add columns, which are named.
    let header = lines.find_map(|line| line.strip_prefix("# ")).ok_or("the header of the servers' state")?;
    let columns = Columns::new(header.split(' '));
    let [name, backend_name, weight, operation, administration] =
        ["srv_name", "be_name", "srv_uweight", "srv_op_state", "srv_admin_state"]
            .map(|name| columns.index(name));
    let (name, backend_name) = (name?, backend_name?);
    let (weight, operation, administration) = (weight?, operation?, administration?);
    let mut servers = Vec::new();
    let mut values = Vec::with_capacity(COLUMNS);
    for line in lines {
        values.clear();
        values.extend(line.split(' '));
        if values.get(backend_name) != Some(&backend) {
            continue;
        }
        let number = |index: usize| values.get(index).and_then(|value| value.parse::<u64>().ok());
        let withheld = number(administration).ok_or("a server's srv_admin_state")? & WITHHELD != 0;
        let runs = RUNS.contains(&number(operation).ok_or("a server's srv_op_state")?);
        let weight =
            number(weight).and_then(|weight| u16::try_from(weight).ok()).ok_or("a server's srv_uweight")?;
        let name = (*values.get(name).ok_or("a server's srv_name")?).to_owned();
        // A server that was added in between stands in one answer alone.
        let known = statistics.remove(name.as_str());
        let Statistics { backup, counted } = known.unwrap_or(Statistics { backup: false, counted: None });
        servers.push(Server { weight, up: runs && !withheld, withheld, backup, counted, name });
    }
    servers.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(servers)
}

fn statistics<'a>(backend: &str, stat: &'a str) -> Result<HashMap<&'a str, Statistics>, &'static str> {
    let mut lines = stat.lines();
    let header =
        lines.next().and_then(|line| line.strip_prefix("# ")).ok_or("the header of the statistics")?;
    let columns = Columns::new(header.split(','));
    let (proxy, server) = (columns.index("pxname")?, columns.index("svname")?);
    let backup = columns.index("bck")?;
    let counters = counted::Counters::find(|name| columns.index(name).ok());
    // Most columns stand after the last that is read.
    let last = counters.as_ref().map_or(0, counted::Counters::last).max(proxy).max(server).max(backup);
    // All columns used stand before the first that may hold a comma or a quote.
    let mut known = HashMap::new();
    let mut row = Vec::with_capacity(COLUMNS);
    for line in lines {
        row.clear();
        row.extend(line.split(',').take(last + 1));
        if row.get(proxy) == Some(&backend)
            && let Some(name) = row.get(server)
        {
            let counted = counters.as_ref().and_then(|counters| counters.read(&row));
            known.insert(*name, Statistics { backup: row.get(backup) == Some(&"1"), counted });
        }
    }
    Ok(known)
}

struct Columns<'a>(Vec<&'a str>);

impl<'a> Columns<'a> {
    fn new(names: impl Iterator<Item = &'a str>) -> Self {
        let mut all = Vec::with_capacity(COLUMNS);
        all.extend(names);
        Self(all)
    }

    fn index(&self, name: &'static str) -> Result<usize, &'static str> {
        self.0.iter().position(|column| *column == name).ok_or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // As HAProxy 2.6.12 wrote them, shortened to the columns before the last one used.
    const STATE: &str = "1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight
3 mail 1 vm-1 127.0.0.1 0 0 100 100
3 mail 2 vm-2 127.0.0.1 2 0 100 100
3 mail 3 ingress-1 127.0.0.1 2 0 0 0
3 mail 5 old-1 127.0.0.1 0 5 10 10
3 mail 6 bk-1 127.0.0.1 1 8 10 10";
    const STAT: &str = "# pxname,svname,stot,econ,eresp,wretr,wredis,weight,act,bck,lbtot,hrsp_5xx,req_tot
mail,vm-1,7,0,1,0,0,100,1,0,7,2,6
mail,bk-1,0,0,0,0,0,10,0,1,0,0,0
mail,ingress-1,0,0,0,0,0,0,1,0,0,0,";

    fn server(name: &str, weight: u16, up: bool, withheld: bool, backup: bool) -> Server {
        let counted = match name {
            "vm-1" => Some(Requests { all: 7, failed: 3 }),
            "bk-1" | "ingress-1" => Some(Requests::default()),
            _ => None,
        };
        Server { name: name.to_owned(), weight, up, withheld, backup, counted }
    }

    #[test]
    fn servers_are_read_by_the_names_of_the_columns() {
        let expected = vec![
            server("bk-1", 10, false, true, true),
            server("ingress-1", 0, true, false, false),
            server("old-1", 10, false, true, false),
            server("vm-1", 100, false, false, false),
            server("vm-2", 100, true, false, false),
        ];
        assert_eq!(servers("mail", STATE, STAT), Ok(expected));
    }

    #[test]
    fn a_column_or_a_value_that_is_missing_is_named() {
        assert_eq!(servers("mail", &STATE.replace("uweight", "x"), STAT), Err("srv_uweight"));
        assert_eq!(
            servers("mail", &STATE.replace("2 0 100 100", "2"), STAT),
            Err("a server's srv_admin_state")
        );
        assert_eq!(servers("mail", "1", STAT), Err("the header of the servers' state"));
        assert_eq!(servers("mail", STATE, ""), Err("the header of the statistics"));
    }

    #[test]
    fn without_a_counter_a_server_is_read_all_the_same() {
        let servers = servers("mail", STATE, &STAT.replace("wredis", "x")).unwrap();
        assert_eq!(servers.len(), 5);
        assert!(servers.iter().all(|server| server.counted.is_none()));
    }

    #[test]
    fn a_process_is_known_by_its_number_and_start() {
        let answer = "Name: HAProxy\nVersion: 2.6.12\nPid: 30023\nUptime: 0d 0h05m04s\nStopping: 0\nStart_time_sec: 1795328679";
        assert_eq!(process(answer), Ok(Process { pid: 30023, started: 1_795_328_679, stopping: false }));
        assert_eq!(process(&answer.replace("Start", "Stop")), Err("Start_time_sec"));
    }
}
