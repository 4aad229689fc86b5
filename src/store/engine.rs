//! sled, as it is safe to use, with what the disk does not take kept in memory. Owns bytes under keys; what they
//! mean is `rows`'s.

use std::collections::BTreeMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::domain::time::later;
use crate::store::error::StoreError;
use crate::store::recovery;
use crate::store::recovery::database;
use crate::store::rows::key;

/// Longer values are cut into parts: a sled item that passes 4 KiB by far ends in files that are never freed.
const PART: usize = 3 * 1024;
/// How many changes are kept in memory while the disk takes none; about ten thousand alerts.
const IN_MEMORY: usize = 40_000;
/// How often the disk is tried again.
const TRY_EVERY: Duration = Duration::from_secs(5);

/// A key and its value.
pub(super) type Row = (Vec<u8>, Vec<u8>);

/// One key's new value, or its end.
#[derive(Debug, Clone)]
pub(super) struct Change {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

impl Change {
    pub fn put(key: Vec<u8>, value: Vec<u8>) -> Self {
        Change { key, value: Some(value) }
    }

    pub fn delete(key: Vec<u8>) -> Self {
        Change { key, value: None }
    }
}

pub(super) struct Engine {
    path: PathBuf,
    clock: Clock,
    /// None only while a new handle could not be had.
    db: Option<sled::Db>,
    /// What the disk did not take: laid over what it has.
    overlay: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    trouble: Option<(String, Timestamp)>,
}

impl Engine {
    pub fn new(path: PathBuf, db: sled::Db, clock: Clock) -> Self {
        let _without_a_reserve_a_full_disk_ends_the_process = recovery::set_aside(&path);
        Engine { path, clock, db: Some(db), overlay: BTreeMap::new(), trouble: None }
    }

    pub fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(value) = self.overlay.get(key) {
            return Ok(value.clone());
        }
        self.read(|db| match db.get(key)? {
            Some(value) => whole(db, key, &value),
            None => Ok(None),
        })
    }

    /// Reads, also when the handle was spoilt by a write in the background that found the disk full: its error then
    /// comes out of reads too.
    fn read<T>(&mut self, work: impl Fn(&sled::Db) -> sled::Result<T>) -> Result<T, StoreError> {
        let first = self.handle().and_then(|db| guarded(|| work(db)));
        let Err(error) = first else { return first };
        self.fail(&error);
        let again = self.handle().and_then(|db| guarded(|| work(db)));
        again.map_err(|_| error)
    }

    /// Notes what is wrong, and takes a new handle, for which the reserve makes room.
    fn fail(&mut self, error: &StoreError) {
        let now = self.clock.now();
        self.trouble.get_or_insert_with(|| (error.to_string(), now));
        recovery::spend_reserve(&self.path);
        if let Err(error) = self.renew() {
            tracing::error!("cannot reopen the state: {error}");
        }
    }

    /// The old handle holds the lock, so it goes first.
    fn renew(&mut self) -> Result<(), StoreError> {
        self.db = None;
        self.db = Some(recovery::reopen(&self.path)?);
        Ok(())
    }

    /// Without a handle nothing can be said, not even that there is nothing.
    fn handle(&self) -> Result<&sled::Db, StoreError> {
        self.db.as_ref().ok_or_else(|| StoreError::Engine(self.degraded().unwrap_or_default()))
    }

    /// The keys that begin with `prefix`, in their order.
    pub fn keys(&mut self, prefix: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut keys: Vec<Vec<u8>> = self.read(|db| {
            db.scan_prefix(prefix).keys().map(|key| key.map(|key| key.to_vec())).collect::<sled::Result<_>>()
        })?;
        if !self.overlay.is_empty() {
            keys.retain(|key| !self.overlay.contains_key(key));
            let over = self.overlay.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
            keys.extend(over.filter(|(_, value)| value.is_some()).map(|(key, _)| key.clone()));
            keys.sort();
        }
        Ok(keys)
    }

    /// Up to `limit` rows whose keys begin with `prefix`, in their order.
    pub fn scan(&mut self, prefix: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let overlay = std::mem::take(&mut self.overlay);
        let read = self.read(|db| {
            let mut rows = Vec::new();
            for row in db.scan_prefix(prefix) {
                let (key, value) = row?;
                if !overlay.contains_key(key.as_ref())
                    && let Some(value) = whole(db, &key, &value)?
                {
                    rows.push((key.to_vec(), value));
                    if rows.len() >= limit {
                        break;
                    }
                }
            }
            Ok(rows)
        });
        self.overlay = overlay;
        let mut rows = read?;
        if !self.overlay.is_empty() {
            let over = self.overlay.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
            rows.extend(over.filter_map(|(key, value)| Some((key.clone(), value.clone()?))));
            rows.sort();
            rows.truncate(limit);
        }
        Ok(rows)
    }

    /// Writes all changes or none; with `sync`, to the disk itself.
    pub fn write(&mut self, changes: Vec<Change>, sync: bool) -> Result<(), StoreError> {
        if self.trouble.is_some() && !self.recover() {
            return self.remember(changes);
        }
        match self.try_write(&changes, sync) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.fail(&error);
                self.remember(changes)
            }
        }
    }

    fn remember(&mut self, changes: Vec<Change>) -> Result<(), StoreError> {
        if self.overlay.len() + changes.len() > IN_MEMORY {
            let why = self.degraded().unwrap_or_default();
            return Err(StoreError::Engine(format!("{why}, and no room is left in memory")));
        }
        self.overlay.extend(changes.into_iter().map(|change| (change.key, change.value)));
        Ok(())
    }

    fn try_write(&self, changes: &[Change], sync: bool) -> Result<(), StoreError> {
        let db = self.handle()?;
        guarded(|| {
            if !changes.is_empty() {
                let mut batch = sled::Batch::default();
                for change in changes {
                    cut(db, change, &mut batch)?;
                }
                db.apply_batch(batch)?;
            }
            if sync {
                db.flush()?;
                // flush() reaches the kernel, not the disk: 101 of 120 simulated power losses lost commits.
                File::open(database(&self.path).join("db"))?.sync_data()?;
            }
            Ok(())
        })
    }

    pub fn degraded(&self) -> Option<String> {
        self.trouble.as_ref().map(|(why, _)| why.clone())
    }

    /// Tries a new handle, since an error stays with the old one, and writes what is only in memory.
    pub fn recover(&mut self) -> bool {
        let Some((why, tried)) = &self.trouble else { return true };
        let now = self.clock.now();
        if *tried <= now && now < later(*tried, TRY_EVERY) {
            return false;
        }
        self.trouble = Some((why.clone(), now));
        if !recovery::has_room(&self.path) || !recovery::set_aside(&self.path) {
            return false;
        }
        if let Err(error) = self.renew() {
            self.trouble = Some((error.to_string(), now));
            return false;
        }
        let kept: Vec<Change> = self
            .overlay
            .iter()
            .map(|(key, value)| Change { key: key.clone(), value: value.clone() })
            .collect();
        match self.try_write(&kept, true) {
            Ok(()) => {
                self.overlay.clear();
                self.trouble = None;
                true
            }
            Err(error) => {
                self.trouble = Some((error.to_string(), now));
                false
            }
        }
    }

    /// From now on the handle fails, as after a full disk.
    #[cfg(test)]
    pub fn break_handle(&mut self, why: &str) {
        self.trouble = Some((why.to_owned(), self.clock.now()));
    }

    /// A new handle could not be had.
    #[cfg(test)]
    pub fn lose_handle(&mut self) {
        self.db = None;
    }

    /// There is space again.
    #[cfg(test)]
    pub fn mend_handle(&mut self) {
        if let Some((_, tried)) = &mut self.trouble {
            *tried = Timestamp::UNIX_EPOCH;
        }
    }

    pub fn size(&self) -> u64 {
        self.db.as_ref().and_then(|db| db.size_on_disk().ok()).unwrap_or_default()
    }
}

/// Adds a change to a batch. A value's first byte says in how many parts it stands elsewhere; zero is none.
fn cut(db: &sled::Db, change: &Change, batch: &mut sled::Batch) -> sled::Result<()> {
    let before = db.get(&change.key)?.and_then(|value| value.first().copied()).unwrap_or(0);
    let mut parts = 0u8;
    match &change.value {
        None => batch.remove(change.key.as_slice()),
        Some(value) if value.len() <= PART => {
            let mut row = vec![0];
            row.extend(value);
            batch.insert(change.key.as_slice(), row);
        }
        Some(value) => {
            for part in value.chunks(PART) {
                batch.insert(key::part(&change.key, parts), part);
                parts = parts.saturating_add(1);
            }
            batch.insert(change.key.as_slice(), vec![parts]);
        }
    }
    for gone in parts..before {
        batch.remove(key::part(&change.key, gone));
    }
    Ok(())
}

fn whole(db: &sled::Db, key: &[u8], row: &[u8]) -> sled::Result<Option<Vec<u8>>> {
    let Some((parts, value)) = row.split_first() else { return Ok(None) };
    if *parts == 0 {
        return Ok(Some(value.to_vec()));
    }
    let mut whole = Vec::new();
    for part in 0..*parts {
        match db.get(key::part(key, part))? {
            Some(part) => whole.extend_from_slice(&part),
            None => return Ok(None),
        }
    }
    Ok(Some(whole))
}

/// sled panics on some damage (447 places in its source can); that must not end the process.
fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(StoreError::Engine(error.to_string())),
        Err(_) => Err(StoreError::Engine("the database panicked".to_owned())),
    }
}
