//! The local endpoint: `/healthz`, `/readyz`, `/metrics` for machines, `/status` and `/explain/ID` for `trailnoti
//! status` and `trailnoti explain`. On loopback unless configured otherwise. Owns the addresses; shows no secret.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::json::Json;
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
    let (health, ready, metrics) = (status.clone(), status.clone(), status.clone());
    let (overview, explain) = (status.clone(), status);
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
        )
        .route(
            "/status",
            get(move |headers: HeaderMap| async move {
                page(&headers, || overview.pages().map(|pages| pages.overview()))
            }),
        )
        .route(
            "/explain/{id}",
            get(move |headers: HeaderMap, Path(id): Path<String>| async move {
                page(&headers, || explain.pages().and_then(|pages| pages.explain(&id)))
            }),
        );
    axum::serve(listener, pages)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
        .context("serve the health endpoint")
}

/// A page as JSON. A website whose name was pointed at this machine is not answered: its reader is not ours.
fn page(headers: &HeaderMap, json: impl FnOnce() -> Option<Json>) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if host.parse::<std::net::SocketAddr>().is_err() && !host.starts_with("localhost:") {
        return (StatusCode::FORBIDDEN, kind, "\"ask by address\"\n".to_owned()).into_response();
    }
    match json() {
        Some(json) => (StatusCode::OK, kind, format!("{json}\n")),
        None => (StatusCode::NOT_FOUND, kind, "null\n".to_owned()),
    }
    .into_response()
}

fn answer(wrong: &[String], right: &str) -> impl IntoResponse + use<> {
    if wrong.is_empty() {
        (StatusCode::OK, format!("{right}\n"))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", wrong.join("\n")))
    }
}
