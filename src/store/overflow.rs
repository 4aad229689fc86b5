//! Making room in a queue. Owns how alerts become a count in their rows; which ones do is the domain's.

use std::collections::BTreeMap;

use crate::domain::notify::overflow::{MAY_BE_COUNTED, excess, fold};
use crate::domain::notify::storm::Kind;
use crate::store::engine::{Change, Row};
use crate::store::error::StoreError;
use crate::store::pending;
use crate::store::rows::key;
use crate::store::state::Store;

/// How many rows are looked at together, so that a long queue is never in memory whole.
const TOGETHER: usize = 4_000;

/// How alike alerts must be for one to be counted beside the other.
#[derive(Debug, Clone, Copy)]
enum Alike {
    /// The same rule, principal, region and severity.
    Kind,
    /// The same rule and severity: where somebody makes new names without end.
    Rule,
}

impl Store {
    /// Makes counts of the oldest and least urgent alerts that wait for a sink, where more wait than there is room for, and adds the ids
    /// of those that are counts now to `counted`. Nobody else may take from the queue meanwhile.
    ///
    /// # Errors
    /// When the state cannot be read or written; what was counted until then is.
    pub async fn make_room(&self, sink: &str, counted: &mut Vec<String>) -> Result<(), StoreError> {
        let too_many = excess(self.queue(sink).await?);
        for alike in [Alike::Kind, Alike::Rule] {
            let excess = match alike {
                Alike::Kind => too_many,
                // However many urgent ones wait, that is no reason to take their names from the others.
                Alike::Rule => counted.len() + excess(self.less_urgent(sink).await?),
            };
            for severity in MAY_BE_COUNTED {
                let keys = self.engine.keys(&key::outbox_at(sink, severity)).await?;
                for together in keys.chunks(TOGETHER) {
                    if counted.len() >= excess {
                        break;
                    }
                    let values = self.engine.get(together).await?;
                    let rows = together.iter().cloned().zip(values);
                    let rows: Vec<Row> = rows.filter_map(|(key, value)| Some((key, value?))).collect();
                    let (changes, ids) = folded(&rows, alike, excess - counted.len());
                    if !ids.is_empty() {
                        self.write(changes).await?;
                        counted.extend(ids);
                    }
                }
            }
        }
        Ok(())
    }

    /// How many wait that may become counts.
    async fn less_urgent(&self, sink: &str) -> Result<usize, StoreError> {
        let mut waiting = 0;
        for severity in MAY_BE_COUNTED {
            waiting += self.engine.keys(&key::outbox_at(sink, severity)).await?.len();
        }
        Ok(waiting)
    }
}

/// The rows of one severity with the oldest counted, and the ids of those that are counts now.
fn folded(rows: &[Row], alike: Alike, excess: usize) -> (Vec<Change>, Vec<String>) {
    // What the sink refused is tried by itself, and takes nothing with it.
    let glances: Vec<_> = rows
        .iter()
        .filter_map(|(key, row)| {
            Some((key, row, pending::glance(row).filter(|glance| glance.refusals == 0)?))
        })
        .collect();
    let kinds = glances.iter().map(|(.., glance)| match alike {
        Alike::Kind => (glance.rule(), Some(glance.kind())),
        Alike::Rule => (glance.rule(), None::<Kind>),
    });
    let (mut changes, mut ids) = (Vec::new(), Vec::new());
    let mut kept: BTreeMap<usize, u64> = BTreeMap::new();
    for (at, beside) in fold(kinds, excess) {
        let Some((key, _, glance)) = glances.get(at) else { continue };
        *kept.entry(beside).or_default() += 1 + glance.counted;
        changes.push(Change::delete((*key).clone()));
        ids.push(glance.id());
    }
    for (at, more) in kept {
        let Some((key, row, _)) = glances.get(at) else { continue };
        let Some(mut pending) = pending::read(key, row) else { continue };
        pending.counted += more;
        changes.push(Change::put((*key).clone(), pending::row(&pending)));
    }
    (changes, ids)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::domain::judge::inputs::Judgement;
    use crate::domain::notify::message::Message;
    use crate::domain::notify::outbox::PER_MESSAGE;
    use crate::domain::notify::overflow::ROOM;
    use crate::domain::severity::Severity;
    use crate::store::tests::{alert, clock, keep, routes};
    use crate::store::{Commit, Store};

    /// Puts alerts of a severity into the queue, of so many principals in turn.
    async fn wait(store: &Store, alerts: usize, severity: Severity, principals: usize) {
        let one = |n: usize| {
            let mut alert = alert(n as u64, severity);
            (alert.id, alert.principal) = (format!("{severity:?}-{n}"), format!("user/u{}", n % principals));
            alert.facts.clear();
            alert
        };
        let judgement = Judgement { alerts: (0..alerts).map(one).collect(), ..Judgement::default() };
        keep(store, &Commit { judgement, ..Commit::default() }, &routes(&["a"])).await;
    }

    async fn make_room(store: &Store) -> Vec<String> {
        let mut counted = Vec::new();
        store.make_room("a", &mut counted).await.expect("made");
        counted
    }

    /// Takes all that waits, as a sink would; how many alerts were said of each severity, and how many messages that were.
    async fn taken(store: &Store) -> (BTreeMap<Severity, u64>, usize) {
        let (mut said, mut messages) = (BTreeMap::new(), 0);
        loop {
            let (mut pending, _) = store.pending("a").await.expect("read");
            if pending.is_empty() {
                return (said, messages);
            }
            pending.truncate(PER_MESSAGE);
            for one in &pending {
                *said.entry(one.alert.severity).or_default() += 1 + one.more();
            }
            let message = Message { alerts: pending, ..Message::default() };
            store.delivered("a", &message, &[], &[]).await.expect("settled");
            messages += 1;
        }
    }

    #[tokio::test]
    async fn r5_what_there_is_no_room_for_is_counted_and_nothing_urgent_is() {
        let store = Store::in_memory(clock()).await.expect("it opens");
        wait(&store, 500, Severity::High, 500).await;
        wait(&store, 3_000, Severity::Medium, 30).await;
        wait(&store, 8_000, Severity::Low, 40).await;
        let counted = make_room(&store).await;
        // Low ones make all the room, the oldest first, and leave one of each principal.
        assert_eq!(counted.len(), 2_500);
        assert!(counted.iter().all(|id| id.starts_with("Low-")), "{counted:?}");
        assert!(counted.contains(&"Low-40".to_owned()) && !counted.contains(&"Low-7999".to_owned()));
        assert_eq!(store.queue("a").await.expect("read"), 9_000);
        assert_eq!(make_room(&store).await, [""; 0]);
        let (said, messages) = taken(&store).await;
        let all = [(Severity::Low, 8_000), (Severity::Medium, 3_000), (Severity::High, 500)];
        assert_eq!(said, BTreeMap::from(all));
        assert!(messages <= 40, "{messages}");
    }

    #[tokio::test]
    async fn r5_who_makes_new_names_without_end_is_counted_by_the_rule() {
        let store = Store::in_memory(clock()).await.expect("it opens");
        wait(&store, ROOM + 1, Severity::Info, ROOM + 1).await;
        assert_eq!(make_room(&store).await.len(), 1_001);
        let (said, _) = taken(&store).await;
        assert_eq!(said, BTreeMap::from([(Severity::Info, ROOM as u64 + 1)]));
    }

    /// Where each of the oldest was of a kind of its own, nothing after them was looked at, and all lost their names.
    #[tokio::test]
    async fn r5_who_comes_after_many_names_is_counted_by_his_own() {
        let store = Store::in_memory(clock()).await.expect("it opens");
        wait(&store, 5_000, Severity::Low, 5_000).await;
        let alerts = |n: usize| {
            let mut alert = alert((5_000 + n) as u64, Severity::Low);
            (alert.id, alert.principal) = (format!("later-{n}"), "user/later".to_owned());
            alert.facts.clear();
            alert
        };
        let judgement = Judgement { alerts: (0..6_000).map(alerts).collect(), ..Judgement::default() };
        keep(&store, &Commit { judgement, ..Commit::default() }, &routes(&["a"])).await;
        let counted = make_room(&store).await;
        assert_eq!(counted.len(), 2_000);
        assert!(counted.iter().all(|id| id.starts_with("later-")), "{counted:?}");
    }

    #[tokio::test]
    async fn r5_high_ones_stay_however_many_they_are() {
        let store = Store::in_memory(clock()).await.expect("it opens");
        wait(&store, ROOM + 500, Severity::High, 1).await;
        assert_eq!(make_room(&store).await, [""; 0]);
        assert_eq!(store.queue("a").await.expect("read"), ROOM + 500);
    }

    /// With ten thousand urgent ones, one alert of each rule was left of everybody's others.
    #[tokio::test]
    async fn r5_urgent_ones_take_no_names_from_others() {
        let store = Store::in_memory(clock()).await.expect("it opens");
        wait(&store, ROOM + 500, Severity::Critical, 1).await;
        wait(&store, 300, Severity::Medium, 300).await;
        assert_eq!(make_room(&store).await, [""; 0]);
    }

    /// The oldest of a kind is often one that the sink refuses, and what was counted beside it went with it.
    #[tokio::test]
    async fn r5_what_a_sink_refused_takes_nothing_with_it() {
        let store = Store::in_memory(clock()).await.expect("it opens");
        wait(&store, 1, Severity::Low, 1).await;
        let (alerts, _) = store.pending("a").await.expect("read");
        let message = Message { alerts, ..Message::default() };
        store.refused("a", &message, None).await.expect("noted");
        wait(&store, ROOM, Severity::Low, 1).await;
        assert_eq!(make_room(&store).await.len(), 1_001);
        let (pending, _) = store.pending("a").await.expect("read");
        let refused = pending.iter().find(|one| one.refusals == 1).expect("it waits");
        assert_eq!((refused.counted, refused.more()), (0, 0));
        assert_eq!(pending.iter().map(|one| one.counted).sum::<u64>(), 1_001);
    }
}
