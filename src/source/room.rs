//! How much of AWS's answers is in memory at once, in all regions and accounts together. Owns that budget: a large answer is read
//! only once there is room, and keeps its room until it was judged. Small answers are not counted.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The room, in kibibytes: for one page of the largest records, as it came and as it was decoded, or for many smaller ones.
const ROOM: u32 = 16 * 1024;
/// In kibibytes; what is smaller is not counted.
const SMALL: u32 = 256;
/// An answer stands in memory so often while it is decoded.
const COPIES: u32 = 2;

static FREE: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(ROOM as usize)));

tokio::task_local! {
    /// The room of the answer that this task is reading.
    static TAKEN: RefCell<Option<Room>>;
}

/// The room of one answer, until this is dropped.
#[derive(Debug)]
pub struct Room {
    _taken: OwnedSemaphorePermit,
}

/// Does a request, and answers it with the room that its answer takes.
pub(super) async fn with_room<T>(request: impl Future<Output = T>) -> (T, Option<Room>) {
    TAKEN.scope(RefCell::default(), async { (request.await, TAKEN.with(RefCell::take)) }).await
}

/// A client that reads the bodies of large answers only when there is room.
pub(super) fn bounded(inner: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(Bounded(inner))
}

#[derive(Debug)]
struct Bounded(SharedHttpClient);

impl HttpClient for Bounded {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(BoundedConnector(self.0.http_connector(settings, components)))
    }
}

#[derive(Debug)]
struct BoundedConnector(SharedHttpConnector);

impl HttpConnector for BoundedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            // Headers are here; the body is still with AWS.
            let length = answer.headers().get("content-length").and_then(|length| length.parse::<u64>().ok());
            let kibibytes = u32::try_from(length.unwrap_or_default() / 1024).unwrap_or(u32::MAX);
            if kibibytes > SMALL {
                let wanted = kibibytes.saturating_mul(COPIES).min(ROOM);
                let taken = FREE.clone().acquire_many_owned(wanted).await;
                let room = taken.ok().map(|taken| Room { _taken: taken });
                // Whoever does not ask for the room gives it back at once.
                let _nobody_asks = TAKEN.try_with(|slot| slot.replace(room));
            }
            Ok(answer)
        })
    }
}
