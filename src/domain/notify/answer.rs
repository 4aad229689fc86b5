//! What follows from a sink's answer. Owns the kinds of failure, the waits between tries, and the giving up; what is sent is `outbox`'s.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::notify::message::Message;
use crate::domain::notify::outbox::ASIDE;
use crate::domain::retry::back_off;
use crate::domain::time::later;

/// The first and the longest wait after a failed delivery: a sink that works again gets what waits within a minute.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How often an alert is refused before it may count as one that the sink will never take: once with others, once alone.
const REFUSALS: u8 = 2;
/// How often a sink that is closed for good is tried again.
const PROBE: Duration = Duration::from_secs(15 * 60);
/// The longest that a sink's own "later" is believed.
pub const LATEST: Duration = Duration::from_secs(3600);

/// Why a message was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may go through later; `after` is what the sink asked for.
    Later {
        /// The wait that the sink asked for.
        after: Option<Duration>,
        /// Why, in words that hold no secret.
        why: String,
    },
    /// The sink is there and will never take this message.
    Refused {
        /// Why, in words that hold no secret.
        why: String,
    },
    /// The sink takes nothing any more until somebody mends it.
    Closed {
        /// Why, in words that hold no secret.
        why: String,
    },
}

impl Failure {
    /// Why, without any secret.
    pub fn why(&self) -> &str {
        match self {
            Failure::Later { why, .. } | Failure::Refused { why } | Failure::Closed { why } => why,
        }
    }
}

/// What follows from a delivery's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It is delivered; forget it.
    Done,
    /// Nothing goes to this sink before that time.
    RetryAt(Timestamp),
    /// Try each of its alerts by itself in the simplest form.
    Simplify,
    /// The alert is not tried before that time: it may be the sink that refuses everything. Others go on.
    SetAside(Timestamp),
    /// It will never be taken: keep it among the dead.
    Dead(String),
}

/// Decides what follows from an answer; `times` is how often in a row this sink has failed, this one included.
pub fn settle(
    message: &Message,
    answer: &Result<(), Failure>,
    times: u32,
    salt: u64,
    now: Timestamp,
) -> Next {
    match answer {
        Ok(()) => Next::Done,
        Err(Failure::Later { after: Some(after), .. }) => {
            Next::RetryAt(later(now, (*after).clamp(RETRY.0, LATEST)))
        }
        Err(Failure::Later { after: None, .. }) => {
            Next::RetryAt(later(now, back_off(RETRY.0, RETRY.1, times, salt)))
        }
        Err(Failure::Closed { .. }) => Next::RetryAt(later(now, PROBE)),
        Err(Failure::Refused { why }) if message.plain => {
            let refusals = message.alerts.iter().map(|pending| pending.refusals).max().unwrap_or(0);
            // Right after a delivery it is this alert, and not the sink: nobody waits for a sink to like it.
            if times == 1 && refusals >= REFUSALS {
                return Next::Dead(why.clone());
            }
            let wait = back_off(ASIDE.0, ASIDE.1, refusals.into(), salt);
            Next::SetAside(later(now, wait))
        }
        Err(Failure::Refused { .. }) => Next::Simplify,
    }
}
