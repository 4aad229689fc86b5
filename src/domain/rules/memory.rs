//! What an account did before: for each habit, of all together and of each principal, and for each rule that asks, which values
//! were seen, first and last. Owns what is forgotten, and that memory stays bounded; how an event compares is `recollection`'s, where it
//! is kept the store's.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::domain::rules::token::Token;
use crate::domain::rules::traits::Traits;
use crate::domain::time::{earlier, later};

/// How far back anything is remembered: as far as CloudTrail's own history reaches (CloudTrail user guide, "Viewing
/// event history").
pub const HORIZON: Duration = Duration::from_secs(90 * 24 * 3600);
/// What began is called new for so long: a thief's second call in a region matters as much as the first.
pub const NEW_FOR: Duration = Duration::from_secs(24 * 3600);
/// So much of the past is enough to call something new where more cannot be had.
pub const ENOUGH: Duration = Duration::from_secs(7 * 24 * 3600);
/// A network is known once it was seen on so many days, the last of which is known by those before it: whoever calls once the day
/// before is new when he comes.
pub const SEVERAL: u8 = 3;
/// A later sighting is written down only when it is so much later.
pub(super) const STEP: Duration = Duration::from_secs(24 * 3600);
/// Values of one kind that are remembered; of more, the one that was not seen for longest goes. A habit of principals has four kinds.
pub const MOST: usize = 16_000;

/// When something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// When it was seen first.
    pub first: Timestamp,
    /// Last, to a day.
    pub last: Timestamp,
    /// On how many days, as far as [`SEVERAL`].
    pub days: u8,
}

impl Sighting {
    /// Whether it was seen on several days before this time.
    pub(super) fn is_known_by(&self, time: Timestamp) -> bool {
        let today = u8::from(time < later(self.last, STEP));
        self.days.saturating_sub(today) >= SEVERAL - 1
    }
}

/// A sighting in the fewest bytes: there are hundreds of thousands. In seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    first: u32,
    last: u32,
    days: u8,
}

impl From<Sighting> for Packed {
    fn from(sighting: Sighting) -> Self {
        let seconds = |time: Timestamp| u32::try_from(time.as_second().max(0)).unwrap_or(u32::MAX);
        Packed { first: seconds(sighting.first), last: seconds(sighting.last), days: sighting.days }
    }
}

impl From<Packed> for Sighting {
    fn from(packed: Packed) -> Self {
        let time = |second: u32| Timestamp::from_second(second.into()).unwrap_or_default();
        Sighting { first: time(packed.first), last: time(packed.last), days: packed.days }
    }
}

/// Every value that is remembered of an account.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    seen: FxHashMap<Token, Packed>,
    of_kind: FxHashMap<u8, usize>,
    /// Of each who is known from a network, the one that was put last.
    homes: FxHashMap<u64, IpNet>,
}

impl Memory {
    /// When a value was seen.
    pub fn get(&self, token: &Token) -> Option<Sighting> {
        self.seen.get(token).copied().map(Sighting::from)
    }

    /// A network that somebody, or a key, is known from.
    pub fn home(&self, whose: Token) -> Option<IpNet> {
        self.homes.get(&whose.whose_home()).copied()
    }

    /// How many values are remembered.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Remembers a value, or forgets it.
    pub fn put(&mut self, token: Token, sighting: Option<Sighting>) {
        if let Some((whose, network)) = token.as_home() {
            match sighting {
                Some(_) => drop(self.homes.insert(whose, network)),
                None if self.homes.get(&whose) == Some(&network) => drop(self.homes.remove(&whose)),
                None => {}
            }
        }
        let before = match sighting {
            Some(sighting) => self.seen.insert(token, sighting.into()).is_some(),
            None => self.seen.remove(&token).is_some(),
        };
        let count = self.of_kind.entry(token.kind).or_default();
        match (before, sighting.is_some()) {
            (false, true) => *count += 1,
            (true, false) => *count -= 1,
            _ => {}
        }
    }

    /// What is to be forgotten by now: what is older than the history, and what is too much.
    pub fn forgettable(&self, now: Timestamp) -> Vec<Token> {
        let floor = Packed::from(Sighting { first: now, last: earlier(now, HORIZON), days: 0 });
        let mut old: Vec<Token> =
            self.seen.iter().filter(|(_, one)| one.last < floor.last).map(|(token, _)| *token).collect();
        for (kind, count) in &self.of_kind {
            if *count > MOST {
                let mut all: Vec<_> = self.seen.iter().filter(|(token, _)| token.kind == *kind).collect();
                all.sort_by_key(|(_, one)| one.last);
                old.extend(all.iter().take(count - MOST).map(|(token, _)| **token));
            }
        }
        old
    }
}

/// How much of the past is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Learned<'a> {
    /// The history of writes was read.
    pub habits: bool,
    /// It was read under the rules that ask for their own values.
    pub rules: bool,
    /// Since then reads that rules name are seen.
    pub since: Option<Timestamp>,
    /// Accounts of which enough days were seen, and from when on.
    pub accounts: Option<&'a BTreeMap<String, Timestamp>>,
}

impl Learned<'_> {
    /// Everything is known: what a test assumes.
    #[cfg(test)]
    pub fn all() -> Self {
        Learned { habits: true, rules: true, since: Some(Timestamp::MIN), accounts: None }
    }

    pub(super) fn covers(&self, history: bool, traits: &Traits) -> bool {
        // The history that is read is of writes; reads are known from when they are read.
        let since = |since: Timestamp| traits.time >= later(since, ENOUGH);
        (history && (!traits.reads || self.since.is_some_and(since)))
            || self
                .accounts
                .and_then(|known| known.get(&traits.account))
                .is_some_and(|from| traits.time >= *from)
    }
}
