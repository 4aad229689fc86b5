//! What commands share: the configuration that they are given, and the codes that they end with.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Config, Problems};

/// Exit codes, after sysexits.h.
pub(super) mod exit {
    pub const FAILED: u8 = 1;
    pub const USAGE: u8 = 64;
    pub const DATA: u8 = 65;
    pub const UNAVAILABLE: u8 = 69;
    pub const CANNOT_CREATE: u8 = 73;
    pub const HELD: u8 = 75;
    pub const EXPOSED: u8 = 77;
    pub const CONFIG: u8 = 78;
}

#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// Configuration file; without one, everything is watched and alerts go to the terminal
    #[arg(long, env = "TRAILNOTI_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    pub fn load(&self) -> Result<Config, Problems> {
        Config::load(self.config.as_deref())
    }

    /// Where the daemon listens that runs by it.
    pub fn listen(&self) -> Result<Option<std::net::SocketAddr>, Problems> {
        Config::listen(self.config.as_deref())
    }
}
