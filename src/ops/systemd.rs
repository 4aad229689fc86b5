//! What systemd hears (sd_notify(3)): ready, reloading, stopping, and a watchdog that is fed only while every loop
//! keeps its word. Owns the protocol; knows nothing of what the loops do.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use crate::ops::status::Status;

/// Without systemd the loops are looked at this often, for the log.
const LOOK: Duration = Duration::from_secs(10);

/// Who hears it: systemd, or nobody.
pub type Notifier = Arc<dyn Fn(&[NotifyState<'_>]) + Send + Sync>;

/// systemd, where it started this process.
pub fn systemd() -> Notifier {
    Arc::new(|state| {
        if let Err(error) = sd_notify::notify(state) {
            tracing::debug!("cannot notify systemd: {error}");
        }
    })
}

/// Feeds the watchdog until `stop`, but not while a loop has not been heard of for longer than it said.
///
/// # Errors
/// Never; a stalled loop is systemd's to end.
pub async fn watchdog(
    notifier: Notifier,
    status: Arc<Status>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let every = sd_notify::watchdog_enabled().map_or(LOOK, |limit| limit / 3);
    let mut stalled_before = Vec::new();
    loop {
        let stalled = status.stalled();
        if stalled.is_empty() {
            notifier(&[NotifyState::Watchdog]);
        } else if stalled != stalled_before {
            tracing::error!(
                loops = stalled.join(", "),
                "loops stalled: the systemd watchdog will restart the service"
            );
        }
        stalled_before = stalled;
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(every) => {}
        }
    }
}
