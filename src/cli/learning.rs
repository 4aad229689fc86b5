//! While `run` stands on a terminal, how far the account's history is read. In a pipe and under systemd it is silent.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::cli::progress::bar;
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
        bar.set_position(percent / regions.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}
