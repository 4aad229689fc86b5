//! How *fresh* stays at the newest. Owns when a walk of it is given up, since there are more writes than can be read in time,
//! and when that is over; the other lanes are `lanes`'s.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::lookup::cursor::Cursor;
use crate::domain::time::later;

/// A walk with more pages than this is given up after one interval: it would not end before its events are late.
const MANY: usize = 25;
/// A walk with more pages than this takes longer than an interval at the pace at rest.
const SOME: usize = 12;
/// In a busy region it is tried so often whether a walk would come to its end.
const PROBE: Duration = Duration::from_secs(5 * 60);

/// How the walks of *fresh* go.
#[derive(Debug, Clone)]
pub(super) struct Newest {
    /// The pages of the walk that is under way.
    pages: usize,
    /// Those of the one before.
    before: usize,
    busy: Option<Timestamp>,
    probed: Timestamp,
    /// The walk may go on to its end, or to the page at which it is too long.
    goes_on: bool,
}

impl Newest {
    pub fn new() -> Self {
        Newest { pages: 0, before: 0, busy: None, probed: Timestamp::MIN, goes_on: true }
    }

    /// Since when the walks do not come to their end.
    pub fn busy_since(&self) -> Option<Timestamp> {
        self.busy
    }

    /// Whether a walk takes longer than an interval.
    pub fn is_long(&self) -> bool {
        self.busy.is_some() || self.pages.max(self.before) > SOME
    }

    /// Gives up a walk that does not end, so that the next begins at the newest: *whole* reads the rest.
    pub fn keep(&mut self, cursor: &mut Cursor, interval: Duration, now: Timestamp) {
        if cursor.walk.as_ref().is_none_or(|walk| now < later(walk.end, interval)) {
            return;
        }
        if self.goes_on && (1..=MANY).contains(&self.pages) {
            return;
        }
        if self.pages > MANY {
            self.busy.get_or_insert(now);
        }
        // A page that never came says nothing of how many there are.
        cursor.walk = None;
        (self.pages, self.before) = (0, self.pages);
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
        self.pages = 0;
    }

    /// A page was judged, and was the last of its walk or not.
    pub fn judged(&mut self, ended: bool) {
        self.pages += 1;
        if ended {
            self.busy.take_if(|_| self.pages <= MANY);
            (self.pages, self.before) = (0, self.pages);
        }
    }
}
