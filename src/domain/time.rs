//! Times and durations together, without a way to overflow. Knows no clock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// `now` and a duration.
pub fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.saturating_add(SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
}

/// `now` less a duration.
pub fn earlier(now: Timestamp, by: Duration) -> Timestamp {
    now.saturating_sub(SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MIN)
}
