//! Judging a past: events in the order of their times, each by what was before it, as the daemon would have judged them.
//! Owns what is remembered between batches; instances are judged by what the records alone say of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use rustc_hash::FxHashSet;

use super::burst::{Bursts, over};
use super::judge::{Court, Desk, Judgement, Law, OnFile};
use super::memory::{ENOUGH, Learned, Memory, Traits};
use super::pacer::later;
use super::prepared::Prepared;

/// So long after an event everything is known that may still be said of it: nothing is waited for.
const AFTERWARDS: Duration = Duration::from_secs(24 * 3600);
/// In seconds.
const DAY: i64 = 24 * 3600;
/// How many events that were told are known again: the same record may stand in the files of several trails.
const SEEN: usize = 200_000;
/// How often what is old is forgotten, in batches.
const FORGET_EVERY: u32 = 1000;

/// When, and which.
type Told = (i64, [u8; 16]);

/// What is to be judged, or only known.
#[derive(Debug)]
pub enum Item<'r> {
    /// No rule can tell of it; it shows what is normal.
    Seen(Traits),
    /// A rule may tell of it.
    Judge(Box<Prepared<'r>>),
}

impl Item<'_> {
    /// When it happened.
    pub fn time(&self) -> Timestamp {
        match self {
            Item::Seen(traits) => traits.time,
            Item::Judge(prepared) => prepared.event.time,
        }
    }
}

/// See the module.
pub struct Hindsight<'a> {
    law: &'a Law,
    memory: Memory,
    bursts: Bursts,
    /// The time before was given, and is known.
    learned: bool,
    /// On how many days something of each account was seen, as far as that matters, and from when on it is enough.
    days: BTreeMap<String, BTreeSet<i64>>,
    enough: BTreeMap<String, Timestamp>,
    told: FxHashSet<Told>,
    order: VecDeque<Told>,
    batches: u32,
}

impl<'a> Hindsight<'a> {
    /// Nothing is known yet.
    pub fn new(law: &'a Law) -> Self {
        Hindsight {
            law,
            memory: Memory::default(),
            bursts: Bursts::new(),
            learned: false,
            days: BTreeMap::new(),
            enough: BTreeMap::new(),
            told: FxHashSet::default(),
            order: VecDeque::new(),
            batches: 0,
        }
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

    /// Only takes in what was.
    pub fn remember(&mut self, items: &[Item<'_>]) {
        self.sit(items, |desk, item| match item {
            Item::Seen(traits) => desk.notice(traits),
            Item::Judge(prepared) => desk.remember_one(&prepared.event),
        });
    }

    /// Judges a batch.
    pub fn judge(&mut self, items: &[Item<'_>]) -> Judgement {
        let mut told = std::mem::take(&mut self.told);
        let mut new = Vec::new();
        let judgement = self.sit(items, |desk, item| match item {
            Item::Seen(traits) => desk.notice(traits),
            Item::Judge(prepared) => {
                let Ok(()) = desk.judge_prepared(prepared, |mark| {
                    // Examples and laboratories have one id for many events: the second tells them apart.
                    let id = (mark.second, mark.id);
                    let known = !told.insert(id);
                    if !known {
                        new.push(id);
                    }
                    Ok::<_, std::convert::Infallible>(known)
                });
            }
        });
        self.order.extend(new);
        while self.order.len() > SEEN {
            self.order.pop_front().iter().for_each(|oldest| {
                told.remove(oldest);
            });
        }
        self.told = told;
        judgement
    }

    fn sit(&mut self, items: &[Item<'_>], mut each: impl FnMut(&mut Desk<'_>, &Item<'_>)) -> Judgement {
        let mut latest = Timestamp::MIN;
        for item in items {
            let (account, time) = match item {
                Item::Seen(traits) => (&traits.account, traits.time),
                Item::Judge(prepared) => (&prepared.event.account, prepared.event.time),
            };
            latest = latest.max(time);
            self.count_day(account, time);
        }
        let court = Court {
            law: self.law,
            account: "",
            account_name: "",
            region: "",
            own: "",
            now: later(latest, AFTERWARDS),
        };
        let (stories, usage) = (BTreeMap::new(), BTreeMap::new());
        let learned =
            Learned { habits: self.learned, rules: self.learned, since: None, accounts: Some(&self.enough) };
        let file =
            OnFile { stories: &stories, usage: &usage, memory: &self.memory, learned, bursts: &self.bursts };
        let mut desk = Desk::new(court, file);
        items.iter().for_each(|item| each(&mut desk, item));
        let mut judgement = desk.finish();
        for (token, sighting) in judgement.sightings.drain(..) {
            self.memory.put(token, sighting);
        }
        self.bursts.extend(std::mem::take(&mut judgement.bursts));
        self.batches += 1;
        if self.batches.is_multiple_of(FORGET_EVERY) {
            self.memory.forgettable(latest).into_iter().for_each(|token| self.memory.put(token, None));
            over(&self.bursts, latest).iter().for_each(|key| {
                self.bursts.remove(key);
            });
        }
        judgement
    }
}
