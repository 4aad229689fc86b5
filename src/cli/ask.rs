//! Asking the running daemon over the socket in its state's folder.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use reqwest::StatusCode;
use serde::de::DeserializeOwned;

use crate::cli::arguments::{ConfigFile, exit};
use crate::cli::runtime;
use crate::domain::text::clean;
use crate::ops::http::socket_in;

/// How long it has to answer.
const WAIT: Duration = Duration::from_secs(5);
/// The longest answer, in bytes: what the status of a thousand accounts takes.
const LONGEST: usize = 64 << 20;

/// Nobody answers where the configuration says.
#[derive(Debug, thiserror::Error)]
#[error(
    "no daemon is answering on {path}: start it with `trailnoti run`, check `systemctl status trailnoti`, or pass the daemon's configuration with --config",
    path = .0.display()
)]
pub(super) struct NoDaemon(PathBuf);

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
/// When nobody answers, or somebody who need not be the daemon.
pub(super) fn ask(file: &ConfigFile, page: &str) -> anyhow::Result<(StatusCode, String)> {
    request(file, page, None)
}

/// Asks the daemon to do something, and reads its answer: none where it knows nothing of that name.
///
/// # Errors
/// See [`ask`]; and, in the daemon's words, when it refuses.
pub(super) fn tell<T: DeserializeOwned>(
    file: &ConfigFile,
    page: &str,
    body: String,
) -> anyhow::Result<Option<T>> {
    let (status, text) = request(file, page, Some(body))?;
    can_show(page, status, &text)?;
    match status {
        StatusCode::NOT_FOUND => Ok(None),
        status if status.is_success() => read(&text).map(Some),
        _ => anyhow::bail!("{}", text.lines().map(|line| clean(line, 300)).collect::<Vec<_>>().join("\n")),
    }
}

fn request(file: &ConfigFile, page: &str, body: Option<String>) -> anyhow::Result<(StatusCode, String)> {
    let state = file.state()?;
    let socket = socket_in(&state);
    let nobody = || NoDaemon(socket.clone());
    let (folder, own) = (std::fs::metadata(&state), std::fs::symlink_metadata(&socket));
    match (folder, own) {
        (Ok(folder), Ok(own)) => anyhow::ensure!(
            folder.mode() & 0o022 == 0 && own.uid() == folder.uid(),
            "others than its owner may write {}, so it need not be the daemon that answers there: `chmod go-w` it",
            state.display()
        ),
        (Err(error), _) | (_, Err(error)) if error.kind() == ErrorKind::PermissionDenied => {
            anyhow::bail!("only the daemon's own user and root may ask it ({}): try sudo", socket.display())
        }
        _ => return Err(nobody().into()),
    }
    runtime::one_thread()?.block_on(async {
        let client = reqwest::Client::builder()
            .unix_socket(socket.as_path())
            .timeout(WAIT)
            .build()
            .context("cannot set up an HTTP client")?;
        let address = format!("http://localhost{page}");
        let request = match body {
            Some(body) => client.post(address).body(body),
            None => client.get(address),
        };
        let mut answer = request.send().await.map_err(|_| nobody())?;
        let status = answer.status();
        let mut text = Vec::new();
        while let Some(more) = answer.chunk().await.map_err(|_| nobody())? {
            anyhow::ensure!(text.len() + more.len() <= LONGEST, "the daemon's answer to {page} never ends");
            text.extend_from_slice(&more);
        }
        Ok((status, String::from_utf8(text).context("the daemon's answer is no text")?))
    })
}
