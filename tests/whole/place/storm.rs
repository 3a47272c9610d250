//! Connections to a database: many in a row, or many at once.

use std::time::Duration;

use mysql_async::{Conn, Opts, OptsBuilder};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::stage::mariadb::{APP_KUBE, MariaDb, User};
use crate::stage::world::login;

/// A surge of connections; it ends with this.
pub struct Storm(#[allow(dead_code)] AbortOnDropHandle<()>);

impl Storm {
    /// Opens and closes `rate` connections a second as `user`.
    pub fn start(database: &MariaDb, user: User, rate: f64) -> Self {
        Self(AbortOnDropHandle::new(tokio::spawn(connect_on_and_on(opts_of(database, user), rate))))
    }
}

async fn connect_on_and_on(database: Opts, rate: f64) {
    let mut beat = interval(Duration::from_secs_f64(1.0 / rate));
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let under_way = TaskTracker::new();
    loop {
        beat.tick().await;
        let database = database.clone();
        under_way.spawn(async move {
            // One that is refused is a part of the surge too.
            if let Ok(connection) = Conn::new(database).await {
                connection.disconnect().await.ok();
            }
        });
    }
}

/// One login of a pod's and nothing else: else a connection asks for the socket and its limits first.
pub fn opts(database: &MariaDb) -> Opts {
    opts_of(database, APP_KUBE)
}

fn opts_of(database: &MariaDb, user: User) -> Opts {
    OptsBuilder::from_opts(login(database, user))
        .prefer_socket(false)
        .max_allowed_packet(Some(1 << 20))
        .wait_timeout(Some(600))
        .into()
}
