//! The open state: one engine under one lock, and how it is begun. What is in it is `rows`'s, what belongs together
//! `commit`'s.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::clock::Clock;
use crate::store::checkpoint;
use crate::store::engine::{Change, Engine};
use crate::store::error::StoreError;
use crate::store::recovery::{self, Opened};
use crate::store::rows::{self, key};

/// The state.
pub struct Store {
    pub(super) path: PathBuf,
    pub(super) clock: Clock,
    inner: Mutex<Inner>,
}

pub(super) struct Inner {
    pub engine: Engine,
    pub seq: u64,
    pub checkpointed: Timestamp,
}

impl Store {
    /// Opens the state in a folder, mending it where it can.
    ///
    /// # Errors
    /// When the folder cannot be used, is held by another process, or is of a newer version.
    pub fn open(path: &Path, clock: Clock) -> Result<(Self, Opened), StoreError> {
        let now = clock.now();
        let (db, opened) = recovery::open(path, now)?;
        let mut engine = Engine::new(path.to_owned(), db, clock);
        let seq = match engine.get(&key::seq())? {
            Some(row) => rows::number(&row),
            None => 0,
        };
        let store = Store {
            path: path.to_owned(),
            clock,
            inner: Mutex::new(Inner { engine, seq, checkpointed: now }),
        };
        if opened != Opened::AsItWas {
            store.begin_from_checkpoint()?;
        }
        Ok((store, opened))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic inside sled leaves no half-made change behind: a batch is written or not.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After a reset: every lane goes back to the checkpoint, and what was judged before is forgotten, so that a
    /// reset costs repeats and not gaps. A mark may have outlived the alert that it stands for.
    fn begin_from_checkpoint(&self) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let mut changes: Vec<Change> = Vec::new();
        let checkpoint = checkpoint::read(&self.path);
        for (key, _) in inner.engine.scan(&key::marks(), usize::MAX)? {
            changes.push(Change::delete(key));
        }
        // Instances launched after the last time of which something is known are told.
        let lost = checkpoint.iter().map(|(_, cursor)| cursor.through).min();
        changes.extend(lost.map(|lost| Change::put(key::lost(), rows::time(lost))));
        for (key, mut cursor) in checkpoint {
            // What was learned is lost with the rest, and is learned again.
            if String::from_utf8_lossy(&key).contains("\0history ") {
                continue;
            }
            if let Some(kept) = inner.engine.get(&key)?.and_then(|row| rows::read_cursor(&row)) {
                cursor.through = cursor.through.min(kept.through);
            }
            changes.push(Change::put(key, rows::cursor(&cursor)));
        }
        inner.engine.write(changes, true)
    }

    /// Whether what is written reaches the disk; if not, why.
    pub fn degraded(&self) -> Option<String> {
        self.lock().engine.degraded()
    }

    /// Tries to write what is only in memory; true when there is nothing left that is.
    pub fn recover(&self) -> bool {
        self.lock().engine.recover()
    }

    /// The size of the state on disk, in bytes.
    pub fn size(&self) -> u64 {
        self.lock().engine.size()
    }

    /// Writes everything to disk; the last call before the end.
    pub fn close(&self) {
        let mut inner = self.lock();
        checkpoint::write(&self.path, &mut inner.engine);
        let _in_memory_is_said_by_degraded = inner.engine.write(Vec::new(), true);
    }
}
