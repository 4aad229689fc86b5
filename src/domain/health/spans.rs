//! Times in reports. Owns that there is one form of each.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// `3h 12m`.
pub(super) fn minutes(time: Duration) -> String {
    let minutes = i64::try_from(time.as_secs() / 60).unwrap_or(i64::MAX / 60);
    format!("{:#}", SignedDuration::from_secs(minutes.saturating_mul(60)))
}

/// One form of time in all reports, to the second.
pub(super) fn shown(time: Timestamp) -> String {
    format!("{time:.0}")
}
