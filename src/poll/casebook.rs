//! What the loops know together: the stories of every region and the memory of every exclusion. Owns that judging
//! and writing are one step, so that a list and a record of one instance cannot miss each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::Watch;
use crate::domain::judge::{Court, Desk};
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
}

/// What is in the casebook, to look at.
pub struct Known<'a> {
    /// Every region's stories, by account and region.
    pub regions: &'a BTreeMap<(String, String), Region>,
    /// Every exclusion's memory.
    pub usage: &'a BTreeMap<String, Usage>,
    /// As whom trailnoti asks, by account: the ARN of a role or user.
    pub own: &'a BTreeMap<String, String>,
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
        let Inner { regions, usage, own } = &mut *inner;
        let usage = known_usage(usage, store)?;
        Ok(look(Known { regions, usage, own }))
    }
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
        let Inner { regions, usage, own } = &mut *inner;
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
        let mut desk = Desk::new(court, known, usage);
        judge(&mut desk)?;
        commit.judgement = desk.finish();
        if commit.says_something() {
            self.store.commit(scope, &commit, &self.routes)?;
        }
        let judgement = commit.judgement;
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
