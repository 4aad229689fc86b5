//! Asking the running daemon over its local endpoint.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use reqwest::StatusCode;
use serde::de::DeserializeOwned;

use crate::cli::arguments::{ConfigFile, exit};
use crate::cli::runtime;

/// How long it has to answer.
const WAIT: Duration = Duration::from_secs(5);

/// Nobody answers where the configuration says.
#[derive(Debug, thiserror::Error)]
#[error(
    "no daemon is answering on {0}: start it with `trailnoti run`, check `systemctl status trailnoti`, or pass the daemon's configuration with --config"
)]
pub(super) struct NoDaemon(SocketAddr);

/// Asks for a page that the daemon has whenever its loops run. Without one, the code to end with is answered, and people are
/// answered with the reason.
///
/// # Errors
/// See [`ask`]; and when the answer is no such page.
pub(super) fn page<T: DeserializeOwned>(
    file: &ConfigFile,
    page: &str,
) -> anyhow::Result<Result<T, ExitCode>> {
    let (status, text) = ask(file, page)?;
    can_show(page, status, &text)?;
    if !status.is_success() {
        eprintln!("trailnoti: the daemon is starting or stopping: try again in a moment");
        return Ok(Err(ExitCode::from(exit::UNAVAILABLE)));
    }
    read(&text).map(Ok)
}

/// Whether the daemon could read its state for a page.
///
/// # Errors
/// When it could not, which says nothing of what is asked for.
pub(super) fn can_show(page: &str, status: StatusCode, text: &str) -> anyhow::Result<()> {
    anyhow::ensure!(
        status != StatusCode::SERVICE_UNAVAILABLE,
        "the daemon cannot show {page} now: {}",
        text.trim()
    );
    Ok(())
}

/// Reads the daemon's answer.
///
/// # Errors
/// When it is no such page: the daemon is of another version than the command.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    serde_json::from_str(text).context(
        "cannot read the daemon's answer: if the daemon is of another version than this command, restart it",
    )
}

/// Asks for a page.
///
/// # Errors
/// When there is no endpoint, or nobody answers there.
pub(super) fn ask(file: &ConfigFile, page: &str) -> anyhow::Result<(StatusCode, String)> {
    let Some(mut address) = file.listen()? else {
        anyhow::bail!(
            "[http] listen is \"off\", so the daemon cannot be asked: set it to an address (\"127.0.0.1:9641\") and restart the daemon"
        );
    };
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    runtime::one_thread()?.block_on(async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(WAIT)
            .build()
            .context("cannot set up an HTTP client")?;
        let answer =
            client.get(format!("http://{address}{page}")).send().await.map_err(|_| NoDaemon(address))?;
        let status = answer.status();
        Ok((status, answer.text().await.map_err(|_| NoDaemon(address))?))
    })
}
