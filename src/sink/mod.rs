//! Channels to people, and the heartbeat: one file each, which owns its keys, its sender and what an answer means. When and what
//! to send is the daemon's.

mod channel;
mod discord;
mod email;
pub mod heartbeat;
mod http;
mod ntfy;
mod pagerduty;
mod service;
mod slack;
mod teams;
mod telegram;
pub mod terminal;
mod webhook;

use channel::ReadKeys;
pub use channel::{Channel, Sink};
pub use terminal::channel as terminal;

/// What `kind` may be, each with the reader of its keys.
pub(crate) const KINDS: [(&str, ReadKeys); 9] = [
    (slack::KIND, slack::read),
    (email::KIND, email::read),
    (webhook::KIND, webhook::read),
    (pagerduty::KIND, pagerduty::read),
    (teams::KIND, teams::read),
    (discord::KIND, discord::read),
    (ntfy::KIND, ntfy::read),
    (telegram::KIND, telegram::read),
    (terminal::KIND, terminal::read),
];
