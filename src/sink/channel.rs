//! What every channel to people is: keys in the configuration, queues, a pace, and one way to send a message. When and what
//! to send is `daemon::dispatch`'s.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::config::section::Section;
use crate::domain::notify::answer::Failure;
use crate::domain::notify::message::{Message, Receipt};
use crate::domain::notify::render::Style;

/// Reads the keys of a kind from a `[[sink]]` table; relative files stand in the folder. What is wrong is noted in the
/// section, and then there is no channel.
pub(crate) type ReadKeys = fn(&mut Section<'_>, &Path) -> Option<Arc<dyn Channel>>;

/// A channel as configured. `Debug` shows no secret.
pub trait Channel: Debug + Send + Sync {
    /// Its word in the configuration.
    fn kind(&self) -> &'static str;

    /// The names under which alerts wait for it, for the sink of this name.
    fn queues(&self, name: &str) -> Vec<String> {
        vec![name.to_owned()]
    }

    /// Whether it shows how an incident stands, or hands it on to what does.
    fn follows(&self) -> bool {
        false
    }

    /// Builds the senders, one for each queue.
    ///
    /// # Errors
    /// When the TLS library cannot be set up, which no configuration can mend.
    fn build(&self, name: &str, style: &Style) -> anyhow::Result<Vec<Arc<dyn Sink>>>;
}

/// A channel that takes messages.
pub trait Sink: Send + Sync {
    /// The queue of alerts that it empties: the name of its sink in the configuration, and where a sink keeps one
    /// queue for each of its readers, that name and the reader's, as `mail/a@example.com`.
    fn queue(&self) -> &str;

    /// The least time between two messages.
    fn gap(&self) -> Duration {
        Duration::ZERO
    }

    /// Sends one message. It ends by itself: no sink may hold its loop for ever.
    ///
    /// The error's text is shown to people, and holds no secret.
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Receipt, Failure>>;
}
