//! What the loops of an account know together: its stories, its past, what its exclusions hid. Owns the lock under which judging
//! and writing are one step, so that a list and a record of one instance cannot miss each other; it is one lock an account,
//! and nobody holds it while a disk is waited for.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{OwnedMappedMutexGuard, OwnedMutexGuard};

use crate::daemon::incident_state::IncidentState;
use crate::domain::context::own::Own;
use crate::domain::event::scope::Scope;
use crate::domain::instances::story::Story;
use crate::domain::instances::usage::{Usage, UsedIn};
use crate::domain::judge::decision::{Decision, Delivery};
use crate::domain::judge::decisions::{Decisions, Place};
use crate::domain::judge::inputs::{Judgement, StateView};
use crate::domain::rules::memory::{Learned, Memory};
use crate::domain::rules::threshold::{ThresholdCounts, over};
use crate::store::{Store, StoreError};

/// The stories of one account and region, by instance.
pub type Region = BTreeMap<String, Story>;

/// What is known of every account, each behind a lock of its own.
#[derive(Debug)]
pub struct JudgeState {
    /// By the account's number; it is empty for what is trailnoti's own.
    accounts: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Option<AccountState>>>>>,
    decisions: Mutex<Decisions>,
    /// Over all accounts: a thief goes from one to the next.
    pub(in crate::daemon) told: IncidentState,
    /// Which accounts have something to remember of each exclusion.
    users: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

/// What is known of one account.
#[derive(Debug)]
pub struct AccountState {
    /// The stories of its regions, by instance.
    pub regions: BTreeMap<String, Region>,
    /// What its exclusions hid.
    pub usage: BTreeMap<UsedIn, Usage>,
    /// What trailnoti itself is there.
    pub own: Option<Own>,
    /// What it did before.
    pub memory: Memory,
    /// What rules with a threshold have counted in it.
    pub thresholds: ThresholdCounts,
    /// How far the history of each region is read.
    pub history: BTreeMap<String, History>,
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

/// What is known of one account, which nobody else works with as long as this lives.
pub type Locked = OwnedMappedMutexGuard<Option<AccountState>, AccountState>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl JudgeState {
    /// As the state has it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn load(store: &Store) -> Result<Self, StoreError> {
        let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (account, exclusion) in store.users().await? {
            users.entry(exclusion).or_default().insert(account);
        }
        Ok(JudgeState {
            accounts: Mutex::default(),
            decisions: Mutex::new(Decisions::restored(store.alerts().await?)),
            told: IncidentState::load(store).await?,
            users: Mutex::new(users),
        })
    }

    /// Waits until nobody else works with an account, and takes it. What is known of it is read where it was not yet.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn account(&self, store: &Store, account: &str) -> Result<Locked, StoreError> {
        let shared = lock(&self.accounts).entry(account.to_owned()).or_default().clone();
        let mut locked = shared.lock_owned().await;
        if locked.is_none() {
            *locked = Some(AccountState::load(store, account).await?);
        }
        OwnedMutexGuard::try_map(locked, Option::as_mut)
            .map_err(|_| StoreError::Busy(format!("account {account} was not read")))
    }

    /// Every account of which something is known.
    pub fn accounts(&self) -> Vec<String> {
        lock(&self.accounts).keys().cloned().collect()
    }

    /// Every account and region of which there are stories, `more` among them.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(in crate::daemon) async fn places(
        &self,
        store: &Store,
        more: &[(String, String)],
    ) -> Result<BTreeSet<(String, String)>, StoreError> {
        let mut places: BTreeSet<_> = more.iter().cloned().collect();
        for account in self.accounts() {
            let state = self.account(store, &account).await?;
            places.extend(state.regions.keys().map(|region| (account.clone(), region.clone())));
        }
        Ok(places)
    }

    /// What each exclusion hid, in all accounts together.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn usage(&self, store: &Store) -> Result<BTreeMap<String, Usage>, StoreError> {
        let mut all: BTreeMap<String, Usage> = BTreeMap::new();
        let users: BTreeSet<String> = lock(&self.users).values().flatten().cloned().collect();
        for account in users {
            for ((_, name), usage) in &self.account(store, &account).await?.usage {
                all.entry(name.clone()).or_default().join(usage.clone());
            }
        }
        Ok(all)
    }

    /// Exclusions that other accounts than this one use.
    pub(in crate::daemon) fn used_elsewhere(&self, account: &str) -> BTreeSet<String> {
        let is_elsewhere = |accounts: &BTreeSet<String>| accounts.iter().any(|user| user != account);
        let users = lock(&self.users);
        users.iter().filter(|(_, accounts)| is_elsewhere(accounts)).map(|(name, _)| name.clone()).collect()
    }

    /// Gives the decisions on a batch's alerts their places in the log of the last ones.
    pub(in crate::daemon) fn number(
        &self,
        decisions: &mut Vec<Decision>,
        now: Timestamp,
    ) -> Vec<(Place, Decision)> {
        lock(&self.decisions).numbered(decisions, now)
    }

    /// Keeps the decisions of a batch that was committed.
    pub(in crate::daemon) fn keep(
        &self,
        account: &str,
        numbered: Vec<(Place, Decision)>,
        judgement: &mut Judgement,
    ) {
        lock(&self.decisions).keep(numbered, std::mem::take(&mut judgement.decisions));
        let mut users = lock(&self.users);
        for (_, name) in judgement.usage.keys() {
            users.entry(name.clone()).or_default().insert(account.to_owned());
        }
    }

    /// Looks at the last decisions.
    pub fn decisions<T>(&self, look: impl FnOnce(&Decisions) -> T) -> T {
        look(&lock(&self.decisions))
    }

    /// Notes how far alerts came through a sink.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(in crate::daemon) async fn delivered(
        &self,
        store: &Store,
        sink: &str,
        alerts: impl Iterator<Item = &str>,
        delivery: &Delivery,
    ) -> Result<(), StoreError> {
        let news: Vec<_> = {
            let mut decisions = lock(&self.decisions);
            alerts.filter_map(|alert| decisions.delivered(alert, sink, delivery.clone())).collect()
        };
        store.note_deliveries(&news).await
    }

    /// How far the history of a region is read.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(in crate::daemon) async fn read_history(
        &self,
        store: &Store,
        scope: Scope<'_>,
        change: impl FnOnce(&mut History),
    ) -> Result<(), StoreError> {
        let history = &mut self.account(store, scope.account()).await?.history;
        change(history.entry(scope.region().to_owned()).or_default());
        Ok(())
    }

    /// Nobody reads the region any more.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(in crate::daemon) async fn retire(
        &self,
        store: &Store,
        account: &str,
        region: &str,
    ) -> Result<(), StoreError> {
        self.account(store, account).await?.history.remove(region);
        Ok(())
    }

    /// How much of an account's past is known, for what happens in a region.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(in crate::daemon) async fn learned(
        &self,
        store: &Store,
        scope: Scope<'_>,
    ) -> Result<Learned<'static>, StoreError> {
        Ok(self.account(store, scope.account()).await?.learned(scope.region()))
    }

    /// Forgets what is too old, or too much, and what no rule counts any more.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(in crate::daemon) async fn forget(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        for account in self.accounts() {
            let mut state = self.account(store, &account).await?;
            let AccountState { memory, thresholds, .. } = &mut *state;
            let (old, over) = (memory.forgettable(now), over(thresholds, now));
            store.forget_past(&account, &old, &over).await?;
            old.into_iter().for_each(|token| memory.put(token, None));
            over.iter().for_each(|key| {
                thresholds.remove(key);
            });
        }
        Ok(())
    }
}

impl AccountState {
    async fn load(store: &Store, account: &str) -> Result<Self, StoreError> {
        Ok(AccountState {
            regions: BTreeMap::new(),
            usage: store.usage(account).await?,
            own: None,
            memory: store.memory(account).await?,
            thresholds: store.thresholds(account).await?,
            history: BTreeMap::new(),
        })
    }

    /// Takes in the stories of a region, where they were not needed before.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn need(&mut self, store: &Store, scope: Scope<'_>) -> Result<(), StoreError> {
        if let Entry::Vacant(new) = self.regions.entry(scope.region().to_owned()) {
            new.insert(store.stories(scope).await?);
        }
        Ok(())
    }

    /// What a judgement on a region has before it.
    pub fn view<'a>(
        &'a self,
        stories: &'a Region,
        region: &str,
        elsewhere: &'a BTreeSet<String>,
    ) -> StateView<'a> {
        StateView {
            stories,
            usage: &self.usage,
            used_elsewhere: elsewhere,
            memory: &self.memory,
            learned: self.learned(region),
            thresholds: &self.thresholds,
        }
    }

    /// How much of the past is known, for what happens in a region. An account that was known once stays known: a region that
    /// joins later must not make the others forget.
    pub fn learned(&self, region: &str) -> Learned<'static> {
        let mut seen = self.history.values().filter(|one| !one.blind).peekable();
        let all_read = seen.peek().is_some() && seen.all(|one| one.read);
        Learned {
            habits: all_read || self.history.values().any(|one| one.known_before),
            rules: all_read || self.history.values().any(|one| one.known),
            since: self.history.get(region).and_then(|here| here.since),
            accounts: None,
        }
    }

    /// Takes in what a judgement on a region has changed, once it is written.
    pub fn take_in(&mut self, region: &str, judgement: &mut Judgement) {
        for (token, sighting) in judgement.sightings.drain(..) {
            self.memory.put(token, sighting);
        }
        self.thresholds.extend(std::mem::take(&mut judgement.thresholds));
        let stories = self.regions.entry(region.to_owned()).or_default();
        for (id, story) in std::mem::take(&mut judgement.stories) {
            match story {
                Some(story) => stories.insert(id, story),
                None => stories.remove(&id),
            };
        }
        self.usage.extend(std::mem::take(&mut judgement.usage));
    }
}
