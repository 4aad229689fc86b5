//! What of CloudTrail's history is read next, for one account and region. Owns the windows and how far each is
//! read; the reading is `source`'s.
//!
//! A lane reads the same kind of window again and again: newest first, page by page, with its two ends frozen
//! until the walk is done, because a token is bound to them. Windows overlap, since events show up late and out
//! of order; what was told before is known again by its mark. A walk that is cut off goes on from the oldest
//! second that it has judged, so neither a restart nor a lost token begins it anew.
//!
//! - *fresh* reads the last minutes of the write stream, at every turn: what most events need.
//! - *whole* reads from `lateness` before the end of its own last walk: nothing up to that late is missed, and
//!   after an outage it is the one that reads the gap.
//! - *again* reads the last day once an hour, for the very late.
//! - a *read* lane is a *whole* lane of one narrow stream; all together make three walks a minute, and one makes one.
//! - *history* reads once what AWS keeps of the time before the first start, when no other lane is due: it is not
//!   judged, and teaches what is normal.

use std::time::Duration;

use jiff::Timestamp;

use super::pacer::{earlier, later};
use super::stream::Stream;

/// How far back *fresh* reads: the 99th percentile of CloudTrail's own delay was measured as nine minutes.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// How often *whole* reads.
const WHOLE_EVERY: Duration = Duration::from_secs(2 * 60);
/// How often *again* reads.
const AGAIN_EVERY: Duration = Duration::from_secs(60 * 60);
/// How old the oldest event is that AWS still has (CloudTrail user guide: 90 days), less an hour.
const HISTORY: Duration = Duration::from_secs(90 * 86_400 - 3_600);

/// The times that reading is ruled by; see the reference configuration.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Between two reads of the newest events.
    pub poll_interval: Duration,
    /// How late an event may show up and still be found within minutes.
    pub lateness: Duration,
    /// How far back the hourly reading goes.
    pub rescan: Duration,
    /// How far back the very first start reads.
    pub first_start: Duration,
}

/// What a lane reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LaneKind {
    /// The last minutes of the write stream.
    Fresh,
    /// The write stream without a gap.
    Whole,
    /// The last day of the write stream.
    Again,
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
            LaneKind::Again => "again".to_owned(),
            LaneKind::Read(stream) => stream.to_string(),
            LaneKind::History(rules) => format!("history {rules}"),
        }
    }
}

/// How far a lane has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Nothing before this is ever read: the first start.
    pub floor: Timestamp,
    /// The end of the last walk that was read and judged to its last page.
    pub through: Timestamp,
    /// The walk under way.
    pub walk: Option<Walk>,
}

/// A window being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// Its first second, included.
    pub start: Timestamp,
    /// Its last second, included.
    pub end: Timestamp,
    /// The oldest second of the pages judged so far: all that is newer is done.
    pub reached: Timestamp,
    /// Where the next page begins, with the ends that the token is bound to. Not kept across restarts.
    pub token: Option<Token>,
}

/// AWS's token and the window end that it was given for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Opaque.
    pub token: String,
    /// The `EndTime` of the request that gave it.
    pub end: Timestamp,
}

/// One request to `LookupEvents`: both ends are included, in whole seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub stream: Stream,
    /// The first second.
    pub start: Timestamp,
    /// The last second.
    pub end: Timestamp,
    /// Where the page begins.
    pub token: Option<String>,
}

/// What the answer to a request says of the way ahead.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The time of its oldest event.
    pub oldest: Option<Timestamp>,
    /// There is more.
    pub next: Option<String>,
}

impl Cursor {
    /// The cursor of a lane that never read.
    pub fn first(policy: &Policy, now: Timestamp) -> Self {
        let floor = floor_second(earlier(now, policy.first_start));
        Cursor { floor, through: floor, walk: None }
    }

    /// The cursor of a history that was not read yet, up to `begun`.
    fn of_history(begun: Timestamp, now: Timestamp) -> Self {
        let start = floor_second(earlier(now, HISTORY)).min(begun);
        let walk = Walk { start, end: begun, reached: begun, token: None };
        Cursor { floor: start, through: start, walk: Some(walk) }
    }

    /// When the next request is wanted.
    fn due(&self, every: Duration, now: Timestamp) -> Timestamp {
        match self.walk {
            Some(_) => now,
            None => later(self.through, every),
        }
    }

    /// After the clock was set back: what was read by the old time proves nothing for the new one.
    fn keep_to_the_clock(&mut self, now: Timestamp) {
        let now = floor_second(now);
        self.walk.take_if(|walk| walk.end > now);
        self.through = self.through.min(now);
        self.floor = self.floor.min(now);
    }

    /// Begins a walk over `[through − overlap, now]`, unless one is under way.
    fn begin(&mut self, overlap: Duration, now: Timestamp) {
        if self.walk.is_some() {
            return;
        }
        let end = floor_second(now);
        let from = earlier(self.through, overlap);
        let start = from.max(self.floor).max(floor_second(earlier(now, HISTORY)));
        self.walk = Some(Walk { start, end, reached: end, token: None });
    }

    fn request(&self, stream: Stream) -> Option<Request> {
        let walk = self.walk.as_ref()?;
        let (end, token) = match &walk.token {
            Some(token) => (token.end, Some(token.token.clone())),
            None => (walk.reached, None),
        };
        Some(Request { stream, start: walk.start, end, token })
    }

    /// The cursor after a page was judged: the walk goes on, or is done and the cursor passes it.
    pub fn after(&self, request: &Request, page: &Page) -> Cursor {
        let mut next = self.clone();
        let Some(walk) = &mut next.walk else { return next };
        match &page.next {
            Some(token) => {
                walk.token = Some(Token { token: token.clone(), end: request.end });
                if let Some(oldest) = page.oldest {
                    walk.reached = walk.reached.min(floor_second(oldest)).max(walk.start);
                }
            }
            None => {
                next.through = walk.end;
                next.walk = None;
            }
        }
        next
    }

    /// The cursor when AWS does not know the token any more.
    pub fn without_token(&self) -> Cursor {
        let mut next = self.clone();
        if let Some(walk) = &mut next.walk {
            walk.token = None;
        }
        next
    }
}

/// A lane and how far it has come.
#[derive(Debug, Clone)]
pub struct Lane {
    /// What it reads.
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
        let kinds = [LaneKind::Fresh, LaneKind::Whole, LaneKind::Again].into_iter().chain(reads);
        let mut lanes: Vec<Lane> = kinds
            .map(|kind| {
                let cursor = stored(&kind).unwrap_or_else(|| {
                    let mut first = Cursor::first(policy, now);
                    if kind == LaneKind::Again {
                        first.through = floor_second(now);
                    }
                    first
                });
                Lane { kind, cursor, served: 0 }
            })
            .collect();
        let kind = LaneKind::History(rules.to_owned());
        let begun = lanes[1].cursor.floor;
        let cursor = stored(&kind).unwrap_or_else(|| Cursor::of_history(begun, now));
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

    /// Reads again what was read since the first start, as far as the history's end, with what the history taught.
    pub fn read_again(&mut self, now: Timestamp) {
        let since = self.lanes.iter().find(|lane| matches!(lane.kind, LaneKind::History(_)));
        let Some(since) = since.map(|lane| lane.cursor.through) else { return };
        for lane in self.lanes.iter_mut().filter(|lane| lane.kind == LaneKind::Again) {
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
            |kind: &LaneKind| !matches!(kind, LaneKind::Fresh | LaneKind::Again | LaneKind::History(_));
        self.lanes.iter().filter(|lane| gapless(&lane.kind)).map(|lane| lane.cursor.through).min()
    }

    /// Every lane's name and place.
    pub fn cursors(&self) -> Vec<(String, Cursor)> {
        self.lanes.iter().map(|lane| (lane.kind.name(), lane.cursor.clone())).collect()
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
                // Nothing that happens now waits for what was.
                if next.is_none() && lane.cursor.walk.is_some() {
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
            LaneKind::Again => AGAIN_EVERY,
            LaneKind::Read(_) => Duration::from_secs(20 * reads.max(3) as u64).max(policy.poll_interval),
            LaneKind::History(_) => Duration::MAX,
        }
    }

    fn overlap(&self, policy: &Policy) -> Duration {
        match self.kind {
            LaneKind::Fresh => FRESH.min(policy.lateness),
            LaneKind::Whole | LaneKind::Read(_) => policy.lateness,
            LaneKind::Again => policy.rescan,
            LaneKind::History(_) => Duration::ZERO,
        }
    }
}

fn floor_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
#[path = "cursor_tests.rs"]
mod tests;
