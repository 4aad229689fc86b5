//! What is written together, whole or not at all.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::event::scope::Scope;
use crate::domain::health::coverage::Region;
use crate::domain::health::ledger::Ledger;
use crate::domain::health::subject::Subject;
use crate::domain::incident::Incident;
use crate::domain::judge::decision::Decision;
use crate::domain::judge::decisions::Place;
use crate::domain::judge::inputs::{Judgement, Known};
use crate::domain::judge::silence::Silence;
use crate::domain::lookup::cursor::Cursor;
use crate::domain::lookup::lane::LaneKind;
use crate::domain::notify::alert::Alert;
use crate::domain::notify::route::Route;
use crate::store::engine::{Change, Written};
use crate::store::error::StoreError;
use crate::store::rows::{self, key};
use crate::store::state::Store;
use crate::store::{alert_log, pending, story};

/// What is written together.
#[derive(Debug, Default)]
pub struct Commit {
    /// How far lanes have come.
    pub cursors: Vec<(LaneKind, Cursor)>,
    /// That is all they say: where nothing was decided either, they need not be written.
    pub idle: bool,
    /// What was decided of events.
    pub judgement: Judgement,
    /// The decisions on its alerts, with their places in the log of the last ones.
    pub alert_log: Vec<(Place, Decision)>,
    /// Incidents that changed; none for one that is forgotten.
    pub incidents: Vec<(String, Option<Incident>)>,
    /// Silences that hid something.
    pub silences: Vec<Silence>,
    /// The region's instances are known from now on.
    pub baseline: bool,
    /// Subjects of which it was reported that they fail (since then), or that they are well.
    pub health: Vec<(String, Option<Timestamp>)>,
    /// Since when regions are watched, and what of them was not read in time.
    pub ledgers: Vec<(Region, Ledger)>,
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
            || !(self.idle || self.cursors.is_empty())
            || !self.health.is_empty()
            || !self.ledgers.is_empty()
            || !self.incidents.is_empty()
            || !self.silences.is_empty()
    }
}

impl Store {
    /// Writes what belongs together, for an account and region; whoever asks holds the account's lock. Everybody reads it
    /// then, and it lasts once it is [`settled`](Store::settled): to which place is answered, or none where what it
    /// would cost to lose is one more read.
    ///
    /// # Errors
    /// When it could be kept neither on disk nor in memory; then nothing of it happened.
    pub async fn commit(
        &self,
        scope: Scope<'_>,
        commit: &Commit,
        routes: &[Route],
    ) -> Result<Option<Written>, StoreError> {
        let (now, judgement) = (self.clock.now(), &commit.judgement);
        let (account, region) = (scope.account(), scope.region());
        let mut changes = Vec::new();
        for (lane, cursor) in &commit.cursors {
            changes.push(Change::put(key::cursor(account, region, &lane.name()), rows::cursor(cursor)));
        }
        // A memory that is lost is learned again with the cursor that was lost with it.
        self.learned(scope, judgement, &mut changes).await?;
        let lasting = changes.len();
        self.marks(&judgement.marks, &mut changes).await?;
        self.enqueue(&judgement.alerts, commit.not_to.as_deref(), routes, now, &mut changes);
        for ((_, name), usage) in &judgement.usage {
            changes.push(Change::put(key::exclusion(account, name), rows::usage(usage)));
        }
        changes.extend(alert_log::changes(&commit.alert_log));
        changes.extend(commit.incidents.iter().map(|(id, incident)| match incident {
            Some(incident) => Change::put(key::incident(id), rows::json(incident)),
            None => Change::delete(key::incident(id)),
        }));
        let hid = |silence: &Silence| Change::put(key::silence(&silence.id), rows::json(silence));
        changes.extend(commit.silences.iter().map(hid));
        changes.extend(story::changes(scope, &judgement.stories));
        self.count(scope, judgement, &mut changes).await?;
        if commit.baseline {
            changes.push(Change::put(key::baseline(account, region), rows::time(now)));
        }
        if let Some(rules) = &commit.history {
            changes.push(Change::put(key::history(account, region), rules.clone().into_bytes()));
        }
        for (subject, since) in &commit.health {
            changes.push(match since {
                Some(since) => Change::put(key::health(subject), rows::time(*since)),
                None => Change::delete(key::health(subject)),
            });
        }
        let lasts = changes.len() > lasting;
        // A ledger that is lost is made anew of the places.
        let ledger = |((account, region), ledger): &(Region, Ledger)| {
            Change::put(key::ledger(account, region), rows::json(ledger))
        };
        changes.extend(commit.ledgers.iter().map(ledger));
        let written = self.engine.write(changes).await?;
        Ok(lasts.then_some(written))
    }

    async fn marks(&self, marks: &Known, changes: &mut Vec<Change>) -> Result<(), StoreError> {
        let mut seconds: BTreeMap<(&str, i64), Vec<u8>> = BTreeMap::new();
        for mark in marks {
            seconds.entry((&mark.account, mark.second)).or_default().extend(mark.id);
        }
        let prefixes: Vec<_> =
            seconds.keys().map(|(account, second)| key::second(account, *second)).collect();
        let known = self.engine.scan(&prefixes, usize::MAX).await?;
        for ((mut ids, prefix), rows) in seconds.into_values().zip(prefixes).zip(known) {
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

    /// Puts each alert into the queues of the sinks that take it. It is written out once, for all of them.
    fn enqueue(
        &self,
        alerts: &[Alert],
        not_to: Option<&str>,
        routes: &[Route],
        now: Timestamp,
        changes: &mut Vec<Change>,
    ) {
        for alert in alerts {
            let takes = |route: &&Route| route.takes(alert, now) && not_to != Some(route.sink.as_str());
            let mut routes = routes.iter().filter(takes).peekable();
            if routes.peek().is_none() {
                continue;
            }
            let row = pending::enqueued(alert, now);
            changes.extend(routes.map(|route| {
                Change::put(key::outbox(&route.sink, alert.severity, self.next_seq()), row.clone())
            }));
        }
    }
}
