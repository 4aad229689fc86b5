//! The state on disk, and the only place that writes it. Owns what is kept, under which keys, and that what
//! belongs together is written together; deciding is the domain's.
//!
//! # What is kept
//!
//! One sled tree, its keys in one order (`\0` ends a text inside a key):
//!
//! | key | value |
//! | --- | --- |
//! | `c` account `\0` region `\0` lane | how far the lane has come |
//! | `s` account `\0` second, chunk | up to 64 ids of 16 bytes that were judged in that second |
//! | `k` account `\0` region | the region was enabled when they were last listed |
//! | `r` account `\0` region | the region's instances are known: a baseline was taken |
//! | `i` account `\0` region `\0` instance | the instance as last listed, and its changes that wait for tags |
//! | `o` sink `\0` urgency, seq | an alert that waits for that sink |
//! | `g` sink `\0` group | what was last sent of the group |
//! | `w` sink | nothing goes to the sink before that time |
//! | `d` sink `\0` seq | an alert that the sink refused for good |
//! | `h` subject | it was told that the subject fails, since then |
//! | `x` exclusion | how often it hid something, and the last time |
//! | `n` | the last seq |
//! | `p` key, chunk | a part of a value that is longer than 3 KiB |
//!
//! # A crash
//!
//! A commit is one sled batch, which recovers whole or not at all, then `flush` and `sync_data`: sled's flush
//! alone does not reach the disk before a power loss (`ARCHITECTURE.md`, "The store"). Commits that carry only
//! cursors are not synced: a lost cursor is read again. Alerts, marks, inventory and settlements are.
//!
//! # A full disk
//!
//! The handle's errors are sticky, so the engine keeps what it cannot write in memory, lays it over what it
//! reads, and writes it to a new handle once there is space. Meanwhile alerts go out although they are not
//! durable; the cursors on disk stay behind, so a crash then repeats alerts and loses none.

mod checkpoint;
mod engine;
mod ladder;
mod rows;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::domain::alert::Alert;
use crate::domain::cursor::Cursor;
use crate::domain::inventory::{Observation, Tracked};
use crate::domain::judge::{Judgement, Mark};
use crate::domain::outbox::{Digest, Pending, Route, Sent};
use crate::domain::pacer::{earlier, later};
use engine::{Change, Engine};
use rows::key;

/// The version of what is kept. A newer one on disk is refused untouched.
pub const SCHEMA: u32 = 1;
/// How many dead alerts are kept for each sink.
const DEAD: usize = 1000;
/// How many waiting alerts of a sink are looked at together, the most urgent first.
const LOOKED_AT: usize = 400;
/// How often the checkpoint beside the store is written.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// Why there is no state to work with.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or written.
    #[error(
        "cannot keep state in {path}: {why}; make it a folder that this user can write, or set [state] path"
    )]
    Create {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// Another process has it.
    #[error(
        "the state in {0} is held by another trailnoti: stop that one, or give this one its own [state] path"
    )]
    Held(PathBuf),
    /// A newer version wrote it.
    #[error(
        "the state in {path} is of version {found}, and this program knows {SCHEMA}: use the newer program again, or another [state] path"
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// The version on disk.
        found: String,
    },
    /// The engine fails.
    #[error("the state cannot be used: {0}")]
    Engine(String),
}

/// What happened to the state when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// It was there, or is new.
    AsItWas,
    /// It was damaged or gone, and begun anew from the checkpoint; a copy of the damaged one is kept.
    Reset {
        /// What was wrong.
        why: String,
        /// Where the copy is, if there was anything to copy.
        copy: Option<PathBuf>,
    },
}

/// What is written together.
#[derive(Debug, Default)]
pub struct Commit {
    /// How far lanes have come.
    pub cursors: Vec<(String, Cursor)>,
    /// What was decided of events.
    pub judgement: Judgement,
    /// What a list of instances changed; with the baseline taken.
    pub inventory: Option<Observation>,
    /// Subjects of which it was told that they fail (since then), or that they are well.
    pub health: Vec<(String, Option<Timestamp>)>,
    /// No alert of this commit goes to this sink.
    pub not_to: Option<String>,
}

/// What an exclusion hid so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// How many events.
    pub count: u64,
    /// The time of the last.
    pub last: Timestamp,
}

/// The state.
pub struct Store {
    path: PathBuf,
    clock: Clock,
    inner: Mutex<Inner>,
}

struct Inner {
    engine: Engine,
    seq: u64,
    checkpointed: Timestamp,
}

/// Whose and where a commit is.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The account's number.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
}

impl Store {
    /// Opens the state in a folder, mending it where it can.
    ///
    /// # Errors
    /// When the folder cannot be used, is held by another process, or is of a newer version.
    pub fn open(path: &Path, clock: Clock) -> Result<(Self, Opened), StoreError> {
        let now = clock.now();
        let (db, opened) = ladder::open(path, now)?;
        let engine = Engine::new(path.to_owned(), db, clock);
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

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic inside sled leaves no half-made change behind: a batch is written or not.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After a reset: every lane goes back to the checkpoint, and what was judged before is forgotten, so that a
    /// reset costs repeats and not gaps. A mark may have outlived the alert that it stands for.
    fn begin_from_checkpoint(&self) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let mut changes: Vec<Change> = Vec::new();
        for (key, _) in inner.engine.scan(&key::marks(), usize::MAX)? {
            changes.push(Change::delete(key));
        }
        for (key, mut cursor) in checkpoint::read(&self.path) {
            if let Some(kept) = inner.engine.get(&key)?.and_then(|row| rows::read_cursor(&row)) {
                cursor.through = cursor.through.min(kept.through);
            }
            changes.push(Change::put(key, rows::cursor(&cursor)));
        }
        inner.engine.write(changes, true)
    }

    /// Writes what belongs together, for an account and region.
    ///
    /// # Errors
    /// When it could be kept neither on disk nor in memory; then nothing of it happened.
    pub fn commit(&self, scope: Scope<'_>, commit: &Commit, routes: &[Route]) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut inner = self.lock();
        let mut changes = Vec::new();
        for (lane, cursor) in &commit.cursors {
            changes.push(Change::put(key::cursor(scope.account, scope.region, lane), rows::cursor(cursor)));
        }
        let durable = changes.len();
        inner.marks(&commit.judgement.marks, &mut changes)?;
        let seq =
            inner.enqueue(&commit.judgement.alerts, commit.not_to.as_deref(), routes, now, &mut changes);
        inner.hidden(&commit.judgement.excluded, &mut changes)?;
        if let Some(seen) = &commit.inventory {
            changes.push(Change::put(key::baseline(scope.account, scope.region), rows::time(now)));
            for tracked in &seen.put {
                let key = key::instance(scope.account, scope.region, &tracked.instance.id);
                changes.push(Change::put(key, rows::tracked(tracked)));
            }
            for id in &seen.gone {
                changes.push(Change::delete(key::instance(scope.account, scope.region, id)));
            }
        }
        for (subject, since) in &commit.health {
            changes.push(match since {
                Some(since) => Change::put(key::health(subject), rows::time(*since)),
                None => Change::delete(key::health(subject)),
            });
        }
        let sync = changes.len() > durable;
        inner.engine.write(changes, sync)?;
        inner.seq = seq;
        if now >= later(inner.checkpointed, CHECKPOINT_EVERY) {
            inner.checkpointed = now;
            checkpoint::write(&self.path, &inner.engine);
        }
        Ok(())
    }

    /// Whether an event was judged before.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn seen(&self, mark: &Mark) -> Result<bool, StoreError> {
        let rows = self.lock().engine.scan(&key::second(&mark.account, mark.second), usize::MAX)?;
        Ok(rows.iter().any(|(_, ids)| ids.chunks_exact(16).any(|id| id == mark.id)))
    }

    /// How far a lane has come.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn cursor(&self, scope: Scope<'_>, lane: &str) -> Result<Option<Cursor>, StoreError> {
        let row = self.lock().engine.get(&key::cursor(scope.account, scope.region, lane))?;
        Ok(row.and_then(|row| rows::read_cursor(&row)))
    }

    /// Forgets the lanes of a region that no rule asks for any more.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn keep_lanes(&self, scope: Scope<'_>, lanes: &[String]) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let prefix = key::cursor(scope.account, scope.region, "");
        let rows = inner.engine.scan(&prefix, usize::MAX)?;
        let gone = rows.into_iter().filter(|(key, _)| {
            let lane = String::from_utf8_lossy(&key[prefix.len()..]);
            !lanes.iter().any(|kept| *kept == lane)
        });
        let changes: Vec<Change> = gone.map(|(key, _)| Change::delete(key)).collect();
        if changes.is_empty() { Ok(()) } else { inner.engine.write(changes, false) }
    }

    /// What is known of a region's instances; `None` before its baseline.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn inventory(&self, scope: Scope<'_>) -> Result<Option<BTreeMap<String, Tracked>>, StoreError> {
        let inner = self.lock();
        if inner.engine.get(&key::baseline(scope.account, scope.region))?.is_none() {
            return Ok(None);
        }
        let rows = inner.engine.scan(&key::instance(scope.account, scope.region, ""), usize::MAX)?;
        let tracked = rows.iter().filter_map(|(_, row)| rows::read_tracked(row));
        Ok(Some(tracked.map(|tracked| (tracked.instance.id.clone(), tracked)).collect()))
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

    /// These regions are enabled now. Those that were not before are answered; at the first list, none. The
    /// instances of such a region are known to be none, so that all it has is news.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn discovered(&self, account: &str, regions: &[String]) -> Result<Vec<String>, StoreError> {
        let known = self.regions(account)?;
        let now = self.clock.now();
        let new: Vec<String> = regions.iter().filter(|region| !known.contains(region)).cloned().collect();
        let mut changes: Vec<Change> =
            new.iter().map(|region| Change::put(key::region(account, region), rows::time(now))).collect();
        changes.extend(
            known
                .iter()
                .filter(|known| !regions.contains(known))
                .map(|gone| Change::delete(key::region(account, gone))),
        );
        let appeared = if known.is_empty() { Vec::new() } else { new };
        for region in &appeared {
            changes.push(Change::put(key::baseline(account, region), rows::time(now)));
        }
        if !changes.is_empty() {
            self.lock().engine.write(changes, true)?;
        }
        Ok(appeared)
    }

    /// For each account, the earliest time that a walk may still go back to.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn oldest_cursors(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let mut oldest: BTreeMap<String, Timestamp> = BTreeMap::new();
        for (key, row) in self.lock().engine.scan(&key::cursors(), usize::MAX)? {
            let Some(cursor) = rows::read_cursor(&row) else { continue };
            let start = cursor.walk.map_or(cursor.through, |walk| walk.start.min(cursor.through));
            let first = oldest.entry(key::first_of(&key)).or_insert(start);
            *first = start.min(*first);
        }
        Ok(oldest)
    }

    /// What waits for a sink, the most urgent first, and what was sent of its groups.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn pending(&self, sink: &str) -> Result<(Vec<Pending>, BTreeMap<String, Sent>), StoreError> {
        let inner = self.lock();
        let prefix = key::outbox_of(sink);
        let pending = inner
            .engine
            .scan(&prefix, LOOKED_AT)?
            .iter()
            .filter_map(|(key, row)| rows::read_pending(key, row))
            .collect();
        let prefix = key::group(sink, "");
        let sent = inner.engine.scan(&prefix, usize::MAX)?;
        let sent = sent.iter().filter_map(|(key, row)| {
            Some((String::from_utf8_lossy(&key[prefix.len()..]).into_owned(), rows::read_sent(row)?))
        });
        Ok((pending, sent.collect()))
    }

    /// How many alerts wait for a sink, and since when the oldest does.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn queue(&self, sink: &str) -> Result<(usize, Option<Timestamp>), StoreError> {
        let rows = self.lock().engine.scan(&key::outbox_of(sink), usize::MAX)?;
        let oldest =
            rows.iter().filter_map(|(key, row)| rows::read_pending(key, row)).map(|p| p.enqueued).min();
        Ok((rows.len(), oldest))
    }

    /// A message was delivered: its alerts are done.
    ///
    /// # Errors
    /// When that cannot be written; the message would then be sent again.
    pub fn delivered(
        &self,
        sink: &str,
        digest: &Digest,
        sent: &[(String, Sent)],
        over: &[String],
    ) -> Result<(), StoreError> {
        let mut changes: Vec<Change> =
            digest.alerts.iter().map(|pending| Change::delete(key::outbox(sink, pending))).collect();
        changes.extend(over.iter().map(|group| Change::delete(key::group(sink, group))));
        changes
            .extend(sent.iter().map(|(group, sent)| Change::put(key::group(sink, group), rows::sent(sent))));
        changes.push(Change::delete(key::wait(sink)));
        self.lock().engine.write(changes, true)
    }

    /// A sink refused a message: each of its alerts is to be tried by itself.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn simplify(&self, sink: &str, digest: &Digest) -> Result<(), StoreError> {
        let changes = digest
            .alerts
            .iter()
            .map(|pending| {
                let refused = Pending { refused: true, ..pending.clone() };
                Change::put(key::outbox(sink, &refused), rows::pending(&refused))
            })
            .collect();
        self.lock().engine.write(changes, true)
    }

    /// A sink will never take these: they are kept among the dead, the oldest of which make room.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn bury(&self, sink: &str, digest: &Digest) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let dead = inner.engine.scan(&key::dead(sink, None), usize::MAX)?;
        let excess = (dead.len() + digest.alerts.len()).saturating_sub(DEAD);
        let mut changes: Vec<Change> =
            dead.into_iter().take(excess).map(|(key, _)| Change::delete(key)).collect();
        for pending in &digest.alerts {
            changes.push(Change::delete(key::outbox(sink, pending)));
            changes.push(Change::put(key::dead(sink, Some(pending.seq)), rows::pending(pending)));
        }
        inner.engine.write(changes, true)
    }

    /// The alerts that a sink refused for good.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn dead(&self, sink: &str) -> Result<Vec<Alert>, StoreError> {
        let rows = self.lock().engine.scan(&key::dead(sink, None), usize::MAX)?;
        Ok(rows.iter().filter_map(|(key, row)| Some(rows::read_pending(key, row)?.alert)).collect())
    }

    /// Nothing goes to the sink before `until`; that holds over a restart.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn defer(&self, sink: &str, until: Timestamp) -> Result<(), StoreError> {
        self.lock().engine.write(vec![Change::put(key::wait(sink), rows::time(until))], false)
    }

    /// The time before which nothing goes to the sink.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn deferred(&self, sink: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.lock().engine.get(&key::wait(sink))?.and_then(|row| rows::read_time(&row)))
    }

    /// Since when it is told that a subject fails.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn told(&self, subject: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.lock().engine.get(&key::health(subject))?.and_then(|row| rows::read_time(&row)))
    }

    /// What each exclusion hid.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn hidden(&self) -> Result<Vec<(String, Hidden)>, StoreError> {
        let prefix = key::exclusion("");
        let rows = self.lock().engine.scan(&prefix, usize::MAX)?;
        Ok(rows
            .iter()
            .filter_map(|(key, row)| {
                Some((String::from_utf8_lossy(&key[prefix.len()..]).into_owned(), rows::read_hidden(row)?))
            })
            .collect())
    }

    /// Alerts for sinks that are not configured any more become dead ones of those sinks.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn retire_sinks(&self, routes: &[Route]) -> Result<Vec<String>, StoreError> {
        let mut inner = self.lock();
        let mut changes = Vec::new();
        let mut retired = std::collections::BTreeSet::new();
        for (full, row) in inner.engine.scan(&key::outbox_all(), usize::MAX)? {
            let sink = key::first_of(&full);
            if routes.iter().any(|route| route.sink == sink) {
                continue;
            }
            if let Some(pending) = rows::read_pending(&full, &row) {
                changes.push(Change::put(key::dead(&sink, Some(pending.seq)), row));
                changes.push(Change::delete(full));
                retired.insert(sink);
            }
        }
        inner.engine.write(changes, true)?;
        Ok(retired.into_iter().collect())
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
        checkpoint::write(&self.path, &inner.engine);
        let _in_memory_is_said_by_degraded = inner.engine.write(Vec::new(), true);
    }
}

impl Inner {
    fn marks(&self, marks: &[Mark], changes: &mut Vec<Change>) -> Result<(), StoreError> {
        let mut seconds: BTreeMap<(&str, i64), Vec<u8>> = BTreeMap::new();
        for mark in marks {
            seconds.entry((&mark.account, mark.second)).or_default().extend(mark.id);
        }
        for ((account, second), mut ids) in seconds {
            let prefix = key::second(account, second);
            let rows = self.engine.scan(&prefix, usize::MAX)?;
            let mut chunk = rows.len();
            if let Some((_, last)) = rows.last().filter(|(_, last)| last.len() < rows::IDS * 16) {
                chunk -= 1;
                let mut whole = last.clone();
                whole.append(&mut ids);
                ids = whole;
            }
            for (n, part) in ids.chunks(rows::IDS * 16).enumerate() {
                changes.push(Change::put(key::chunk(&prefix, chunk + n), part.to_vec()));
            }
        }
        Ok(())
    }

    fn enqueue(
        &self,
        alerts: &[Alert],
        not_to: Option<&str>,
        routes: &[Route],
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) -> u64 {
        let mut seq = self.seq;
        for alert in alerts {
            for route in routes {
                if alert.severity < route.min_severity || not_to == Some(route.sink.as_str()) {
                    continue;
                }
                seq += 1;
                let pending = Pending { seq, enqueued: now, refused: false, alert: alert.clone() };
                changes.push(Change::put(key::outbox(&route.sink, &pending), rows::pending(&pending)));
            }
        }
        if seq > self.seq {
            changes.push(Change::put(key::seq(), seq.to_be_bytes().to_vec()));
        }
        seq
    }

    fn hidden(&self, excluded: &[(String, Timestamp)], changes: &mut Vec<Change>) -> Result<(), StoreError> {
        let mut counts: BTreeMap<&String, Hidden> = BTreeMap::new();
        for (name, time) in excluded {
            let hidden = match counts.get(name) {
                Some(hidden) => hidden.clone(),
                None => {
                    let row = self.engine.get(&key::exclusion(name))?;
                    row.and_then(|row| rows::read_hidden(&row)).unwrap_or(Hidden { count: 0, last: *time })
                }
            };
            counts.insert(name, Hidden { count: hidden.count + 1, last: hidden.last.max(*time) });
        }
        changes
            .extend(counts.into_iter().map(|(name, h)| Change::put(key::exclusion(name), rows::hidden(&h))));
        Ok(())
    }
}
