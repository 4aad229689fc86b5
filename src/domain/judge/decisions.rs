//! The last decisions, kept for whoever asks. Owns how many, and how they are found.

use std::collections::VecDeque;

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::domain::judge::decision::{Decision, Delivery};

/// How many decisions on alerts are kept, and how many on everything else.
pub const ALERTS: usize = 500;
const OTHERS: usize = 2_000;

/// The last decisions: on alerts, and on everything else. A flood of what nobody is interested in pushes no alert's
/// decision out.
#[derive(Debug)]
pub struct Decisions {
    alerts: Ring,
    others: Ring,
}

impl Default for Decisions {
    fn default() -> Self {
        Decisions { alerts: Ring::of(ALERTS), others: Ring::of(OTHERS) }
    }
}

impl Decisions {
    /// As they were when the daemon stopped: alerts' decisions with their places, in any order.
    pub fn restored(mut kept: Vec<(u64, Decision)>) -> Self {
        let mut decisions = Decisions::default();
        kept.sort_unstable_by_key(|(place, _)| *place);
        let Some((last, _)) = kept.last() else { return decisions };
        let first = last.saturating_sub(ALERTS as u64 - 1);
        decisions.alerts.gone = usize::try_from(first).unwrap_or_default();
        for (place, decision) in kept.into_iter().filter(|(place, _)| *place >= first) {
            let place = usize::try_from(place).unwrap_or_default();
            while decisions.alerts.reserve() < place {}
            decisions.alerts.put(place, decision);
        }
        decisions
    }

    /// Takes a batch's alerts out of its decisions, each with the place that it is to be kept in: `place % ALERTS` is the row
    /// that it takes. The places are taken from then on, also if the batch comes to nothing: others are judged meanwhile.
    pub fn numbered(&mut self, decisions: &mut Vec<Decision>, now: Timestamp) -> Vec<(u64, Decision)> {
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
            numbered.push((self.alerts.reserve() as u64, decision));
        }
        numbered
    }

    /// Keeps the decisions of a batch, its alerts as they were numbered and all others; of one event that is judged again
    /// without a rule, the first decision stays.
    pub fn keep(&mut self, numbered: Vec<(u64, Decision)>, others: Vec<Decision>) {
        for (place, decision) in numbered {
            self.alerts.put(usize::try_from(place).unwrap_or_default(), decision);
        }
        for decision in others {
            if self.get(&decision.id).is_none() {
                let place = self.others.reserve();
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
    pub fn delivered(&mut self, alert: &str, sink: &str, delivery: Delivery) -> Option<(u64, Decision)> {
        let place = self.alerts.place(alert)?;
        let number = (self.alerts.gone + place) as u64;
        let decision = self.alerts.entries.get_mut(place)?.as_mut()?;
        if decision.deliveries.get(sink) == Some(&delivery) {
            return None;
        }
        decision.deliveries.insert(sink.to_owned(), delivery);
        Some((number, decision.clone()))
    }

    /// The decisions on alerts, the newest first.
    pub fn alerts(&self) -> impl Iterator<Item = &Decision> {
        self.alerts.entries.iter().rev().flatten()
    }
}

/// So many decisions, found by the ids of event and alert.
#[derive(Debug)]
struct Ring {
    most: usize,
    /// How many were pushed out.
    gone: usize,
    /// None where a newer one took the place.
    entries: VecDeque<Option<Decision>>,
    by_id: FxHashMap<String, usize>,
}

impl Ring {
    fn of(most: usize) -> Self {
        Ring { most, gone: 0, entries: VecDeque::new(), by_id: FxHashMap::default() }
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.by_id.get(id)?.checked_sub(self.gone)
    }

    fn get(&self, id: &str) -> Option<&Decision> {
        self.entries.get(self.place(id)?)?.as_ref()
    }

    /// Takes the next place, for which the oldest makes room.
    fn reserve(&mut self) -> usize {
        self.entries.push_back(None);
        self.shrink();
        self.gone + self.entries.len() - 1
    }

    /// Puts a decision into its place, unless others have pushed that out meanwhile.
    fn put(&mut self, place: usize, decision: Decision) {
        if let Some(before) = self.place(&decision.id)
            && let Some(before) = self.entries.get_mut(before)
        {
            *before = None;
        }
        let Some(at) = place.checked_sub(self.gone) else { return };
        let Some(entry) = self.entries.get_mut(at) else { return };
        let alert = decision.subject.as_ref().map(|subject| subject.alert.clone());
        for id in alert.into_iter().chain([decision.id.clone()]) {
            self.by_id.insert(id, place);
        }
        *entry = Some(decision);
    }

    fn shrink(&mut self) {
        while self.entries.len() > self.most {
            let gone = self.entries.pop_front().flatten();
            if let Some(decision) = gone {
                let alert = decision.subject.as_ref().map(|subject| subject.alert.as_str());
                for id in alert.into_iter().chain([decision.id.as_str()]) {
                    if self.by_id.get(id) == Some(&self.gone) {
                        self.by_id.remove(id);
                    }
                }
            }
            self.gone += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::event::Event;
    use crate::domain::event::scope::Scope;
    use crate::domain::json::object;
    use crate::domain::judge::decision::{Fate, Subject};
    use crate::domain::notify::outbox::Route;
    use crate::domain::severity::Severity;

    fn keep(decisions: &mut Decisions, mut new: Vec<Decision>) -> Vec<(u64, Decision)> {
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
        assert!(decisions.others.by_id.len() <= OTHERS && decisions.others.entries.len() == OTHERS);
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
        let route = Route { sink: "me".to_owned(), min_severity: Severity::Critical, digest: false };
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

    /// The rows are a ring too: what they hold after a thousand alerts is the last five hundred, at the places where they were.
    #[test]
    fn the_last_alerts_and_what_became_of_them_survive_a_restart() {
        let (mut decisions, mut rows) = (Decisions::default(), BTreeMap::new());
        for n in 0..1_234 {
            for (place, decision) in keep(&mut decisions, vec![decision(n, true)]) {
                rows.insert(place % ALERTS as u64, (place, decision));
            }
        }
        let (place, one) = decisions
            .delivered("alert-1200", "security", Delivery::Delivered(Timestamp::UNIX_EPOCH))
            .expect("kept");
        rows.insert(place % ALERTS as u64, (place, one));
        // One row was never written, and one is of an earlier round.
        rows.remove(&(1_000 % ALERTS as u64));
        let mut again = Decisions::restored(rows.into_values().collect());
        assert_eq!(again.alerts().count(), ALERTS - 1);
        assert_eq!(again.alerts().next().map(|one| one.id.as_str()), Some("event-1233"));
        let fate = again.get("event-1200").map(|one| one.fate(&[]));
        assert_eq!(fate.as_deref(), Some("alerted; delivered to security at 1970-01-01T00:00:00Z"));
        let numbered = keep(&mut again, vec![decision(2_000, true)]);
        assert_eq!(numbered[0].0, 1_234, "it takes the place of the oldest");
        assert!(again.get("event-734").is_none() && again.get("event-735").is_some());
    }
}
