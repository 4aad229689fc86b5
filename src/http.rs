//! The health endpoint: `/healthz`, `/readyz`, `/metrics`, on loopback unless configured otherwise. Owns the three
//! pages; shows nothing of events or of the configuration.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::status::Status;

/// Opens the address.
///
/// # Errors
/// When it is taken or not this machine's.
pub async fn bind(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("listen on {address}; choose another [http] listen, or \"off\""))
}

/// Serves until `stop`.
///
/// # Errors
/// When the socket fails.
pub async fn serve(
    listener: TcpListener,
    status: Arc<Status>,
    clock: Clock,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (health, ready, metrics) = (status.clone(), status.clone(), status);
    let pages = Router::new()
        // Alive: the loops keep their word. It does not depend on AWS.
        .route("/healthz", get(move || async move { answer(&health.stalled(), "alive") }))
        // Ready: every region was read, and none is stale.
        .route("/readyz", get(move || async move { answer(&ready.readiness(clock.now()).missing, "ready") }))
        .route(
            "/metrics",
            get(move || async move {
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                ([(header::CONTENT_TYPE, kind)], metrics.metrics.page())
            }),
        );
    axum::serve(listener, pages)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
        .context("serve the health endpoint")
}

fn answer(wrong: &[String], right: &str) -> impl IntoResponse + use<> {
    if wrong.is_empty() {
        (StatusCode::OK, format!("{right}\n"))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", wrong.join("\n")))
    }
}
