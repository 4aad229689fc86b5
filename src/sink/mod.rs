//! Channels to people: one file each. Owns sending one message and saying what kind of answer came; when and what
//! to send is `dispatch`'s.

mod email;
mod slack;
mod terminal;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::config::{SinkConfig, SinkKind};
use crate::domain::outbox::{Digest, Failure};
use crate::domain::render::Style;

/// A channel that takes messages.
pub trait Sink: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// The least time between two messages.
    fn gap(&self) -> Duration {
        Duration::ZERO
    }

    /// Sends one message. It ends by itself: no sink may hold its loop for ever.
    ///
    /// The error's text is shown to people, and holds no secret.
    fn deliver<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<(), Failure>>;
}

/// Builds a configured sink. `banner` marks every message as a demonstration or a test.
///
/// # Errors
/// When the TLS library cannot be set up, which no configuration can mend.
pub fn build(config: &SinkConfig, banner: Option<&str>) -> anyhow::Result<Arc<dyn Sink>> {
    let name = config.name.clone();
    let style = Style { timezone: config.timezone.clone(), banner: banner.map(str::to_owned) };
    Ok(match &config.kind {
        SinkKind::Terminal => Arc::new(terminal::Terminal::new(name, style)),
        SinkKind::Slack { url } => Arc::new(slack::Slack::new(name, url.clone(), style)?),
        SinkKind::Email(email) => Arc::new(email::Email::new(name, email, style)?),
    })
}
