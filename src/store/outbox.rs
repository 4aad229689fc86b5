//! What waits for a sink, what was sent, and what the sink will never take.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::notify::alert::Alert;
use crate::domain::notify::message::{Message, Pending};
use crate::domain::notify::outbox::{PER_MESSAGE, Sent};
use crate::domain::notify::route::Route;
use crate::domain::notify::storm::{Place, Storm};
use crate::domain::severity::Severity;
use crate::store::engine::Change;
use crate::store::error::StoreError;
use crate::store::rows::key;
use crate::store::state::Store;
use crate::store::{pending, rows};

/// How many dead alerts are kept for each sink.
const DEAD: usize = 1000;
/// How many waiting alerts of a sink are looked at together, the most urgent first.
const LOOKED_AT: usize = 400;
/// How many rows are read to find them.
const SCANNED: usize = 4000;

impl Store {
    /// What waits for a sink, the most urgent first, and what was sent of its groups. Nothing is shown before it lasts.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn pending(&self, sink: &str) -> Result<(Vec<Pending>, BTreeMap<String, Sent>), StoreError> {
        let mut of_group: BTreeMap<String, usize> = BTreeMap::new();
        let mut pending: Vec<Pending> = Vec::new();
        // Where each one that a storm shows stands among them.
        let mut places = Vec::new();
        let rows: Vec<_> =
            self.engine.scan(&[key::outbox_of(sink)], SCANNED).await?.into_iter().flatten().collect();
        let mut storm = Storm::of(rows.len());
        for (key, row) in rows {
            let Some(glance) = pending::glance(&row) else { continue };
            if storm.is_one() && glance.refusals == 0 {
                match storm.place(glance.kind()) {
                    Place::Shown => places.push(pending.len()),
                    // One that counts others is shown whatever there is of its kind.
                    Place::Beside(_) if glance.counted > 0 => {}
                    Place::Beside(shown) => {
                        let shown: Option<&mut Pending> =
                            places.get(shown).and_then(|at: &usize| pending.get_mut(*at));
                        shown.into_iter().for_each(|shown| shown.like.extend(glance.like(&key)));
                        continue;
                    }
                }
            } else {
                // One group that waits for its interval must not hide the others.
                let seen = of_group.entry(glance.group.into_owned()).or_default();
                *seen += 1;
                if *seen > PER_MESSAGE {
                    continue;
                }
            }
            if pending.len() < LOOKED_AT {
                pending.extend(pending::read(&key, &row));
            } else if !storm.is_one() {
                break;
            }
        }
        if !pending.is_empty() {
            self.settled(self.engine.last()).await?;
        }
        let prefix = key::group(sink, "");
        let sent = self.scan(prefix.clone()).await?;
        let sent = sent.iter().filter_map(|(key, row)| {
            Some((String::from_utf8_lossy(&key[prefix.len()..]).into_owned(), rows::read_sent(row)?))
        });
        Ok((pending, sent.collect()))
    }

    /// How many alerts wait for a sink.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn queue(&self, sink: &str) -> Result<usize, StoreError> {
        Ok(self.engine.keys(&key::outbox_of(sink)).await?.len())
    }

    /// A message was delivered: its alerts are done.
    ///
    /// # Errors
    /// When that cannot be written; the message would then be sent again.
    pub async fn delivered(
        &self,
        sink: &str,
        message: &Message,
        sent: &[(String, Sent)],
        over: &[String],
    ) -> Result<(), StoreError> {
        let mut changes = Vec::new();
        for pending in &message.alerts {
            changes.push(Change::delete(key::pending(sink, pending)));
            let severity = pending.alert.severity;
            changes.extend(
                pending.like.iter().map(|like| Change::delete(key::outbox(sink, severity, like.seq))),
            );
        }
        changes.extend(over.iter().map(|group| Change::delete(key::group(sink, group))));
        changes
            .extend(sent.iter().map(|(group, sent)| Change::put(key::group(sink, group), rows::sent(sent))));
        changes.push(Change::delete(key::wait(sink)));
        self.write(changes).await
    }

    /// A sink refused a message: each of its alerts is to be tried by itself, not before `not_before`.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn refused(
        &self,
        sink: &str,
        message: &Message,
        not_before: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let changes = message
            .alerts
            .iter()
            .map(|pending| {
                let refusals = pending.refusals.saturating_add(1);
                let refused = Pending { refusals, not_before, ..pending.clone() };
                Change::put(key::pending(sink, &refused), pending::row(&refused))
            })
            .collect();
        self.write(changes).await
    }

    /// These are for nobody: they wait no longer.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn withdraw(&self, sink: &str, pending: &[&Pending]) -> Result<(), StoreError> {
        self.write(pending.iter().map(|pending| Change::delete(key::pending(sink, pending))).collect()).await
    }

    /// A sink cannot send: what is urgent of what waits there, and was not passed on yet, waits for those who stand by too. How many
    /// these are is answered. Of each severity it goes on behind `looked_at`, which it moves: however much waits, only the last of it is read again.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn fail_over(
        &self,
        sink: &str,
        backups: &[&str],
        looked_at: &mut BTreeMap<Severity, Vec<u8>>,
    ) -> Result<usize, StoreError> {
        let mut passed = 0;
        for severity in [Severity::Critical, Severity::High] {
            let mut keys = self.engine.keys(&key::outbox_at(sink, severity)).await?;
            if let Some(upto) = looked_at.get(&severity) {
                keys.retain(|key| key > upto);
            }
            // An account's batch may be written behind another's that was numbered later: the last ones are looked at once more.
            let settled = keys.len().checked_sub(LOOKED_AT + 1).and_then(|last| keys.get(last)).cloned();
            for keys in keys.chunks(LOOKED_AT) {
                let rows = self.engine.get(keys).await?;
                let mut changes = Vec::new();
                for (key, row) in keys.iter().zip(rows) {
                    let waiting = row.and_then(|row| pending::read(key, &row));
                    let Some(mut waiting) = waiting.filter(|waiting| !waiting.alert.part.passed_on) else {
                        continue;
                    };
                    waiting.alert.part.passed_on = true;
                    changes.push(Change::put(key.clone(), pending::row(&waiting)));
                    let copy = Pending { refusals: 0, not_before: None, ..waiting };
                    changes.extend(backups.iter().map(|backup| {
                        Change::put(key::outbox(backup, severity, self.next_seq()), pending::row(&copy))
                    }));
                    passed += 1;
                }
                if !changes.is_empty() {
                    self.write(changes).await?;
                }
            }
            looked_at.extend(settled.map(|key| (severity, key)));
        }
        Ok(passed)
    }

    /// A sink will never take these: they are kept among the dead, the oldest of which make room.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn bury(&self, sink: &str, message: &Message) -> Result<(), StoreError> {
        let dead = self.engine.keys(&key::dead(sink, None)).await?;
        let excess = (dead.len() + message.alerts.len()).saturating_sub(DEAD);
        let mut changes: Vec<Change> = dead.into_iter().take(excess).map(Change::delete).collect();
        for pending in &message.alerts {
            changes.push(Change::delete(key::pending(sink, pending)));
            changes.push(Change::put(key::dead(sink, Some(pending.seq)), pending::row(pending)));
        }
        self.write(changes).await
    }

    /// The alerts that a sink refused for good.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn dead(&self, sink: &str) -> Result<Vec<Alert>, StoreError> {
        let rows = self.scan(key::dead(sink, None)).await?;
        Ok(rows.iter().filter_map(|(key, row)| Some(pending::read(key, row)?.alert)).collect())
    }

    /// Nothing goes to the sink before `until`; that holds over a restart.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn defer(&self, sink: &str, until: Timestamp) -> Result<(), StoreError> {
        self.engine.write(vec![Change::put(key::wait(sink), rows::time(until))]).await?;
        Ok(())
    }

    /// The time before which nothing goes to the sink.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn deferred(&self, sink: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get(key::wait(sink)).await?.and_then(|row| rows::read_time(&row)))
    }

    /// Alerts for sinks that are not configured any more become dead ones of those sinks. Where a sink's readers
    /// changed (`me` and `me/alice@example.com`), they go to all the readers that it has now.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn retire_sinks(&self, routes: &[Route]) -> Result<BTreeMap<String, usize>, StoreError> {
        let mut changes = Vec::new();
        let mut retired: BTreeMap<String, usize> = BTreeMap::new();
        for (full, row) in self.scan(key::outbox_all()).await? {
            let sink = key::first_of(&full);
            if routes.iter().any(|route| route.sink == sink) {
                continue;
            }
            let Some(pending) = pending::read(&full, &row) else { continue };
            changes.push(Change::delete(full));
            let same = |route: &&Route| configured(&route.sink) == configured(&sink);
            let mut readers = routes.iter().filter(same).peekable();
            if readers.peek().is_none() {
                changes.push(Change::put(key::dead(&sink, Some(pending.seq)), row));
                *retired.entry(sink).or_default() += 1;
                continue;
            }
            changes.extend(readers.map(|reader| {
                let key = key::outbox(&reader.sink, pending.alert.severity, self.next_seq());
                Change::put(key, row.clone())
            }));
        }
        if !changes.is_empty() {
            self.write(changes).await?;
        }
        Ok(retired)
    }
}

/// The sink's name in the configuration: a mail's reader stands behind a slash, which no name has.
fn configured(sink: &str) -> &str {
    sink.split('/').next().unwrap_or(sink)
}
