//! The runtimes that commands run on, and what runs beside them until the process ends.

use tokio::runtime::{Builder, Runtime};

/// A runtime of so many threads.
pub(super) fn threads(threads: usize) -> anyhow::Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(threads).enable_all().build()?)
}

/// A runtime on this thread alone, for commands that ask and print.
pub(super) fn one_thread() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Runs something beside the main work; it ends with the process, and its failure is only said.
#[allow(clippy::disallowed_methods, reason = "what ends with the process needs no supervisor")]
pub(super) fn beside(work: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
    tokio::spawn(async move {
        if let Err(error) = work.await {
            tracing::error!("{error:#}");
        }
    });
}
