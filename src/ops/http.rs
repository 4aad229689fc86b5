//! The local endpoint: `/healthz`, `/readyz`, `/metrics` for machines, `/status`, `/alerts` and `/explain/ID` for the
//! commands of these names. On loopback unless configured otherwise. Owns the addresses; shows no secret.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::{ConnectInfo, Path, Request};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::ops::status::Status;

/// Opens the address.
///
/// # Errors
/// When it is taken or not this machine's.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} (set [http] listen to another address, or to \"off\")")
    })
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
    let (overview, alerts, explain) = (status.clone(), status.clone(), status);
    let pages = Router::new()
        .route(
            "/status",
            get(move || async move {
                let Some(pages) = overview.pages() else { return nothing() };
                page(pages.status().await)
            }),
        )
        .route(
            "/alerts",
            get(move || async move {
                let Some(pages) = alerts.pages() else { return nothing() };
                page(Ok(pages.alerts()))
            }),
        )
        .route(
            "/explain/{id}",
            get(move |Path(id): Path<String>| async move {
                let Some(pages) = explain.pages() else { return nothing() };
                match pages.explain(&id).await {
                    Ok(explained) if explained.is_empty() => nothing(),
                    explained => page(explained),
                }
            }),
        )
        .layer(axum::middleware::from_fn(this_machine_alone))
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
    axum::serve(listener, pages.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
        .context("cannot serve the HTTP endpoint")
}

/// What is seen and what is hidden is shown to this machine alone, also where the endpoint listens to others; and not
/// to a website whose name was pointed at this machine.
async fn this_machine_alone(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let by_address = host.parse::<SocketAddr>().is_ok() || host.starts_with("localhost:");
    if by_address && peer.ip().to_canonical().is_loopback() {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "only available from this machine, by its address or as localhost\n")
        .into_response()
}

fn page(shown: Result<impl Serialize, String>) -> Response {
    let text = shown.and_then(|shown| serde_json::to_string(&shown).map_err(|error| error.to_string()));
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], format!("{text}\n")).into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// Nobody knows of it, or the loops do not run.
fn nothing() -> Response {
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "application/json")], "null\n").into_response()
}

fn answer(wrong: &[String], right: &str) -> impl IntoResponse + use<> {
    if wrong.is_empty() {
        (StatusCode::OK, format!("{right}\n"))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", wrong.join("\n")))
    }
}
