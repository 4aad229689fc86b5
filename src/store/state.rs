//! The open state: an engine, and how it is begun. What is in it is `rows`'s, what belongs together `commit`'s.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::domain::time::later;
use crate::store::checkpoint;
use crate::store::engine::{Change, Disk, Engine, InMemory, Row, Written};
use crate::store::error::StoreError;
use crate::store::recovery::{self, Opened};
use crate::store::rows::{self, key};

/// How often the checkpoint beside the store is written.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// The open state: what is kept, on its engine.
#[derive(Debug)]
pub struct Store {
    pub(super) clock: Clock,
    pub(super) engine: Arc<dyn Engine>,
    /// The number of the last alert that was put into a queue.
    seq: AtomicU64,
    checkpoint: Option<Checkpointed>,
}

/// Where the copy of the cursors stands, and when it was written.
#[derive(Debug)]
struct Checkpointed {
    folder: PathBuf,
    last: Mutex<Timestamp>,
}

impl Store {
    /// Opens the state in a folder, mending it where it can.
    ///
    /// # Errors
    /// When the folder cannot be used, is held by another process, or is of a newer version.
    pub async fn open(path: &Path, clock: Clock) -> Result<(Self, Opened), StoreError> {
        let now = clock.now();
        let (db, opened) = recovery::open(path, now)?;
        let disk = Disk::new(path.to_owned(), db, clock);
        let mut store = Store::on(Arc::new(disk), clock).await?;
        store.checkpoint = Some(Checkpointed { folder: path.to_owned(), last: Mutex::new(now) });
        if opened != Opened::AsItWas {
            store.begin_from_checkpoint(path).await?;
        }
        if recovery::is_older(path) {
            store.learn_again().await?;
        }
        recovery::seal(path)?;
        Ok((store, opened))
    }

    /// A state that is gone with the process.
    ///
    /// # Errors
    /// None that memory has.
    pub async fn in_memory(clock: Clock) -> Result<Self, StoreError> {
        Store::on(Arc::new(InMemory::default()), clock).await
    }

    /// A state under an engine with weather.
    #[cfg(test)]
    pub async fn under(weather: &Arc<crate::store::engine::Weather>, clock: Clock) -> Self {
        Store::on(weather.clone(), clock).await.expect("it opens")
    }

    pub(super) async fn on(engine: Arc<dyn Engine>, clock: Clock) -> Result<Self, StoreError> {
        let mut last = 0;
        for queue in [key::outbox_all(), key::dead_all()] {
            let seqs = engine.keys(&queue).await?.into_iter().filter_map(|key| rows::seq_of(&key)).max();
            last = last.max(seqs.unwrap_or_default());
        }
        Ok(Store { clock, engine, seq: AtomicU64::new(last), checkpoint: None })
    }

    /// The number of an alert in a queue: larger than any that waits.
    pub(super) fn next_seq(&self) -> u64 {
        self.seq.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) async fn get(&self, key: Vec<u8>) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.engine.get(&[key]).await?.pop().flatten())
    }

    pub(super) async fn scan(&self, prefix: Vec<u8>) -> Result<Vec<Row>, StoreError> {
        Ok(self.engine.scan(&[prefix], usize::MAX).await?.pop().unwrap_or_default())
    }

    /// Writes, and waits until it lasts.
    pub(super) async fn write(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let written = self.engine.write(changes).await?;
        self.engine.settled(written).await
    }

    /// Waits until a crash or a power loss takes nothing of what was written up to a place.
    ///
    /// # Errors
    /// When that cannot be said now.
    pub async fn settled(&self, upto: Written) -> Result<(), StoreError> {
        self.engine.settled(upto).await
    }

    /// After a reset: every lane goes back to the checkpoint, and what was judged before is forgotten, so that a
    /// reset costs repeats and not gaps. A mark may have outlived the alert that it stands for.
    async fn begin_from_checkpoint(&self, folder: &Path) -> Result<(), StoreError> {
        let checkpoint = checkpoint::read(folder);
        let mut changes: Vec<Change> =
            self.engine.keys(&key::marks()).await?.into_iter().map(Change::delete).collect();
        // Instances launched after the last time of which something is known are alerted on.
        let lost = checkpoint.iter().map(|(_, cursor)| cursor.through).min();
        changes.extend(lost.map(|lost| Change::put(key::lost(), rows::time(lost))));
        for (key, mut cursor) in checkpoint {
            // What was learned is lost with the rest, and is learned again.
            if key::is_history(&key) {
                continue;
            }
            if let Some(kept) = self.get(key.clone()).await?.and_then(|row| rows::read_cursor(&row)) {
                cursor.through = cursor.through.min(kept.through);
            }
            changes.push(Change::put(key, rows::cursor(&cursor)));
        }
        self.write(changes).await
    }

    /// An older version kept what accounts did and what exclusions hid for all accounts together: that is learned again, from
    /// the history, and nothing else is touched.
    async fn learn_again(&self) -> Result<(), StoreError> {
        let mut changes = Vec::new();
        for prefix in key::learned() {
            changes.extend(self.engine.keys(&prefix).await?.into_iter().map(Change::delete));
        }
        let cursors = self.engine.keys(&key::cursors()).await?;
        changes.extend(cursors.into_iter().filter(|key| key::is_history(key)).map(Change::delete));
        self.write(changes).await
    }

    /// Whether what is written reaches the disk; if not, why.
    pub fn degraded(&self) -> Option<String> {
        self.engine.degraded()
    }

    /// Tries to write what is only in memory; true when there is nothing left that is.
    pub fn recover(&self) -> bool {
        self.engine.recover()
    }

    /// The size of the state, in bytes.
    pub fn size(&self) -> u64 {
        self.engine.size()
    }

    /// Writes the copy of the cursors beside the state, where it is due.
    pub async fn checkpoint(&self) {
        let Some(checkpoint) = &self.checkpoint else { return };
        {
            let (now, mut last) =
                (self.clock.now(), checkpoint.last.lock().unwrap_or_else(PoisonError::into_inner));
            if now >= *last && now < later(*last, CHECKPOINT_EVERY) {
                return;
            }
            *last = now;
        }
        checkpoint::write(&checkpoint.folder, self.engine.as_ref()).await;
    }

    /// Writes everything to disk; the last call before the end.
    pub async fn close(&self) {
        if let Some(checkpoint) = &self.checkpoint {
            checkpoint::write(&checkpoint.folder, self.engine.as_ref()).await;
        }
        let _in_memory_is_said_by_degraded = self.engine.settled(self.engine.last()).await;
    }
}
