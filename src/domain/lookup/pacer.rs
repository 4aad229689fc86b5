//! How fast one account and region is asked. Owns the pace: a steady one, slower after each throttling, and back
//! again; how long to wait is its answer, the waiting is `poll`'s.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::time::later;

/// The longest pause between two requests while AWS throttles.
const SLOWEST: Duration = Duration::from_secs(60);

/// The pace of one account and region. AWS allows two `LookupEvents` a second, shared by every caller
/// (CloudTrail API reference).
#[derive(Debug, Clone)]
pub struct Pacer {
    steady: Duration,
    gap: Duration,
    free_at: Timestamp,
}

impl Pacer {
    /// At most `per_second` requests a second.
    pub fn new(per_second: f64, now: Timestamp) -> Self {
        let steady = Duration::from_secs_f64(1.0 / per_second.max(0.01));
        Pacer { steady, gap: steady, free_at: now }
    }

    /// When the next request may go out; it is then taken.
    pub fn take(&mut self, now: Timestamp) -> Timestamp {
        // A clock that was set back must not leave the pacer waiting for the old time.
        let horizon = later(now, self.gap);
        let at = self.free_at.max(now).min(horizon);
        self.free_at = later(at, self.gap);
        at
    }

    /// AWS said "slow down".
    pub fn throttled(&mut self, now: Timestamp) {
        self.gap = (self.gap * 2).min(SLOWEST);
        self.free_at = later(now, self.gap);
    }

    /// A request was answered.
    pub fn answered(&mut self) {
        self.gap = (self.gap * 3 / 4).max(self.steady);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn requests_keep_their_distance() {
        let mut pacer = Pacer::new(1.0, at(0));
        let taken: Vec<i64> = (0..4).map(|_| pacer.take(at(0)).as_second().min(9)).collect();
        assert_eq!(taken, [0, 1, 1, 1], "one taken at a time: each waits before it asks again");
        assert_eq!(pacer.take(at(10)), at(10));
    }

    #[test]
    fn throttling_slows_down_and_answers_bring_the_pace_back() {
        let mut pacer = Pacer::new(1.0, at(0));
        for _ in 0..3 {
            pacer.throttled(at(0));
        }
        assert_eq!(pacer.take(at(0)), at(8));
        for _ in 0..20 {
            pacer.answered();
        }
        pacer.take(at(100));
        assert_eq!(pacer.take(at(100)), at(101));
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_polling() {
        let mut pacer = Pacer::new(1.0, at(100_000));
        pacer.take(at(100_000));
        assert_eq!(pacer.take(at(0)), at(1));
    }
}
