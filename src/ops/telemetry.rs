//! The log: for a person on a terminal, JSON when asked for, and without times under journald, which has its own.
//! It goes to standard error; standard output is for alerts and answers.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines of text for a person.
    Text,
    /// One JSON object per line.
    Json,
}

/// Sets the log up, once. `TRAILNOTI_LOG` filters it, as in `TRAILNOTI_LOG=debug`. Libraries say errors alone: what
/// the AWS SDK warns of is reported by trailnoti in its own words, once.
pub fn begin(format: LogFormat) {
    let filter =
        EnvFilter::try_from_env("TRAILNOTI_LOG").unwrap_or_else(|_| EnvFilter::new("error,trailnoti=info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_target(false);
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let begun = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text if std::env::var_os("JOURNAL_STREAM").is_some() => {
            builder.without_time().with_ansi(false).try_init()
        }
        LogFormat::Text => builder.with_ansi(colours).try_init(),
    };
    if let Err(error) = begun {
        eprintln!("trailnoti: cannot set up the log: {error}");
    }
}
