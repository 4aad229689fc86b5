//! Why there is no state to work with, and in which version it is kept.

use std::path::PathBuf;

/// The version of what is kept. A newer one on disk is refused untouched.
pub const SCHEMA: u32 = 2;

/// Why there is no state to work with.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or written.
    #[error(
        "cannot keep the state in {path}: {why}; make it a folder that this user can write to, or set [state] path"
    )]
    Create {
        /// The folder of the state.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// Another process has it.
    #[error(
        "the state in {0} is in use by another trailnoti: stop that one, or give this one its own [state] path"
    )]
    Held(PathBuf),
    /// A newer version wrote it.
    #[error(
        "the state in {path} has version {found}, but this trailnoti supports only up to {SCHEMA}: run the newer trailnoti, or set another [state] path"
    )]
    Newer {
        /// The folder of the state.
        path: PathBuf,
        /// The version on disk.
        found: String,
    },
    /// The engine does not answer now. Nothing happened, and the same may be asked again.
    #[error("cannot reach the state at the moment: {0}")]
    Busy(String),
    /// The engine fails, and asking again would not help.
    #[error("cannot use the state: {0}")]
    Engine(String),
}

impl StoreError {
    /// Whether the same may be asked again in a moment.
    pub fn may_pass(&self) -> bool {
        matches!(self, StoreError::Busy(_))
    }
}
