//! Connections to a local endpoint. Owns how many there are at once and how long one lasts: descriptors that idle askers hold are
//! missing for AWS, the state and the sinks. What is answered is `http`'s.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// More wait until one of these is over; they cost the kernel a place in a queue, and us nothing.
const AT_ONCE: usize = 32;
/// How long somebody may take to ask.
const HEADERS: Duration = Duration::from_secs(5);
/// How long asking and being answered may take together. A page of 500 alerts takes milliseconds.
const IN_ALL: Duration = Duration::from_secs(15);
/// After accepting failed, as it does where the system has no descriptor left.
const PAUSE: Duration = Duration::from_millis(200);

/// The connections of one endpoint.
pub(super) struct Connections {
    places: Arc<Semaphore>,
}

impl Default for Connections {
    fn default() -> Self {
        Connections { places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Connections {
    /// Accepts and answers until `stop`: one request a connection. Answers that are on their way are finished.
    pub async fn serve<S, F>(self, pages: Router, stop: &CancellationToken, accept: impl Fn() -> F)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = io::Result<S>>,
    {
        let mut open = JoinSet::new();
        loop {
            let accepted = async {
                let place = self.places.clone().acquire_owned().await;
                (place, accept().await)
            };
            let (place, stream) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = accepted => accepted,
                Some(_) = open.join_next() => continue,
            };
            match stream {
                Ok(stream) => {
                    let service = TowerToHyperService::new(pages.clone());
                    open.spawn(async move {
                        let _place = place;
                        let connection = http1::Builder::new()
                            .timer(TokioTimer::new())
                            .header_read_timeout(HEADERS)
                            .keep_alive(false)
                            .serve_connection(TokioIo::new(stream), service);
                        if let Ok(Err(error)) = tokio::time::timeout(IN_ALL, connection).await {
                            tracing::debug!("a request to the local endpoint failed: {error}");
                        }
                    });
                }
                Err(error) => {
                    tracing::debug!("cannot take a request to the local endpoint: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        open.join_all().await;
    }
}
