//! The terminal: blocks with colours for a person, JSON lines for a pipe.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::config::section::Section;
use crate::domain::notify::answer::Failure;
use crate::domain::notify::message::{Message, Receipt};
use crate::domain::notify::render::{Style, terminal};
use crate::sink::channel::{Channel, Sink};

pub(super) const KIND: &str = "terminal";

/// Standard output, which has no keys.
#[derive(Debug)]
struct Output;

/// What is wider is hard to read.
const WIDEST: usize = 160;

/// How wide standard output is to be filled, in columns; none where it is no terminal.
pub fn columns() -> Option<usize> {
    std::io::stdout().is_terminal().then(|| textwrap::termwidth().min(WIDEST))
}

/// The terminal, where nothing else is configured.
pub fn channel() -> Arc<dyn Channel> {
    Arc::new(Output)
}

pub(super) fn read(_: &mut Section<'_>, _: &Path) -> Option<Arc<dyn Channel>> {
    Some(channel())
}

impl Channel for Output {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn build(&self, name: &str, style: &Style) -> anyhow::Result<Vec<Arc<dyn Sink>>> {
        Ok(vec![Arc::new(Terminal { name: name.to_owned(), style: style.clone() })])
    }
}

struct Terminal {
    name: String,
    style: Style,
}

impl Terminal {
    fn render(&self, message: &Message, terminal: bool) -> String {
        let banner = self.style.banner.as_deref();
        let mut text = String::new();
        for incident in message.incidents.iter().filter(|_| terminal) {
            text.push_str(&terminal::story(incident, columns()));
        }
        for pending in &message.alerts {
            if terminal {
                text.extend(banner.map(|banner| format!("{banner}\n")));
                text.push_str(&terminal::block(pending, &self.style, columns()));
            } else {
                text.push_str(&terminal::json_line(pending, banner));
            }
            text.push('\n');
        }
        text
    }
}

/// anstream leaves the colours out where NO_COLOR or the terminal asks for it.
fn write(text: &str) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

impl Sink for Terminal {
    fn queue(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Receipt, Failure>> {
        let text = self.render(message, std::io::stdout().is_terminal());
        Box::pin(async move {
            #[allow(
                clippy::disallowed_methods,
                reason = "a reader that takes nothing must not hold up the loops"
            )]
            let written = tokio::task::spawn_blocking(move || write(&text)).await;
            let written = written.unwrap_or_else(|panicked| Err(std::io::Error::other(panicked)));
            written
                .map(|()| Receipt::default())
                .map_err(|error| Failure::Later { after: None, why: format!("standard output: {error}") })
        })
    }
}
