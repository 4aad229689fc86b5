//! What every channel to people is: a name, a pace, and one way to send a message. When and what to send is
//! `daemon::dispatch`'s.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::domain::notify::outbox::{Failure, Message};

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
    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), Failure>>;
}
