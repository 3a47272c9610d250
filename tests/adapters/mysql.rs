//! The MySQL source against a real MariaDB.

use crate::stage::mariadb::{MariaDb, Options};

#[test]
fn the_stage_starts_a_server() {
    let begin = std::time::Instant::now();
    let server = MariaDb::start(Options::default());
    println!("{:?}", begin.elapsed());
    println!("{}", server.exec("select user, host, plugin from mysql.user"));
    println!("{}", server.exec("show global variables where variable_name in ('server_uid','hostname','port','server_id','max_connections','extra_max_connections','extra_port')"));
    println!("{}", server.log());
}
