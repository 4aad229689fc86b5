//! The command line: one file for each command. Owns arguments, exit codes and what is printed.

mod check;
mod daemon;
mod demo;
mod events;
mod explain;
mod history;
mod iam_policy;
mod learning;
mod match_events;
mod rules;
mod run;
mod scan;
mod stage;
mod status;
mod test_alert;
mod verdicts;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::{Config, Problems};
use crate::source::NoCredentials;
use crate::store::StoreError;
use crate::telemetry::LogFormat;

/// Exit codes, after sysexits.h.
mod exit {
    pub const FAILED: u8 = 1;
    pub const USAGE: u8 = 64;
    pub const DATA: u8 = 65;
    pub const UNAVAILABLE: u8 = 69;
    pub const CANNOT_CREATE: u8 = 73;
    pub const HELD: u8 = 75;
    pub const EXPOSED: u8 = 77;
    pub const CONFIG: u8 = 78;
}

/// Tells you within minutes that somebody else is using your AWS account.
///
/// Without an account, `trailnoti demo` shows what it does.
#[derive(Debug, Parser)]
#[command(name = "trailnoti", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch, until SIGTERM or SIGINT; SIGHUP reads the configuration again
    Run {
        #[command(flatten)]
        config: ConfigFile,
        /// How the log on standard error is written
        #[arg(long, value_enum, default_value = "text")]
        log_format: LogFormat,
    },
    /// Tell every mistake in the configuration, and what would be read
    Check {
        #[command(flatten)]
        config: ConfigFile,
        /// Also try each region's permissions
        #[arg(long)]
        online: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Watch a simulated account in which a key leaks: the same program, no AWS needed
    Demo {
        #[command(flatten)]
        config: ConfigFile,
        /// How many times faster than life
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=600))]
        speed: u32,
    },
    /// Send one clearly marked alert through the configured sinks
    TestAlert {
        #[command(flatten)]
        config: ConfigFile,
        /// Only through this sink
        #[arg(long)]
        sink: Option<String>,
    },
    /// Print events as EventBridge would deliver them, one JSON object a line
    Events {
        #[command(flatten)]
        config: ConfigFile,
        /// Only calls of this name, such as CreateUser; without it, every write
        #[arg(long)]
        name: Option<String>,
        /// How far back
        #[arg(long, default_value = "1h", value_parser = duration)]
        since: Duration,
        /// Only in this region
        #[arg(long)]
        region: Option<String>,
    },
    /// Say what the rules would have told of a past, and send nothing: the account's own, or one in files
    Scan {
        /// CloudTrail log files, answers of LookupEvents, envelopes, folders of these, "-" for standard input;
        /// without any, the account's own history
        paths: Vec<PathBuf>,
        /// Files of the time before: nothing is told of them, and they show what is normal
        #[arg(long, value_name = "PATH", requires = "paths")]
        before: Vec<PathBuf>,
        /// How far back the account's own history is read
        #[arg(long, default_value = "7d", value_parser = duration, conflicts_with = "paths")]
        since: Duration,
        /// Try only the rules of this file
        #[arg(long, value_name = "FILE")]
        rule: Option<PathBuf>,
        #[command(flatten)]
        config: ConfigFile,
        /// Print a line of JSON for each alert, and a summary as the last
        #[arg(long)]
        json: bool,
    },
    /// Print the events that fit an EventBridge pattern: 0 some did, 1 none, 64 no pattern, 65 no event
    Match {
        /// The file with the pattern, unless --pattern gives it; then files of events, "-" for standard input
        paths: Vec<PathBuf>,
        /// The pattern itself
        #[arg(long, value_name = "TEXT")]
        pattern: Option<String>,
        /// The input holds CloudTrail records: wrap them into envelopes first
        #[arg(long)]
        records: bool,
    },
    /// List the rules, or show one of them
    Rules {
        #[command(subcommand)]
        action: Option<RulesAction>,
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what the running daemon sees: regions, sinks, instances, exclusions, the last alerts
    Status {
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say why each rule tells of an event or not, field by field, and why an instance is told or hidden
    Explain {
        /// An instance or event id, asked of the running daemon; or a file with an event, "-" for standard input
        what: String,
        /// Only this rule
        #[arg(long, value_name = "ID")]
        rule: Option<String>,
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the least-privilege policy, ready to paste
    IamPolicy {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Ask the running daemon whether it is alive; for container health checks
    Healthcheck {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum RulesAction {
    /// Show one rule: what it tells, why, what to do, and its patterns
    Show {
        /// Its id
        id: String,
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration; without one, everything is watched and told on the terminal
    #[arg(long, env = "TRAILNOTI_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    fn load(&self) -> Result<Config, Problems> {
        Config::load(self.config.as_deref())
    }

    /// Where the daemon listens that runs by it.
    fn listen(&self) -> Result<Option<std::net::SocketAddr>, Problems> {
        Config::listen(self.config.as_deref())
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::config::parse_duration(text).ok_or_else(|| "write it as 30m, 1h or 7d".to_owned())
}

/// Runs the command line, and says how the process ends.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _nowhere_left_to_say_it = error.print();
            return if error.use_stderr() { ExitCode::from(exit::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match perform(cli.command) {
        Ok(code) => code,
        // Whoever read has enough.
        Err(error) if is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trailnoti: {error:#}");
            ExitCode::from(code_of(&error))
        }
    }
}

fn perform(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { config, log_format } => run::run(config, log_format),
        Command::Check { config, online, json } => check::run(&config, online, json),
        Command::Demo { config, speed } => demo::run(&config, speed),
        Command::TestAlert { config, sink } => test_alert::run(&config, sink.as_deref()),
        Command::Events { config, name, since, region } => {
            events::run(&config, name, since, region.as_deref())
        }
        Command::Scan { paths, before, since, rule, config, json } => {
            scan::run(&config, &scan::Wanted { paths, before, since, rule, json })
        }
        Command::Match { paths, pattern, records } => {
            match_events::run(match_events::Wanted { pattern, paths, records })
        }
        Command::Rules { action: Some(RulesAction::Show { id, config, json }), .. } => {
            rules::show(&config, &id, json)
        }
        Command::Rules { action: None, config, json } => rules::list(&config, json),
        Command::Status { config, json } => status::run(&config, json),
        Command::Explain { what, rule, config, json } => explain::run(&config, &what, rule.as_deref(), json),
        Command::IamPolicy { config } => iam_policy::run(&config),
        Command::Healthcheck { config } => run::healthcheck(&config),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "trailnoti", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn is_closed(error: &anyhow::Error) -> bool {
    error
        .root_cause()
        .downcast_ref::<std::io::Error>()
        .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}

fn code_of(error: &anyhow::Error) -> u8 {
    if let Some(Problems(problems)) = error.downcast_ref() {
        return if problems.iter().all(|problem| problem.exposes_secret) {
            exit::EXPOSED
        } else {
            exit::CONFIG
        };
    }
    if error.downcast_ref::<NoCredentials>().is_some() || error.downcast_ref::<daemon::NoDaemon>().is_some() {
        return exit::UNAVAILABLE;
    }
    match error.downcast_ref() {
        Some(StoreError::Create { .. }) => exit::CANNOT_CREATE,
        Some(StoreError::Held(_)) => exit::HELD,
        Some(StoreError::Newer { .. }) => exit::CONFIG,
        Some(StoreError::Engine(_)) | None => exit::FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
