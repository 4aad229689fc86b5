//! What commands share: the configuration that they are given, and the codes that they end with.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::config::{Config, Problem, Problems};
use crate::domain::language::Language;

/// The state's folder of an installed trailnoti.
const INSTALLED: &str = "/var/lib/trailnoti";

/// The configuration of an installed trailnoti.
const INSTALLED_FILE: &str = "/etc/trailnoti/trailnoti.toml";

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
    /// Configuration file; without it /etc/trailnoti/trailnoti.toml, and where there is none: every region, the built-in rules, alerts on the terminal
    #[arg(long, env = "TRAILNOTI_CONFIG", value_name = "FILE", hide_env_values = true)]
    config: Option<PathBuf>,
}

/// The configuration of the daemon that is asked: of it only where the state is, and the language.
#[derive(Debug, Args)]
pub(super) struct DaemonFile {
    /// The running daemon's configuration file, which says where its state is; without it /etc/trailnoti/trailnoti.toml
    #[arg(long, env = "TRAILNOTI_CONFIG", value_name = "FILE", hide_env_values = true)]
    config: Option<PathBuf>,
}

impl From<DaemonFile> for ConfigFile {
    fn from(file: DaemonFile) -> Self {
        ConfigFile { config: file.config }
    }
}

impl ConfigFile {
    /// The file that is named, or the installed one.
    fn path(&self) -> Option<&Path> {
        let installed = Path::new(INSTALLED_FILE);
        self.config.as_deref().or_else(|| installed.is_file().then_some(installed))
    }

    /// The configuration, only where one is named: what is only shown does not go to where real alerts go.
    pub fn load_named(&self) -> Result<Config, Problems> {
        Config::load(self.config.as_deref())
    }

    /// This one.
    pub fn at(path: PathBuf) -> Self {
        ConfigFile { config: Some(path) }
    }

    pub fn load(&self) -> Result<Config, Problems> {
        Config::load(self.path())
    }

    /// The configuration for a command that sends nothing: it needs none of its secrets.
    pub fn load_without_secrets(&self) -> Result<Config, Problems> {
        Config::load_without_secrets(self.path())
    }

    /// The configuration, also where others can read its secrets; each of these is answered beside it.
    pub fn load_exposed(&self) -> Result<(Config, Vec<Problem>), Problems> {
        Config::load_exposed(self.path())
    }

    /// In which language the daemon talks; English where the file does not say, or cannot be read.
    pub fn language(&self) -> Language {
        Config::language_of(self.path())
    }

    /// The folder of the state of the daemon that runs by it.
    pub fn state(&self) -> Result<PathBuf, Problems> {
        Ok(state_path(Config::state_of(self.path())?.as_deref()))
    }
}

/// Where the state is kept: as configured, as systemd says (systemd.exec, "StateDirectory"), where an installed
/// trailnoti keeps it, or in the user's own folder (XDG Base Directory).
pub(super) fn state_path(configured: Option<&Path>) -> PathBuf {
    if let Some(path) = configured {
        return path.to_owned();
    }
    if let Some(path) = std::env::var_os("STATE_DIRECTORY") {
        return PathBuf::from(path);
    }
    if Path::new(INSTALLED).is_dir() {
        return PathBuf::from(INSTALLED);
    }
    let own = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    own.or_else(home).unwrap_or_else(|| PathBuf::from(".")).join("trailnoti")
}

/// A length of time, as the configuration writes it.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    crate::config::parse_duration(text).ok_or_else(|| "write it as 30m, 1h or 7d".to_owned())
}
