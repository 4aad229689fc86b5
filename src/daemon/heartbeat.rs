//! The loop of the heartbeat. Owns when it looks. It shares nothing with the sinks, so that a watcher outside hears also when
//! they hang; a beat that does not arrive is what that watcher is for.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::daemon::shared::Shared;
use crate::domain::health::heartbeat::{Beat, Seen, beat};
use crate::domain::time::later;
use crate::sink::heartbeat::Heartbeat;

/// The name of the loop.
const NAME: &str = "heartbeat";
/// The longest that a beat takes; the client ends earlier by itself.
const SENDING: Duration = Duration::from_secs(60);

/// Beats until `stop`. `first` says that the process has just started; after a reload what was said goes on.
///
/// # Errors
/// None.
pub(in crate::daemon) async fn run(
    shared: Shared,
    heartbeat: Heartbeat,
    first: bool,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let begun = shared.clock.now();
    let (mut start, mut was_well, mut failing) = (first.then_some(Beat::Start), false, false);
    let mut next = begun;
    while shared.wait(NAME, next, &stop).await {
        let now = shared.clock.now();
        next = later(now, heartbeat.interval());
        let coverage = shared.coverage.summary(now);
        let sendings = shared.status.sendings();
        let works = |sink: &&str| sendings.get(*sink).is_none_or(|sending| sending.trouble.is_none());
        let working = shared.routes.iter().map(|route| route.sink.as_str()).filter(works).count();
        let missing = shared.status.readiness(now).missing.len();
        let sinks = (shared.routes.len(), working);
        let seen = Seen { coverage: &coverage, missing, sinks, was_well };
        let Some(said) = start.take().or_else(|| beat(&seen, begun, now)) else { continue };
        was_well |= matches!(said, Beat::Well(_));
        shared.status.expect(NAME, SENDING);
        let outcome = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            outcome = heartbeat.send(&said) => outcome,
        };
        match &outcome {
            Ok(()) if matches!(said, Beat::Well(_)) => {
                shared.status.metrics.heartbeat.set(now.as_second());
            }
            Ok(()) => {}
            Err(failure) if !failing => tracing::warn!("heartbeat not sent: {}", failure.why()),
            Err(_) => {}
        }
        failing = outcome.is_err();
    }
    shared.status.ended(NAME);
    Ok(())
}
