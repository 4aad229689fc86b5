//! Channels to people, and the heartbeat: one file each, which owns its keys, its sender and what an answer means. When and what
//! to send is the daemon's.

mod channel;
mod email;
pub mod heartbeat;
mod http;
mod slack;
pub mod terminal;
mod webhook;

use channel::ReadKeys;
pub use channel::{Channel, Sink};
pub use terminal::channel as terminal;

/// What `kind` may be, each with the reader of its keys.
pub(crate) const KINDS: [(&str, ReadKeys); 4] = [
    (slack::KIND, slack::read),
    (email::KIND, email::read),
    (webhook::KIND, webhook::read),
    (terminal::KIND, terminal::read),
];
