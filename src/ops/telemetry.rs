//! The log: for a person on a terminal, JSON when asked for, and without times under journald, which has its own.
//! It goes to standard error; standard output is for alerts and answers. Owns that each thing that is logged is one line, whatever
//! names are in it.

use std::io::{self, IsTerminal, Write};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::domain::text::inked;

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
    let asked = std::env::var("TRAILNOTI_LOG").ok().filter(|asked| !asked.trim().is_empty());
    let filter = asked.as_deref().map(filter).transpose().unwrap_or_else(|why| {
        eprintln!("trailnoti: TRAILNOTI_LOG: {why}; logging at info");
        None
    });
    let filter = filter.unwrap_or_else(|| EnvFilter::new(USUAL));
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let look = match format {
        LogFormat::Json => Look::Json,
        LogFormat::Text if std::env::var_os("JOURNAL_STREAM").is_some() => Look::Journal,
        LogFormat::Text => Look::Text { colours },
    };
    if let Err(error) = subscriber(look, filter, io::stderr).try_init() {
        eprintln!("trailnoti: cannot set up the log: {error}");
    }
}

/// What is logged where nobody asks for something else.
const USUAL: &str = "error,trailnoti=info";

/// The filter of a text: a level, or levels for parts of the program. A bare word that is no level would name a part that is not
/// there, and mute all others.
fn filter(text: &str) -> Result<EnvFilter, String> {
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    let is_level = |word: &str| levels.contains(&word.trim().to_ascii_lowercase().as_str());
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        if !is_level(level) {
            return Err(format!("\"{}\" is no level: write one of {}", inked(level), levels.join(", ")));
        }
    }
    // A level by itself is ours; libraries say errors alone.
    let text = if is_level(text) { format!("error,trailnoti={}", text.trim()) } else { text.to_owned() };
    EnvFilter::try_new(&text).map_err(|error| inked(&error.to_string()))
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Json,
    /// journald has times of its own.
    Journal,
    Text {
        colours: bool,
    },
}

fn subscriber<W>(look: Look, filter: EnvFilter, to: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // In colours, the formatter itself takes the escapes out of what is logged, and its own must stay.
    let coloured = look == Look::Text { colours: true };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Lines { to, coloured })
        .with_span_events(FmtSpan::NONE)
        .with_target(false)
        .with_ansi(coloured);
    match look {
        Look::Json => Box::new(builder.json().flatten_event(true).finish()),
        Look::Journal => Box::new(builder.without_time().finish()),
        Look::Text { .. } => Box::new(builder.finish()),
    }
}

/// Writes each event as one line: the formatter gives it whole.
struct Lines<W> {
    to: W,
    coloured: bool,
}

struct Line<W> {
    to: W,
    coloured: bool,
}

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Lines<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Line { to: self.to.make_writer(), coloured: self.coloured }
    }
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.trim_end_matches('\n');
        let line = if self.coloured {
            let parts: Vec<String> = text.split('\u{1b}').map(inked).collect();
            parts.join("\u{1b}")
        } else {
            inked(text)
        };
        self.to.write_all(format!("{line}\n").as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What an attacker calls a role, to write a line of the log or to a terminal.
    const HOSTILE: &str = "ci\nERROR trailnoti: all is well\r\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}gpj\u{200b}\u{3164}\u{2028}x";

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("the log").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The log of one event.
    fn logged(look: Look) -> String {
        let written = Buffer::default();
        let to = written.clone();
        let subscriber = subscriber(look, EnvFilter::new("info"), move || to.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(principal = HOSTILE, who = ?HOSTILE, "seen: {HOSTILE}");
        });
        String::from_utf8(written.0.lock().expect("the log").clone()).expect("text")
    }

    #[test]
    fn r28_a_hostile_name_is_one_line_of_the_log() {
        for look in [Look::Journal, Look::Json, Look::Text { colours: false }, Look::Text { colours: true }] {
            let log = logged(look);
            assert_eq!(log.matches('\n').count(), 1, "{look:?}: {log:?}");
            let seen = log.trim_end_matches('\n');
            let unseen =
                |c: char| c.is_control() && c != '\u{1b}' || "\u{202e}\u{200b}\u{3164}\u{2028}".contains(c);
            assert!(!seen.contains(unseen), "{look:?}: {log:?}");
            for escape in seen.split('\u{1b}').skip(1) {
                assert_eq!(look, Look::Text { colours: true }, "{log:?}");
                // Colours alone: `ESC [ numbers m`.
                let rest = escape
                    .trim_start_matches('[')
                    .trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
                assert!(escape.starts_with('[') && rest.starts_with('m'), "{log:?}");
            }
            if look == Look::Json {
                serde_json::from_str::<serde_json::Value>(seen).expect("JSON");
            }
        }
    }

    #[test]
    fn a_word_that_is_no_level_does_not_mute_the_log() {
        for wrong in ["nonsense", "trailnoti=loud", "info,x"] {
            let why = filter(wrong).map(|_| ()).expect_err(wrong);
            assert!(why.ends_with("is no level: write one of error, warn, info, debug, trace, off"), "{why}");
        }
        for right in ["debug", "INFO", "warn,trailnoti::daemon=trace"] {
            assert!(filter(right).is_ok(), "{right}");
        }
    }
}
