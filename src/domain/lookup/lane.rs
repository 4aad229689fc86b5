//! One lane: what it reads, how often, and how far back each time. Owns its name in the store; which lane is next is `lanes`'s.

use std::time::Duration;

use crate::domain::lookup::cursor::{Cursor, Policy};
use crate::domain::lookup::stream::Stream;

/// How far back *fresh* reads: the 99th percentile of CloudTrail's own delay was measured as nine minutes.
pub(super) const FRESH: Duration = Duration::from_secs(10 * 60);
/// How often *whole* reads.
const WHOLE_EVERY: Duration = Duration::from_secs(2 * 60);
/// How often *again* reads.
pub const RESCAN_EVERY: Duration = Duration::from_secs(60 * 60);

/// The time between the walks of two of so many *read* lanes, and of one: all together make three walks a minute, and one makes one.
pub(super) fn read_every(reads: usize, policy: &Policy) -> (Duration, Duration) {
    let every = Duration::from_secs(20 * reads.max(3) as u64).max(policy.poll_interval);
    (every / u32::try_from(reads.max(1)).unwrap_or(u32::MAX), every)
}

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
    pub(super) served: u64,
}

impl Lane {
    /// How often it reads; of *read* lanes, see [`read_every`].
    pub(super) fn every(&self, policy: &Policy) -> Duration {
        match self.kind {
            LaneKind::Fresh => policy.poll_interval,
            LaneKind::Whole => WHOLE_EVERY.max(policy.poll_interval),
            LaneKind::Rescan => RESCAN_EVERY,
            LaneKind::Read(_) | LaneKind::History(_) => Duration::MAX,
        }
    }

    /// How far before the end of its last walk a walk begins.
    pub(super) fn overlap(&self, policy: &Policy) -> Duration {
        match self.kind {
            LaneKind::Fresh => FRESH.min(policy.lateness),
            LaneKind::Whole | LaneKind::Read(_) => policy.lateness,
            LaneKind::Rescan => policy.rescan,
            LaneKind::History(_) => Duration::ZERO,
        }
    }
}
