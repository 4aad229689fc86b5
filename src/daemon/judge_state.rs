//! What the loops know together: the stories of every region and the memory of every exclusion. Owns that judging
//! and writing are one step, so that a list and a record of one instance cannot miss each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::domain::event::scope::Scope;
use crate::domain::instances::story::Story;
use crate::domain::instances::usage::Usage;
use crate::domain::judge::decision::Delivery;
use crate::domain::judge::decisions::Decisions;
use crate::domain::rules::memory::{Learned, Memory};
use crate::domain::rules::threshold::{ThresholdCounts, over};
use crate::store::{Store, StoreError};

/// The stories of one account and region, by instance.
pub type Region = BTreeMap<String, Story>;

/// See the module.
#[derive(Debug, Default)]
pub struct JudgeState {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub regions: BTreeMap<(String, String), Region>,
    pub usage: Option<BTreeMap<String, Usage>>,
    pub own: BTreeMap<String, String>,
    pub past: Option<(Memory, ThresholdCounts)>,
    /// How far the history of each account and region is read.
    pub history: BTreeMap<(String, String), History>,
    pub decisions: Option<Decisions>,
}

/// How far the history of an account and region is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// It is read, under the rules that are in force.
    pub read: bool,
    /// The account was known before, and what came until then was judged: under the rules that are in force, or others.
    pub known_before: bool,
    /// That was under the rules that are in force.
    pub known: bool,
    /// Since when reads that these rules name are seen.
    pub since: Option<Timestamp>,
    /// From when on it is read.
    pub reached: Option<Timestamp>,
    /// The region cannot be read now, and nobody waits for it.
    pub blind: bool,
}

/// What the loops know, to look at.
pub struct Known<'a> {
    /// Every region's stories, by account and region.
    pub regions: &'a BTreeMap<(String, String), Region>,
    /// Every exclusion's memory.
    pub usage: &'a BTreeMap<String, Usage>,
    /// As whom trailnoti asks, by account: the ARN of a role or user.
    pub own: &'a BTreeMap<String, String>,
    /// How far the history is read, by account and region.
    pub history: &'a BTreeMap<(String, String), History>,
    /// How many values are remembered.
    pub remembered: usize,
    /// What became of the last events.
    pub decisions: &'a Decisions,
}

impl JudgeState {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every account and region of which there are stories, `more` among them.
    pub(in crate::daemon) fn places(&self, more: &[(String, String)]) -> BTreeSet<(String, String)> {
        self.lock().regions.keys().chain(more).cloned().collect()
    }

    /// Looks at every region's stories and at every exclusion's memory.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn look<T>(&self, store: &Store, look: impl FnOnce(Known<'_>) -> T) -> Result<T, StoreError> {
        let mut inner = self.lock();
        let Inner { regions, usage, own, past, history, decisions } = &mut *inner;
        let usage = known_usage(usage, store)?;
        let (memory, _) = known_past(past, store)?;
        let decisions = known_decisions(decisions, store)?;
        Ok(look(Known { regions, usage, own, history, remembered: memory.len(), decisions }))
    }

    /// Notes how far alerts came through a sink.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(in crate::daemon) fn delivered<'a>(
        &self,
        store: &Store,
        sink: &str,
        alerts: impl Iterator<Item = &'a str>,
        delivery: &Delivery,
    ) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let decisions = known_decisions(&mut inner.decisions, store)?;
        let news: Vec<_> =
            alerts.filter_map(|alert| decisions.delivered(alert, sink, delivery.clone())).collect();
        store.note_deliveries(&news)
    }

    /// How far the history of a region is read.
    pub(in crate::daemon) fn read_history(&self, scope: Scope<'_>, change: impl FnOnce(&mut History)) {
        let key = (scope.account().to_owned(), scope.region().to_owned());
        change(self.lock().history.entry(key).or_default());
    }

    /// Nobody reads the region any more.
    pub(in crate::daemon) fn retire(&self, account: &str, region: &str) {
        self.lock().history.remove(&(account.to_owned(), region.to_owned()));
    }

    /// How much of an account's past is known, for what happens in a region.
    pub(in crate::daemon) fn learned(&self, scope: Scope<'_>) -> Learned<'static> {
        learned(&self.lock().history, scope)
    }

    /// Forgets what is too old, or too much, and what no rule counts any more.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(in crate::daemon) fn forget(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let (memory, thresholds) = known_past(&mut inner.past, store)?;
        let (old, over) = (memory.forgettable(now), over(thresholds, now));
        store.forget_past(&old, &over)?;
        old.into_iter().for_each(|token| memory.put(token, None));
        over.iter().for_each(|key| {
            thresholds.remove(key);
        });
        Ok(())
    }
}

/// An account that was known once stays known: a region that joins later must not make the others forget.
pub(super) fn learned(history: &BTreeMap<(String, String), History>, scope: Scope<'_>) -> Learned<'static> {
    let regions =
        || history.iter().filter(|((account, _), _)| account == scope.account()).map(|(_, one)| one);
    let mut seen = regions().filter(|one| !one.blind).peekable();
    let all_read = seen.peek().is_some() && seen.all(|one| one.read);
    let here = history.get(&(scope.account().to_owned(), scope.region().to_owned()));
    Learned {
        habits: all_read || regions().any(|one| one.known_before),
        rules: all_read || regions().any(|one| one.known),
        since: here.and_then(|here| here.since),
        accounts: None,
    }
}

/// What is kept in the store, read when it is asked for first.
fn loaded<T>(
    kept: &mut Option<T>,
    load: impl FnOnce() -> Result<T, StoreError>,
) -> Result<&mut T, StoreError> {
    Ok(match kept {
        Some(kept) => kept,
        None => kept.insert(load()?),
    })
}

pub(super) fn known_past<'a>(
    past: &'a mut Option<(Memory, ThresholdCounts)>,
    store: &Store,
) -> Result<&'a mut (Memory, ThresholdCounts), StoreError> {
    loaded(past, || Ok((store.memory()?, store.thresholds()?)))
}

pub(super) fn known_decisions<'a>(
    decisions: &'a mut Option<Decisions>,
    store: &Store,
) -> Result<&'a mut Decisions, StoreError> {
    loaded(decisions, || Ok(Decisions::restored(store.alerts()?)))
}

pub(super) fn known_usage<'a>(
    usage: &'a mut Option<BTreeMap<String, Usage>>,
    store: &Store,
) -> Result<&'a mut BTreeMap<String, Usage>, StoreError> {
    loaded(usage, || store.usage())
}
