//! sled, as it is safe to use, with what the disk does not take kept in memory. Owns when a write lasts; what the bytes mean
//! is `rows`'s.
//!
//! A batch is read by everybody once it is in sled's log, and lasts once that log is flushed and synced. Between the two no
//! lock is held: whoever waits for the disk holds up nobody, and those who wait together share one flush. sled recovers its log
//! up to the first part that is missing, so of two batches never the later one alone survives.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::domain::time::later;
use crate::store::engine::interface::{Answer, Change, Engine, Row, Written};
use crate::store::engine::parts::{self, Changes};
use crate::store::error::StoreError;
use crate::store::recovery;
use crate::store::recovery::database;

/// How many changes are kept in memory while the disk takes none; about ten thousand alerts.
const IN_MEMORY: usize = 40_000;
/// After so many changes that nobody waits for, a flush is due: they are in memory until then.
const UNFLUSHED: usize = 1_000;
/// How often the disk is tried again.
const TRY_EVERY: Duration = Duration::from_secs(5);

/// The state in a folder of this machine's disk.
#[derive(Debug)]
pub(in crate::store) struct Disk {
    path: PathBuf,
    clock: Clock,
    state: Mutex<State>,
    /// Held by who flushes for all that wait.
    flushing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    /// None only while a new handle could not be had.
    db: Option<sled::Db>,
    /// What the disk did not take: laid over what it has.
    overlay: Changes,
    trouble: Option<(String, Timestamp)>,
    /// How often the handle was given up.
    handles: u64,
    /// How often it was flushed.
    flushes: u64,
    written: Written,
    settled: Written,
    /// What is in the log since the last flush began, and what that flush is about: should it fail, they go on in memory.
    since_flush: Changes,
    in_flush: Changes,
}

impl Disk {
    pub fn new(path: PathBuf, db: sled::Db, clock: Clock) -> Self {
        let _without_a_reserve_a_full_disk_ends_the_process = recovery::set_aside(&path);
        let state = State {
            db: Some(db),
            overlay: Changes::new(),
            trouble: None,
            handles: 0,
            flushes: 0,
            written: Written(0),
            settled: Written(0),
            since_flush: Changes::new(),
            in_flush: Changes::new(),
        };
        Disk { path, clock, state: Mutex::new(state), flushing: tokio::sync::Mutex::new(()) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic inside sled leaves no half-made change behind: a batch is written or not.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads, also when the handle was spoilt by a write in the background that found the disk full: its error then
    /// comes out of reads too.
    fn read<T>(
        &self,
        state: &mut State,
        work: impl Fn(&sled::Db, &Changes) -> sled::Result<T>,
    ) -> Result<T, StoreError> {
        let first = self.handle(state).and_then(|db| guarded(|| work(&db, &state.overlay)));
        let Err(error) = first else { return first };
        self.fail(state, &error);
        let again = self.handle(state).and_then(|db| guarded(|| work(&db, &state.overlay)));
        again.map_err(|_| error)
    }

    /// Notes what is wrong, keeps in memory what may not have come to the disk, and takes a new handle, for which the
    /// reserve makes room.
    fn fail(&self, state: &mut State, error: &StoreError) {
        let now = self.clock.now();
        state.trouble.get_or_insert_with(|| (error.to_string(), now));
        let (first, then) = (std::mem::take(&mut state.in_flush), std::mem::take(&mut state.since_flush));
        state.overlay.extend(first);
        state.overlay.extend(then);
        state.settled = state.written;
        recovery::spend_reserve(&self.path);
        if let Err(error) = self.renew(state) {
            tracing::error!("cannot reopen the state: {error}");
        }
    }

    /// The old handle holds the lock, so it goes first.
    fn renew(&self, state: &mut State) -> Result<(), StoreError> {
        state.db = None;
        state.handles += 1;
        state.db = Some(recovery::reopen(&self.path)?);
        Ok(())
    }

    /// Without a handle nothing can be said, not even that there is nothing.
    fn handle(&self, state: &State) -> Result<sled::Db, StoreError> {
        let why = || state.trouble.as_ref().map(|(why, _)| why.clone()).unwrap_or_default();
        state.db.clone().ok_or_else(|| StoreError::Busy(why()))
    }

    fn remember(&self, state: &mut State, changes: Vec<Change>) -> Result<Written, StoreError> {
        if state.overlay.len() + changes.len() > IN_MEMORY {
            let why = state.trouble.as_ref().map(|(why, _)| why.clone()).unwrap_or_default();
            return Err(StoreError::Engine(format!("{why}, and no room is left in memory")));
        }
        state.overlay.extend(changes.into_iter().map(|change| (change.key, change.value)));
        state.written.0 += 1;
        state.settled = state.written;
        Ok(state.written)
    }

    /// Tries a new handle, since an error stays with the old one, and writes what is only in memory.
    fn try_recover(&self, state: &mut State) -> bool {
        let Some((why, tried)) = &state.trouble else { return true };
        let now = self.clock.now();
        if *tried <= now && now < later(*tried, TRY_EVERY) {
            return false;
        }
        state.trouble = Some((why.clone(), now));
        if !recovery::has_room(&self.path) || !recovery::set_aside(&self.path) {
            return false;
        }
        let kept: Vec<Change> = state
            .overlay
            .iter()
            .map(|(key, value)| Change { key: key.clone(), value: value.clone() })
            .collect();
        let written = self
            .renew(state)
            .and_then(|()| self.handle(state))
            .and_then(|db| guarded(|| parts::apply(&db, &kept).and_then(|()| flush(&db, &self.path))));
        match written {
            Ok(()) => {
                state.overlay.clear();
                state.trouble = None;
                true
            }
            Err(error) => {
                state.trouble = Some((error.to_string(), now));
                false
            }
        }
    }

    /// Puts a batch into the log, or keeps it in memory. Whether there is much now that was not flushed is answered too.
    fn log(&self, changes: Vec<Change>) -> Result<(Written, bool), StoreError> {
        let mut state = self.lock();
        if state.trouble.is_some() && !self.try_recover(&mut state) {
            return Ok((self.remember(&mut state, changes)?, false));
        }
        let applied = self.handle(&state).and_then(|db| guarded(|| parts::apply(&db, &changes)));
        if let Err(error) = applied {
            self.fail(&mut state, &error);
            return Ok((self.remember(&mut state, changes)?, false));
        }
        state.since_flush.extend(changes.into_iter().map(|change| (change.key, change.value)));
        state.written.0 += 1;
        Ok((state.written, state.since_flush.len() > UNFLUSHED))
    }

    /// Flushes for all that was written before, and for whoever waits for that.
    async fn flush_for_all(&self, upto: Written) {
        let _one_flushes_at_a_time = self.flushing.lock().await;
        let (db, handles, about) = {
            let mut state = self.lock();
            if state.settled >= upto {
                return;
            }
            let Some(db) = state.db.clone() else { return };
            let fresh = std::mem::take(&mut state.since_flush);
            state.in_flush.extend(fresh);
            (db, state.handles, state.written)
        };
        let path = self.path.clone();
        #[allow(clippy::disallowed_methods, reason = "a disk that hangs must not hold up the loops")]
        let flushed = tokio::task::spawn_blocking(move || guarded(|| flush(&db, &path))).await;
        let mut state = self.lock();
        // Who gave up the handle meanwhile has kept in memory what this flush was about.
        if state.handles != handles {
            return;
        }
        match flushed.unwrap_or_else(|ended| Err(StoreError::Engine(ended.to_string()))) {
            Ok(()) => {
                state.in_flush.clear();
                state.flushes += 1;
                state.settled = about;
            }
            Err(error) => self.fail(&mut state, &error),
        }
    }

    /// No flush begins as long as the guard lives.
    #[cfg(test)]
    pub async fn hold_flushes(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.flushing.lock().await
    }

    /// How often it was flushed.
    #[cfg(test)]
    pub fn flushes(&self) -> u64 {
        self.lock().flushes
    }

    /// From now on the handle fails, as after a full disk.
    #[cfg(test)]
    pub fn break_handle(&self, why: &str) {
        let mut state = self.lock();
        state.trouble = Some((why.to_owned(), self.clock.now()));
    }

    /// A new handle cannot be had, for as long as the old one lives.
    #[cfg(test)]
    pub fn lose_handle(&self) -> Option<sled::Db> {
        self.lock().db.take()
    }

    /// There is space again.
    #[cfg(test)]
    pub fn mend_handle(&self) {
        if let Some((_, tried)) = &mut self.lock().trouble {
            *tried = Timestamp::UNIX_EPOCH;
        }
    }
}

impl Engine for Disk {
    fn get<'a>(&'a self, keys: &'a [Vec<u8>]) -> Answer<'a, Vec<Option<Vec<u8>>>> {
        Box::pin(async move {
            self.read(&mut self.lock(), |db, overlay| {
                keys.iter().map(|key| parts::value(db, overlay, key)).collect()
            })
        })
    }

    fn scan<'a>(&'a self, prefixes: &'a [Vec<u8>], limit: usize) -> Answer<'a, Vec<Vec<Row>>> {
        Box::pin(async move {
            self.read(&mut self.lock(), |db, overlay| {
                prefixes.iter().map(|prefix| parts::scan(db, overlay, prefix, limit)).collect()
            })
        })
    }

    fn keys<'a>(&'a self, prefix: &'a [u8]) -> Answer<'a, Vec<Vec<u8>>> {
        Box::pin(async move { self.read(&mut self.lock(), |db, overlay| parts::keys(db, overlay, prefix)) })
    }

    fn write(&self, changes: Vec<Change>) -> Answer<'_, Written> {
        Box::pin(async move {
            let (written, many) = self.log(changes)?;
            if many {
                self.flush_for_all(written).await;
            }
            Ok(written)
        })
    }

    fn settled(&self, upto: Written) -> Answer<'_, ()> {
        Box::pin(async move {
            while self.lock().settled < upto {
                self.flush_for_all(upto).await;
                if self.lock().db.is_none() {
                    return Err(StoreError::Busy(self.degraded().unwrap_or_default()));
                }
            }
            Ok(())
        })
    }

    fn last(&self) -> Written {
        self.lock().written
    }

    fn degraded(&self) -> Option<String> {
        self.lock().trouble.as_ref().map(|(why, _)| why.clone())
    }

    fn recover(&self) -> bool {
        self.try_recover(&mut self.lock())
    }

    fn size(&self) -> u64 {
        self.lock().db.as_ref().and_then(|db| db.size_on_disk().ok()).unwrap_or_default()
    }
}

fn flush(db: &sled::Db, path: &Path) -> sled::Result<()> {
    db.flush()?;
    // flush() reaches the kernel, not the disk: 101 of 120 simulated power losses lost commits.
    File::open(database(path).join("db"))?.sync_data()?;
    Ok(())
}

/// sled panics on some damage (447 places in its source can); that must not end the process.
fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(StoreError::Engine(error.to_string())),
        Err(_) => Err(StoreError::Engine("the database panicked".to_owned())),
    }
}
