//! How far one lane has come in CloudTrail's history: a window that is read newest first, page by page, with its two ends
//! frozen until the walk is done, because a token is bound to them. Owns one walk; which lane reads next is `lanes`'s.
//!
//! A walk that is cut off goes on from the oldest second that it has judged, so neither a restart nor a lost token begins it
//! anew.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::lookup::stream::Stream;
use crate::domain::time::{earlier, later};

/// How old the oldest event is that AWS still has (CloudTrail user guide: 90 days), less an hour.
pub const HISTORY: Duration = Duration::from_secs(90 * 86_400 - 3_600);

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
    /// AWS's word for where the next page begins.
    pub token: String,
    /// The `EndTime` of the request that gave it.
    pub end: Timestamp,
}

/// One request to `LookupEvents`: both ends are included, in whole seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub stream: Stream,
    /// The first second of the window, which is part of it.
    pub start: Timestamp,
    /// The last second of the window, which is part of it.
    pub end: Timestamp,
    /// Where the page begins.
    pub token: Option<String>,
}

/// What the answer to a request says of the way ahead.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The time of its oldest event.
    pub oldest: Option<Timestamp>,
    /// AWS's word for the next page; none on the last.
    pub next: Option<String>,
}

impl Cursor {
    /// The cursor of a lane that never read.
    pub fn first(policy: &Policy, now: Timestamp) -> Self {
        let floor = floor_second(earlier(now, policy.first_start));
        Cursor { floor, through: floor, walk: None }
    }

    /// The cursor of a history that was not read yet. What comes from `since` on is judged meanwhile without it.
    pub(in crate::domain) fn of_history(since: Timestamp, now: Timestamp) -> Self {
        let (start, end) = (floor_second(earlier(now, HISTORY)), floor_second(now));
        let walk = Walk { start, end, reached: end, token: None };
        Cursor { floor: since, through: start, walk: Some(walk) }
    }

    /// When the next request is wanted.
    pub(in crate::domain) fn due(&self, every: Duration, now: Timestamp) -> Timestamp {
        match self.walk {
            Some(_) => now,
            None => later(self.through, every),
        }
    }

    /// After the clock was set back: what was read by the old time proves nothing for the new one.
    pub(in crate::domain) fn keep_to_the_clock(&mut self, now: Timestamp) {
        let now = floor_second(now);
        self.walk.take_if(|walk| walk.end > now);
        self.through = self.through.min(now);
        self.floor = self.floor.min(now);
    }

    /// Begins a walk over `[through − overlap, now]`, unless one is under way.
    pub(in crate::domain) fn begin(&mut self, overlap: Duration, now: Timestamp) {
        if self.walk.is_some() {
            return;
        }
        let end = floor_second(now);
        let from = earlier(self.through, overlap);
        let start = from.max(self.floor).max(floor_second(earlier(now, HISTORY)));
        self.walk = Some(Walk { start, end, reached: end, token: None });
    }

    pub(in crate::domain) fn request(&self, stream: Stream) -> Option<Request> {
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

pub(in crate::domain) fn floor_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
