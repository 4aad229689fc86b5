//! What of CloudTrail's history is read next, for one account and region. Owns the windows and how far each is
//! read; the reading is `source`'s.
//!
//! A lane reads the same kind of window again and again: newest first, page by page, with its two ends frozen
//! until the walk is done, because a token is bound to them. Windows overlap, since events show up late and out
//! of order; what was alerted on before is known again by its mark. A walk that is cut off goes on from the oldest
//! second that it has judged, so neither a restart nor a lost token begins it anew.
//!
//! - *fresh* reads the last minutes of the write stream, at every turn: what most events need. Where they are too many, it
//!   begins again at the newest (`newest`), and what high rules name is read by name beside the lanes (`sweep`).
//! - *whole* reads from `lateness` before the end of its own last walk: nothing up to that late is missed, and
//!   after an outage it is the one that reads the gap.
//! - *rescan* reads the last day once an hour, for the very late.
//! - a *read* lane is a *whole* lane of one narrow stream; all together make three walks a minute, and one makes one.
//! - *history* reads once what AWS keeps of the time before the first start, when no other lane is due: it is not
//!   judged, and teaches what is normal.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::lookup::cursor::{Cursor, HISTORY, Page, Policy, Request, Walk, floor_second};
use crate::domain::lookup::lane::{FRESH, Lane, LaneKind, read_every};
use crate::domain::lookup::newest::Newest;
use crate::domain::lookup::stream::Stream;
use crate::domain::lookup::sweep::Sweeps;
use crate::domain::time::{earlier, later};

/// The places of *fresh* and *whole* among the lanes.
const FIRST: usize = 0;
const WHOLE: usize = 1;
/// A gap of *whole* that is older than this is read in a hurry.
const GAP: Duration = Duration::from_secs(10 * 60);
/// How often is read who else asks, where somebody spends the quota, and how far back.
const ASKERS_EVERY: Duration = Duration::from_secs(60);
const ASKERS: Duration = Duration::from_secs(30 * 60);

/// Every lane of one account and region.
#[derive(Debug, Clone)]
pub struct Lanes {
    lanes: Vec<Lane>,
    turn: u64,
    newest: Newest,
    /// The walks of *whole* that began in a busy region.
    walks: u32,
    /// What is read by name, as it begins; all regions share it.
    plan: Arc<Sweeps>,
    /// How far that is, in a busy region.
    sweeps: Option<Box<Sweeps>>,
    /// When it was last asked who else asks.
    askers: Timestamp,
    /// The turns that lanes had, and not what is read beside them.
    of_lanes: u64,
    /// When a walk of a *read* lane last began.
    read_begun: Timestamp,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The lane with this number.
    Lane(usize),
    /// What high rules name, beside the lanes.
    Sweep(usize),
    /// Who else asks for the history.
    Askers,
    /// Whether trailnoti's own calls are there.
    Canary,
    /// What a suspect does.
    Suspect,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Nothing before this time.
    Wait(Timestamp),
    /// This request.
    Read(Reading, Request),
}

impl Lanes {
    /// The lanes that the streams ask for, each with its cursor where `stored` has one. The history is read anew under
    /// rules of another fingerprint. The first hourly reading comes earlier by `phase`: each region has its own, so that not all
    /// read the last day at once.
    pub fn new(
        streams: &[Stream],
        rules: &str,
        policy: &Policy,
        phase: Duration,
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
                        first.through = floor_second(earlier(now, phase));
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
        let (newest, plan) = (Newest::new(), Arc::default());
        Lanes {
            lanes,
            turn: 0,
            newest,
            walks: 0,
            plan,
            sweeps: None,
            askers: Timestamp::MIN,
            of_lanes: 0,
            read_begun: Timestamp::MIN,
        }
    }

    /// With what is read by name where the writes are too many.
    #[must_use]
    pub fn with_sweeps(mut self, plan: Arc<Sweeps>) -> Self {
        self.plan = plan;
        self
    }

    /// Since when there are more writes than *fresh* can read in time.
    pub fn busy_since(&self) -> Option<Timestamp> {
        self.newest.busy_since()
    }

    /// Whether there are, as far as that was seen and is not only expected.
    pub fn has_many(&self) -> bool {
        self.newest.has_many()
    }

    /// Whether something is late that more requests would bring.
    pub fn is_behind(&self, now: Timestamp) -> bool {
        let whole = &self.lanes[WHOLE].cursor;
        self.newest.is_long() || (whole.walk.is_some() && whole.through < earlier(now, GAP))
    }

    /// A request was not answered: what it was for is the next again.
    pub fn unanswered(&mut self, reading: Reading) {
        match reading {
            Reading::Lane(number) => self.lanes[number].served = 0,
            Reading::Sweep(number) => {
                self.sweeps.iter_mut().for_each(|sweeps| sweeps.unanswered(number));
            }
            Reading::Askers => self.askers = Timestamp::MIN,
            Reading::Canary | Reading::Suspect => {}
        }
    }

    /// AWS does not know the token any more.
    pub fn lost_token(&mut self, reading: Reading) {
        match reading {
            Reading::Lane(number) => {
                self.lanes[number].cursor = self.lanes[number].cursor.without_token();
            }
            Reading::Sweep(number) => {
                self.sweeps.iter_mut().for_each(|sweeps| sweeps.lost_token(number));
            }
            Reading::Askers | Reading::Canary | Reading::Suspect => {}
        }
    }

    /// A page that was read by name was judged.
    pub fn swept(&mut self, number: usize, request: &Request, page: &Page, now: Timestamp) {
        self.sweeps.iter_mut().for_each(|sweeps| sweeps.after(number, request, page, now));
    }

    /// Whether the lane with a number reads writes as they come.
    pub fn is_of_writes(&self, number: usize) -> bool {
        number == FIRST || number == WHOLE
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

    /// Sets the cursor of a lane, after a page was judged.
    pub fn set(&mut self, number: usize, cursor: Cursor) {
        if number == FIRST {
            self.newest.judged(cursor.walk.as_ref());
        }
        self.lanes[number].cursor = cursor;
    }

    /// Up to when the writes are read without a gap.
    pub fn through(&self) -> Option<Timestamp> {
        self.lanes.get(WHOLE).map(|lane| lane.cursor.through)
    }

    /// Up to when every stream is read without a gap.
    pub fn all_through(&self) -> Option<Timestamp> {
        let gapless = (0..self.lanes.len()).filter(|number| self.is_gapless(*number));
        gapless.map(|number| self.lanes[number].cursor.through).min()
    }

    /// Up to when each lane has read, in the order of [`cursors`](Lanes::cursors).
    pub fn reached(&self) -> impl Iterator<Item = Timestamp> {
        self.lanes.iter().map(|lane| lane.cursor.through)
    }

    /// Whether the lane with a number leaves nothing out.
    pub fn is_gapless(&self, number: usize) -> bool {
        matches!(self.lanes[number].kind, LaneKind::Whole | LaneKind::Read(_))
    }

    /// How far every lane has come.
    pub fn cursors(&self) -> Vec<(LaneKind, Cursor)> {
        self.lanes.iter().map(|lane| (lane.kind.clone(), lane.cursor.clone())).collect()
    }

    /// What is read beside the lanes: in a busy region five of six requests, by name.
    fn beside(&mut self, policy: &Policy, spent: bool, now: Timestamp) -> Option<(Reading, Request)> {
        if spent && now >= later(self.askers, ASKERS_EVERY) {
            self.askers = now;
            let mut cursor = Cursor { floor: Timestamp::MIN, through: floor_second(now), walk: None };
            cursor.begin(ASKERS, now);
            return Some((Reading::Askers, cursor.request(Stream::Name("LookupEvents".to_owned()))?));
        }
        if self.newest.busy_since().is_none() {
            // Where a region is busy now and then, the turns go on where they were.
            self.sweeps.take_if(|_| !self.newest.is_long());
            return None;
        }
        if self.turn % 6 == 5 { None } else { self.sweep(policy, now) }
    }

    /// What is read by name, in a busy region.
    fn sweep(&mut self, policy: &Policy, now: Timestamp) -> Option<(Reading, Request)> {
        self.newest.busy_since()?;
        let sweeps = self.sweeps.get_or_insert_with(|| Box::new(Sweeps::clone(&self.plan)));
        let (number, request) = sweeps.next(policy.lateness, now)?;
        Some((Reading::Sweep(number), request))
    }

    /// When a *read* lane is due: one after the other, the one that waited longest first, evenly over the time in which each has
    /// its turn. All of a thousand regions' at once would be what a machine cannot do at once. What is overdue does not wait.
    fn read_due(&self, lane: &Lane, policy: &Policy, now: Timestamp) -> Timestamp {
        let reads = || self.lanes.iter().filter(|lane| matches!(lane.kind, LaneKind::Read(_)));
        let (each, every) = read_every(reads().count(), policy);
        let through = lane.cursor.through;
        if lane.cursor.walk.is_some() || later(through, every * 2) <= now {
            return now;
        }
        let idle = reads().filter(|lane| lane.cursor.walk.is_none());
        match idle.map(|lane| (lane.cursor.through, &lane.kind)).min() {
            Some(first) if first == (through, &lane.kind) => later(self.read_begun, each),
            _ => Timestamp::MAX,
        }
    }

    /// Decides what to do next. The newest go first; of other lanes that are due, the one that waited longest for its turn,
    /// so that a busy stream starves no other. `spent` says that somebody else spends the quota.
    pub fn plan(&mut self, policy: &Policy, spent: bool, now: Timestamp) -> Plan {
        for lane in self.lanes.iter_mut().filter(|lane| !matches!(lane.kind, LaneKind::History(_))) {
            lane.cursor.keep_to_the_clock(now);
        }
        // A clock that was set back must not leave these waiting for the old time.
        (self.read_begun, self.askers) = (self.read_begun.min(now), self.askers.min(now));
        let interval = policy.poll_interval;
        self.newest.keep(&mut self.lanes[FIRST].cursor, interval, now);
        let (fresh, through) = (&self.lanes[FIRST].cursor, self.lanes[WHOLE].cursor.through);
        let newest = self.newest.due(fresh, through, interval, now);
        let first = newest <= now && self.newest.is_first(fresh);
        if !first && let Some((reading, request)) = self.beside(policy, spent, now) {
            self.turn += 1;
            return Plan::Read(reading, request);
        }
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
            let due = match lane.kind {
                LaneKind::Fresh => newest,
                LaneKind::Read(_) => self.read_due(lane, policy, now),
                _ => lane.cursor.due(lane.every(policy), now),
            };
            // What is new has every other turn; its first page goes before everything.
            if number == FIRST && (first || (newest <= now && self.of_lanes.is_multiple_of(2))) {
                next = Some((0, number));
                break;
            }
            if due > now {
                wake = wake.min(due);
            } else if next.is_none_or(|(served, _)| lane.served < served) {
                next = Some((lane.served, number));
            }
        }
        self.turn += 1;
        let Some((_, number)) = next else {
            // A turn of the lanes that none of them needs.
            let sweep = self.sweep(policy, now);
            return sweep.map_or(Plan::Wait(wake), |(reading, request)| Plan::Read(reading, request));
        };
        self.of_lanes += 1;
        let lane = &mut self.lanes[number];
        lane.served = self.turn;
        if number == FIRST && lane.cursor.walk.is_none() {
            lane.cursor.through = floor_second(now);
            self.newest.begins(now);
        }
        if matches!(lane.kind, LaneKind::Read(_)) && lane.cursor.walk.is_none() {
            self.read_begun = now;
        }
        let mut overlap = lane.overlap(policy);
        if number == WHOLE && lane.cursor.walk.is_none() && self.newest.busy_since().is_some() {
            // Half an hour again and again is more than can be read: the very late have every third walk.
            self.walks += 1;
            if !self.walks.is_multiple_of(3) {
                overlap = overlap.min(FRESH);
            }
        }
        lane.cursor.begin(overlap, now);
        if let (LaneKind::History(_), Some(walk)) = (&lane.kind, &mut lane.cursor.walk) {
            // A walk of days loses its beginning to AWS meanwhile.
            walk.start = walk.start.max(floor_second(earlier(now, HISTORY))).min(walk.end);
        }
        match lane.cursor.request(lane.kind.stream()) {
            Some(request) => Plan::Read(Reading::Lane(number), request),
            None => Plan::Wait(wake),
        }
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
