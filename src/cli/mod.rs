//! The command line: one file for each command. Owns arguments, exit codes and what is printed.

mod alerts;
mod arguments;
mod ask;
mod check;
mod demo;
mod doctor;
mod doctor_findings;
mod doctor_report;
mod events;
mod explain;
mod history;
mod iam_policy;
mod import_rules;
mod incidents;
mod learning;
mod match_events;
mod progress;
mod rules;
mod run;
mod runtime;
mod scan;
mod scan_report;
mod silence;
mod status;
mod test_alert;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};

use crate::cli::arguments::{ConfigFile, duration, exit};
use crate::config::Problems;
use crate::ops::telemetry::LogFormat;
use crate::source::NoCredentials;
use crate::store::StoreError;

/// Alerts you within minutes when somebody else is using your AWS account.
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
    /// Watch until SIGTERM or SIGINT; SIGHUP reloads the configuration
    Run {
        #[command(flatten)]
        config: ConfigFile,
        /// Format of the log on standard error
        #[arg(long, value_enum, default_value = "text")]
        log_format: LogFormat,
    },
    /// Check the configuration and list every mistake
    Check {
        #[command(flatten)]
        config: ConfigFile,
        /// Also try to read every region
        #[arg(long)]
        online: bool,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Find what is not seen and what is paid for twice, and say how to mend it; exits with 1 if it finds something
    Doctor {
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Watch a simulated account whose key leaks; needs no AWS account
    Demo {
        #[command(flatten)]
        config: ConfigFile,
        /// How many times faster than real time
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=600))]
        speed: u32,
    },
    /// Send a test alert, marked as such, to the configured sinks
    TestAlert {
        #[command(flatten)]
        config: ConfigFile,
        /// Only to this sink
        #[arg(long)]
        sink: Option<String>,
    },
    /// Print events as EventBridge would deliver them, one JSON object per line
    Events {
        #[command(flatten)]
        config: ConfigFile,
        /// Only calls with this name, such as CreateUser; without it, every change
        #[arg(long)]
        name: Option<String>,
        /// How far back to read
        #[arg(long, default_value = "1h", value_parser = duration)]
        since: Duration,
        /// Only in this region
        #[arg(long)]
        region: Option<String>,
    },
    /// Try the rules on past events; sends nothing
    Scan {
        /// CloudTrail log files, LookupEvents output, EventBridge events, or folders of these; "-" for standard
        /// input; without any, the account's own history
        paths: Vec<PathBuf>,
        /// Earlier files, read only to learn what is normal; never alerted on
        #[arg(long, value_name = "PATH", requires = "paths")]
        before: Vec<PathBuf>,
        /// How far back to read the account's own history
        #[arg(long, default_value = "7d", value_parser = duration, conflicts_with = "paths")]
        since: Duration,
        /// Try only the rules in this file
        #[arg(long, value_name = "FILE")]
        rule: Option<PathBuf>,
        #[command(flatten)]
        config: ConfigFile,
        /// Print one line of JSON per alert, and a summary as the last line
        #[arg(long)]
        json: bool,
    },
    /// Print the events that match an EventBridge pattern; exits with 1 if none does, 64 if the pattern is invalid, 65 if the input is unreadable
    Match {
        /// The pattern's file, unless --pattern is given; then files of events, "-" for standard input
        paths: Vec<PathBuf>,
        /// The pattern, instead of a file
        #[arg(long, value_name = "TEXT")]
        pattern: Option<String>,
        /// The input is CloudTrail records: match them as the events that EventBridge would deliver
        #[arg(long)]
        records: bool,
    },
    /// List the rules, or show one of them
    Rules {
        #[command(subcommand)]
        action: Option<RulesAction>,
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Show the state of the running daemon: regions, sinks, instances, exclusions, last alerts
    Status {
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// List the last 500 alerts, and what became of each
    Alerts {
        /// Only those of the last hours or days
        #[arg(long, value_parser = duration)]
        since: Option<Duration>,
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// List the open incidents: what belongs together, with who, where and how far
    Incidents {
        /// Those that are closed too
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Show an incident as a whole story
    Incident {
        /// Its id, as messages and `incidents` show it
        id: String,
        /// Print only what to do now, as commands to paste
        #[arg(long, conflicts_with = "json")]
        commands: bool,
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Say that you look after an incident; what is worse asks for somebody again
    Ack {
        /// Its id, as messages and `incidents` show it
        id: String,
        /// What others should know
        #[arg(long)]
        note: Option<String>,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Hear nothing of something for a while: add, list and expire silences
    Silence {
        #[command(subcommand)]
        action: silence::Action,
    },
    /// Show why each rule matches an event or not, field by field, and why an instance is hidden or not
    Explain {
        /// An instance or event id that the running daemon knows, or a file with an event; "-" for standard input
        what: String,
        /// Explain by this rule alone
        #[arg(long, value_name = "ID")]
        rule: Option<String>,
        /// Of an event in a file: the time before, from which is learned what is new
        #[arg(long, num_args = 1.., value_name = "FILES")]
        before: Vec<PathBuf>,
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Print the least-privilege IAM policy, ready to paste
    IamPolicy {
        #[command(flatten)]
        config: ConfigFile,
        /// Also what `doctor` needs to look at trails
        #[arg(long)]
        doctor: bool,
    },
    /// Check that the running daemon is alive; for container health checks
    Healthcheck {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Print the completions of a shell
    Completions {
        /// The shell to print them for
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum RulesAction {
    /// Show one rule: what it matches, why it matters, and what to do
    Show {
        /// The id of the rule to show
        id: String,
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Turn other people's rules into a file of rules, printed; what cannot be said is named with the reason
    Import {
        /// What they are written for
        #[arg(value_enum)]
        from: import_rules::From,
        /// Files of rules, or folders with such files
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
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
        Command::Doctor { config, json } => doctor::run(&config, json),
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
        Command::Rules { action: Some(RulesAction::Import { from, paths }), .. } => {
            import_rules::run(from, &paths)
        }
        Command::Rules { action: None, config, json } => rules::list(&config, json),
        Command::Alerts { since, config, json } => alerts::run(&config, since, json),
        Command::Incidents { all, config, json } => incidents::list(&config, all, json),
        Command::Incident { id, commands, config, json } => {
            incidents::show(&config, &id, incidents::View::of(commands, json))
        }
        Command::Ack { id, note, config } => silence::acknowledge(&config, &id, note),
        Command::Silence { action } => silence::run(action),
        Command::Status { config, json } => status::run(&config, json),
        Command::Explain { what, rule, before, config, json } => {
            explain::run(&config, &what, rule.as_deref(), &before, json)
        }
        Command::IamPolicy { config, doctor } => iam_policy::run(&config, doctor),
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
    if error.downcast_ref::<NoCredentials>().is_some() || error.downcast_ref::<ask::NoDaemon>().is_some() {
        return exit::UNAVAILABLE;
    }
    match error.downcast_ref() {
        Some(StoreError::Create { .. }) => exit::CANNOT_CREATE,
        Some(StoreError::Held(_)) => exit::HELD,
        Some(StoreError::Newer { .. }) => exit::CONFIG,
        Some(StoreError::Engine(_) | StoreError::Busy(_)) | None => exit::FAILED,
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
