//! While `run` stands on a terminal, how far the account's history is read. In a pipe and under systemd it is silent.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::cli::progress::bar;
use crate::domain::json::Json;
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
        let page = status.pages().map(|pages| pages.overview());
        let Some(memory) = page.as_ref().and_then(|page| page.get("memory")) else { continue };
        let regions = memory.get("regions").map_or(&[][..], Json::items);
        if regions.is_empty() {
            continue;
        }
        if memory.get("learning") == Some(&Json::Bool(false)) {
            break;
        }
        let percent = |region: &Json| -> u64 {
            region.get("percent").and_then(|percent| percent.to_string().parse().ok()).unwrap_or(0)
        };
        bar.set_position(regions.iter().map(percent).sum::<u64>() / regions.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}
