//! What all loops know together of incidents, and what somebody wants not to hear of. Owns that an alert is silenced before it joins an
//! incident, and that what somebody asks for is written before it counts.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::derived_id;
use crate::domain::incident::brief::Brief;
use crate::domain::incident::incidents::Incidents;
use crate::domain::incident::{Acknowledged, Incident};
use crate::domain::judge::joining::{self, join};
use crate::domain::judge::silence::{SILENCES, Silence, silence};
use crate::domain::language::Language;
use crate::domain::notify::message::{Message, Pending};
use crate::store::{Commit, Store, StoreError};

/// How many letters and digits a silence's id has.
const ID: usize = 6;

/// Every incident and every silence.
#[derive(Debug)]
pub(in crate::daemon) struct IncidentState {
    incidents: Mutex<Incidents>,
    silences: Mutex<Vec<Silence>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl IncidentState {
    /// As the state has them.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn load(store: &Store) -> Result<Self, StoreError> {
        Ok(IncidentState {
            incidents: Mutex::new(Incidents::restored(store.incidents().await?)),
            silences: Mutex::new(store.silences().await?),
        })
    }

    /// Takes out what is silenced, and puts the rest of a batch's alerts into their incidents. What changed of both is to be written with
    /// the batch.
    pub fn assign(&self, commit: &mut Commit, now: Timestamp) {
        let mut silences = lock(&self.silences);
        for id in silence(&silences, &mut commit.judgement, now) {
            silences.iter_mut().filter(|silence| silence.id == id).for_each(|silence| {
                silence.hid += 1;
                commit.silences.retain(|known| known.id != silence.id);
                commit.silences.push(silence.clone());
            });
        }
        drop(silences);
        let mut incidents = lock(&self.incidents);
        join(&mut incidents, &mut commit.judgement, now);
        commit.incidents = incidents.take_changes();
    }

    /// Closes the incidents that were quiet for so long, and answers these. They are written with the next batch.
    pub fn close(&self, quiet: Duration, now: Timestamp) -> Vec<Incident> {
        let mut incidents = lock(&self.incidents);
        let closed = incidents.close(quiet, now);
        for id in &closed {
            tracing::info!(incident = id, "incident closed: nothing happened for close_after");
        }
        closed.iter().filter_map(|id| incidents.get(id).cloned()).collect()
    }

    /// A batch could not be written: its incidents are written with the next one.
    pub fn unwritten(&self, incidents: Vec<(String, Option<Incident>)>) {
        lock(&self.incidents).unwritten(incidents.into_iter().map(|(id, _)| id));
    }

    /// Every incident, those that grew last first.
    pub fn incidents(&self) -> Vec<Incident> {
        lock(&self.incidents).all().into_iter().cloned().collect()
    }

    /// The incidents that are critical since so long and that nobody looks after, each once.
    pub fn ask_for_somebody(&self, after: Duration, now: Timestamp) -> Vec<Incident> {
        lock(&self.incidents).ask_for_somebody(after, now)
    }

    /// Puts what waits into the conversations as they stand now.
    pub fn group(&self, pending: &mut [Pending]) {
        let incidents = lock(&self.incidents);
        let parts = pending.iter_mut().filter(|pending| !pending.alert.part.incident.is_empty());
        parts.for_each(|pending| joining::group(&incidents, &mut pending.alert));
    }

    /// The incidents that a message is about, each once, as they are `now`.
    pub fn briefs(&self, message: &Message, now: Timestamp, language: Language) -> Vec<Brief> {
        let ids = message.alerts.iter().map(|pending| pending.alert.part.incident.as_str());
        let incidents = lock(&self.incidents);
        let mut briefs: Vec<Brief> = Vec::new();
        for incident in ids.filter_map(|id| incidents.whole(id)) {
            if briefs.iter().all(|brief| brief.id != incident.id) {
                briefs.push(Brief::of(incident, now, language));
            }
        }
        briefs
    }

    /// Every silence that is in force, the one that ends first before the others.
    pub fn silences(&self, now: Timestamp) -> Vec<Silence> {
        let mut silences = lock(&self.silences).clone();
        silences.retain(|silence| now < silence.until);
        silences.sort_by_key(|silence| silence.until);
        silences
    }

    /// Takes one in, which is in force once it is written.
    ///
    /// # Errors
    /// All that is wrong with it; or why it cannot be written.
    pub async fn add(&self, store: &Store, silence: Silence, now: Timestamp) -> Result<Silence, Vec<String>> {
        let known = self.silences(now);
        let mut problems = silence.problems(now);
        if known.len() >= SILENCES {
            problems.push(format!("{SILENCES} silences are in force: expire one"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let id = derived_id(&["silence", &now.to_string(), &silence.why, &known.len().to_string()]);
        let silence = Silence { id: id[..ID].to_owned(), since: now, hid: 0, ..silence.cleaned() };
        store.put_silence(&silence).await.map_err(|error| vec![error.to_string()])?;
        let mut silences = lock(&self.silences);
        silences.retain(|silence| now < silence.until);
        silences.push(silence.clone());
        tracing::info!(silence = silence.id, owner = silence.owner, until = %silence.until, "silence added: {}", silence.why);
        Ok(silence)
    }

    /// Ends one; false where there is none of that id.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn expire(&self, store: &Store, id: &str) -> Result<bool, StoreError> {
        if !lock(&self.silences).iter().any(|silence| silence.id == id) {
            return Ok(false);
        }
        store.delete_silence(id).await?;
        lock(&self.silences).retain(|silence| silence.id != id);
        tracing::info!(silence = id, "silence expired by hand");
        Ok(true)
    }

    /// Forgets those that are over.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn end_silences(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let over: Vec<Silence> =
            lock(&self.silences).iter().filter(|silence| silence.until <= now).cloned().collect();
        for silence in over {
            store.delete_silence(&silence.id).await?;
            lock(&self.silences).retain(|known| known.id != silence.id);
            tracing::info!(silence = silence.id, hid = silence.hid, "silence is over");
        }
        Ok(())
    }

    /// Somebody looks after an incident; none where there is none of that id. It is written with the next batch.
    pub fn acknowledge(&self, id: &str, said: Acknowledged) -> Option<Incident> {
        let mut incidents = lock(&self.incidents);
        let id = incidents.get(id).and_then(|incident| incidents.whole(&incident.id))?.id.clone();
        incidents.acknowledge(&id, said);
        tracing::info!(incident = id, "incident acknowledged");
        incidents.get(&id).cloned()
    }
}
