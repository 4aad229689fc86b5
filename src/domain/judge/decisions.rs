//! The last decisions, kept for whoever asks. Owns how many, which of them make room, and how they are found.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::domain::judge::decision::{Decision, Delivery};

/// How many decisions on alerts are kept, and how many on everything else.
pub const ALERTS: u16 = 500;
const OTHERS: u16 = 2_000;

/// A group with more than this makes room for others; where none has, the oldest of all does.
const OF_ONE_GROUP: usize = 50;

/// Where a decision is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its number in the order of deciding.
    pub number: u64,
    /// The row that it takes, of as many as are kept.
    pub row: u16,
}

/// The last decisions: on alerts, and on everything else. A flood of what nobody is interested in pushes no alert's
/// decision out, and no account's or principal's flood of alerts another's.
#[derive(Debug)]
pub struct Decisions {
    alerts: Kept,
    others: Kept,
}

impl Default for Decisions {
    fn default() -> Self {
        Decisions { alerts: Kept::of(ALERTS), others: Kept::of(OTHERS) }
    }
}

impl Decisions {
    /// As they were when the daemon stopped: alerts' decisions with their places, in any order.
    pub fn restored(mut kept: Vec<(Place, Decision)>) -> Self {
        let mut decisions = Decisions::default();
        kept.sort_unstable_by_key(|(place, _)| *place);
        for (place, decision) in kept.into_iter().filter(|(place, _)| place.row < ALERTS) {
            decisions.alerts.take(place, group(&decision));
            decisions.alerts.put(place, decision);
        }
        decisions
    }

    /// Takes a batch's alerts out of its decisions, each with the place that it is to be kept in. The places are taken from
    /// then on, also if the batch comes to nothing: others are judged meanwhile.
    pub fn numbered(&mut self, decisions: &mut Vec<Decision>, now: Timestamp) -> Vec<(Place, Decision)> {
        let alerts = decisions.extract_if(.., |decision| decision.subject.is_some());
        let mut numbered = Vec::new();
        for mut decision in alerts {
            // A held alert was decided on before, and what was said of its delivery stays.
            if let Some(before) = self.alerts.get(&decision.id) {
                decision.deliveries.extend(before.deliveries.clone());
                if before.name != before.subject.as_ref().map_or("", |subject| &subject.rule) {
                    decision.name.clone_from(&before.name);
                }
            }
            decision.decided = Some(now);
            numbered.push((self.alerts.reserve(group(&decision)), decision));
        }
        numbered
    }

    /// Keeps the decisions of a batch, its alerts as they were numbered and all others; of one event that is judged again
    /// without a rule, the first decision stays.
    pub fn keep(&mut self, numbered: Vec<(Place, Decision)>, others: Vec<Decision>) {
        for (place, decision) in numbered {
            self.alerts.put(place, decision);
        }
        for decision in others {
            if self.get(&decision.id).is_none() {
                let place = self.others.reserve(decision.account.clone());
                self.others.put(place, decision);
            }
        }
    }

    /// The last decision on an event, by its id or by its alert's.
    pub fn get(&self, id: &str) -> Option<&Decision> {
        self.alerts.get(id).or_else(|| self.others.get(id))
    }

    /// How far an alert came through a sink; the decision and its place are answered, if it is still kept and that is
    /// news.
    pub fn delivered(&mut self, alert: &str, sink: &str, delivery: Delivery) -> Option<(Place, Decision)> {
        let number = *self.alerts.by_id.get(alert)?;
        let entry = self.alerts.entries.get_mut(&number)?;
        let (row, decision) = (entry.row, entry.decision.as_mut()?);
        if decision.deliveries.get(sink) == Some(&delivery) {
            return None;
        }
        decision.deliveries.insert(sink.to_owned(), delivery);
        Some((Place { number, row }, decision.clone()))
    }

    /// The decisions that have a text in what they are about, whatever its case: on alerts first, the newest of each first.
    pub fn search(&self, text: &str) -> impl Iterator<Item = &Decision> {
        let text = text.to_lowercase();
        let others = self.others.entries.values().rev().filter_map(|entry| entry.decision.as_ref());
        self.alerts().chain(others).filter(move |decision| decision.has(&text))
    }

    /// The decisions on alerts, the newest first.
    pub fn alerts(&self) -> impl Iterator<Item = &Decision> {
        self.alerts.entries.values().rev().filter_map(|entry| entry.decision.as_ref())
    }
}

/// What an alert is one of many of, should there be many: what its message is about.
fn group(decision: &Decision) -> String {
    decision.subject.as_ref().map(|subject| subject.group.clone()).unwrap_or_default()
}

/// So many decisions, found by the ids of event and alert. The oldest makes room: of the group that has most, where one has many.
#[derive(Debug)]
struct Kept {
    most: u16,
    next: u64,
    /// By their numbers.
    entries: BTreeMap<u64, Entry>,
    by_id: FxHashMap<String, u64>,
    groups: BTreeMap<String, BTreeSet<u64>>,
    /// Rows that none of them takes.
    free: BTreeSet<u16>,
}

#[derive(Debug)]
struct Entry {
    row: u16,
    group: String,
    /// None before it is put, and where a newer one took its place.
    decision: Option<Decision>,
}

impl Kept {
    fn of(most: u16) -> Self {
        Kept {
            most,
            next: 0,
            entries: BTreeMap::new(),
            by_id: FxHashMap::default(),
            groups: BTreeMap::new(),
            free: (0..most).collect(),
        }
    }

    fn get(&self, id: &str) -> Option<&Decision> {
        self.entries.get(self.by_id.get(id)?)?.decision.as_ref()
    }

    /// Takes the next place.
    fn reserve(&mut self, group: String) -> Place {
        if self.entries.len() >= usize::from(self.most) {
            self.make_room();
        }
        let place = Place { number: self.next, row: self.free.first().copied().unwrap_or_default() };
        self.take(place, group);
        place
    }

    /// Takes this place, which is a free one.
    fn take(&mut self, place: Place, group: String) {
        self.free.remove(&place.row);
        self.next = self.next.max(place.number + 1);
        self.groups.entry(group.clone()).or_default().insert(place.number);
        self.entries.insert(place.number, Entry { row: place.row, group, decision: None });
    }

    /// Puts a decision into its place, unless others have pushed that out meanwhile.
    fn put(&mut self, place: Place, decision: Decision) {
        if let Some(before) = self.by_id.get(&decision.id).and_then(|before| self.entries.get_mut(before)) {
            before.decision = None;
        }
        let Some(entry) = self.entries.get_mut(&place.number) else { return };
        for id in ids(&decision) {
            self.by_id.insert(id.to_owned(), place.number);
        }
        entry.decision = Some(decision);
    }

    fn make_room(&mut self) {
        let most = self.groups.values().max_by_key(|numbers| (numbers.len(), Reverse(numbers.first())));
        let flood = most.filter(|numbers| numbers.len() > OF_ONE_GROUP).and_then(BTreeSet::first);
        let Some(number) = flood.or_else(|| self.entries.keys().next()).copied() else { return };
        let Some(gone) = self.entries.remove(&number) else { return };
        self.free.insert(gone.row);
        if let Some(numbers) = self.groups.get_mut(&gone.group) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.groups.remove(&gone.group);
            }
        }
        for id in gone.decision.iter().flat_map(ids) {
            if self.by_id.get(id) == Some(&number) {
                self.by_id.remove(id);
            }
        }
    }
}

fn ids(decision: &Decision) -> impl Iterator<Item = &str> {
    let alert = decision.subject.as_ref().map(|subject| subject.alert.as_str());
    alert.into_iter().chain([decision.id.as_str()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Event;
    use crate::domain::event::scope::Scope;
    use crate::domain::json::object;
    use crate::domain::judge::decision::{Fate, Subject};
    use crate::domain::notify::route::Route;
    use crate::domain::severity::Severity;

    fn keep(decisions: &mut Decisions, mut new: Vec<Decision>) -> Vec<(Place, Decision)> {
        let numbered = decisions.numbered(&mut new, Timestamp::UNIX_EPOCH);
        decisions.keep(numbered.clone(), new);
        numbered
    }

    fn decision(id: usize, alert: bool) -> Decision {
        let event = Event::own(
            "trailnoti Test",
            Scope::Program,
            object([("n", id.to_string().into())]),
            Timestamp::UNIX_EPOCH,
        );
        let mut decision = Decision { id: format!("event-{id}"), ..Decision::of(&event) };
        if alert {
            decision.subject = Some(Subject {
                alert: format!("alert-{id}"),
                rule: "rule".to_owned(),
                severity: Severity::Critical,
                group: "group".to_owned(),
                title: "it happened".to_owned(),
                principal: String::new(),
            });
            decision.fate = Fate::Alerted { queued_for: vec!["security".to_owned()] };
        }
        decision
    }

    /// 2,300 unrelated writes pushed a critical alert's decision out.
    #[test]
    fn a_flood_of_uninteresting_writes_pushes_no_alerts_decision_out() {
        let mut decisions = Decisions::default();
        keep(&mut decisions, vec![decision(0, true)]);
        keep(&mut decisions, (1..10_000).map(|n| decision(n, false)).collect());
        assert!(decisions.get("event-0").is_some() && decisions.get("alert-0").is_some());
        assert!(decisions.get("event-1").is_none() && decisions.get("event-9999").is_some());
        assert!(decisions.others.by_id.len() <= 2_000 && decisions.others.entries.len() == 2_000);
    }

    #[test]
    fn what_becomes_of_an_alert_is_said_with_its_sinks() {
        let mut decisions = Decisions::default();
        keep(&mut decisions, vec![decision(0, true)]);
        assert_eq!(
            decisions.get("alert-0").map(|one| one.fate(&[])).as_deref(),
            Some("alerted; queued for security")
        );
        decisions.delivered("alert-0", "security", Delivery::Waits("Slack answered 500".to_owned()));
        decisions.delivered("alert-0", "security", Delivery::Delivered(Timestamp::UNIX_EPOCH));
        let shown = decisions.get("event-0").expect("kept").shown(&[]);
        let deliveries = serde_json::to_string(&shown.deliveries).expect("JSON");
        assert_eq!(deliveries, r#"[{"sink":"security","delivered_at":"1970-01-01T00:00:00Z"}]"#);
        let nobody = Decision { fate: Fate::Alerted { queued_for: Vec::new() }, ..decision(1, true) };
        let route = Route { sink: "me".to_owned(), min_severity: Severity::Critical, ..Route::default() };
        assert_eq!(nobody.fate(&[route]), "alerted; no sink takes it (all want critical)");
    }

    #[test]
    fn an_event_that_is_judged_again_keeps_its_first_decision() {
        let mut decisions = Decisions::default();
        keep(&mut decisions, vec![decision(0, true), decision(0, false)]);
        assert!(decisions.get("event-0").expect("kept").subject.is_some());
        keep(&mut decisions, vec![decision(0, true)]);
        assert_eq!(decisions.alerts().count(), 1);
    }

    /// The last five hundred were all one account's, or all one key's, and a thief's own was not among them.
    #[test]
    fn nobodys_flood_of_alerts_pushes_anothers_out() {
        let mut decisions = Decisions::default();
        let of = |id: usize, group: &str| {
            let mut decision = decision(id, true);
            decision.subject.iter_mut().for_each(|subject| group.clone_into(&mut subject.group));
            decision
        };
        keep(&mut decisions, (0..5).map(|n| of(n, "thief")).collect());
        keep(&mut decisions, (5..10).map(|n| of(n, &format!("group-{n}"))).collect());
        keep(&mut decisions, (10..9_000).map(|n| of(n, "noisy")).collect());
        assert!((0..10).all(|n| decisions.get(&format!("event-{n}")).is_some()));
        assert_eq!(decisions.alerts().count(), 500);
        assert!(decisions.get("event-8510").is_some() && decisions.get("event-8509").is_none());
        // Where none has many, the oldest goes, however alone it was.
        let mut alone = Decisions::default();
        keep(&mut alone, (0..500).map(|n| of(n, &format!("group-{n}"))).collect());
        keep(&mut alone, (500..540).map(|n| of(n, "today")).collect());
        assert!(alone.get("event-39").is_none() && alone.get("event-40").is_some());
        assert!((500..540).all(|n| alone.get(&format!("event-{n}")).is_some()));
    }

    /// What the rows hold after a thousand alerts is the last five hundred, at the places where they were.
    #[test]
    fn the_last_alerts_and_what_became_of_them_survive_a_restart() {
        let (mut decisions, mut rows) = (Decisions::default(), BTreeMap::new());
        for n in 0..1_234 {
            for (place, decision) in keep(&mut decisions, vec![decision(n, true)]) {
                rows.insert(place.row, (place, decision));
            }
        }
        let (place, one) = decisions
            .delivered("alert-1200", "security", Delivery::Delivered(Timestamp::UNIX_EPOCH))
            .expect("kept");
        rows.insert(place.row, (place, one));
        // One row was never written.
        let lost = rows.iter().find(|(_, (_, decision))| decision.id == "event-1000").expect("kept").0;
        rows.remove(&lost.clone());
        let mut again = Decisions::restored(rows.into_values().collect());
        assert_eq!(again.alerts().count(), 499);
        assert_eq!(again.alerts().next().map(|one| one.id.as_str()), Some("event-1233"));
        let fate = again.get("event-1200").map(|one| one.fate(&[]));
        assert_eq!(fate.as_deref(), Some("alerted; delivered to security at 1970-01-01T00:00:00Z"));
        let numbered = keep(&mut again, vec![decision(2_000, true), decision(2_001, true)]);
        assert_eq!(numbered[0].0.number, 1_234);
        assert!(again.get("event-734").is_none() && again.get("event-735").is_some());
    }
}
