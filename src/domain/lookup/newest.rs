//! How *fresh* stays at the newest. Owns when a walk of it is given up, since there are more writes than can be read in time,
//! and when that is over; the other lanes are `lanes`'s.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::lookup::cursor::{Cursor, Walk};
use crate::domain::time::later;

/// A walk with more pages than this is given up after one interval: it would not end before its events are late.
const MANY: usize = 25;
/// A walk that will have more pages than this, by what of its time its first ones are of, is taken for one that has too many, until
/// it is seen to its end. The newest minutes are thin, since CloudTrail is late, and a burst in them is dense: hence more, and not of
/// the very first.
const EXPECTED: usize = 40;
const FIRST: usize = 6;
/// A walk with more pages than this takes longer than an interval at the pace at rest.
const SOME: usize = 12;
/// In a busy region it is tried so often whether a walk would come to its end.
const PROBE: Duration = Duration::from_secs(5 * 60);

/// How the walks of *fresh* go.
#[derive(Debug, Clone)]
pub(super) struct Newest {
    /// The pages of the walk that is under way.
    pages: usize,
    /// How many it will have, if the rest of its time is like what was read of it.
    expected: usize,
    /// Those of the one before.
    before: usize,
    busy: Option<Timestamp>,
    /// That was seen, and not only expected.
    many: bool,
    probed: Timestamp,
    /// The walk may go on to its end, or to the page at which it is too long.
    goes_on: bool,
}

impl Newest {
    pub fn new() -> Self {
        Newest {
            pages: 0,
            expected: 0,
            before: 0,
            busy: None,
            many: false,
            probed: Timestamp::MIN,
            goes_on: true,
        }
    }

    /// Since when the walks do not come to their end.
    pub fn busy_since(&self) -> Option<Timestamp> {
        self.busy
    }

    /// Whether there are too many, as far as that was seen.
    pub fn has_many(&self) -> bool {
        self.many
    }

    /// Whether a walk takes longer than an interval.
    pub fn is_long(&self) -> bool {
        self.busy.is_some() || self.pages.max(self.before) > SOME
    }

    /// Gives up a walk that does not end, so that the next begins at the newest: *whole* reads the rest.
    pub fn keep(&mut self, cursor: &mut Cursor, interval: Duration, now: Timestamp) {
        self.probed = self.probed.min(now);
        if cursor.walk.as_ref().is_none_or(|walk| now < later(walk.end, interval)) {
            return;
        }
        if self.goes_on && (1..=MANY).contains(&self.pages) {
            return;
        }
        // A page that never came says nothing of how many there are.
        cursor.walk = None;
        (self.pages, self.expected, self.before) = (0, 0, self.pages);
    }

    /// When *fresh* is due. What *whole* has just read, up to `through`, needs no reading.
    pub fn due(&self, cursor: &Cursor, through: Timestamp, interval: Duration, now: Timestamp) -> Timestamp {
        match &cursor.walk {
            None => {
                let due = cursor.due(interval, now);
                due.max(later(through, interval).min(later(now, interval)))
            }
            Some(walk) if !self.goes_on && self.pages > 0 => later(walk.end, interval),
            Some(_) => now,
        }
    }

    /// Whether the next page is the first of a walk: it goes before everything, however much else waits or was refused.
    pub fn is_first(&self, cursor: &Cursor) -> bool {
        cursor.walk.is_none() || self.pages == 0
    }

    /// A walk begins.
    pub fn begins(&mut self, now: Timestamp) {
        self.goes_on = self.busy.is_none() || now >= later(self.probed, PROBE);
        if self.goes_on {
            self.probed = now;
        }
        (self.pages, self.expected) = (0, 0);
    }

    /// A page was judged; what is left of its walk, if that did not end with it.
    pub fn judged(&mut self, left: Option<&Walk>) {
        self.pages += 1;
        let Some(walk) = left else {
            if self.pages <= MANY {
                (self.busy, self.many) = (None, false);
            }
            (self.pages, self.expected, self.before) = (0, 0, self.pages);
            return;
        };
        let seconds = |from: Timestamp, to: Timestamp| usize::try_from(to.duration_since(from).as_secs());
        let (all, read) = (seconds(walk.start, walk.end), seconds(walk.reached, walk.end));
        if let (Ok(all), Ok(read)) = (all, read)
            && self.pages >= FIRST
        {
            self.expected = self.pages * all / read.max(1);
        }
        self.many |= self.pages > MANY;
        if self.many || self.expected > EXPECTED {
            self.busy.get_or_insert(walk.end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(15);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).expect("a time")
    }

    fn walking(since: i64) -> Cursor {
        let walk = Walk { start: at(since - 600), end: at(since), reached: at(since), token: None };
        Cursor { floor: at(-9_999), through: at(since), walk: Some(walk) }
    }

    /// What is left of a walk of ten minutes after so many seconds of it.
    fn reaching(since: i64, read: i64) -> Walk {
        Walk { start: at(since - 600), end: at(since), reached: at(since - read), token: None }
    }

    /// A walk of so many pages that does not end.
    fn endless(newest: &mut Newest, since: i64, pages: usize) -> Cursor {
        newest.begins(at(since));
        let cursor = walking(since);
        (0..pages).for_each(|_| newest.judged(Some(&reaching(since, 590))));
        cursor
    }

    #[test]
    fn a_walk_that_is_too_long_is_given_up_after_an_interval() {
        let mut newest = Newest::new();
        for (pages, after, stays, busy) in
            [(25, 99, true, false), (26, 14, true, true), (26, 15, false, true), (0, 15, false, true)]
        {
            let mut cursor = endless(&mut newest, 0, pages);
            newest.keep(&mut cursor, INTERVAL, at(after));
            assert_eq!(cursor.walk.is_some(), stays, "{pages} pages after {after} s");
            assert_eq!(newest.busy_since().is_some(), busy, "{pages} pages after {after} s");
        }
        let mut idle = Cursor { walk: None, ..walking(0) };
        newest.keep(&mut idle, INTERVAL, at(99));
        assert_eq!(idle, Cursor { walk: None, ..walking(0) });
    }

    /// Events were told a minute late while a walk of sixty pages was found out to be one by reading half of it. A burst is taken for
    /// a flood for as long as its walk lasts, and is never called one.
    #[test]
    fn a_walk_that_will_be_too_long_is_one_before_it_is_and_until_its_end() {
        for (pages, read, busy) in [(5, 10, false), (6, 10, true), (10, 150, false), (10, 145, true)] {
            let mut newest = Newest::new();
            newest.begins(at(0));
            (0..pages).for_each(|_| newest.judged(Some(&reaching(0, read))));
            assert_eq!(newest.busy_since().is_some(), busy, "{pages} pages of {read} s");
            let mut cursor = walking(0);
            newest.keep(&mut cursor, INTERVAL, at(15));
            assert!(cursor.walk.is_some() && !newest.has_many(), "{pages} pages of {read} s");
            newest.judged(None);
            assert_eq!(newest.busy_since(), None);
        }
    }

    #[test]
    fn a_busy_region_is_one_until_a_walk_comes_to_its_end() {
        let mut newest = Newest::new();
        let mut cursor = endless(&mut newest, 0, 26);
        newest.keep(&mut cursor, INTERVAL, at(15));
        assert_eq!(newest.busy_since(), Some(at(0)));
        // Meanwhile a walk is given up after an interval, whatever its length.
        newest.begins(at(15));
        newest.judged(Some(&reaching(15, 60)));
        let mut cursor = walking(15);
        newest.keep(&mut cursor, INTERVAL, at(30));
        assert_eq!((cursor.walk, newest.busy_since()), (None, Some(at(0))));
        // Every five minutes one may go on.
        newest.begins(at(300));
        newest.judged(Some(&reaching(300, 60)));
        let mut cursor = walking(300);
        newest.keep(&mut cursor, INTERVAL, at(400));
        assert!(cursor.walk.is_some());
        newest.judged(None);
        assert_eq!(newest.busy_since(), None);
    }

    #[test]
    fn a_walk_of_more_pages_than_fit_into_an_interval_is_long() {
        for (pages, long) in [(12, false), (13, true)] {
            let mut newest = Newest::new();
            endless(&mut newest, 0, pages);
            assert_eq!(newest.is_long(), long, "{pages}");
            newest.judged(None);
            assert_eq!(newest.is_long(), pages + 1 > 12, "the one before counts");
        }
    }

    #[test]
    fn the_first_page_of_a_walk_goes_before_everything() {
        let mut newest = Newest::new();
        let cursor = endless(&mut newest, 0, 0);
        assert!(newest.is_first(&cursor) && newest.is_first(&Cursor { walk: None, ..cursor.clone() }));
        newest.judged(Some(&reaching(0, 60)));
        assert!(!newest.is_first(&cursor));
        assert_eq!(newest.due(&cursor, at(0), INTERVAL, at(3)), at(3), "it goes on at once");
    }

    #[test]
    fn what_the_gapless_lane_has_just_read_is_not_read_again_for_longer_than_an_interval() {
        let newest = Newest::new();
        let cursor = Cursor { walk: None, ..walking(0) };
        assert_eq!(newest.due(&cursor, at(0), INTERVAL, at(1)), at(15));
        assert_eq!(newest.due(&cursor, at(5), INTERVAL, at(6)), at(20));
        assert_eq!(newest.due(&cursor, at(500), INTERVAL, at(6)), at(21));
    }
}
