//! Tasks: the only place that starts them. Owns that none ends unnoticed; knows nothing of what they do.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Why a task ended although nobody asked it to.
#[derive(Debug, thiserror::Error)]
#[error("task {task} ended unexpectedly: {why}")]
pub struct Ended {
    task: String,
    why: String,
}

/// Some tasks that stop together.
#[derive(Debug, Clone)]
pub struct Supervisor {
    stop: CancellationToken,
    tracker: TaskTracker,
    ended: mpsc::UnboundedSender<Ended>,
}

impl Supervisor {
    /// Tasks under a stop of their own, which `parent` also is. The receiver hears of each that ends too early.
    pub fn new(parent: &CancellationToken) -> (Self, mpsc::UnboundedReceiver<Ended>) {
        let (ended, receiver) = mpsc::unbounded_channel();
        (Supervisor { stop: parent.child_token(), tracker: TaskTracker::new(), ended }, receiver)
    }

    /// A stop for one task, or a few, below this one's.
    pub fn child_stop(&self) -> CancellationToken {
        self.stop.child_token()
    }

    /// Starts a task that is to run until `stop`. If it ends before, by returning, by an error or by a panic, that
    /// is reported.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that starts tasks")]
    pub fn spawn<F>(&self, name: impl Into<String>, stop: CancellationToken, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let (name, reports) = (name.into(), self.ended.clone());
        self.tracker.spawn(async move {
            let outcome = AssertUnwindSafe(task).catch_unwind().await;
            let why = match outcome {
                Ok(Ok(())) if stop.is_cancelled() => return,
                Ok(Ok(())) => "it returned".to_owned(),
                Ok(Err(error)) => format!("{error:#}"),
                Err(panic) => format!("it panicked: {}", words(panic.as_ref())),
            };
            let _nobody_listens_after_the_end = reports.send(Ended { task: name, why });
        });
    }

    /// Asks every task to stop, and waits so long. True when all did.
    pub async fn stop(&self, grace: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait()).await.is_ok()
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn why(task: impl Future<Output = anyhow::Result<()>> + Send + 'static) -> String {
        let (supervisor, mut ended) = Supervisor::new(&CancellationToken::new());
        supervisor.spawn("loop", supervisor.child_stop(), task);
        ended.recv().await.expect("it is reported").to_string()
    }

    #[tokio::test]
    async fn a_task_that_ends_by_itself_is_told() {
        assert_eq!(why(async { Ok(()) }).await, "task loop ended unexpectedly: it returned");
        assert_eq!(why(async { anyhow::bail!("no") }).await, "task loop ended unexpectedly: no");
        assert_eq!(why(async { panic!("oh") }).await, "task loop ended unexpectedly: it panicked: oh");
    }

    #[tokio::test]
    async fn a_task_that_was_asked_to_stop_is_not() {
        let (supervisor, mut ended) = Supervisor::new(&CancellationToken::new());
        let stop = supervisor.child_stop();
        supervisor.spawn("loop", stop.clone(), async move {
            stop.cancelled().await;
            Ok(())
        });
        assert!(supervisor.stop(Duration::from_secs(5)).await);
        drop(supervisor);
        assert!(ended.recv().await.is_none());
    }
}
