//! The two local endpoints. Over TCP, for machines: `/healthz`, `/readyz`, `/metrics`, and the page for people (`web`). Over a Unix socket in the state's folder,
//! for the commands of these names: `/status`, `/alerts`, `/incidents`, `/silences` and `/explain/ID` too. Owns the addresses and who may ask; shows no
//! secret. How many may ask, and for how long, is `connections`'s.
//!
//! Whoever is first takes a port; a socket in a folder that only its owner may write is nobody else's.

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::{Path as InPath, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::ops::connections::Connections;
use crate::ops::metrics::plain;
use crate::ops::status::Status;
use crate::ops::web;
use crate::ops::web::Access;

/// The socket's name in the state's folder.
const SOCKET: &str = "control.sock";

/// Where the daemon answers commands, for a folder of the state.
pub fn socket_in(state: &Path) -> PathBuf {
    state.join(SOCKET)
}

/// Opens the address.
///
/// # Errors
/// When it is taken or not this machine's.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} (set [http] listen to another address, or to \"off\")")
    })
}

/// Opens the socket in the state's folder, for this user alone. Whoever calls holds the state, so one that is there already is a
/// dead daemon's.
///
/// # Errors
/// When it cannot be made; a path may have 107 bytes (unix(7)).
pub fn bind_socket(state: &Path) -> anyhow::Result<(UnixListener, u32)> {
    let path = socket_in(state);
    let cannot = || format!("cannot make {} (`trailnoti status` would not work)", path.display());
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).with_context(cannot),
        _ => {}
    }
    let listener = UnixListener::bind(&path).with_context(cannot)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).with_context(cannot)?;
    let owner = std::fs::metadata(&path).with_context(cannot)?.uid();
    Ok((listener, owner))
}

/// Answers machines until `stop`, and people to whom `access` gives the page.
///
/// # Errors
/// When the socket fails.
pub async fn serve_machines(
    listener: TcpListener,
    status: Arc<Status>,
    clock: Clock,
    access: Option<Access>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let mut pages = machines(status.clone(), clock);
    if let Some(access) = access {
        pages = pages.merge(web::routes(status, access));
    }
    if loopback {
        pages = pages.layer(axum::middleware::from_fn(by_this_machines_name));
    }
    Connections::default().serve(pages, &stop, || async { Ok(listener.accept().await?.0) }).await;
    Ok(())
}

/// Answers the commands of this user and of root until `stop`; `owner` is this user's number.
///
/// # Errors
/// When the socket fails.
pub async fn serve_commands(
    (listener, owner): (UnixListener, u32),
    status: Arc<Status>,
    clock: Clock,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let pages = machines(status.clone(), clock).merge(commands(status));
    let accept = || async {
        let (stream, _) = listener.accept().await?;
        // The folder keeps others out; where somebody opened it to them, this does.
        let asks = stream.peer_cred()?.uid();
        if asks == owner || asks == 0 {
            return Ok(stream);
        }
        Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, format!("user {asks} may not ask")))
    };
    Connections::default().serve(pages, &stop, accept).await;
    Ok(())
}

fn machines(status: Arc<Status>, clock: Clock) -> Router {
    let (health, ready, metrics) = (status.clone(), status.clone(), status);
    Router::new()
        // Alive: the loops keep their word. It does not depend on AWS.
        .route("/healthz", get(move || async move { answer(&health.stalled(), "alive") }))
        // Ready: every region was read, and none is stale.
        .route("/readyz", get(move || async move { answer(&ready.readiness(clock.now()).missing, "ready") }))
        .route(
            "/metrics",
            get(move |headers: HeaderMap| async move {
                let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
                let page = metrics.metrics.page();
                // Prometheus asks for OpenMetrics by name; whoever does not is given what everybody reads.
                if accepts.is_some_and(|accepts| accepts.contains("application/openmetrics-text")) {
                    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                    return ([(header::CONTENT_TYPE, kind)], page);
                }
                ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], plain(&page))
            }),
        )
}

fn commands(status: Arc<Status>) -> Router {
    let (overview, alerts, incidents, explain) =
        (status.clone(), status.clone(), status.clone(), status.clone());
    Router::new()
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
            "/incidents",
            get(move || async move {
                let Some(pages) = incidents.pages() else { return nothing() };
                page(Ok(pages.incidents()))
            }),
        )
        .route("/silences", get(silences).post(add_silence))
        .route("/silences/{id}/expire", post(expire_silence))
        .route("/incidents/{id}/acknowledge", post(acknowledge))
        .with_state(status)
        .route(
            "/explain/{id}",
            get(move |InPath(id): InPath<String>| async move {
                let Some(pages) = explain.pages() else { return nothing() };
                match pages.explain(&id).await {
                    Ok(explained) if explained.is_empty() => nothing(),
                    explained => page(explained),
                }
            }),
        )
}

async fn silences(State(status): State<Arc<Status>>) -> Response {
    let Some(pages) = status.pages() else { return nothing() };
    page(Ok(pages.silences()))
}

async fn add_silence(State(status): State<Arc<Status>>, body: String) -> Response {
    let Some(pages) = status.pages() else { return nothing() };
    let silence = match serde_json::from_str(&body) {
        Ok(silence) => silence,
        Err(error) => return refused(&format!("this is no silence: {error}")),
    };
    match pages.add_silence(silence).await {
        Ok(added) => page(Ok(added)),
        Err(problems) => refused(&problems),
    }
}

async fn expire_silence(State(status): State<Arc<Status>>, InPath(id): InPath<String>) -> Response {
    let Some(pages) = status.pages() else { return nothing() };
    match pages.expire_silence(&id).await {
        Ok(false) => nothing(),
        expired => page(expired),
    }
}

async fn acknowledge(
    State(status): State<Arc<Status>>,
    InPath(id): InPath<String>,
    body: String,
) -> Response {
    let Some(pages) = status.pages() else { return nothing() };
    let said = match serde_json::from_str(&body) {
        Ok(said) => said,
        Err(error) => return refused(&format!("this says not who looks after it: {error}")),
    };
    match pages.acknowledge(&id, said).await {
        Ok(None) => nothing(),
        acknowledged => page(acknowledged),
    }
}

fn refused(why: &str) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, format!("{why}\n")).into_response()
}

/// Not for a website whose name was pointed at this machine: where only this machine can ask, it does so by its own name or
/// address.
async fn by_this_machines_name(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let by_address = host.parse::<SocketAddr>().is_ok() || host.parse::<std::net::IpAddr>().is_ok();
    if by_address || name == "localhost" {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, "only available by this machine's address or as localhost\n").into_response()
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
