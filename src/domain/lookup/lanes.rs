//! What of CloudTrail's history is read next, for one account and region. Owns the windows and how far each is
//! read; the reading is `source`'s.
//!
//! A lane reads the same kind of window again and again: newest first, page by page, with its two ends frozen
//! until the walk is done, because a token is bound to them. Windows overlap, since events show up late and out
//! of order; what was alerted on before is known again by its mark. A walk that is cut off goes on from the oldest
//! second that it has judged, so neither a restart nor a lost token begins it anew.
//!
//! - *fresh* reads the last minutes of the write stream, at every turn: what most events need.
//! - *whole* reads from `lateness` before the end of its own last walk: nothing up to that late is missed, and
//!   after an outage it is the one that reads the gap.
//! - *rescan* reads the last day once an hour, for the very late.
//! - a *read* lane is a *whole* lane of one narrow stream; all together make three walks a minute, and one makes one.
//! - *history* reads once what AWS keeps of the time before the first start, when no other lane is due: it is not
//!   judged, and teaches what is normal.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::lookup::cursor::{Cursor, HISTORY, Policy, Request, Walk, floor_second};
use crate::domain::lookup::stream::Stream;
use crate::domain::time::{earlier, later};

/// How far back *fresh* reads: the 99th percentile of CloudTrail's own delay was measured as nine minutes.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// How often *whole* reads.
const WHOLE_EVERY: Duration = Duration::from_secs(2 * 60);
/// How often *again* reads.
const RESCAN_EVERY: Duration = Duration::from_secs(60 * 60);

/// What a lane reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LaneKind {
    /// The last minutes of the write stream.
    Fresh,
    /// The write stream without a gap.
    Whole,
    /// The last day of the write stream.
    Rescan,
    /// One narrow stream without a gap.
    Read(Stream),
    /// The write stream of the time before the first start, under rules of this fingerprint.
    History(String),
}

impl LaneKind {
    /// The stream that it reads.
    pub fn stream(&self) -> Stream {
        match self {
            LaneKind::Read(stream) => stream.clone(),
            _ => Stream::Writes,
        }
    }

    /// Its name in the store.
    pub fn name(&self) -> String {
        match self {
            LaneKind::Fresh => "fresh".to_owned(),
            LaneKind::Whole => "whole".to_owned(),
            LaneKind::Rescan => "again".to_owned(),
            LaneKind::Read(stream) => stream.to_string(),
            LaneKind::History(rules) => format!("history {rules}"),
        }
    }
}

/// A lane and how far it has come.
#[derive(Debug, Clone)]
pub struct Lane {
    /// What of the history the lane reads.
    pub kind: LaneKind,
    /// How far it has come.
    pub cursor: Cursor,
    /// The turn in which it was last served.
    served: u64,
}

/// Every lane of one account and region.
#[derive(Debug, Clone)]
pub struct Lanes {
    lanes: Vec<Lane>,
    turn: u64,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Nothing before this time.
    Wait(Timestamp),
    /// This request, for the lane with this number.
    Read(usize, Request),
}

impl Lanes {
    /// The lanes that the streams ask for, each with its cursor where `stored` has one. The history is read anew under
    /// rules of another fingerprint.
    pub fn new(
        streams: &[Stream],
        rules: &str,
        policy: &Policy,
        now: Timestamp,
        mut stored: impl FnMut(&LaneKind) -> Option<Cursor>,
    ) -> Self {
        let reads = streams.iter().filter(|s| **s != Stream::Writes).cloned().map(LaneKind::Read);
        let kinds = [LaneKind::Fresh, LaneKind::Whole, LaneKind::Rescan].into_iter().chain(reads);
        let mut lanes: Vec<Lane> = kinds
            .map(|kind| {
                let cursor = stored(&kind).unwrap_or_else(|| {
                    let mut first = Cursor::first(policy, now);
                    if kind == LaneKind::Rescan {
                        first.through = floor_second(now);
                    }
                    first
                });
                Lane { kind, cursor, served: 0 }
            })
            .collect();
        let kind = LaneKind::History(rules.to_owned());
        // Under new rules, what the others judged stands: only what comes from now on waits for the history.
        let since =
            if stored(&LaneKind::Whole).is_some() { floor_second(now) } else { lanes[1].cursor.floor };
        let cursor = stored(&kind).unwrap_or_else(|| Cursor::of_history(since, now));
        lanes.push(Lane { kind, cursor, served: 0 });
        Lanes { lanes, turn: 0 }
    }

    /// The lane with a number reads the history.
    pub fn is_history(&self, number: usize) -> bool {
        matches!(self.lanes[number].kind, LaneKind::History(_))
    }

    /// From when on the history is read; all of it, once the second is true.
    pub fn history(&self) -> (Option<Timestamp>, bool) {
        let lane = self.lanes.iter().find(|lane| matches!(lane.kind, LaneKind::History(_)));
        let cursor = lane.map(|lane| &lane.cursor);
        let walk = cursor.and_then(|cursor| cursor.walk.as_ref());
        (walk.map(|walk| walk.reached), cursor.is_some_and(|cursor| cursor.walk.is_none()))
    }

    /// Since when the history is being read: reads are known from then on.
    pub fn history_since(&self) -> Option<Timestamp> {
        let lane = self.lanes.iter().find(|lane| matches!(lane.kind, LaneKind::History(_)));
        lane.map(|lane| lane.cursor.floor)
    }

    /// The lane with a number reads the last day.
    pub fn is_rescan(&self, number: usize) -> bool {
        self.lanes[number].kind == LaneKind::Rescan
    }

    /// Reads again what was judged without the history, with what that taught.
    pub fn read_again(&mut self, now: Timestamp) {
        let Some(since) = self.history_since() else { return };
        for lane in self.lanes.iter_mut().filter(|lane| lane.kind == LaneKind::Rescan) {
            let end = floor_second(now);
            let start = since.max(floor_second(earlier(now, HISTORY))).min(end);
            lane.cursor.walk = Some(Walk { start, end, reached: end, token: None });
        }
    }

    /// The lane with a number that `plan` gave.
    pub fn lane(&self, number: usize) -> &Lane {
        &self.lanes[number]
    }

    /// Sets the cursor of a lane.
    pub fn set(&mut self, number: usize, cursor: Cursor) {
        self.lanes[number].cursor = cursor;
    }

    /// Up to when the writes are read without a gap.
    pub fn through(&self) -> Option<Timestamp> {
        self.lanes.iter().find(|lane| lane.kind == LaneKind::Whole).map(|lane| lane.cursor.through)
    }

    /// Up to when every stream is read without a gap.
    pub fn all_through(&self) -> Option<Timestamp> {
        let gapless =
            |kind: &LaneKind| !matches!(kind, LaneKind::Fresh | LaneKind::Rescan | LaneKind::History(_));
        self.lanes.iter().filter(|lane| gapless(&lane.kind)).map(|lane| lane.cursor.through).min()
    }

    /// How far every lane has come.
    pub fn cursors(&self) -> Vec<(LaneKind, Cursor)> {
        self.lanes.iter().map(|lane| (lane.kind.clone(), lane.cursor.clone())).collect()
    }

    /// Decides what to do next. Of several lanes that are due, the one that waited longest for its turn goes
    /// first, so that a busy stream starves no other.
    pub fn plan(&mut self, policy: &Policy, now: Timestamp) -> Plan {
        for lane in self.lanes.iter_mut().filter(|lane| !matches!(lane.kind, LaneKind::History(_))) {
            lane.cursor.keep_to_the_clock(now);
        }
        let whole =
            self.lanes.iter().find(|lane| lane.kind == LaneKind::Whole).map(|lane| lane.cursor.through);
        let reads = self.lanes.iter().filter(|lane| matches!(lane.kind, LaneKind::Read(_))).count();
        let mut wake = later(now, policy.poll_interval);
        let mut next: Option<(u64, usize)> = None;
        for (number, lane) in self.lanes.iter().enumerate() {
            if matches!(lane.kind, LaneKind::History(_)) {
                // What happens now does not wait for what was, beyond a turn in eight.
                if lane.cursor.walk.is_some() && (next.is_none() || self.turn % 8 == 7) {
                    next = Some((0, number));
                }
                continue;
            }
            let mut due = lane.cursor.due(lane.every(policy, reads), now);
            if lane.kind == LaneKind::Fresh && lane.cursor.walk.is_none() {
                // What *whole* has just read needs no reading by *fresh*.
                due = due.max(whole.map_or(due, |through| {
                    later(through, policy.poll_interval).min(later(now, policy.poll_interval))
                }));
            }
            if due > now {
                wake = wake.min(due);
            } else if next.is_none_or(|(served, _)| lane.served < served) {
                next = Some((lane.served, number));
            }
        }
        let Some((_, number)) = next else { return Plan::Wait(wake) };
        self.turn += 1;
        let lane = &mut self.lanes[number];
        lane.served = self.turn;
        if lane.kind == LaneKind::Fresh && lane.cursor.walk.is_none() {
            lane.cursor.through = floor_second(now);
        }
        let overlap = lane.overlap(policy);
        lane.cursor.begin(overlap, now);
        if let (LaneKind::History(_), Some(walk)) = (&lane.kind, &mut lane.cursor.walk) {
            // A walk of days loses its beginning to AWS meanwhile.
            walk.start = walk.start.max(floor_second(earlier(now, HISTORY))).min(walk.end);
        }
        match lane.cursor.request(lane.kind.stream()) {
            Some(request) => Plan::Read(number, request),
            None => Plan::Wait(wake),
        }
    }
}

impl Lane {
    fn every(&self, policy: &Policy, reads: usize) -> Duration {
        match self.kind {
            LaneKind::Fresh => policy.poll_interval,
            LaneKind::Whole => WHOLE_EVERY.max(policy.poll_interval),
            LaneKind::Rescan => RESCAN_EVERY,
            LaneKind::Read(_) => Duration::from_secs(20 * reads.max(3) as u64).max(policy.poll_interval),
            LaneKind::History(_) => Duration::MAX,
        }
    }

    fn overlap(&self, policy: &Policy) -> Duration {
        match self.kind {
            LaneKind::Fresh => FRESH.min(policy.lateness),
            LaneKind::Whole | LaneKind::Read(_) => policy.lateness,
            LaneKind::Rescan => policy.rescan,
            LaneKind::History(_) => Duration::ZERO,
        }
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
