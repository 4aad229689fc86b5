//! What is remembered, under one batch of events: how an event compares with what was before it, and what it adds. Owns what is
//! called new, who is vouched for, and who is everywhere.

use std::time::Duration;

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::domain::context::network::network_around;
use crate::domain::context::tool::every_tool;
use crate::domain::context::{Habit, Past};
use crate::domain::rules::memory::{ENOUGH, Learned, Memory, NEW_FOR, SEVERAL, STEP, Sighting};
use crate::domain::rules::token::Token;
use crate::domain::rules::traits::{Traits, Who};
use crate::domain::time::{earlier, later};

/// Who came from new networks, on two days or more, in so many of the last so many weeks is everywhere.
const OFTEN: usize = 3;
const WEEKS: i64 = 4;

/// The week of a time, counted since 1970.
fn week(time: Timestamp) -> i64 {
    time.as_second().div_euclid(7 * 24 * 3600)
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
        if let Some(key) = traits.makes {
            self.note(key, traits.time);
        }
        if !traits.teaches {
            return;
        }
        for (_, token) in &traits.habits {
            self.note(*token, traits.time);
        }
        if let Some(who) = traits.who {
            self.learn_of(who, traits);
        }
    }

    /// Remembers what an event shows of who acts.
    fn learn_of(&mut self, who: Who, traits: &Traits) {
        if let Some(network) = traits.network() {
            if self.get(&who.principal.own(Habit::Network, network)).is_none() {
                self.note(who.principal.roaming(week(traits.time)), traits.time);
            }
            if let Some(home) = traits.address.and_then(network_around) {
                for whose in [Some(who.principal), who.key].into_iter().flatten() {
                    if self.is_usual(&whose.own(Habit::Network, network), traits.time) {
                        self.note(whose.home(home), traits.time);
                    }
                }
            }
            if who.vouches {
                let sighting = Sighting { first: traits.time, last: traits.time, days: 1 };
                let token = who.person.vouched(network);
                if self.get(&token).is_none_or(|known| known.last < traits.time) {
                    self.changes.insert(token, sighting);
                }
            }
        }
        for (habit, value) in traits.own_habits() {
            self.note(who.principal.own(habit, value), traits.time);
            if let Some(key) = who.key {
                self.note(key.own(habit, value), traits.time);
            }
        }
        if let Some(key) = who.key {
            self.note(key.used(), traits.time);
        }
    }

    /// How an event compares with what was before it.
    pub fn past(&self, traits: &Traits) -> Past {
        let created = traits.signed.and_then(|key| self.get(&key)).map(|one| one.first);
        let age = created.map(|created| traits.time.duration_since(created).as_hours());
        let mut past = Past { key_age_hours: age.filter(|age| *age >= 0), ..Past::default() };
        if !self.learned.covers(self.learned.habits, traits) {
            past.learning = true;
            past.again = self.learned.accounts.is_none();
            return past;
        }
        for (habit, token) in &traits.habits {
            let new = is_new(*habit, self.get(token), traits.time);
            match past.new.iter_mut().find(|(of, _)| of == habit) {
                // Of several instance types, one that is new is enough.
                Some((_, already)) => *already |= new,
                None => past.new.push((*habit, new)),
            }
        }
        match traits.who {
            // Of who acts alone, the history is read anew where an earlier build did not remember it.
            Some(who) if self.learned.covers(self.learned.rules, traits) => {
                self.own_past(who, traits, &mut past);
            }
            // Meanwhile who acts is believed, as before anything is known: it is judged again afterwards.
            Some(_) => past.again = self.learned.accounts.is_none(),
            // What a service of AWS does is usual where the account has seen all of it.
            None => {
                past.usual = past.knows_who()
                    && traits.habits.iter().all(|(_, token)| self.is_usual(token, traits.time))
            }
        }
        past
    }

    /// Whether a value was seen on several days.
    fn is_usual(&self, token: &Token, time: Timestamp) -> bool {
        self.get(token).is_some_and(|known| known.is_known_by(time))
    }

    /// How an event compares with what its principal did before.
    fn own_past(&self, who: Who, traits: &Traits, past: &mut Past) {
        // A key that is in use for long has habits of its own; a fresh one may be another of the same user.
        let used_for_long = |key: &Token| {
            self.get(&key.used()).is_some_and(|known| later(known.first, ENOUGH) <= traits.time)
        };
        let key = who.key.filter(used_for_long);
        let (mut all_usual, holder) = (true, key.unwrap_or(who.principal));
        past.own_new = traits
            .own_habits()
            .map(|(habit, value)| {
                let known = self.get(&holder.own(habit, value));
                all_usual &= habit == Habit::Network || known.is_some_and(|one| one.is_known_by(traits.time));
                (habit, is_new(habit, known, traits.time))
            })
            .collect();
        // Said where something is new, and only there: what is expected of most events has no such number.
        if past.own_new.iter().any(|(_, new)| *new) {
            let since = self.get(&key.map_or(who.principal, Token::used));
            past.known_days = since.map(|known| traits.time.duration_since(known.first).as_hours() / 24);
            let of = |tool: &str| holder.own(Habit::Tool, Token::habit(&traits.account, Habit::Tool, tool));
            let known = |tool: &&str| !is_new(Habit::Tool, self.get(&of(tool)), traits.time);
            past.known_tools = every_tool().filter(known).collect();
            past.known_network = self.known.home(holder);
        }
        let new_network = traits.network().filter(|_| past.own_new.contains(&(Habit::Network, true)));
        if let Some(network) = new_network {
            if self.is_vouched(&who.person.vouched(network), traits.time) {
                past.knows_the_network();
            } else if self.roams(who.principal, traits.time) {
                past.roams = true;
            }
        }
        let network_is_known = past.roams || !past.own_new.contains(&(Habit::Network, true));
        // Of the types of instances, what the account knows is known.
        let mut types = traits.habits.iter().filter(|(habit, _)| *habit == Habit::InstanceType);
        past.usual =
            all_usual && network_is_known && types.all(|(_, token)| self.is_usual(token, traits.time));
    }

    /// Whether somebody signed in with a second factor from that network within a day.
    fn is_vouched(&self, token: &Token, time: Timestamp) -> bool {
        self.get(token).is_some_and(|known| known.last <= time && time < later(known.last, NEW_FOR))
    }

    /// Whether new networks are nothing new from this one: builds run on machines that are hired for an hour.
    fn roams(&self, principal: Token, time: Timestamp) -> bool {
        let now = week(time);
        let roamed = |week: &i64| self.get(&principal.roaming(*week)).is_some_and(|known| known.days > 1);
        (now - WEEKS..now).filter(roamed).count() >= OFTEN
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

/// Whether what was seen so is new: it began less than a day before, or is a network that was not seen on several days.
fn is_new(habit: Habit, known: Option<Sighting>, time: Timestamp) -> bool {
    known.is_none_or(|known| {
        let began = later(known.first, NEW_FOR) > time;
        began || (habit == Habit::Network && !known.is_known_by(time))
    })
}

#[cfg(test)]
#[path = "recollection_tests.rs"]
mod tests;
