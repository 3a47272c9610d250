//! Connects by user, where the server counts them: by these the sides are told apart (R4).
//!
//! What moves which (MariaDB 10.11.19, measured; MySQL documents its table as the same):
//!
//! | event | `performance_schema.users` | `information_schema.USER_STATISTICS` |
//! | --- | --- | --- |
//! | login | +1 | +1 |
//! | refused (1040), wrong password, user's own limit (1226), bare TCP connect | | |
//! | client killed, `FLUSH STATUS` | kept | kept |
//! | `TRUNCATE performance_schema.users` | begins anew | kept |
//! | `FLUSH USER_STATISTICS` | kept | begins anew |
//! | not switched on | no row | no row, or frozen where it was |
//! | without the right to look | error 1142 | no row, no error |
//! | right granted while we are connected | counts at once | counts from the next login on |
//! | names compared | to the letter | without case |
//! | largest value | 2^63 | 2^31 - 1 |
//!
//! So both count logins only, a table in which we ourselves do not stand says nothing, and the first is
//! asked where it may be. The counters of the guards never wait for the answer: see [`SOON`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mysql_async::Conn;
use tokio::time::Instant;

use super::failure::{Failure, text};
use super::line::{ROWS, Way, rows};

/// The server gives up counting after this long, and the guards wait no longer for it. It takes about
/// 0.2 ms (measured).
pub const SOON: Duration = Duration::from_millis(100);
/// Where the server did not tell, it is asked again after this long.
pub const AGAIN: Duration = Duration::from_mins(1);
/// The longest statement, in bytes: our packets are not longer than twice this.
const LONGEST: usize = 32 * 1024;
/// Where `USER_STATISTICS` stops counting: its column is a signed number of 32 bits.
const MOST: u64 = i32::MAX as u64;

const VARIABLES: &str =
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('performance_schema', 'userstat', 'version')";
const GRANT: &str = "`GRANT PROCESS ON *.*`";
/// It shows a right as soon as it is granted.
const RIGHT: &str = "SELECT 'PROCESS', COUNT(*) FROM information_schema.USER_PRIVILEGES \
     WHERE PRIVILEGE_TYPE = 'PROCESS'";

/// How often users have logged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ByUser {
    /// Nobody asked, or the answer is late.
    #[default]
    Absent,
    /// Since the server began to count. One who is not in it never did.
    Counted(BTreeMap<String, u64>),
    /// The server does not tell; why, and what to do. Without secrets.
    Untold(String),
}

/// What came of the question for the connects by user.
#[derive(Debug)]
pub struct Told {
    /// The answer.
    pub by_user: ByUser,
    /// A new login would see more: a right was granted since this one.
    pub renew: bool,
}

/// Where connects are counted by user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Users,
    UserStatistics,
}

/// Reads connects by user over one connection, and finds out where.
#[derive(Debug, Default)]
pub struct Ledger {
    table: Option<Table>,
    /// Since when the server did not tell, and why.
    untold: Option<(Instant, String)>,
    maria: bool,
    /// Whether this user had the right `PROCESS` when it was last looked for.
    process: Option<bool>,
}

impl Ledger {
    /// How often `users` have logged in. Fails only with the connection.
    pub async fn ask(
        &mut self,
        conn: &mut Conn,
        way: &Way,
        users: &BTreeSet<String>,
    ) -> Result<Told, Failure> {
        if let Some((since, why)) = &self.untold
            && since.elapsed() < way.again()
        {
            return Ok(Told { by_user: ByUser::Untold(why.clone()), renew: false });
        }
        let mut renew = false;
        let counted = match self.table.take() {
            Some(table) => self.read(conn, way, table, users).await?.inspect(|_| self.table = Some(table)),
            None => Err(String::new()),
        };
        // A table that fails may have begun anew, or another may do.
        let counted = match counted {
            Err(_) => self.find(conn, way, users, &mut renew).await?,
            counted => counted,
        };
        let by_user = match counted {
            Ok(counted) => {
                self.untold = None;
                ByUser::Counted(counted)
            }
            Err(why) => {
                self.untold = Some((Instant::now(), why.clone()));
                ByUser::Untold(why)
            }
        };
        Ok(Told { by_user, renew })
    }

    /// Looks where connects are counted. A table that was just switched on holds us from the second
    /// question on.
    async fn find(
        &mut self,
        conn: &mut Conn,
        way: &Way,
        users: &BTreeSet<String>,
        renew: &mut bool,
    ) -> Result<Counted, Failure> {
        let variables = rows(conn, way, VARIABLES, ROWS).await?;
        let value = |name: &str| {
            let mut all = variables.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
            all.next().map(|(_, value)| value.as_str())
        };
        let is_on = |name: &str| value(name).map(|value| value.eq_ignore_ascii_case("ON"));
        self.maria = value("version").is_some_and(|version| version.contains("MariaDB"));
        let mut why = None;
        if is_on("performance_schema") == Some(true) {
            match self.read(conn, way, Table::Users, users).await? {
                Ok(counted) => {
                    self.table = Some(Table::Users);
                    return Ok(Ok(counted));
                }
                Err(said) => why = Some(said),
            }
        }
        match is_on("userstat") {
            Some(true) => {
                let right = self.right(conn, way, renew).await?;
                for _ in 0..2 {
                    if let Ok(counted) = self.read(conn, way, Table::UserStatistics, users).await? {
                        self.table = Some(Table::UserStatistics);
                        *renew = false;
                        return Ok(Ok(counted));
                    }
                }
                let remedy = if right { "its right PROCESS counts from its next login on" } else { GRANT };
                why = Some(way.cannot_see(remedy));
            }
            Some(false) if why.is_none() => {
                let right = self.right(conn, way, renew).await?;
                let grant =
                    if right { String::new() } else { format!(", and {GRANT} to `{}`", text(way.user())) };
                let remedy = format!("`SET GLOBAL userstat = 1`, also in its configuration{grant}");
                why = Some(way.counts_nobody(&remedy));
            }
            _ => {}
        }
        Ok(Err(
            why.unwrap_or_else(|| way.counts_nobody("switch `performance_schema` on in its configuration"))
        ))
    }

    /// Whether our user has the right to see others, and whether it was given since our login.
    async fn right(&mut self, conn: &mut Conn, way: &Way, renew: &mut bool) -> Result<bool, Failure> {
        let found = rows(conn, way, RIGHT, ROWS).await?;
        let has = found.iter().any(|(_, count)| count != "0");
        *renew = has && self.process == Some(false);
        self.process = Some(has);
        Ok(has)
    }

    async fn read(
        &self,
        conn: &mut Conn,
        way: &Way,
        table: Table,
        users: &BTreeSet<String>,
    ) -> Result<Counted, Failure> {
        let statement = statement(table, self.maria, way.user(), users);
        if statement.len() > LONGEST {
            return Ok(Err(format!("{} users are too many to ask for at once", users.len())));
        }
        let found = match rows(conn, way, &statement, users.len() + ROWS).await {
            Ok(found) => found,
            Err(Failure::Server { code: 1142, .. }) => {
                return Ok(Err(way.cannot_see("`GRANT SELECT ON performance_schema.users`")));
            }
            // The connection stands: the guards go on.
            Err(failure @ Failure::Server { .. }) => {
                return Ok(Err(format!("connects by user are not told: {failure}")));
            }
            Err(failure) => return Err(failure),
        };
        let mut counted = BTreeMap::new();
        let mut switched_on = true;
        for (name, count) in found {
            match count.parse() {
                Ok(count) if name.is_empty() => switched_on = count == 1,
                Ok(count) => {
                    counted.insert(name, count);
                }
                Err(_) => {}
            }
        }
        Ok(if !counted.contains_key(way.user()) || !switched_on {
            Err(way.cannot_see("look whether it counts them"))
        } else if table == Table::UserStatistics && counted.values().any(|count| *count >= MOST) {
            Err(format!(
                "{} has counted to 2147483647 and stands there: `FLUSH USER_STATISTICS`, or switch \
                 `performance_schema` on",
                way.address()
            ))
        } else {
            counted.retain(|name, _| users.contains(name));
            Ok(counted)
        })
    }
}

/// Logins by user, or why they are not told.
type Counted = Result<BTreeMap<String, u64>, String>;

/// Ours are among the users, to see that we see anything. A row without a name says whether it counts on.
fn statement(table: Table, maria: bool, own: &str, users: &BTreeSet<String>) -> String {
    let limit = if maria {
        format!("SET STATEMENT max_statement_time = {} FOR SELECT", SOON.as_secs_f64())
    } else {
        format!("SELECT /*+ MAX_EXECUTION_TIME({}) */", SOON.as_millis())
    };
    let from = match table {
        Table::Users => "performance_schema.users",
        Table::UserStatistics => "information_schema.USER_STATISTICS",
    };
    // Hexadecimal needs no quoting, whatever the SQL mode, and compares to the letter.
    let names: Vec<String> = users.iter().map(String::as_str).chain([own]).map(hexadecimal).collect();
    let names = names.join(",");
    let on = if table == Table::UserStatistics { " UNION ALL SELECT '', @@global.userstat" } else { "" };
    format!("{limit} USER, TOTAL_CONNECTIONS FROM {from} WHERE CAST(USER AS BINARY) IN ({names}){on}")
}

fn hexadecimal(name: &str) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    let digits: String = name.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    format!("x'{digits}'")
}

impl Way {
    fn cannot_see(&self, remedy: &str) -> String {
        format!(
            "user `{}` may not see how often others connect to {}: {remedy}",
            text(self.user()),
            self.address()
        )
    }

    fn counts_nobody(&self, remedy: &str) -> String {
        format!("{} does not count connects by user: {remedy}", self.address())
    }
}
