//! How far `run` is, for who waits for it: when every region was read for the first time, in the log; and, on a terminal alone, how
//! much of the history is read.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::cli::progress::bar;
use crate::clock::Clock;
use crate::domain::text::counted;
use crate::ops::status::Status;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// Shows it until it is read.
pub(super) async fn show(status: Arc<Status>, stop: CancellationToken) -> anyhow::Result<()> {
    let bar = bar("learning from 90 days of history", 100);
    while !bar.is_hidden() {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        let Some(pages) = status.pages() else { continue };
        let Ok(page) = pages.status().await else { continue };
        let regions = &page.memory.regions;
        if regions.is_empty() {
            continue;
        }
        if !page.memory.learning {
            break;
        }
        let percent: u64 = regions.iter().map(|region| u64::from(region.percent)).sum();
        let done = regions.iter().filter(|region| region.done).count();
        bar.set_message(format!("{done} of {} regions,", regions.len()));
        bar.set_position(percent / regions.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Says once that every region is read, and how quiet it was so far.
pub(super) async fn say_when_all_is_read(
    status: Arc<Status>,
    clock: Clock,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK) => {}
        }
        let readiness = status.readiness(clock.now());
        let Some(pages) = status.pages().filter(|_| readiness.missing.is_empty()) else { continue };
        let so_far = match pages.alerts().len() as u64 {
            0 => "quiet so far".to_owned(),
            alerts => format!("{} are kept: trailnoti alerts", counted(alerts, "alert")),
        };
        tracing::info!("every region is read; {so_far}");
        return Ok(());
    }
}
