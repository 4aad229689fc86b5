//! How far everything has come: lanes, marks, regions, instances, and what was reported of failures.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::scope::Scope;
use crate::domain::health::Health;
use crate::domain::health::ledger::Ledger;
use crate::domain::health::starts::with_this;
use crate::domain::health::subject::Subject;
use crate::domain::instances::usage::{Usage, UsedIn};
use crate::domain::judge::inputs::{Known, Mark};
use crate::domain::lookup::cursor::Cursor;
use crate::domain::lookup::lane::LaneKind;
use crate::domain::time::earlier;
use crate::store::engine::Change;
use crate::store::error::StoreError;
use crate::store::rows;
use crate::store::rows::key;
use crate::store::state::Store;

/// A lane that has not moved for so long belongs to a region that is not watched any more.
const UNWATCHED: Duration = Duration::from_secs(8 * 86_400);

/// How far the lanes of a region have come.
#[derive(Debug, Default)]
pub struct Cursors(BTreeMap<String, Cursor>);

impl Cursors {
    /// Of one lane; none for one that was never read.
    pub fn of(&self, lane: &LaneKind) -> Option<Cursor> {
        self.0.get(&lane.name()).cloned()
    }

    /// Up to when something of the region was asked for; none for one that was never read.
    pub fn asked(&self) -> Option<Timestamp> {
        self.0.values().map(|cursor| cursor.through).max()
    }
}

impl Store {
    /// Which of these marks are kept: their events were judged before.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn seen(&self, marks: &[Mark]) -> Result<Known, StoreError> {
        let mut of_second: BTreeMap<(&str, i64), Vec<&Mark>> = BTreeMap::new();
        for mark in marks {
            of_second.entry((&mark.account, mark.second)).or_default().push(mark);
        }
        let prefixes: Vec<_> =
            of_second.keys().map(|(account, second)| key::second(account, *second)).collect();
        let rows = self.engine.scan(&prefixes, usize::MAX).await?;
        let mut known = Known::new();
        for (marks, rows) in of_second.into_values().zip(rows) {
            let kept =
                |mark: &&&Mark| rows.iter().any(|(_, ids)| ids.chunks_exact(16).any(|id| id == mark.id));
            known.extend(marks.iter().filter(kept).map(|mark| (*mark).clone()));
        }
        Ok(known)
    }

    /// How far the lanes of a region have come.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn cursors(&self, scope: Scope<'_>) -> Result<Cursors, StoreError> {
        let prefix = key::cursor(scope.account(), scope.region(), "");
        let rows = self.scan(prefix.clone()).await?;
        let cursor = |(key, row): &(Vec<u8>, Vec<u8>)| {
            Some((String::from_utf8_lossy(&key[prefix.len()..]).into_owned(), rows::read_cursor(row)?))
        };
        Ok(Cursors(rows.iter().filter_map(cursor).collect()))
    }

    /// Forgets the lanes of a region that no rule asks for any more.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn keep_lanes(&self, scope: Scope<'_>, lanes: &[(LaneKind, Cursor)]) -> Result<(), StoreError> {
        let prefix = key::cursor(scope.account(), scope.region(), "");
        let rows = self.scan(prefix.clone()).await?;
        let gone = rows.into_iter().filter(|(key, _)| {
            let lane = String::from_utf8_lossy(&key[prefix.len()..]);
            !lanes.iter().any(|(kept, _)| kept.name() == lane)
        });
        let changes: Vec<Change> = gone.map(|(key, _)| Change::delete(key)).collect();
        if !changes.is_empty() {
            self.engine.write(changes).await?;
        }
        Ok(())
    }

    /// The regions of an account that were enabled when they were last listed.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn regions(&self, account: &str) -> Result<Vec<String>, StoreError> {
        let prefix = key::region(account, "");
        let rows = self.scan(prefix.clone()).await?;
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
    pub async fn appeared(
        &self,
        account: &str,
        regions: &[String],
    ) -> Result<Option<(Timestamp, Vec<String>)>, StoreError> {
        let listed = self.get(key::listed(account)).await?.and_then(|row| rows::read_time(&row));
        let Some(listed) = listed else { return Ok(None) };
        let known = self.regions(account).await?;
        Ok(Some((listed, regions.iter().filter(|region| !known.contains(region)).cloned().collect())))
    }

    /// These regions are enabled now. The instances of one that appeared are known to be none, so that all it has is
    /// news.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn discovered(
        &self,
        account: &str,
        regions: &[String],
        appeared: &[String],
    ) -> Result<(), StoreError> {
        let known = self.regions(account).await?;
        let now = self.clock.now();
        let mut changes = vec![Change::put(key::listed(account), rows::time(now))];
        let new = regions.iter().filter(|region| !known.contains(region));
        changes.extend(new.map(|region| Change::put(key::region(account, region), rows::time(now))));
        let gone = known.iter().filter(|known| !regions.contains(known));
        changes.extend(gone.map(|gone| Change::delete(key::region(account, gone))));
        let empty =
            appeared.iter().map(|region| Change::put(key::baseline(account, region), rows::time(now)));
        changes.extend(empty);
        let lasting = changes.len() > 1;
        let written = self.engine.write(changes).await?;
        if lasting { self.settled(written).await } else { Ok(()) }
    }

    /// When the state was lost, if it was within the last day.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn lost(&self) -> Result<Option<Timestamp>, StoreError> {
        let lost = self.get(key::lost()).await?.and_then(|row| rows::read_time(&row));
        Ok(lost.filter(|lost| *lost > earlier(self.clock.now(), Duration::from_secs(86_400))))
    }

    /// For each account, the earliest time that a walk may still go back to.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn oldest_cursors(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let mut oldest: BTreeMap<String, Timestamp> = BTreeMap::new();
        for (key, row) in self.scan(key::cursors()).await? {
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
    pub async fn reported(&self, subject: Subject<'_>) -> Result<Health, StoreError> {
        let row = self.get(key::health(&subject.key())).await?;
        let since = row.and_then(|row| rows::read_time(&row));
        Ok(since.map_or(Health::Well, |since| Health::Reported { since }))
    }

    /// What of a region was not read in time; none of one that was never read.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn ledger(&self, scope: Scope<'_>) -> Result<Option<Ledger>, StoreError> {
        let row = self.get(key::ledger(scope.account(), scope.region())).await?;
        Ok(row.and_then(|row| serde_json::from_slice(&row).ok()))
    }

    /// Notes a start, on the disk itself: the starts just before it that had no orderly end, and this one.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn note_start(&self) -> Result<Vec<Timestamp>, StoreError> {
        let row = self.get(key::starts()).await?;
        let before: Vec<Timestamp> =
            row.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default();
        let starts = with_this(&before, self.clock.now());
        let written = self.engine.write(vec![Change::put(key::starts(), rows::json(&starts))]).await?;
        self.settled(written).await?;
        Ok(starts)
    }

    /// Notes an orderly end.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn note_end(&self) -> Result<(), StoreError> {
        let reported = Change::delete(key::health(&Subject::Deaths.key()));
        self.write(vec![Change::delete(key::starts()), reported]).await
    }

    /// What is remembered of each exclusion in an account.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn usage(&self, account: &str) -> Result<BTreeMap<UsedIn, Usage>, StoreError> {
        let prefix = key::exclusion(account, "");
        let rows = self.scan(prefix.clone()).await?;
        let usage = rows.iter().filter_map(|(key, row)| {
            let name = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            Some(((account.to_owned(), name), rows::read_usage(row)?))
        });
        Ok(usage.collect())
    }

    /// Which accounts have something to remember of an exclusion: pairs of an account and the exclusion's name.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn users(&self) -> Result<Vec<(String, String)>, StoreError> {
        let pair = |key: Vec<u8>| {
            let text = String::from_utf8_lossy(key.get(1..)?).into_owned();
            text.split_once('\0').map(|(account, name)| (account.to_owned(), name.to_owned()))
        };
        Ok(self.engine.keys(&key::exclusions()).await?.into_iter().filter_map(pair).collect())
    }

    /// Forgets marks of an account that no walk goes back to any more.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn forget(
        &self,
        account: &str,
        oldest: Timestamp,
        rescan: Duration,
    ) -> Result<usize, StoreError> {
        let before = earlier(earlier(oldest, rescan), Duration::from_secs(3600)).as_second();
        let mut old = Vec::new();
        let prefix = key::seconds(account);
        for (key, _) in self.engine.scan(std::slice::from_ref(&prefix), 4096).await?.concat() {
            if key::second_of(&key, prefix.len()) >= before {
                break;
            }
            old.push(Change::delete(key));
        }
        let forgotten = old.len();
        if forgotten > 0 {
            self.engine.write(old).await?;
        }
        Ok(forgotten)
    }
}
