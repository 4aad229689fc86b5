//! What of a region's history was read, and what was not when it happened: the ledger of one account and region. Owns when a
//! gap begins, when it is read back, and when it never can be; what is read next is `lookup`'s.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::time::later;

/// A pause that is no longer than this is no gap: places are written every five minutes, and after a crash it seems that much longer.
const PAUSE: Duration = Duration::from_secs(15 * 60);
/// How many gaps are kept; those that are told and read back go first.
const KEPT: usize = 20;

/// Why nothing was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// trailnoti did not run, or did not watch the region.
    Stopped,
    /// AWS gave no answer.
    Unanswered,
    /// AWS does not keep it any more.
    TooOld,
}

/// A time that was not read when it should have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Up to when everything was asked for before.
    pub from: Timestamp,
    /// From when on it is asked for again; none while it is not.
    pub until: Option<Timestamp>,
    /// Why nothing was read.
    pub why: Why,
    /// When it was read back to its end.
    pub closed: Option<Timestamp>,
    /// How many events were read back.
    pub events: u64,
    /// How many alerts came of them.
    pub alerts: u64,
    /// It was reported that it was read back, or that it cannot be.
    pub told: bool,
}

impl Gap {
    /// Whether it is being read back.
    pub fn is_closing(&self) -> bool {
        self.until.is_some() && self.closed.is_none() && self.why != Why::TooOld
    }

    fn has(&self, time: Timestamp) -> bool {
        self.from <= time && self.until.is_some_and(|until| time <= until)
    }
}

/// What of one region was read, and what was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Since when the region is watched.
    pub since: Timestamp,
    /// What was not read in time, the oldest first.
    pub gaps: Vec<Gap>,
}

/// How far a region was read before a start.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    /// Up to when something of it was asked for.
    pub asked: Timestamp,
    /// Up to when all of it was read.
    pub through: Timestamp,
}

impl Ledger {
    /// The ledger at a start. `before` is none for a region that was never read; AWS keeps nothing from before `kept`.
    pub fn begin(ledger: Option<Ledger>, before: Option<Before>, kept: Timestamp, now: Timestamp) -> Self {
        let mut ledger =
            ledger.unwrap_or(Ledger { since: before.map_or(now, |before| before.through), gaps: Vec::new() });
        let Some(before) = before else { return ledger };
        if before.through < kept {
            ledger.open(before.through, Why::TooOld);
            ledger.resume(kept);
        }
        let is_open = ledger.gaps.iter().any(|gap| gap.until.is_none());
        if !is_open && later(before.asked, PAUSE) < now {
            ledger.open(before.asked.max(kept), Why::Stopped);
            ledger.resume(now);
        }
        ledger
    }

    /// AWS does not answer, so that the region was reported as not seen. Whether that changed something is answered.
    pub fn unanswered(&mut self, through: Timestamp) -> bool {
        let is_new = self.gaps.iter().all(|gap| gap.until.is_some());
        if is_new {
            self.open(through, Why::Unanswered);
        }
        is_new
    }

    /// AWS answers. Whether that changed something is answered.
    pub fn answered(&mut self, now: Timestamp) -> bool {
        let was_open = self.gaps.iter().any(|gap| gap.until.is_none());
        self.resume(now);
        was_open
    }

    /// Events of these times were read by a lane that leaves none out, and everything is read up to `through`. Whether that
    /// changed something is answered.
    pub fn read(&mut self, times: &[Timestamp], through: Timestamp, now: Timestamp) -> bool {
        let mut changed = false;
        for gap in self.gaps.iter_mut().filter(|gap| gap.is_closing()) {
            let events = times.iter().filter(|time| gap.has(**time)).count() as u64;
            gap.events += events;
            let is_closed = gap.until.is_some_and(|until| until <= through);
            gap.closed = is_closed.then_some(now);
            changed |= events > 0 || is_closed;
        }
        changed
    }

    /// These alerts came of what was read, each by the time of its event.
    pub fn alerted(&mut self, times: &[Timestamp]) {
        for gap in self.gaps.iter_mut().filter(|gap| gap.until.is_some() && !gap.told) {
            gap.alerts += times.iter().filter(|time| gap.has(**time)).count() as u64;
        }
    }

    /// What is to be reported: gaps that were read back, and such that cannot be.
    pub fn untold(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter().filter(|gap| !gap.told && (gap.closed.is_some() || gap.why == Why::TooOld))
    }

    /// It was reported what cannot be read, or else what was read back.
    pub fn told(&mut self, gone: bool) {
        let is_told = |gap: &Gap| {
            if gone { gap.why == Why::TooOld } else { gap.closed.is_some() && gap.why != Why::TooOld }
        };
        self.gaps.iter_mut().filter(|gap| is_told(gap)).for_each(|gap| gap.told = true);
    }

    /// What is told in a copy of this is told.
    pub fn told_as_in(&mut self, copy: &Ledger) {
        for gap in &mut self.gaps {
            gap.told |=
                copy.gaps.iter().any(|other| other.told && (other.from, other.why) == (gap.from, gap.why));
        }
    }

    /// Gaps that are not read back, or never can be.
    pub fn missing(&self) -> usize {
        self.gaps.iter().filter(|gap| gap.closed.is_none()).count()
    }

    /// Gaps that never can be read back.
    pub fn lost(&self) -> usize {
        self.gaps.iter().filter(|gap| gap.why == Why::TooOld).count()
    }

    fn open(&mut self, from: Timestamp, why: Why) {
        if self.gaps.len() >= KEPT {
            let oldest = self.gaps.iter().position(|gap| gap.told).unwrap_or_default();
            self.gaps.remove(oldest);
        }
        self.gaps.push(Gap { from, until: None, why, closed: None, events: 0, alerts: 0, told: false });
    }

    /// What is open ends. One that is no longer than a pause was none.
    fn resume(&mut self, at: Timestamp) {
        for gap in self.gaps.iter_mut().filter(|gap| gap.until.is_none()) {
            gap.until = Some(at.max(gap.from));
        }
        self.gaps.retain(|gap| gap.until.is_none_or(|until| later(gap.from, PAUSE) < until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minute * 60).expect("a time")
    }

    fn before(minute: i64) -> Option<Before> {
        Some(Before { asked: at(minute), through: at(minute - 5) })
    }

    #[test]
    fn a_pause_is_a_gap_until_it_is_read_back() {
        let mut ledger = Ledger::begin(None, before(0), at(-99_999), at(192));
        assert_eq!((ledger.gaps[0].from, ledger.gaps[0].until), (at(0), Some(at(192))));
        assert_eq!(ledger.missing(), 1);
        assert!(ledger.read(&[at(-1), at(7), at(190), at(193)], at(-5), at(193)));
        ledger.alerted(&[at(7), at(195)]);
        assert!(ledger.read(&[at(50)], at(193), at(196)));
        let gap = ledger.untold().next().expect("one").clone();
        assert_eq!((gap.events, gap.alerts, gap.closed), (3, 1, Some(at(196))));
        ledger.told(false);
        assert_eq!((ledger.missing(), ledger.untold().count()), (0, 0));
        assert!(!ledger.read(&[at(50)], at(197), at(197)), "it is closed");
    }

    #[test]
    fn a_restart_of_some_minutes_is_none() {
        assert_eq!(Ledger::begin(None, before(0), at(-99_999), at(14)).gaps, []);
        assert_eq!(Ledger::begin(None, None, at(-99_999), at(9)).since, at(9));
    }

    #[test]
    fn a_region_that_does_not_answer_has_one_gap_also_over_a_restart() {
        let mut ledger = Ledger::begin(None, None, at(-99_999), at(0));
        assert!(ledger.unanswered(at(5)));
        assert!(!ledger.unanswered(at(5)));
        let mut ledger = Ledger::begin(Some(ledger), before(5), at(-99_999), at(90));
        assert_eq!(ledger.gaps.len(), 1);
        assert!(ledger.answered(at(100)));
        assert!(!ledger.answered(at(101)));
        assert_eq!((ledger.gaps[0].from, ledger.gaps[0].until), (at(5), Some(at(100))));
    }

    #[test]
    fn what_is_not_kept_any_more_is_never_read_back() {
        let mut ledger = Ledger::begin(None, before(0), at(1_000), at(1_500));
        let gaps: Vec<_> = ledger.gaps.iter().map(|gap| (gap.why, gap.from, gap.until)).collect();
        let gone = (Why::TooOld, at(-5), Some(at(1_000)));
        assert_eq!(gaps, [gone, (Why::Stopped, at(1_000), Some(at(1_500)))]);
        assert_eq!(ledger.untold().count(), 1);
        ledger.read(&[], at(1_500), at(1_501));
        assert_eq!(ledger.untold().count(), 2);
        ledger.told(true);
        assert_eq!(ledger.untold().count(), 1, "what was read back is told by itself");
        ledger.told(false);
        assert_eq!((ledger.missing(), ledger.untold().count()), (1, 0));
    }

    #[test]
    fn the_number_of_gaps_is_bounded() {
        let mut ledger = Ledger::begin(None, None, at(-99_999), at(0));
        for n in 0..100 {
            ledger.unanswered(at(n * 100));
            ledger.answered(at(n * 100 + 50));
        }
        assert_eq!(ledger.gaps.len(), KEPT);
    }
}
