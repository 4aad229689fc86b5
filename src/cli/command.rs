//! The arguments of each command, with what its help says: examples, and what its exit codes mean. Owns their words; what a command
//! does is its own file's.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::cli::arguments::{ConfigFile, DaemonFile, duration};
use crate::cli::{import_rules, init_answers, silence};
use crate::ops::telemetry::LogFormat;

/// Alerts you within minutes when somebody else is using your AWS account.
///
/// Without an account, `trailnoti demo` shows what it does.
#[derive(Debug, Parser)]
#[command(name = "trailnoti", version, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Set it up: ask what it needs, try it, write the configuration, and say what is next
    #[command(
        after_help = "Examples:\n  trailnoti init\n  trailnoti init --slack-webhook-file hook.txt --for docker\n  trailnoti init --smtp smtp://smtp.example.com:587 --smtp-username me --smtp-password-file pw.txt --mail-from me@example.com --mail-to me@example.com\n\nExit codes: 0 written, 64 something is missing, or a configuration is there already, 69 AWS or a sink did not answer, 78 mistakes in what was said"
    )]
    Init {
        #[command(flatten)]
        flags: Box<init_answers::Flags>,
    },
    /// Watch until SIGTERM or SIGINT; SIGHUP reloads the configuration
    #[command(
        after_help = "Examples:\n  trailnoti run --config /etc/trailnoti/trailnoti.toml\n  TRAILNOTI_LOG=debug trailnoti run\n\nExit codes: 0 stopped as told, 69 no credentials, 73 the state cannot be made, 75 another process has it, 77 others can read a secret, 78 mistakes in the configuration"
    )]
    Run {
        #[command(flatten)]
        config: ConfigFile,
        /// Format of the log on standard error
        #[arg(long, value_enum, default_value = "text")]
        log_format: LogFormat,
    },
    /// Check the configuration and list every mistake
    #[command(
        after_help = "Examples:\n  trailnoti check --config trailnoti.toml\n  trailnoti check --online --json\n\nExit codes: 0 ready, 69 AWS is out of reach or a region cannot be read, 77 others can read a secret, 78 mistakes"
    )]
    Check {
        #[command(flatten)]
        config: ConfigFile,
        /// Look at no secret: whoever checks may not be able to read them
        #[arg(long, conflicts_with = "online")]
        no_secrets: bool,
        /// Also try to read every region
        #[arg(long)]
        online: bool,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Find what is not seen and what is paid for twice, and say how to mend it; exits with 1 if it finds something
    #[command(
        after_help = "Examples:\n  trailnoti doctor\n  trailnoti doctor --json --config trailnoti.toml\n\nExit codes: 0 nothing found, 1 something found, 69 AWS is out of reach, 78 mistakes in the configuration"
    )]
    Doctor {
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Watch a simulated account whose key leaks; needs no AWS account
    #[command(
        after_help = "Examples:\n  trailnoti demo\n  trailnoti demo --speed 60 --config trailnoti.toml\n  trailnoti demo --page\n\nExit codes: 0 every call was alerted on, 1 one was missed, 78 mistakes in the configuration"
    )]
    Demo {
        #[command(flatten)]
        config: ConfigFile,
        /// How many times faster than real time
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=600))]
        speed: u32,
        /// Show the page of the simulated account too, and keep it until Ctrl-C
        #[arg(long)]
        page: bool,
        /// Print each message as the terminal would be sent it, not a line for each step
        #[arg(long)]
        messages: bool,
    },
    /// Send a test alert, marked as such, to the configured sinks
    #[command(
        after_help = "Examples:\n  trailnoti test-alert --config trailnoti.toml\n  trailnoti test-alert --sink security\n\nExit codes: 0 every sink took it, 69 one did not, 77 others can read a secret, 78 mistakes in the configuration"
    )]
    TestAlert {
        #[command(flatten)]
        config: ConfigFile,
        /// Only to this sink
        #[arg(long)]
        sink: Option<String>,
    },
    /// Print events as EventBridge would deliver them, one JSON object per line
    #[command(
        after_help = "Examples:\n  trailnoti events --since 30m --region us-east-1\n  trailnoti events --name ConsoleLogin --since 7d\n\nExit codes: 0 done, 64 there is no such region, 69 AWS is out of reach"
    )]
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
    #[command(
        after_help = "Examples:\n  trailnoti scan --since 30d\n  trailnoti scan logs/ --before last-month/\n  trailnoti scan --rule mine.toml logs/\n\nExit codes: 0 done, 65 no event in the input, 69 AWS is out of reach, 78 mistakes in the configuration or the rule"
    )]
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
        /// Also write the result as one page to keep or to send
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
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
    #[command(
        after_help = "Examples:\n  trailnoti match --pattern '{\"source\":[\"aws.iam\"]}' logs/\n  trailnoti match pattern.json event.json\n\nExit codes: 0 some match, 1 none does, 64 no usable pattern, 65 no event in the input"
    )]
    Match {
        /// The pattern's file, unless --pattern is given; then files of events, "-" for standard input
        paths: Vec<PathBuf>,
        /// The pattern, instead of a file
        #[arg(long, value_name = "TEXT")]
        pattern: Option<String>,
        /// CloudTrail records are recognised without it
        #[arg(long, hide = true)]
        records: bool,
    },
    /// List the rules, or show one of them
    #[command(
        after_help = "Examples:\n  trailnoti rules\n  trailnoti rules show trail-stopped\n  trailnoti rules import sigma sigma/\n\nExit codes: 0 done, 64 there is no such rule, 78 mistakes in the configuration"
    )]
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
    #[command(
        after_help = "Examples:\n  trailnoti status\n  sudo trailnoti status --config /etc/trailnoti/trailnoti.toml\n  trailnoti status --json\n\nExit codes: 0 done, 1 not allowed to ask, 69 no daemon answers"
    )]
    Status {
        /// Everything that there is, not only the worst
        #[arg(long)]
        all: bool,
        /// Look again every two seconds, until Ctrl-C
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        config: DaemonFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// List the last 500 alerts, and what became of each
    #[command(
        after_help = "Examples:\n  trailnoti alerts --since 1d\n  trailnoti alerts --json\n\nExit codes: 0 done, 1 not allowed to ask, 69 no daemon answers"
    )]
    Alerts {
        /// Only those of the last hours or days
        #[arg(long, value_parser = duration)]
        since: Option<Duration>,
        #[command(flatten)]
        config: DaemonFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// List the open incidents: what belongs together, with who, where and how far
    #[command(
        after_help = "Examples:\n  trailnoti incidents\n  trailnoti incidents --all --json\n\nExit codes: 0 done, 1 not allowed to ask, 69 no daemon answers"
    )]
    Incidents {
        /// Those that are closed too
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        config: DaemonFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Show an incident as a whole story
    #[command(
        after_help = "Examples:\n  trailnoti incident 9DD4\n  trailnoti incident 9DD4 --commands\n\nExit codes: 0 done, 1 there is no such incident, 69 no daemon answers"
    )]
    Incident {
        /// Its id, as messages and `incidents` show it
        id: String,
        /// Print only what to do now, as commands to paste
        #[arg(long, conflicts_with = "json")]
        commands: bool,
        #[command(flatten)]
        config: DaemonFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Say that you look after an incident; what is worse asks for somebody again
    #[command(
        after_help = "Examples:\n  trailnoti ack 9DD4 --note 'key is off, looking at the rest'\n\nExit codes: 0 done, 1 there is no such incident, 69 no daemon answers"
    )]
    Ack {
        /// Its id, as messages and `incidents` show it
        id: String,
        /// What others should know
        #[arg(long)]
        note: Option<String>,
        #[command(flatten)]
        config: DaemonFile,
    },
    /// Hear nothing of something for a while: add, list and expire silences
    Silence {
        #[command(subcommand)]
        action: silence::Action,
    },
    /// Show why each rule matches an event or not, field by field, and why an instance is hidden or not
    #[command(
        after_help = "Examples:\n  trailnoti explain i-0abc1234def567890\n  trailnoti explain event.json --before last-month/\n\nExit codes: 0 done, 1 not known, 64 there is no such rule, 65 no event in the file, 69 no daemon answers"
    )]
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
    #[command(
        after_help = "Examples:\n  trailnoti iam-policy > policy.json\n  trailnoti iam-policy --trust arn:aws:iam::111122223333:role/watcher > trust.json\n\nExit codes: 0 done, 78 mistakes in the configuration"
    )]
    IamPolicy {
        #[command(flatten)]
        config: ConfigFile,
        /// Also what `doctor` needs to look at trails
        #[arg(long)]
        doctor: bool,
        /// Only the trust policy of the roles: who may assume them, the ARN of the role or user that trailnoti runs as
        #[arg(long, value_name = "ARN")]
        trust: Option<String>,
    },
    /// Check that the running daemon is alive; for container health checks
    #[command(
        after_help = "Examples:\n  trailnoti healthcheck\n\nExit codes: 0 alive, 1 a loop hangs, 69 no daemon answers"
    )]
    Healthcheck {
        #[command(flatten)]
        config: DaemonFile,
    },
    /// Write the man pages into a folder
    #[command(hide = true)]
    Man {
        /// The folder
        folder: PathBuf,
    },
    /// Print the JSON schema of the configuration, or of a file of rules, for editors
    Schema {
        /// Of which file
        #[arg(value_enum, default_value = "config")]
        of: SchemaOf,
    },
    /// Print the completions of a shell
    Completions {
        /// The shell to print them for
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum RulesAction {
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

/// What a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    /// The configuration.
    Config,
    /// A file of `[[rule]]` tables.
    Rules,
}
