//! What is read of suspects, beside the lanes: every call of a credential that an open incident is about, reads too, from an hour before
//! it began. Owns who is followed for how long and how often; a region in which nobody is suspected is asked nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::lookup::cursor::{Cursor, Page, Policy, Request, floor_second};
use crate::domain::lookup::stream::Stream;
use crate::domain::time::earlier;

/// So long before its incident began a suspect is looked at.
pub const BEFORE: Duration = Duration::from_secs(60 * 60);
/// So many are followed in an account, of whom the incident that grew last goes first.
pub const SUSPECTS: usize = 10;
/// How often each is looked at.
const EVERY: Duration = Duration::from_secs(2 * 60);
/// Of so many turns one is theirs where the lanes always have something to read.
const SHARE: u64 = 8;

/// Whom to follow, and since when it is known to be bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// Its calls.
    pub stream: Stream,
    /// When its incident began.
    pub since: Timestamp,
}

/// How far each suspect is read in one region.
#[derive(Debug, Clone, Default)]
pub struct Follow {
    of: BTreeMap<Stream, Cursor>,
    turn: u64,
}

impl Follow {
    /// Follows these, and nobody else any more.
    pub fn keep(&mut self, suspects: &[Suspect], now: Timestamp) {
        self.of.retain(|stream, cursor| {
            cursor.keep_to_the_clock(now);
            suspects.iter().any(|suspect| suspect.stream == *stream)
        });
        for suspect in suspects.iter().take(SUSPECTS) {
            self.of.entry(suspect.stream.clone()).or_insert_with(|| {
                let floor = floor_second(earlier(suspect.since, BEFORE));
                Cursor { floor, through: floor, walk: None }
            });
        }
    }

    /// What is read of a suspect next, behind everything else: where the lanes have nothing to read, and in a turn of eight.
    pub fn next(&mut self, policy: &Policy, idle: bool, now: Timestamp) -> Option<Request> {
        if self.of.is_empty() {
            return None;
        }
        self.turn += u64::from(!idle);
        if !idle && !self.turn.is_multiple_of(SHARE) {
            return None;
        }
        let due = self.of.iter().map(|(stream, cursor)| (cursor.due(EVERY, now), stream));
        let (at, stream) = due.min()?;
        if at > now {
            return None;
        }
        let stream = stream.clone();
        let cursor = self.of.get_mut(&stream)?;
        cursor.begin(policy.lateness, now);
        cursor.request(stream)
    }

    /// When somebody is to be looked at next; never where nobody is.
    pub fn due(&self, now: Timestamp) -> Timestamp {
        self.of.values().map(|cursor| cursor.due(EVERY, now)).min().unwrap_or(Timestamp::MAX)
    }

    /// A page was judged.
    pub fn after(&mut self, request: &Request, page: &Page) {
        if let Some(cursor) = self.of.get_mut(&request.stream) {
            *cursor = cursor.after(request, page);
        }
    }

    /// A request was not answered, or its token is not known any more: the next goes on without it.
    pub fn unanswered(&mut self, request: &Request) {
        if let Some(cursor) = self.of.get_mut(&request.stream) {
            *cursor = cursor.without_token();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + second).expect("a time")
    }

    fn policy() -> Policy {
        Policy {
            poll_interval: Duration::from_secs(15),
            lateness: Duration::from_secs(1800),
            rescan: Duration::from_secs(86_400),
            first_start: Duration::from_secs(900),
        }
    }

    fn key(id: &str, since: i64) -> Suspect {
        Suspect { stream: Stream::Key(id.to_owned()), since: at(since) }
    }

    #[test]
    fn nobody_is_asked_about_where_nobody_is_suspected() {
        let mut follow = Follow::default();
        assert!((0..1000).all(|second| follow.next(&policy(), second % 2 == 0, at(second)).is_none()));
        assert_eq!(follow.due(at(0)), Timestamp::MAX);
    }

    #[test]
    fn a_suspect_is_read_from_an_hour_before_and_then_every_two_minutes() {
        let mut follow = Follow::default();
        follow.keep(&[key("AKIA1", 0)], at(60));
        let first = follow.next(&policy(), true, at(60)).expect("a request");
        assert_eq!(
            (first.start, first.end, first.stream.attribute()),
            (at(-3600), at(60), ("AccessKeyId", "AKIA1"))
        );
        follow.after(&first, &Page::default());
        assert_eq!(follow.next(&policy(), true, at(120)), None);
        let again = follow.next(&policy(), true, at(180)).expect("a request");
        assert_eq!(again.start, at(60 - 1800), "what shows up late is found too");
        follow.keep(&[], at(200));
        assert_eq!(follow.next(&policy(), true, at(900)), None, "the incident is over");
    }

    #[test]
    fn where_the_lanes_always_read_a_suspect_has_one_turn_of_eight() {
        let mut follow = Follow::default();
        follow.keep(&[key("AKIA1", 0)], at(0));
        let had = (0..32).filter(|_| follow.next(&policy(), false, at(1)).is_some()).count();
        assert_eq!(had, 4);
    }

    #[test]
    fn more_suspects_than_can_be_read_are_the_last_that_grew() {
        let mut follow = Follow::default();
        let many: Vec<Suspect> = (0..50).map(|n| key(&format!("AKIA{n}"), 0)).collect();
        follow.keep(&many, at(0));
        assert_eq!(follow.of.len(), SUSPECTS);
    }
}
