//! What the process shows to its surroundings: `/live`, `/ready`, `/metrics`. It changes nothing.

pub mod figures;
pub mod health;
pub mod metrics;

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use figures::PlanFigures;
use health::Health;
use metrics::Metrics;

/// What a database's answer may count as.
pub const OUTCOMES: [&str; 4] = ["counters", "full", "late", "down"];

/// `OpenMetrics` text.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves until `stop`. `figures` gives the plans' figures for a scrape.
pub async fn serve<F>(
    listener: TcpListener,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    figures: F,
    stop: CancellationToken,
) where
    F: Fn() -> Vec<PlanFigures> + Clone + Send + Sync + 'static,
{
    let ready = move || async move {
        match health.ready() {
            Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
            Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
        }
    };
    let page = move || async move {
        match metrics.page(&figures()) {
            Ok(page) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    };
    // A task that ends takes the process with it: while there is an answer, all are alive.
    let router = Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(page));
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "cannot serve health and metrics");
    }
}
