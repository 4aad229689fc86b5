//! How far everything has come: lanes, marks, regions, instances, and what was told of failures.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::scope::Scope;
use crate::domain::health::Health;
use crate::domain::health::subject::Subject;
use crate::domain::instances::usage::Usage;
use crate::domain::judge::inputs::{Known, Mark};
use crate::domain::lookup::cursor::Cursor;
use crate::domain::time::earlier;
use crate::store::engine::Change;
use crate::store::error::StoreError;
use crate::store::rows;
use crate::store::rows::key;
use crate::store::state::Store;

/// A lane that has not moved for so long belongs to a region that is not watched any more.
const UNWATCHED: Duration = Duration::from_secs(8 * 86_400);

impl Store {
    /// Which of these marks are kept: their events were judged before.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn seen(&self, marks: &[Mark]) -> Result<Known, StoreError> {
        let mut of_second: BTreeMap<(&str, i64), Vec<&Mark>> = BTreeMap::new();
        for mark in marks {
            of_second.entry((&mark.account, mark.second)).or_default().push(mark);
        }
        let mut known = Known::new();
        let mut inner = self.lock();
        for ((account, second), marks) in of_second {
            let rows = inner.engine.scan(&key::second(account, second), usize::MAX)?;
            let kept =
                |mark: &&&Mark| rows.iter().any(|(_, ids)| ids.chunks_exact(16).any(|id| id == mark.id));
            known.extend(marks.iter().filter(kept).map(|mark| (*mark).clone()));
        }
        Ok(known)
    }

    /// How far a lane has come.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn cursor(&self, scope: Scope<'_>, lane: &str) -> Result<Option<Cursor>, StoreError> {
        let row = self.lock().engine.get(&key::cursor(scope.account(), scope.region(), lane))?;
        Ok(row.and_then(|row| rows::read_cursor(&row)))
    }

    /// Forgets the lanes of a region that no rule asks for any more.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn keep_lanes(&self, scope: Scope<'_>, lanes: &[(String, Cursor)]) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let prefix = key::cursor(scope.account(), scope.region(), "");
        let rows = inner.engine.scan(&prefix, usize::MAX)?;
        let gone = rows.into_iter().filter(|(key, _)| {
            let lane = String::from_utf8_lossy(&key[prefix.len()..]);
            !lanes.iter().any(|(kept, _)| *kept == lane)
        });
        let changes: Vec<Change> = gone.map(|(key, _)| Change::delete(key)).collect();
        if changes.is_empty() { Ok(()) } else { inner.engine.write(changes, false) }
    }

    /// The regions of an account that were enabled when they were last listed.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn regions(&self, account: &str) -> Result<Vec<String>, StoreError> {
        let prefix = key::region(account, "");
        let rows = self.lock().engine.scan(&prefix, usize::MAX)?;
        Ok(rows
            .into_iter()
            .map(|(key, _)| String::from_utf8_lossy(&key[prefix.len()..]).into_owned())
            .collect())
    }

    /// Of these regions, those that were not enabled when they were last listed, and when that was; none at the first
    /// list.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn appeared(
        &self,
        account: &str,
        regions: &[String],
    ) -> Result<Option<(Timestamp, Vec<String>)>, StoreError> {
        let listed = self.lock().engine.get(&key::listed(account))?.and_then(|row| rows::read_time(&row));
        let Some(listed) = listed else { return Ok(None) };
        let known = self.regions(account)?;
        Ok(Some((listed, regions.iter().filter(|region| !known.contains(region)).cloned().collect())))
    }

    /// These regions are enabled now. The instances of one that appeared are known to be none, so that all it has is
    /// news.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn discovered(
        &self,
        account: &str,
        regions: &[String],
        appeared: &[String],
    ) -> Result<(), StoreError> {
        let known = self.regions(account)?;
        let now = self.clock.now();
        let mut changes = vec![Change::put(key::listed(account), rows::time(now))];
        let new = regions.iter().filter(|region| !known.contains(region));
        changes.extend(new.map(|region| Change::put(key::region(account, region), rows::time(now))));
        let gone = known.iter().filter(|known| !regions.contains(known));
        changes.extend(gone.map(|gone| Change::delete(key::region(account, gone))));
        let empty =
            appeared.iter().map(|region| Change::put(key::baseline(account, region), rows::time(now)));
        changes.extend(empty);
        let sync = changes.len() > 1;
        self.lock().engine.write(changes, sync)
    }

    /// When the state was lost, if it was within the last day.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn lost(&self) -> Result<Option<Timestamp>, StoreError> {
        let lost = self.lock().engine.get(&key::lost())?.and_then(|row| rows::read_time(&row));
        Ok(lost.filter(|lost| *lost > earlier(self.clock.now(), Duration::from_secs(86_400))))
    }

    /// For each account, the earliest time that a walk may still go back to.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn oldest_cursors(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let mut oldest: BTreeMap<String, Timestamp> = BTreeMap::new();
        for (key, row) in self.lock().engine.scan(&key::cursors(), usize::MAX)? {
            let Some(cursor) = rows::read_cursor(&row) else { continue };
            // A region that is not watched any more must not keep every mark for ever.
            if cursor.through < earlier(self.clock.now(), UNWATCHED) {
                continue;
            }
            let start = cursor.walk.map_or(cursor.through, |walk| walk.start.min(cursor.through));
            let first = oldest.entry(key::first_of(&key)).or_insert(start);
            *first = start.min(*first);
        }
        Ok(oldest)
    }

    /// How a subject is, as far as was reported of it.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn reported(&self, subject: Subject<'_>) -> Result<Health, StoreError> {
        let row = self.lock().engine.get(&key::health(&subject.key()))?;
        let since = row.and_then(|row| rows::read_time(&row));
        Ok(since.map_or(Health::Well, |since| Health::Reported { since }))
    }

    /// What is remembered of each exclusion.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn usage(&self) -> Result<BTreeMap<String, Usage>, StoreError> {
        let prefix = key::exclusion("");
        let rows = self.lock().engine.scan(&prefix, usize::MAX)?;
        let usage = rows.iter().filter_map(|(key, row)| {
            Some((String::from_utf8_lossy(&key[prefix.len()..]).into_owned(), rows::read_usage(row)?))
        });
        Ok(usage.collect())
    }

    /// Forgets marks of an account that no walk goes back to any more.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn forget(&self, account: &str, oldest: Timestamp, rescan: Duration) -> Result<usize, StoreError> {
        let before = earlier(earlier(oldest, rescan), Duration::from_secs(3600)).as_second();
        let mut inner = self.lock();
        let mut old = Vec::new();
        let prefix = key::seconds(account);
        for (key, _) in inner.engine.scan(&prefix, 4096)? {
            if key::second_of(&key, prefix.len()) >= before {
                break;
            }
            old.push(Change::delete(key));
        }
        let forgotten = old.len();
        if forgotten > 0 {
            inner.engine.write(old, false)?;
        }
        Ok(forgotten)
    }
}
