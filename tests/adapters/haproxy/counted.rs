//! What HAProxy counts of the two pools, by real traffic.

use super::*;
use crate::stage::haproxy::Server;
use crossfade::core::load::{Flow, Load, Meter};
use crossfade::core::route::{Counted, Requests};
use crossfade::core::time::Time;
use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// What a server does with a request.
#[derive(Clone, Copy, Debug)]
enum Does {
    /// Answers with this status.
    Answer(u16),
    /// Closes without an answer.
    Close,
    /// Resets without an answer.
    Reset,
    /// Says nothing.
    Nothing,
    /// Says what is no HTTP.
    Nonsense,
    /// Ends in the middle of its answer.
    BreakOff,
    /// Answers without end.
    Stream,
}

/// A server that does one thing.
struct Acting {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Acting {
    async fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                open.spawn(act(stream, does));
            }
        });
        Self { address, _task: AbortOnDropHandle::new(task) }
    }
}

async fn act(mut stream: TcpStream, does: Does) {
    if matches!(does, Does::Reset) {
        // A connection that is closed before all of it was read is reset.
        stream.peek(&mut [0]).await.unwrap();
        return;
    }
    let mut request = [0; 1024];
    if !stream.read(&mut request).await.is_ok_and(|read| read > 0) {
        return;
    }
    let said = match does {
        Does::Answer(status) => {
            format!("HTTP/1.1 {status} Said\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")
        }
        Does::Nonsense => "hello\r\n\r\n".to_owned(),
        Does::BreakOff | Does::Stream => {
            "HTTP/1.1 200 Said\r\nContent-Length: 1000000000\r\n\r\nx".to_owned()
        }
        Does::Close | Does::Reset => return,
        // Until the other side has enough.
        Does::Nothing => {
            while stream.read(&mut request).await.is_ok_and(|read| read > 0) {}
            return;
        }
    };
    let mut written = stream.write_all(said.as_bytes()).await;
    while matches!(does, Does::Stream) && written.is_ok() {
        written = stream.write_all(&[b'x'; 1024]).await;
        tokio::task::yield_now().await;
    }
}

const GET: &str = "GET / HTTP/1.0\r\nCookie: S=old\r\n\r\n";

/// Sends a request and returns the first line of the answer, without the version.
async fn get(front: SocketAddr) -> String {
    let mut stream = TcpStream::connect(front).await.unwrap();
    stream.write_all(GET.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // An answer that breaks off may end with a reset.
    stream.read_to_end(&mut answer).await.ok();
    let answer = String::from_utf8_lossy(&answer);
    let line = answer.lines().next().unwrap_or("nothing");
    line.strip_prefix("HTTP/1.1 ").unwrap_or(line).to_owned()
}

async fn get_all(front: SocketAddr, requests: usize) -> Vec<String> {
    join_all((0..requests).map(|_| get(front))).await
}

fn requests(all: u64, failed: u64) -> Requests {
    Requests { all, failed }
}

/// Waits until so much is counted: HAProxy counts a failure a moment after the client has seen it.
async fn until_counted(haproxy: &HaProxy, backend: &str, legacy: Requests, kubernetes: Requests) {
    let config = Config { backend: backend.to_owned(), ..config(&haproxy.admin_tcp()) };
    let counted = Some(Counted { legacy, kubernetes });
    until(&mut Instance::new(config).unwrap(), |reading| reading.counted == counted).await;
}

/// Five requests at once to a legacy server, which is to fail so many of them.
async fn five(legacy: SocketAddr, backend: &str, seen: &str, failed: u64) {
    let mut options = Options::new(&[], &nobody(1));
    options.legacy.push(Server::new(legacy, 100).with("cookie old"));
    backend.clone_into(&mut options.backend);
    let haproxy = HaProxy::start(&options).await;
    assert_eq!(get_all(haproxy.front_address(), 5).await, vec![seen; 5], "{backend}");
    until_counted(&haproxy, "mail", requests(5, failed), Requests::default()).await;
}

#[tokio::test]
async fn every_request_counts_once_and_fails_once_whatever_its_server_does() {
    for (does, backend, seen, failed) in [
        (Does::Answer(200), "", "200 Said", 0),
        (Does::Answer(404), "", "404 Said", 0),
        (Does::Answer(500), "", "500 Said", 5),
        (Does::Answer(503), "retry-on 503", "503 Said", 5),
        (Does::Close, "", "502 Bad Gateway", 5),
        (Does::Close, "retry-on all-retryable-errors", "502 Bad Gateway", 5),
        (Does::Reset, "", "502 Bad Gateway", 5),
        (Does::Nonsense, "", "502 Bad Gateway", 5),
        (Does::Nothing, "timeout server 100ms", "504 Gateway Time-out", 5),
        (Does::BreakOff, "", "200 Said", 5),
    ] {
        let server = Acting::start(does).await;
        five(server.address, backend, seen, failed).await;
    }
}

#[tokio::test]
async fn a_refused_request_counts_once_however_often_it_was_tried() {
    for backend in ["retries 0", "retries 1", "retries 1\n  cookie S insert"] {
        five(free_address(), backend, "503 Service Unavailable", 5).await;
    }
}

#[tokio::test]
async fn requests_that_a_cookie_or_a_stick_table_sends_count_as_those_that_the_algorithm_does() {
    let server = Acting::start(Does::Answer(200)).await;
    for backend in
        ["cookie S insert", "stick-table type ip size 1k\n  stick on src", "use-server vm-1 if TRUE"]
    {
        let mut options = Options::new(&[], &[server.address]);
        options.legacy.push(Server::new(server.address, 100).with("cookie old"));
        options.kubernetes[0].weight = 100;
        backend.clone_into(&mut options.backend);
        let haproxy = HaProxy::start(&options).await;
        // The first of a stick table's is chosen by the algorithm, and the others follow it.
        for _ in 0..5 {
            assert_eq!(get(haproxy.front_address()).await, "200 Said");
        }
        until_counted(&haproxy, "mail", requests(5, 0), Requests::default()).await;
    }
}

#[tokio::test]
async fn a_request_that_is_sent_to_the_other_pool_failed_in_the_first_and_not_in_the_second() {
    let server = Acting::start(Does::Answer(200)).await;
    let mut options = Options::new(&[free_address()], &[server.address]);
    options.kubernetes[0].weight = 100;
    options.backend = "option redispatch 1".to_owned();
    let haproxy = HaProxy::start(&options).await;
    assert_eq!(get_all(haproxy.front_address(), 10).await, vec!["200 Said"; 10]);
    let counted = instance(&haproxy.admin_tcp()).read().await.unwrap().counted.unwrap();
    assert_eq!(counted.kubernetes, requests(10, 0));
    assert!(counted.legacy.all > 0 && counted.legacy.failed == counted.legacy.all, "{counted:?}");
}

#[tokio::test]
async fn a_client_that_leaves_is_no_failure_of_the_server() {
    let half = "POST / HTTP/1.1\r\nHost: mail\r\nContent-Length: 100\r\n\r\nhalf";
    for (does, request) in [(Does::Stream, GET), (Does::Nothing, half)] {
        let server = Acting::start(does).await;
        let haproxy = HaProxy::start(&Options::new(&[server.address], &nobody(1))).await;
        for requested in 1..=5 {
            let mut stream = TcpStream::connect(haproxy.front_address()).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            // It has got to the server.
            until_field(&haproxy, "stot", requested).await;
            drop(stream);
        }
        until_field(&haproxy, "cli_abrt", 5).await;
        until_counted(&haproxy, "mail", requests(5, 0), Requests::default()).await;
    }
}

/// Waits until a counter of the server `vm-1` stands at `wanted`, for 5 s at most.
async fn until_field(haproxy: &HaProxy, counter: &str, wanted: u32) {
    let started = Instant::now();
    loop {
        let found = field(haproxy, counter).await;
        if found == wanted.to_string() {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{counter} still {found}, not {wanted}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A column of the statistics of the server `vm-1`.
async fn field(haproxy: &HaProxy, column: &str) -> String {
    let stat = haproxy.command("show stat mail 4 -1").await;
    let mut lines = stat.lines();
    let place = lines.next().unwrap().split(',').position(|name| name == column).unwrap();
    let row = lines.find(|line| line.starts_with("mail,vm-1,")).unwrap();
    row.split(',').nth(place).unwrap().to_owned()
}

#[tokio::test]
async fn in_tcp_mode_connections_are_counted_and_resets_and_refusals_fail() {
    for (does, failed) in [(Some(Does::Answer(500)), 0), (Some(Does::Reset), 5), (None, 5)] {
        let server = match does {
            Some(does) => Some(Acting::start(does).await),
            None => None,
        };
        let address = server.as_ref().map_or_else(free_address, |server| server.address);
        let front = free_address();
        let mut options = Options::new(&nobody(1), &nobody(1));
        options.sections = format!(
            "listen smtp
  mode tcp
  retries 1
  bind {front}
  server vm-1 {address} weight 100
  server ingress-1 127.0.0.1:9 weight 0"
        );
        let haproxy = HaProxy::start(&options).await;
        get_all(front, 5).await;
        until_counted(&haproxy, "smtp", requests(5, failed), Requests::default()).await;
    }
}

/// An hour after the start of the tests' clock, and so many seconds.
fn after(seconds: u64) -> Time {
    Time::from_millis((3600 + seconds) * 1000)
}

#[tokio::test]
async fn a_rate_goes_on_over_a_reload_and_cleared_counters_and_is_never_negative() {
    let good = Acting::start(Does::Answer(200)).await;
    let bad = Acting::start(Does::Answer(500)).await;
    let mut options = Options::new(&[good.address, good.address], &[bad.address]);
    options.kubernetes[0].weight = 100;
    let mut haproxy = HaProxy::start(&options).await;
    let front = haproxy.front_address();
    let mut instance = instance(&haproxy.admin_tcp());
    let mut meter = Meter::default();
    let mut rate = async |meter: &mut Meter, seconds| {
        let reading = instance.read().await.unwrap();
        meter.read(&reading, after(seconds));
        meter.load()
    };
    let load = |legacy, requests, failed| Load {
        legacy: Flow { requests: legacy, failed: 0.0 },
        kubernetes: Flow { requests, failed },
    };
    get_all(front, 7).await;
    assert_eq!(rate(&mut meter, 0).await, None);
    // One after the other, and so a third to each server.
    for _ in 0..90 {
        get(front).await;
    }
    let first = Some((after(3), load(20.0, 10.0, 10.0)));
    assert_eq!(rate(&mut meter, 3).await, first);
    haproxy.command("clear counters all").await;
    assert_eq!(rate(&mut meter, 6).await, first, "what was known stands");
    for _ in 0..30 {
        get(front).await;
    }
    let second = Some((after(8), load(10.0, 5.0, 5.0)));
    assert_eq!(rate(&mut meter, 8).await, second);
    haproxy.reload().await;
    for _ in 0..60 {
        get(front).await;
    }
    assert_eq!(rate(&mut meter, 9).await, second, "a new process counts anew");
    for _ in 0..60 {
        get(front).await;
    }
    assert_eq!(rate(&mut meter, 11).await, Some((after(11), load(20.0, 10.0, 10.0))));
}
