//! The exit code of an error. Owns which error ends with which; the codes are `arguments::exit`'s.

use crate::cli::arguments::exit;
use crate::cli::ask::NoDaemon;
use crate::config::Problems;
use crate::source::{AccountError, NoCredentials};
use crate::store::StoreError;

/// How the process ends after an error.
pub(super) fn code_of(error: &anyhow::Error) -> u8 {
    if let Some(Problems(problems)) = error.downcast_ref() {
        return if problems.iter().all(|problem| problem.exposes_secret) {
            exit::EXPOSED
        } else {
            exit::CONFIG
        };
    }
    let is_out_of_reach = error.downcast_ref::<NoCredentials>().is_some()
        || error.downcast_ref::<AccountError>().is_some()
        || error.downcast_ref::<NoDaemon>().is_some();
    if is_out_of_reach {
        return exit::UNAVAILABLE;
    }
    match error.downcast_ref() {
        Some(StoreError::Create { .. }) => exit::CANNOT_CREATE,
        Some(StoreError::Held(_)) => exit::HELD,
        Some(StoreError::Newer { .. }) => exit::CONFIG,
        Some(StoreError::Engine(_) | StoreError::Busy(_)) | None => exit::FAILED,
    }
}
