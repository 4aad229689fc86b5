//! How fast one account and region is asked. Owns the pace; how long to wait is its answer, the waiting is `poll`'s.
//!
//! What AWS refuses as too many costs nothing of the quota, and whoever backs off hands it to whoever does not: a thief who asks
//! twenty times a second would keep the watcher out. So a refusal slows the daemon in nothing; it only ends the hurry. Whoever
//! reads the past for a person backs off.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::time::later;

/// The gap that AWS's quota allows: two `LookupEvents` a second, shared by every caller (CloudTrail API reference).
const QUOTA: Duration = Duration::from_millis(500);
/// The gap after a refusal where somebody else spends the quota: what is free is taken by whoever asks first.
const CONTEST: Duration = Duration::from_millis(250);
/// The longest pause between two requests while AWS throttles who backs off.
const SLOWEST: Duration = Duration::from_secs(60);

/// How much hurry there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hurry {
    /// Nothing is late.
    None,
    /// All of AWS's quota is used.
    Quota,
    /// Somebody else uses it, and the last request was refused.
    Contest,
}

/// The pace of one account and region.
#[derive(Debug, Clone)]
pub struct Pacer {
    steady: Duration,
    gap: Duration,
    free_at: Timestamp,
    taken: u32,
}

impl Pacer {
    /// At most `per_second` requests a second, as long as nothing is late.
    pub fn new(per_second: f64, now: Timestamp) -> Self {
        let steady = Duration::from_secs_f64(1.0 / per_second.max(0.01));
        Pacer { steady, gap: steady, free_at: now, taken: 0 }
    }

    /// When the next request may go out; it is then taken.
    pub fn take(&mut self, now: Timestamp, hurry: Hurry) -> Timestamp {
        self.taken = self.taken.wrapping_add(1);
        let gap = match hurry {
            Hurry::None => self.gap,
            Hurry::Quota => QUOTA.min(self.gap),
            // Whoever asks in step with the other always comes second.
            Hurry::Contest => {
                CONTEST.mul_f64(0.75 + f64::from(self.taken.wrapping_mul(0x9e37_79b1) >> 24) / 512.0)
            }
        };
        // A clock that was set back must not leave the pacer waiting for the old time.
        let horizon = later(now, gap);
        let at = self.free_at.max(now).min(horizon);
        self.free_at = later(at, gap);
        at
    }

    /// AWS said "slow down", to somebody who can wait.
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
        let taken: Vec<i64> = (0..4).map(|_| pacer.take(at(0), Hurry::None).as_second().min(9)).collect();
        assert_eq!(taken, [0, 1, 1, 1], "one taken at a time: each waits before it asks again");
        assert_eq!(pacer.take(at(10), Hurry::None), at(10));
    }

    #[test]
    fn who_backs_off_gets_the_pace_back_by_answers() {
        let mut pacer = Pacer::new(1.0, at(0));
        for _ in 0..3 {
            pacer.throttled(at(0));
        }
        assert_eq!(pacer.take(at(0), Hurry::None), at(8));
        for _ in 0..20 {
            pacer.answered();
        }
        pacer.take(at(100), Hurry::None);
        assert_eq!(pacer.take(at(100), Hurry::None), at(101));
    }

    #[test]
    fn a_hurry_uses_the_quota_and_no_more() {
        let mut pacer = Pacer::new(1.0, at(0));
        let mut now = at(0);
        for _ in 0..21 {
            now = pacer.take(now, Hurry::Quota);
        }
        assert_eq!(now, at(10));
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_polling() {
        let mut pacer = Pacer::new(1.0, at(100_000));
        pacer.take(at(100_000), Hurry::None);
        assert_eq!(pacer.take(at(0), Hurry::None), at(1));
    }
}
