//! The terminal: blocks with colours for a person, JSON lines for a pipe.

use std::io::{IsTerminal, Write};

use futures_util::future::BoxFuture;

use super::Sink;
use crate::domain::outbox::{Digest, Failure};
use crate::domain::render::{Style, terminal};

pub(super) struct Terminal {
    name: String,
    style: Style,
}

impl Terminal {
    pub fn new(name: String, style: Style) -> Self {
        Terminal { name, style }
    }

    fn write(&self, digest: &Digest) -> std::io::Result<()> {
        // anstream leaves the colours out where NO_COLOR or the terminal asks for it.
        let mut out = anstream::stdout().lock();
        for pending in &digest.alerts {
            if std::io::stdout().is_terminal() {
                if let Some(banner) = &self.style.banner {
                    writeln!(out, "{banner}")?;
                }
                writeln!(out, "{}", terminal::block(&pending.alert, &self.style))?;
            } else {
                writeln!(out, "{}", terminal::json_line(&pending.alert, self.style.banner.as_deref()))?;
            }
        }
        out.flush()
    }
}

impl Sink for Terminal {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<(), Failure>> {
        let answer = self
            .write(digest)
            .map_err(|error| Failure::Later { after: None, why: format!("standard output: {error}") });
        Box::pin(async { answer })
    }
}
