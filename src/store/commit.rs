//! What is written together, whole or not at all.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::scope::Scope;
use crate::domain::health::subject::Subject;
use crate::domain::judge::decision::Decision;
use crate::domain::judge::inputs::{Judgement, Known};
use crate::domain::lookup::cursor::Cursor;
use crate::domain::notify::alert::Alert;
use crate::domain::notify::outbox::{Pending, Route};
use crate::domain::time::later;
use crate::store::engine::Change;
use crate::store::error::StoreError;
use crate::store::rows::{self, key};
use crate::store::state::{Inner, Store};
use crate::store::{alert_log, checkpoint, story};

/// How often the checkpoint beside the store is written.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// What is written together.
#[derive(Debug, Default)]
pub struct Commit {
    /// How far lanes have come.
    pub cursors: Vec<(String, Cursor)>,
    /// What was decided of events.
    pub judgement: Judgement,
    /// The decisions on its alerts, with their places in the log of the last ones.
    pub alert_log: Vec<(u64, Decision)>,
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
    /// That a subject fails since a time, or that it is well.
    pub fn of_health(subject: Subject<'_>, since: Option<Timestamp>) -> Self {
        Commit { health: vec![(subject.key(), since)], ..Commit::default() }
    }

    /// Whether there is anything to write.
    pub fn says_something(&self) -> bool {
        let judgement = &self.judgement;
        let decided = !(judgement.alerts.is_empty() && judgement.marks.is_empty());
        let learned = !(judgement.stories.is_empty()
            && judgement.usage.is_empty()
            && judgement.sightings.is_empty()
            && judgement.thresholds.is_empty()
            && judgement.tried.is_empty());
        decided
            || learned
            || self.history.is_some()
            || self.baseline
            || !self.cursors.is_empty()
            || !self.health.is_empty()
    }
}

impl Store {
    /// Writes what belongs together, for an account and region.
    ///
    /// # Errors
    /// When it could be kept neither on disk nor in memory; then nothing of it happened.
    pub fn commit(&self, scope: Scope<'_>, commit: &Commit, routes: &[Route]) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut inner = self.lock();
        let mut changes = Vec::new();
        for (lane, cursor) in &commit.cursors {
            changes
                .push(Change::put(key::cursor(scope.account(), scope.region(), lane), rows::cursor(cursor)));
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
        changes.extend(alert_log::changes(&commit.alert_log));
        changes.extend(story::changes(scope, &commit.judgement.stories));
        inner.tally(&commit.judgement, &mut changes)?;
        if commit.baseline {
            changes.push(Change::put(key::baseline(scope.account(), scope.region()), rows::time(now)));
        }
        if let Some(rules) = &commit.history {
            changes
                .push(Change::put(key::history(scope.account(), scope.region()), rules.clone().into_bytes()));
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
}

impl Inner {
    fn marks(&mut self, marks: &Known, changes: &mut Vec<Change>) -> Result<(), StoreError> {
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
