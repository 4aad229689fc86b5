//! What an account did before: for each habit, and for each rule that asks, which values were seen, first and last.
//! Owns what is new, what is forgotten, and that memory stays bounded; where it is kept is the store's.
//!
//! A value is kept as sixteen bytes made from it, so that what is remembered has one small size and says nothing by
//! itself.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rustc_hash::FxHashMap;
use uuid::Uuid;

use crate::domain::context::{Envelope, Habit, Past};
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
const STEP: Duration = Duration::from_secs(24 * 3600);
/// Values of one kind that are remembered; of more, the one that was not seen for longest goes.
pub const MOST: usize = 16_000;

/// A value that is remembered, as sixteen bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    /// Values of one kind stand together.
    pub kind: u8,
    /// Made from the account and the value.
    pub id: [u8; 16],
}

/// Calls that need no permission (IAM user guide, "Permissions for temporary security credentials"; STS API reference,
/// "GetCallerIdentity", "GetSessionToken").
const FREE: [&str; 2] = ["GetCallerIdentity", "GetSessionToken"];

const RULE: u8 = 100;
const KEY: u8 = 101;

impl Token {
    fn of(kind: u8, parts: &[&str]) -> Self {
        let text = parts.join("\u{1f}");
        Token { kind, id: *Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).as_bytes() }
    }

    /// The value of a habit in an account.
    pub fn habit(account: &str, habit: Habit, value: &str) -> Self {
        Token::of(habit as u8, &[account, value])
    }

    /// The values that a rule asks for.
    pub fn rule(account: &str, rule: &str, values: &[&str]) -> Self {
        Token::of(RULE, &[&[account, rule], values].concat())
    }

    /// The creation of an access key.
    pub fn key(key: &str) -> Self {
        Token::of(KEY, &[key])
    }
}

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
    fn is_known_by(&self, time: Timestamp) -> bool {
        let today = u8::from(time < later(self.last, STEP));
        self.days.saturating_sub(today) >= SEVERAL - 1
    }
}

/// Every value that is remembered of an account.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    seen: FxHashMap<Token, Sighting>,
    of_kind: FxHashMap<u8, usize>,
}

impl Memory {
    /// When a value was seen.
    pub fn get(&self, token: &Token) -> Option<Sighting> {
        self.seen.get(token).copied()
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
        let before = match sighting {
            Some(sighting) => self.seen.insert(token, sighting).is_some(),
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
        let floor = earlier(now, HORIZON);
        let mut old: Vec<Token> =
            self.seen.iter().filter(|(_, one)| one.last < floor).map(|(token, _)| *token).collect();
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

    fn covers(&self, history: bool, traits: &Traits) -> bool {
        // The history that is read is of writes; reads are known from when they are read.
        let since = |since: Timestamp| traits.time >= later(since, ENOUGH);
        (history && (!traits.reads || self.since.is_some_and(since)))
            || self
                .accounts
                .and_then(|known| known.get(&traits.account))
                .is_some_and(|from| traits.time >= *from)
    }
}

/// What an event shows of its account's habits, ready to be remembered and compared.
#[derive(Debug, Clone)]
pub struct Traits {
    /// The number of the account that it is from.
    pub account: String,
    /// When the event happened, as its source says.
    pub time: Timestamp,
    /// Whether the event only reads.
    pub reads: bool,
    habits: Vec<(Habit, Token)>,
    /// It shows that somebody has a right; what fails, or is free for all, shows nothing.
    teaches: bool,
    /// The access key that it makes.
    makes: Option<Token>,
    /// The access key that signed it.
    signed: Option<Token>,
}

impl Traits {
    /// The habits that an event shows.
    pub fn of(envelope: &Envelope) -> Self {
        let event = &envelope.event;
        let text = |path: &str| event.detail.text(path);
        let habits = envelope.facts.habits(event);
        let made = text("responseElements.accessKey.accessKeyId")
            .filter(|_| text("eventName") == Some("CreateAccessKey"));
        Traits {
            account: event.account.clone(),
            time: event.time,
            reads: envelope.facts.reads,
            teaches: text("errorCode").is_none()
                && !text("eventName").is_some_and(|call| FREE.contains(&call)),
            habits: habits
                .iter()
                .map(|(habit, value)| {
                    let name = habit_value(*habit, value, &event.source);
                    (*habit, Token::habit(&event.account, *habit, &name))
                })
                .collect(),
            makes: made.map(Token::key),
            signed: text("userIdentity.accessKeyId").map(Token::key),
        }
    }
}

/// A call is known with its service: many services have a call of one name.
fn habit_value<'v>(habit: Habit, value: &'v str, source: &str) -> Cow<'v, str> {
    if habit == Habit::Call { Cow::Owned(format!("{source}:{value}")) } else { Cow::Borrowed(value) }
}

impl Traits {
    /// The past as it is on most days: nothing is new, or nothing can be called new yet.
    pub(in crate::domain) fn expected(&self, learned: bool) -> Past {
        let mut past = Past { learning: !learned, ..Past::default() };
        for (habit, _) in self.habits.iter().filter(|_| learned) {
            if past.new.iter().all(|(of, _)| of != habit) {
                past.new.push((*habit, false));
            }
        }
        past
    }
}

/// Memory under one batch of events: what is known, and what the batch adds.
#[derive(Debug)]
pub struct Recollection<'a> {
    known: &'a Memory,
    learned: Learned<'a>,
    /// What the batch has added so far.
    pub changes: FxHashMap<Token, Sighting>,
}

/// What is remembered, forgotten, or nothing.
pub type Sightings = Vec<(Token, Option<Sighting>)>;

impl<'a> Recollection<'a> {
    /// Nothing is added yet.
    pub fn new(known: &'a Memory, learned: Learned<'a>) -> Self {
        Recollection { known, learned, changes: FxHashMap::default() }
    }

    fn get(&self, token: &Token) -> Option<Sighting> {
        self.changes.get(token).copied().or_else(|| self.known.get(token))
    }

    fn note(&mut self, token: Token, time: Timestamp) {
        let sighting = match self.get(&token) {
            None => Sighting { first: time, last: time, days: 1 },
            // The history is read from its end: a day that came before counts too.
            Some(known) if time < known.first => {
                let another = u8::from(later(time, STEP) <= known.first);
                Sighting { first: time, days: known.days.saturating_add(another).min(SEVERAL), ..known }
            }
            Some(known) if time >= later(known.last, STEP) => {
                Sighting { last: time, days: known.days.saturating_add(1).min(SEVERAL), ..known }
            }
            Some(_) => return,
        };
        self.changes.insert(token, sighting);
    }

    /// Remembers what an event shows.
    pub fn learn(&mut self, traits: &Traits) {
        let shown = traits.habits.iter().filter(|_| traits.teaches).map(|(_, token)| token);
        for token in shown.chain(&traits.makes) {
            self.note(*token, traits.time);
        }
    }

    /// How an event compares with what was before it.
    pub fn past(&self, traits: &Traits) -> Past {
        let created = traits.signed.and_then(|key| self.get(&key)).map(|one| one.first);
        let age = created.map(|created| traits.time.duration_since(created).as_hours());
        let mut past = Past { key_age_hours: age.filter(|age| *age >= 0), ..Past::default() };
        if !self.learned.covers(self.learned.habits, traits) {
            past.learning = true;
            return past;
        }
        for (habit, token) in &traits.habits {
            let known = self.get(token);
            let new = known.is_none_or(|known| {
                let began = later(known.first, NEW_FOR) > traits.time;
                began || (*habit == Habit::Network && !known.is_known_by(traits.time))
            });
            match past.new.iter_mut().find(|(of, _)| of == habit) {
                // Of several instance types, one that is new is enough.
                Some((_, already)) => *already |= new,
                None => past.new.push((*habit, new)),
            }
        }
        past
    }

    /// Whether a rule's values are seen for the first time with an event; none while too little is known. They count
    /// as seen from then on.
    pub fn first_seen(&mut self, traits: &Traits, token: Token, within: Duration) -> Option<bool> {
        let before = self.get(&token);
        self.note(token, traits.time);
        if !self.learned.covers(self.learned.rules, traits) {
            return None;
        }
        let floor = earlier(traits.time, within);
        // What is older than the first sighting was read later, and its value is known already.
        Some(before.is_none_or(|known| known.first == traits.time || later(known.last, STEP) < floor))
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
