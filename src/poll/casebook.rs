//! What the loops know together: the stories of every region and the memory of every exclusion. Owns that judging
//! and writing are one step, so that a list and a record of one instance cannot miss each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::Watch;
use crate::domain::burst::{Bursts, over};
use crate::domain::decision::Decisions;
use crate::domain::judge::{Court, Desk, OnFile};
use crate::domain::memory::{Learned, Memory};
use crate::domain::story::Story;
use crate::domain::usage::Usage;
use crate::metrics::LastHidden;
use crate::store::{Commit, Scope, Store, StoreError};

/// The stories of one account and region, by instance.
pub type Region = BTreeMap<String, Story>;

/// See the module.
#[derive(Debug, Default)]
pub struct Casebook {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    regions: BTreeMap<(String, String), Region>,
    usage: Option<BTreeMap<String, Usage>>,
    own: BTreeMap<String, String>,
    past: Option<(Memory, Bursts)>,
    /// How far the history of each account and region is read.
    history: BTreeMap<(String, String), History>,
    decisions: Decisions,
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

/// What is in the casebook, to look at.
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

impl Casebook {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every account and region of which there are stories, `more` among them.
    pub(super) fn places(&self, more: &[(String, String)]) -> BTreeSet<(String, String)> {
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
        Ok(look(Known { regions, usage, own, history, remembered: memory.len(), decisions }))
    }

    /// How far the history of a region is read.
    pub(super) fn read_history(&self, scope: Scope<'_>, change: impl FnOnce(&mut History)) {
        let key = (scope.account.to_owned(), scope.region.to_owned());
        change(self.lock().history.entry(key).or_default());
    }

    /// Nobody reads the region any more.
    pub(super) fn retire(&self, account: &str, region: &str) {
        self.lock().history.remove(&(account.to_owned(), region.to_owned()));
    }

    /// How much of an account's past is known, for what happens in a region.
    pub(super) fn learned(&self, scope: Scope<'_>) -> Learned<'static> {
        learned(&self.lock().history, scope)
    }

    /// Forgets what is too old, or too much, and what no rule counts any more.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(super) fn forget(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let (memory, bursts) = known_past(&mut inner.past, store)?;
        let (old, over) = (memory.forgettable(now), over(bursts, now));
        store.forget_past(&old, &over)?;
        old.into_iter().for_each(|token| memory.put(token, None));
        over.iter().for_each(|key| {
            bursts.remove(key);
        });
        Ok(())
    }
}

/// An account that was known once stays known: a region that joins later must not make the others forget.
fn learned(history: &BTreeMap<(String, String), History>, scope: Scope<'_>) -> Learned<'static> {
    let regions = || history.iter().filter(|((account, _), _)| account == scope.account).map(|(_, one)| one);
    let mut seen = regions().filter(|one| !one.blind).peekable();
    let all_read = seen.peek().is_some() && seen.all(|one| one.read);
    let here = history.get(&(scope.account.to_owned(), scope.region.to_owned()));
    Learned {
        habits: all_read || regions().any(|one| one.known_before),
        rules: all_read || regions().any(|one| one.known),
        since: here.and_then(|here| here.since),
        accounts: None,
    }
}

fn known_past<'a>(
    past: &'a mut Option<(Memory, Bursts)>,
    store: &Store,
) -> Result<&'a mut (Memory, Bursts), StoreError> {
    Ok(match past {
        Some(past) => past,
        None => past.insert((store.memory()?, store.bursts()?)),
    })
}

fn known_usage<'a>(
    usage: &'a mut Option<BTreeMap<String, Usage>>,
    store: &Store,
) -> Result<&'a mut BTreeMap<String, Usage>, StoreError> {
    Ok(match usage {
        Some(usage) => usage,
        None => usage.insert(store.usage()?),
    })
}

/// Whose events are judged, and as whom they were read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sitting<'a> {
    pub scope: Scope<'a>,
    pub account_name: &'a str,
    pub own: &'a str,
}

impl Watch {
    fn show_last_hidden(&self, exclusion: &str, before: Option<&Usage>, now: &Usage) {
        let Some(last) = now.last else { return };
        let labels = |usage: &Usage| LastHidden {
            exclusion: exclusion.to_owned(),
            instance: usage.instance.clone(),
            principal: usage.principal.clone(),
        };
        let shown = &self.status.metrics.last_hidden;
        before.iter().for_each(|before| {
            shown.remove(&labels(before));
        });
        shown.get_or_create(&labels(now)).set(last.as_second());
    }

    /// Judges, and writes what was decided together with `commit`. The time by which something that waits must be
    /// decided is answered.
    pub(super) fn sit(
        &self,
        sitting: Sitting<'_>,
        mut commit: Commit,
        judge: impl FnOnce(&mut Desk<'_>) -> Result<(), StoreError>,
    ) -> Result<Option<Timestamp>, StoreError> {
        let scope = sitting.scope;
        let mut inner = self.casebook.lock();
        let Inner { regions, usage, own, past, history, decisions } = &mut *inner;
        if !sitting.own.is_empty() {
            own.insert(scope.account.to_owned(), sitting.own.to_owned());
        }
        let key = (scope.account.to_owned(), scope.region.to_owned());
        let known = match regions.entry(key) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => new.insert(self.store.stories(scope)?),
        };
        let usage = known_usage(usage, &self.store)?;
        let court = Court {
            law: &self.config.law,
            account: scope.account,
            account_name: sitting.account_name,
            region: scope.region,
            own: sitting.own,
            now: self.clock.now(),
        };
        let (memory, bursts) = known_past(past, &self.store)?;
        let learned = learned(history, scope);
        let file = OnFile { stories: known, usage, memory, learned, bursts };
        let mut desk = Desk::new(court, file);
        judge(&mut desk)?;
        commit.judgement = desk.finish();
        if commit.says_something() {
            self.store.commit(scope, &commit, &self.routes)?;
        }
        let mut judgement = commit.judgement;
        decisions.keep(std::mem::take(&mut judgement.decisions));
        for (token, sighting) in judgement.sightings.drain(..) {
            memory.put(token, sighting);
        }
        bursts.extend(std::mem::take(&mut judgement.bursts));
        for (id, story) in &judgement.stories {
            match story {
                Some(story) => known.insert(id.clone(), story.clone()),
                None => known.remove(id),
            };
        }
        for (name, now) in &judgement.usage {
            self.show_last_hidden(name, usage.get(name), now);
        }
        usage.extend(judgement.usage.clone());
        drop(inner);
        self.told(&judgement);
        Ok(judgement.decide_at)
    }
}
