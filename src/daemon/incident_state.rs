//! What all loops know together of incidents, and what somebody wants not to hear of. Owns that an alert is silenced before it joins an
//! incident, and that what somebody asks for is written before it counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::derived_id;
use crate::domain::incident::brief::Brief;
use crate::domain::incident::credential::Credential;
use crate::domain::incident::incidents::Incidents;
use crate::domain::incident::{Acknowledged, Incident};
use crate::domain::judge::joining::{self, join};
use crate::domain::judge::silence::{SILENCES, Silence, silence};
use crate::domain::language::Language;
use crate::domain::lookup::follow::Suspect;
use crate::domain::lookup::stream::Stream;
use crate::domain::notify::message::{Message, Pending};
use crate::domain::severity::Severity;
use crate::store::{Commit, Store, StoreError};

/// How many letters and digits a silence's id has.
const ID: usize = 6;

/// Every incident and every silence.
#[derive(Debug)]
pub(in crate::daemon) struct IncidentState {
    incidents: Mutex<Incidents>,
    /// Which batch took each incident last, as long as that is being written.
    taken: Mutex<Taken>,
    silences: Mutex<Vec<Silence>>,
    /// Whom open incidents are about, with the account of each.
    suspects: Mutex<Arc<[(String, Suspect)]>>,
}

/// Batches of two accounts may write one incident, and the older of them last.
#[derive(Debug, Default)]
struct Taken {
    batches: u64,
    /// Of each incident, the last batch that took it, and how many that did are being written.
    of: BTreeMap<String, (u64, usize)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whom the open incidents of medium or worse are about: the keys, and users and people that were made or signed in in them. A
/// session's name and a whole role would be others too.
fn suspects(incidents: &Incidents) -> Arc<[(String, Suspect)]> {
    let open = |incident: &&&Incident| {
        !incident.closed && incident.part_of.is_none() && incident.worst >= Severity::Medium
    };
    let mut all = Vec::new();
    for incident in incidents.all().iter().filter(open) {
        for member in &incident.members {
            let stream = match (&member.credential, &member.made) {
                (Credential::Key(key), _) => Stream::Key(key.clone()),
                (Credential::User { user, .. } | Credential::Password { user, .. }, Some(_)) => {
                    Stream::User(user.clone())
                }
                (Credential::Person(_), _) => Stream::User(member.credential.name().to_owned()),
                (Credential::Instance(id), Some(_)) => Stream::User(id.clone()),
                _ => continue,
            };
            let since = incident.began.min(member.since);
            let account = incident.account.0.clone();
            if all.iter().all(|(of, known): &(String, Suspect)| *of != account || known.stream != stream) {
                all.push((account, Suspect { stream, since }));
            }
        }
    }
    all.into()
}

impl IncidentState {
    /// As the state has them.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn load(store: &Store) -> Result<Self, StoreError> {
        let incidents = Incidents::restored(store.incidents().await?);
        Ok(IncidentState {
            suspects: Mutex::new(suspects(&incidents)),
            incidents: Mutex::new(incidents),
            taken: Mutex::default(),
            silences: Mutex::new(store.silences().await?),
        })
    }

    /// Whom to follow in an account, of the incident that grew last first.
    pub fn suspects(&self, account: &str) -> Vec<Suspect> {
        let all = lock(&self.suspects).clone();
        all.iter().filter(|(of, _)| of == account).map(|(_, suspect)| suspect.clone()).collect()
    }

    /// Takes out what is silenced, and puts the rest of a batch's alerts into their incidents. What changed of both is to be written with
    /// the batch, whose number is answered.
    pub fn assign(&self, commit: &mut Commit, now: Timestamp) -> u64 {
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
        if !commit.incidents.is_empty() {
            *lock(&self.suspects) = suspects(&incidents);
        }
        let mut taken = lock(&self.taken);
        taken.batches += 1;
        let batch = taken.batches;
        for (id, _) in &commit.incidents {
            let (last, open) = taken.of.entry(id.clone()).or_default();
            (*last, *open) = (batch, *open + 1);
        }
        batch
    }

    /// A batch was written, or could not be. What could not, and an incident that a later batch took meanwhile, is to be written once
    /// more: the later one may have been written before, and stand in the state as it was.
    pub fn written(&self, batch: u64, incidents: Vec<(String, Option<Incident>)>, is_kept: bool) {
        let mut taken = lock(&self.taken);
        let mut again = Vec::new();
        for (id, _) in incidents {
            let Some((last, open)) = taken.of.get_mut(&id) else { continue };
            *open -= 1;
            let (is_overtaken, is_last) = (*last > batch, *open == 0);
            if is_last {
                taken.of.remove(&id);
            }
            again.extend((is_overtaken || !is_kept).then_some(id));
        }
        drop(taken);
        lock(&self.incidents).unwritten(again);
    }

    /// Whether something of an incident is still to be written.
    pub fn has_changes(&self) -> bool {
        lock(&self.incidents).has_changes()
    }

    /// Closes the incidents that were quiet for so long, and answers these. They are written with the next batch.
    pub fn close(&self, quiet: Duration, now: Timestamp) -> Vec<Incident> {
        let mut incidents = lock(&self.incidents);
        let closed = incidents.close(quiet, now);
        if !closed.is_empty() {
            *lock(&self.suspects) = suspects(&incidents);
        }
        for id in &closed {
            tracing::info!(incident = id, "incident closed: nothing happened for close_after");
        }
        closed.iter().filter_map(|id| incidents.get(id).cloned()).collect()
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
        store.end_silence(id).await?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::domain::incident::Part;
    use crate::domain::incident::credential::Credential;
    use crate::domain::judge::inputs::Judgement;
    use crate::domain::notify::alert::Alert;

    /// Two accounts' batches are about one thief, and the first is written last: the state would forget what the second says of him.
    #[tokio::test]
    async fn an_incident_that_an_older_batch_overwrote_is_written_again() {
        let store = Store::in_memory(Clock::system()).await.expect("a store");
        let state = IncidentState::load(&store).await.expect("read");
        let now = Clock::system().now();
        let batch = |n: u8| {
            let part = Part { by: vec![Credential::Key("AKIA1".to_owned())], ..Part::default() };
            let alerts = vec![Alert { id: n.to_string(), part, ..Alert::sample() }];
            Commit { judgement: Judgement { alerts, ..Judgement::default() }, ..Commit::default() }
        };
        let (mut first, mut second) = (batch(1), batch(2));
        let (older, newer) = (state.assign(&mut first, now), state.assign(&mut second, now));
        assert_eq!(first.incidents.len(), 1, "it is one incident");
        state.written(newer, second.incidents, true);
        assert!(!state.has_changes());
        state.written(older, first.incidents, true);
        assert!(state.has_changes(), "the older one stands in the state");
        let mut again = Commit::default();
        let batch = state.assign(&mut again, now);
        assert_eq!(again.incidents[0].1.as_ref().map(|incident| incident.alerts), Some(2));
        state.written(batch, again.incidents, true);
        assert!(!state.has_changes());
    }

    #[tokio::test]
    async fn an_incident_whose_batch_could_not_be_written_is_written_with_the_next() {
        let store = Store::in_memory(Clock::system()).await.expect("a store");
        let state = IncidentState::load(&store).await.expect("read");
        let now = Clock::system().now();
        let part = Part { by: vec![Credential::Key("AKIA1".to_owned())], ..Part::default() };
        let alerts = vec![Alert { part, ..Alert::sample() }];
        let judgement = Judgement { alerts, ..Judgement::default() };
        let mut commit = Commit { judgement, ..Commit::default() };
        let batch = state.assign(&mut commit, now);
        state.written(batch, commit.incidents, false);
        assert!(state.has_changes());
    }
}
