//! Channels to people: one file each. Owns sending one message and saying what kind of answer came; when and what
//! to send is `dispatch`'s.

mod channel;
mod email;
mod slack;
mod terminal;

use std::sync::Arc;

pub use channel::Sink;

use crate::config::{SinkConfig, SinkKind};
use crate::domain::notify::render::Style;

/// Builds all configured sinks.
///
/// # Errors
/// See [`build`].
pub fn build_all(configured: &[SinkConfig], banner: Option<&str>) -> anyhow::Result<Vec<Arc<dyn Sink>>> {
    let built: Vec<_> = configured.iter().map(|one| build(one, banner)).collect::<anyhow::Result<_>>()?;
    Ok(built.concat())
}

/// Builds a configured sink: as many as it has queues. `banner` marks every message as a demonstration or a test.
///
/// # Errors
/// When the TLS library cannot be set up, which no configuration can mend.
pub fn build(config: &SinkConfig, banner: Option<&str>) -> anyhow::Result<Vec<Arc<dyn Sink>>> {
    let style = Style { timezone: config.timezone.clone(), banner: banner.map(str::to_owned) };
    let name = config.name.clone();
    Ok(match &config.kind {
        SinkKind::Terminal => vec![Arc::new(terminal::Terminal::new(name, style))],
        SinkKind::Slack { url } => vec![Arc::new(slack::Slack::new(name, url.clone(), style)?)],
        SinkKind::Email(email) => {
            let readers = config.queues().into_iter().zip(&email.to);
            let sinks = readers.map(|(queue, reader)| -> anyhow::Result<Arc<dyn Sink>> {
                Ok(Arc::new(email::Email::new(queue, &config.name, email, reader, style.clone())?))
            });
            sinks.collect::<anyhow::Result<_>>()?
        }
    })
}
