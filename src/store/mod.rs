//! The state on disk, and the only place that writes it. Owns what is kept, under which keys, and that what
//! belongs together is written together; deciding is the domain's.
//!
//! # What is kept
//!
//! One sled tree, its keys in one order (`\0` ends a text inside a key):
//!
//! | key | value |
//! | --- | --- |
//! | `b` | when the state was begun; always there |
//! | `c` account `\0` region `\0` lane | how far the lane has come |
//! | `s` account `\0` second, chunk | up to 64 ids of 16 bytes that were judged in that second |
//! | `k` account `\0` region | the region was enabled when they were last listed |
//! | `l` account | when its regions were last listed |
//! | `r` account `\0` region | the region's instances are known: a baseline was taken |
//! | `i` account `\0` region `\0` instance | its story: as last listed, who launched it, alerts that wait for a half |
//! | `o` sink `\0` urgency, seq | an alert that waits for that sink |
//! | `g` sink `\0` group | what was last sent of the group |
//! | `w` sink | nothing goes to the sink before that time |
//! | `d` sink `\0` seq | an alert that the sink refused for good |
//! | `h` subject | it was told that the subject fails, since then |
//! | `x` exclusion | how often it hid something, who used its tags, and where |
//! | `m` kind, bucket | what accounts did before: 15 bytes made of each value, when it was seen first and last |
//! | `q` rule and values | what a rule with a threshold has counted |
//! | `e` account `\0` region | under which rules its history was read, and what came meanwhile was judged |
//! | `t` | what was told, hidden and missed since the last daily summary |
//! | `n` | the last seq |
//! | `z` | when the state was lost, if it was |
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
mod outbox;
mod past;
mod progress;
mod rows;
mod story;
mod tally;

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
use crate::domain::judge::{Judgement, Mark};
use crate::domain::outbox::{Pending, Route};
use crate::domain::pacer::later;
use engine::{Change, Engine};
use rows::key;

/// The version of what is kept. A newer one on disk is refused untouched.
pub const SCHEMA: u32 = 1;
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
    /// The region's instances are known from now on.
    pub baseline: bool,
    /// Subjects of which it was told that they fail (since then), or that they are well.
    pub health: Vec<(String, Option<Timestamp>)>,
    /// The region's history was read under these rules, and what came meanwhile is being judged.
    pub history: Option<String>,
    /// No alert of this commit goes to this sink.
    pub not_to: Option<String>,
}

impl Commit {
    /// Whether there is anything to write.
    pub fn says_something(&self) -> bool {
        let judgement = &self.judgement;
        let decided = !(judgement.alerts.is_empty() && judgement.marks.is_empty());
        let learned = !(judgement.stories.is_empty()
            && judgement.usage.is_empty()
            && judgement.sightings.is_empty()
            && judgement.bursts.is_empty()
            && judgement.tried.is_empty());
        decided
            || learned
            || self.history.is_some()
            || self.baseline
            || !self.cursors.is_empty()
            || !self.health.is_empty()
    }
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

    fn lock(&self) -> MutexGuard<'_, Inner> {
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
        // A memory that is lost is learned again with the cursor that was lost with it.
        inner.past(&commit.judgement, &mut changes)?;
        let durable = changes.len();
        inner.marks(&commit.judgement.marks, &mut changes)?;
        let seq =
            inner.enqueue(&commit.judgement.alerts, commit.not_to.as_deref(), routes, now, &mut changes);
        let usage = &commit.judgement.usage;
        changes
            .extend(usage.iter().map(|(name, usage)| Change::put(key::exclusion(name), rows::usage(usage))));
        changes.extend(story::changes(scope, &commit.judgement.stories));
        inner.tally(&commit.judgement, &mut changes)?;
        if commit.baseline {
            changes.push(Change::put(key::baseline(scope.account, scope.region), rows::time(now)));
        }
        if let Some(rules) = &commit.history {
            changes.push(Change::put(key::history(scope.account, scope.region), rules.clone().into_bytes()));
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
        if now < inner.checkpointed || now >= later(inner.checkpointed, CHECKPOINT_EVERY) {
            inner.checkpointed = now;
            checkpoint::write(&self.path, &mut inner.engine);
        }
        Ok(())
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

impl Inner {
    fn marks(&mut self, marks: &[Mark], changes: &mut Vec<Change>) -> Result<(), StoreError> {
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
                if !route.takes(alert) || not_to == Some(route.sink.as_str()) {
                    continue;
                }
                seq += 1;
                let pending =
                    Pending { seq, enqueued: now, refusals: 0, not_before: None, alert: alert.clone() };
                changes.push(Change::put(key::outbox(&route.sink, &pending), rows::pending(&pending)));
            }
        }
        if seq > self.seq {
            changes.push(Change::put(key::seq(), seq.to_be_bytes().to_vec()));
        }
        seq
    }
}
