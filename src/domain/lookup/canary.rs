//! Whether CloudTrail's history is complete, by what must be in it: `LookupEvents` is itself recorded, as a read, and trailnoti
//! calls it every few seconds. Owns when that is looked up and what its absence means; reporting it is the loop's.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::lookup::cursor::{Request, floor_second};
use crate::domain::lookup::stream::Stream;
use crate::domain::time::{earlier, later};

/// One of the calls of this time must be there. 99 of 100 events were measured to show up within nine minutes, and this is
/// about a hundred calls.
pub const BACK: Duration = Duration::from_secs(30 * 60);
/// Between two looks, and where nothing was there.
const EVERY: Duration = Duration::from_secs(10 * 60);
const AGAIN: Duration = Duration::from_secs(2 * 60);

/// The canary of one region.
#[derive(Debug, Clone, Default)]
pub struct Canary {
    /// Since when requests are answered without a pause.
    singing: Option<Timestamp>,
    looked: Option<Timestamp>,
    missing: bool,
}

impl Canary {
    /// A request was answered, and so will be recorded.
    pub fn answered(&mut self, now: Timestamp) {
        // After the clock was set back, what was asked by the old time proves nothing.
        if self.singing.is_none_or(|since| since > now) {
            *self = Canary { singing: Some(now), ..Canary::default() };
        }
    }

    /// A request was not answered: of this time, nothing may be there.
    pub fn unanswered(&mut self) {
        self.singing = None;
    }

    /// The request that looks for own calls, where it is time for one.
    pub fn look(&mut self, now: Timestamp) -> Option<Request> {
        let singing = self.singing.filter(|since| now >= later(*since, BACK))?;
        let next =
            self.looked.map_or(singing, |looked| later(looked, if self.missing { AGAIN } else { EVERY }));
        if now < next {
            return None;
        }
        self.looked = Some(now);
        let (start, end) = (floor_second(earlier(now, BACK)), floor_second(now));
        Some(Request { stream: Stream::Name("LookupEvents".to_owned()), start, end, token: None })
    }

    /// What was there: whether nothing was, is answered. Whose call it was does not matter, since all are recorded alike.
    pub fn heard(&mut self, events: usize, more: bool) -> bool {
        self.missing = events == 0 && !more;
        self.missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minute * 60).expect("a time")
    }

    /// The minutes of two hours in which it looks, where nothing is heard from a minute on.
    fn looks(silent_from: i64, unanswered: impl Fn(i64) -> bool) -> Vec<(i64, bool)> {
        let mut canary = Canary::default();
        let mut looks = Vec::new();
        for minute in 0..80 {
            if unanswered(minute) {
                canary.unanswered();
                continue;
            }
            canary.answered(at(minute));
            if canary.look(at(minute)).is_some() {
                looks.push((minute, canary.heard(usize::from(minute < silent_from), false)));
            }
        }
        looks
    }

    #[test]
    fn it_looks_every_ten_minutes_and_more_often_once_nothing_is_there() {
        let well = [(30, false), (40, false), (50, false), (60, false), (70, false)];
        assert_eq!(looks(99, |_| false), well);
        let silent = looks(41, |_| false);
        assert_eq!(silent[..5], [(30, false), (40, false), (50, true), (52, true), (54, true)]);
    }

    #[test]
    fn a_time_without_answers_proves_nothing() {
        assert_eq!(looks(99, |minute| (20..25).contains(&minute))[0], (55, false));
    }
}
