//! HAProxy gone, reloaded, stuck, or not HAProxy at all.

use super::*;
use crossfade::route::haproxy::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The most that an error may take beyond the time limit, on a loaded machine.
const SLACK: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_reload_forgets_the_weights_and_the_next_reading_shows_it() {
    let mut haproxy = start(1, 1).await;
    for address in [haproxy.admin_tcp(), haproxy.admin_unix()] {
        let mut instance = instance(&address);
        let before = instance.write(percent(10.0)).await.unwrap();
        haproxy.reload().await;
        // The old process still holds our connection and would answer with its own weights.
        let after = instance.read().await.unwrap();
        assert_eq!((before.weight, after.weight), (percent(10.0), Weight::ZERO));
        assert_ne!(before.setting, after.setting);
        assert_ne!(before.boot, after.boot);
        assert_eq!(instance.write(percent(10.0)).await.unwrap().setting, before.setting);
    }
}

#[tokio::test]
async fn a_write_right_after_a_reload_reaches_the_new_process() {
    let mut haproxy = start(1, 1).await;
    let mut instance = instance(&haproxy.admin_tcp());
    let before = instance.write(percent(10.0)).await.unwrap();
    haproxy.reload().await;
    let after = instance.write(percent(50.0)).await.unwrap();
    assert_eq!((after.weight, weights(&haproxy).await.as_str()), (percent(50.0), "vm-1 256, ingress-1 256"));
    assert_ne!(before.boot, after.boot);
}

#[tokio::test]
async fn a_killed_haproxy_is_an_error_at_once_and_a_restarted_one_is_found_again() {
    let mut haproxy = start(1, 1).await;
    let mut instance = instance(&haproxy.admin_tcp());
    let before = instance.write(percent(50.0)).await.unwrap();
    haproxy.kill();
    let started = Instant::now();
    let error = instance.write(Weight::ZERO).await.unwrap_err();
    assert!(started.elapsed() < TIMEOUT + SLACK);
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    haproxy.restart().await;
    let after = instance.read().await.unwrap();
    assert_eq!((after.weight, after.boot == before.boot), (Weight::ZERO, false));
}

#[tokio::test]
async fn a_connection_that_went_stale_costs_a_reconnect_and_no_error() {
    let mut haproxy = start(1, 1).await;
    let mut instance = instance(&haproxy.admin_unix());
    instance.read().await.unwrap();
    haproxy.restart().await;
    assert_eq!(instance.write(percent(50.0)).await.unwrap().weight, percent(50.0));
}

#[tokio::test]
async fn a_stuck_haproxy_is_an_error_within_the_time_limit() {
    let haproxy = start(1, 1).await;
    let timeout = Duration::from_millis(200);
    let mut instance = Instance::new(Config { timeout, ..config(&haproxy.admin_tcp()) }).unwrap();
    instance.read().await.unwrap();
    haproxy.freeze(true);
    for _ in 0..2 {
        let started = Instant::now();
        let error = instance.write(Weight::FULL).await.unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
        assert!((timeout..timeout + SLACK).contains(&started.elapsed()));
    }
    haproxy.freeze(false);
    assert_eq!(until(&mut instance, |_| true).await.weight, Weight::ZERO);
}

#[tokio::test]
async fn what_a_cancelled_write_had_sent_never_overtakes_the_next_write() {
    let haproxy = start(20, 20).await;
    let mut instance = instance(&haproxy.admin_tcp());
    let usual = {
        let started = Instant::now();
        instance.write(percent(50.0)).await.unwrap();
        started.elapsed()
    };
    for round in 0..200_u32 {
        // Dropped at every point of a write's usual time.
        let cut = usual * round / 200;
        let cancelled = tokio::time::timeout(cut, instance.write(percent(80.0))).await;
        drop(cancelled);
        let retreat = instance.write(percent(20.0)).await.unwrap();
        assert_eq!(retreat.weight, percent(20.0), "cut after {cut:?}");
        assert_eq!(instance.read().await.unwrap(), retreat, "cut after {cut:?}");
    }
}

#[tokio::test]
async fn commands_of_a_frozen_haproxy_are_done_in_their_order_when_it_wakes() {
    let haproxy = start(1, 1).await;
    let mut instance = instance(&haproxy.admin_tcp());
    instance.read().await.unwrap();
    haproxy.freeze(true);
    let cancelled = tokio::time::timeout(Duration::from_millis(50), instance.write(percent(80.0))).await;
    assert!(cancelled.is_err());
    let (retreat, ()) = tokio::join!(instance.write(percent(20.0)), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        haproxy.freeze(false);
    });
    assert_eq!(retreat.unwrap().weight, percent(20.0));
}

#[tokio::test]
async fn nobody_at_the_address_is_an_error_that_names_it() {
    let address = format!("tcp://{}", free_address());
    let error = instance(&address).read().await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("no connection to HAProxy at {address} (")), "{error}");
    let error = instance("unix:///nowhere/admin.sock").read().await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    let error = instance("tcp://nowhere.invalid:99").read().await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. } | Error::Unreachable { .. }), "{error}");
}

/// Reads from something that answers each connection with `answer` again and again, until `times`
/// are sent or the other side has enough; then it waits for the other side to close.
async fn read_from(answer: &'static [u8], times: usize, close: bool) -> (Error, Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let server = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 64];
            // The other side may close whenever it has seen enough.
            if stream.read(&mut request).await.is_ok() {
                for _ in 0..times {
                    if stream.write_all(answer).await.is_err() {
                        break;
                    }
                }
            }
            while !close && stream.read(&mut request).await.is_ok_and(|read| read > 0) {}
        }
    };
    let started = Instant::now();
    let timeout = Duration::from_millis(300);
    let mut instance = Instance::new(Config { timeout, ..config(&address) }).unwrap();
    tokio::select! {
        read = instance.read() => (read.unwrap_err(), started.elapsed()),
        () = server => unreachable!(),
    }
}

#[tokio::test]
async fn something_else_at_the_address_is_told_by_what_it_says() {
    let (error, _) = read_from(b"HTTP/1.1 400 Bad Request\r\n\r\n", 1, true).await;
    assert!(
        error.to_string().contains("is not HAProxy's Runtime API (it says \"HTTP/1.1 400 Bad Request\")"),
        "{error}"
    );
    let (error, _) = read_from(b"\x00\xff\x13\x37", 10_000_000, false).await;
    assert!(matches!(error, Error::NotHaProxy { .. }), "{error}");
}

#[tokio::test]
async fn a_real_http_server_at_the_address_is_told() {
    let haproxy = start(1, 1).await;
    let error = instance(&format!("tcp://{}", haproxy.front_address())).read().await.unwrap_err();
    assert!(matches!(error, Error::NotHaProxy { .. }), "{error}");
}

#[tokio::test]
async fn silence_ends_with_the_time_limit() {
    let (error, took) = read_from(b"", 0, false).await;
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert!((Duration::from_millis(300)..Duration::from_millis(300) + SLACK).contains(&took));
}

#[tokio::test]
async fn an_answer_without_end_is_bounded_also_when_it_begins_as_haproxys() {
    let (error, _) = read_from(b"\n> \n", 10_000_000, false).await;
    assert!(matches!(error, Error::NotHaProxy { .. } | Error::Incomplete { .. }), "{error}");
    // The prompt once, then no other: each repetition breaks it.
    let (error, _) = read_from(&ENDLESS, 1000, false).await;
    assert!(matches!(error, Error::TooLong { limit: 1_048_576, .. }), "{error}");
}

static ENDLESS: [u8; 1 << 22] = {
    let mut bytes = [b'x'; 1 << 22];
    bytes[0] = b'\n';
    bytes[1] = b'>';
    bytes[2] = b' ';
    bytes
};

#[test]
fn a_backend_name_that_could_carry_a_command_is_refused() {
    for backend in ["", "mail;shutdown frontend front", "mail\nshutdown frontend front", "a b"] {
        let config = Config { backend: backend.to_owned(), ..config("tcp://127.0.0.1:1") };
        assert!(matches!(Instance::new(config), Err(Error::Name { .. })), "{backend:?}");
    }
}

#[test]
fn an_instance_can_be_moved_to_a_task_of_its_own() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    let mut instance = send(instance("tcp://127.0.0.1:1"));
    drop(send(instance.write(Weight::ZERO)));
}
