//! Answers that no healthy Prometheus gives: from a small server that says what it is told.

use std::time::Duration;

use crossfade::probe::prometheus::{Client, Config, LARGEST};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::config;

/// Answers every request with `answer`, as often as it is written here, and never ends it.
struct Server {
    url: String,
    requests: mpsc::UnboundedReceiver<String>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(head: String, body: String, times: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (heard, requests) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.unwrap_or_default();
                heard.send(String::from_utf8_lossy(&request[..read]).into_owned()).ok();
                stream.write_all(head.as_bytes()).await.ok();
                for _ in 0..times {
                    if stream.write_all(body.as_bytes()).await.is_err() {
                        break;
                    }
                }
                if times == 0 {
                    // Silence, until the client has had enough.
                    stream.read(&mut request).await.ok();
                }
            }
        });
        Self { url, requests, _tasks: tasks }
    }
}

fn client(config: &Config) -> Client {
    Client::new(config).unwrap()
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read_whole() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n".to_owned();
    let server = Server::start(head, " ".repeat(1 << 20), (LARGEST >> 20) + 1).await;
    let error = client(&config(&server.url)).instant("up", None).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "Prometheus at {} answers `up` with more than 8 MiB: aggregate it to one series, as sum(...) does",
            server.url
        )
    );
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    for head in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"] {
        let server = Server::start(head.to_owned(), String::new(), 0).await;
        let timeout = Duration::from_millis(200);
        let client = client(&Config { timeout, ..config(&server.url) });
        let error = client.instant("up", None).await.unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "Prometheus at {} did not answer `up` within 200ms: ask for less time or a longer step, or record the query by a rule",
                server.url
            )
        );
    }
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let mut there = Server::start(String::new(), String::new(), 0).await;
    let head = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {}/api/v1/query?code=hunter2\r\ncontent-length: 0\r\n\r\n",
        there.url
    );
    let mut here = Server::start(head, String::new(), 1).await;
    let token = Config { bearer_token: Some("the-token".into()), ..config(&here.url) };
    let error = client(&token).instant("up", None).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{} answered with the HTTP status 307: it redirects to {}; redirects are not followed: give that address",
            here.url, there.url
        )
    );
    let request = here.requests.recv().await.unwrap();
    assert!(request.starts_with("POST /api/v1/query HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("authorization: Bearer the-token\r\n"), "{request}");
    assert!(there.requests.try_recv().is_err(), "the redirect was followed");
}

#[tokio::test]
async fn what_is_no_prometheus_is_told_apart() {
    let page = |status: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    for (answer, error) in [
        (
            page("404 Not Found", "nothing"),
            "answered with the HTTP status 404: there is no Prometheus API: is the path prefix missing?",
        ),
        (
            page("200 OK", "<html>"),
            "did not answer as Prometheus does (expected value at line 1 column 1): is this its address, with its path prefix?",
        ),
        (
            page("502 Bad Gateway", "<html>"),
            "answered with the HTTP status 502: look at its log, or at that of the proxy before it",
        ),
    ] {
        let server = Server::start(answer, String::new(), 1).await;
        let told = client(&config(&server.url)).instant("up", None).await.unwrap_err().to_string();
        assert_eq!(told, format!("{} {error}", server.url));
    }
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let told =
        client(&config(&format!("http://{nobody}"))).instant("up", None).await.unwrap_err().to_string();
    assert!(told.starts_with(&format!("cannot ask Prometheus at http://{nobody}: ")), "{told}");
    assert!(told.contains("Connection refused"), "{told}");
}
