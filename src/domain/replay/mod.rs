//! Judging a past: events in the order of their times, each by what was before it, as the daemon would have judged them.
//! Owns what is remembered between batches; instances are judged by what the records alone say of them.

pub mod trial;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use rustc_hash::FxHashSet;

use crate::domain::context::Past;
use crate::domain::event::scope::Scope;
use crate::domain::incident::incidents::Incidents;
use crate::domain::instances::usage::{Usage, UsedIn};
use crate::domain::judge;
use crate::domain::judge::inputs::{Inputs, Judgement, Known, Mark, Ruleset, StateView};
use crate::domain::judge::joining::join;
use crate::domain::judge::prepared::Item;
use crate::domain::rules::memory::{ENOUGH, Learned, Memory};
use crate::domain::rules::recollection::Recollection;
use crate::domain::rules::threshold::{ThresholdCounts, over};
use crate::domain::rules::traits::Traits;
use crate::domain::time::later;

/// So long after an event everything is known that may still be said of it: nothing is waited for.
const AFTERWARDS: Duration = Duration::from_secs(24 * 3600);
/// In seconds.
const DAY: i64 = 24 * 3600;
/// How many events that were alerted on are known again: the same record may stand in the files of several trails.
const SEEN: usize = 200_000;
/// How often what is old is forgotten, in batches.
const FORGET_EVERY: u32 = 1000;

/// What was remembered of a past so far, and what it is judged by.
pub struct Hindsight<'a> {
    ruleset: &'a Ruleset,
    memory: Memory,
    thresholds: ThresholdCounts,
    /// What exclusions hid, for their ceilings.
    usage: BTreeMap<UsedIn, Usage>,
    /// The time before was given, and is known.
    learned: bool,
    /// On how many days something of each account was seen, as far as that matters, and from when on it is enough.
    days: BTreeMap<String, BTreeSet<i64>>,
    enough: BTreeMap<String, Timestamp>,
    marks: FxHashSet<Mark>,
    order: VecDeque<Mark>,
    batches: u32,
    /// What belongs together, and after how much quiet that is over.
    incidents: Incidents,
    quiet: Duration,
}

impl<'a> Hindsight<'a> {
    /// Nothing is known yet. An incident is over after so much quiet.
    pub fn new(ruleset: &'a Ruleset, quiet: Duration) -> Self {
        Hindsight {
            ruleset,
            quiet,
            incidents: Incidents::default(),
            memory: Memory::default(),
            thresholds: ThresholdCounts::new(),
            usage: BTreeMap::new(),
            learned: false,
            days: BTreeMap::new(),
            enough: BTreeMap::new(),
            marks: FxHashSet::default(),
            order: VecDeque::new(),
            batches: 0,
        }
    }

    /// The incidents so far, as far as they are remembered.
    pub fn incidents(&self) -> &Incidents {
        &self.incidents
    }

    /// From when on something can be called new, in the account that is known for longest.
    pub fn since(&self) -> Option<Timestamp> {
        self.enough.values().min().copied()
    }

    /// Whether something can be called new by now, in any account.
    pub fn expects_to_know(&self) -> bool {
        self.learned || !self.enough.is_empty()
    }

    /// What is normal is known by now: whatever comes is compared with it.
    pub fn is_learned(&mut self) {
        self.learned = true;
    }

    /// A past with holes is none: an account's days are counted, and the first event's time alone proves nothing.
    fn count_day(&mut self, account: &str, time: Timestamp) {
        if self.enough.contains_key(account) {
            return;
        }
        let days = self.days.entry(account.to_owned()).or_default();
        days.insert(time.as_second().div_euclid(DAY));
        if days.len() > ENOUGH.as_secs() as usize / DAY as usize {
            self.days.remove(account);
            self.enough.insert(account.to_owned(), time);
        }
    }

    /// What is known of the past of who is behind an event, by now.
    pub fn past(&self, traits: &Traits) -> Past {
        let learned =
            Learned { habits: self.learned, rules: self.learned, since: None, accounts: Some(&self.enough) };
        Recollection::new(&self.memory, learned).past(traits)
    }

    /// Only takes in what was.
    pub fn remember(&mut self, items: &[Item<'_>]) {
        self.take(items, true);
    }

    /// Judges a batch, by what was before it.
    pub fn judge(&mut self, items: &[Item<'_>]) -> Judgement {
        let judgement = self.take(items, false);
        for mark in &judgement.marks {
            if self.marks.insert(mark.clone()) {
                self.order.push_back(mark.clone());
            }
        }
        while self.order.len() > SEEN {
            self.order.pop_front().iter().for_each(|oldest| {
                self.marks.remove(oldest);
            });
        }
        judgement
    }

    fn take(&mut self, items: &[Item<'_>], only_learn: bool) -> Judgement {
        let mut latest = Timestamp::MIN;
        for traits in items.iter().map(Item::traits) {
            latest = latest.max(traits.time);
            self.count_day(&traits.account, traits.time);
        }
        let marks = items.iter().filter_map(|item| match item {
            Item::Judge(prepared) => Some(Mark::of(&prepared.envelope.event)),
            Item::Seen(_) => None,
        });
        let known: Known = marks.filter(|mark| self.marks.contains(mark)).collect();
        let inputs = Inputs {
            ruleset: self.ruleset,
            routes: &[],
            not_to: None,
            scope: Scope::Program,
            account_name: "",
            own: None,
            now: later(latest, AFTERWARDS),
        };
        let (stories, nowhere) = (BTreeMap::new(), BTreeSet::new());
        let learned =
            Learned { habits: self.learned, rules: self.learned, since: None, accounts: Some(&self.enough) };
        let view = StateView {
            stories: &stories,
            usage: &self.usage,
            used_elsewhere: &nowhere,
            memory: &self.memory,
            learned,
            thresholds: &self.thresholds,
        };
        let mut judgement = judge::items(inputs, view, items, &known, only_learn);
        for (token, sighting) in judgement.sightings.drain(..) {
            self.memory.put(token, sighting);
        }
        self.thresholds.extend(std::mem::take(&mut judgement.thresholds));
        self.usage.extend(std::mem::take(&mut judgement.usage));
        if let Some(began) = items.iter().map(|item| item.traits().time).min() {
            self.incidents.close(self.quiet, began);
        }
        join(&mut self.incidents, &mut judgement, latest);
        self.batches += 1;
        if self.batches.is_multiple_of(FORGET_EVERY) {
            self.memory.forgettable(latest).into_iter().for_each(|token| self.memory.put(token, None));
            over(&self.thresholds, latest).iter().for_each(|key| {
                self.thresholds.remove(key);
            });
        }
        judgement
    }
}
