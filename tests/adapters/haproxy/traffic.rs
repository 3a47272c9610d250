//! The share that real requests get.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves one connection after the other, each with the one-letter name.
async fn serve(listener: TcpListener, name: char) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n{name}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }
}

/// Sends so many requests and counts which the Kubernetes side answered.
async fn kubernetes_of(front: SocketAddr, requests: u32) -> u32 {
    let mut counted = 0;
    for _ in 0..requests {
        let mut stream = TcpStream::connect(front).await.unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        counted += u32::from(answer.ends_with('k'));
    }
    counted
}

#[tokio::test]
async fn requests_are_shared_as_the_weight_says() {
    let legacy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let kubernetes = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (vm, ingress) = (legacy.local_addr().unwrap(), kubernetes.local_addr().unwrap());
    // One of the legacy pool is down: the share must be right all the same.
    let checks = Some(Duration::from_millis(50));
    let options = Options { checks, ..Options::new(&[vm, vm, free_address()], &[ingress]) };
    let haproxy = HaProxy::start(&options).await;
    let mut instance = instance(&haproxy.admin_tcp());
    until(&mut instance, |reading| (reading.legacy_up, reading.kubernetes_up) == (2, 1)).await;
    let shares = async {
        for (asked, requests) in
            [(0.0, 500), (1.0, 2000), (10.0, 2000), (33.33, 2000), (100.0, 500), (5.0, 2000)]
        {
            let achieved = instance.write(percent(asked)).await.unwrap().weight;
            assert!(achieved.distance(percent(asked)) < percent(0.2), "{achieved} for {asked}");
            let counted = f64::from(kubernetes_of(haproxy.front_address(), requests).await);
            let (n, p) = (f64::from(requests), achieved.percent() / 100.0);
            let off = (counted - n * p).abs();
            assert!(off <= 4.0 * (n * p * (1.0 - p)).sqrt(), "{counted} of {n} at {achieved} %");
        }
    };
    tokio::select! {
        () = shares => (),
        () = async { tokio::join!(serve(legacy, 'l'), serve(kubernetes, 'k')); } => unreachable!(),
    }
}
