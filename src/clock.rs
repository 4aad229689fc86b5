//! The only reader of the wall clock. Owns the time of day and waiting for one; decides nothing.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// The time of day: the system's, or one that passes as tokio's clock does, from a given moment on.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    System,
    Virtual { epoch: Timestamp, start: Instant, set: Option<&'static AtomicI64> },
}

impl Clock {
    /// The clock of the system: real time.
    pub fn system() -> Self {
        Clock(Kind::System)
    }

    /// A clock that shows `epoch` now, and goes on with tokio's: also when that is paused or moved.
    pub fn virtual_from(epoch: Timestamp) -> Self {
        Clock(Kind::Virtual { epoch, start: Instant::now(), set: None })
    }

    /// The same virtual clock, off by as many seconds as `set` says at the moment: one that somebody sets while it runs.
    #[must_use]
    pub fn off_by(self, set: &'static AtomicI64) -> Self {
        match self.0 {
            Kind::System => self,
            Kind::Virtual { epoch, start, .. } => Clock(Kind::Virtual { epoch, start, set: Some(set) }),
        }
    }

    /// The time now: real, or the simulation's.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads it")]
    pub fn now(&self) -> Timestamp {
        match self.0 {
            Kind::System => Timestamp::now(),
            Kind::Virtual { epoch, start, set } => {
                let passed = SignedDuration::try_from(start.elapsed()).unwrap_or(SignedDuration::MAX);
                let off = set.map_or(0, |set| set.load(Ordering::Relaxed));
                let passed = passed.saturating_add(SignedDuration::from_secs(off));
                epoch.saturating_add(passed).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// Waits until a time of day; at once, when it has passed.
    pub async fn sleep_until(&self, time: Timestamp) {
        let wait = time.duration_since(self.now());
        if let Ok(wait) = Duration::try_from(wait) {
            tokio::time::sleep(wait).await;
        }
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        Clock::now(self).try_into().unwrap_or(SystemTime::UNIX_EPOCH)
    }
}
