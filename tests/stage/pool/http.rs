//! The HTTP part of a backend server: accepts, answers, says which side it is.
//!
//! Every task that it starts ends with the one that it returns.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::{HEALTH, Outcome, SIDE, Server};

/// Serves on `listener` until the returned handle is dropped or aborted.
pub(super) fn serve(listener: TcpListener, server: Arc<Server>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(accept(listener, server)))
}

async fn accept(listener: TcpListener, server: Arc<Server>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A client that is gone before it was accepted is no concern of the others.
                if let Ok((stream, _)) = accepted {
                    let server = Arc::clone(&server);
                    connections.spawn(async move {
                        let service = service_fn(move |request| answer(Arc::clone(&server), request));
                        http1::Builder::new()
                            .timer(TokioTimer::new())
                            .serve_connection(TokioIo::new(stream), service)
                            .await
                    });
                }
            }
            // A connection that its client breaks ends with an error: nothing to do.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(
    server: Arc<Server>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let outcome = match request.uri().path() {
        HEALTH if server.behaviour().healthy => Outcome::Fine,
        HEALTH => Outcome::Overloaded,
        _ => server.work().await,
    };
    let (status, body) = match outcome {
        Outcome::Fine => (StatusCode::OK, "ok\n"),
        Outcome::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "no database connection\n"),
        Outcome::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "no capacity\n"),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(SIDE, hyper::header::HeaderValue::from_static(server.side.name()));
    Ok(response)
}
