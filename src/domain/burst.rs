//! Many of one kind together: what a rule with a threshold has counted. Owns when there are enough, and that a burst
//! is told once.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{Event, derived_id, short_id};
use super::json::Json;
use super::pacer::{earlier, later};
use super::rule::{Rule, Threshold};

/// How many times of telling are kept of one burst.
const TOLD: usize = 32;
/// How many bursts are kept; of more, those go that are over first.
const MOST: usize = 10_000;

/// What was counted for one rule and one set of values. Events come in any order: pages of the history are read the newest
/// first, and the same ones again and again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Burst {
    /// When, and what: made from an event's id, or from the value that must differ.
    counted: Vec<(i64, String)>,
    /// When it was told.
    told: Vec<i64>,
    /// After this nobody asks any more, in seconds.
    until: i64,
}

impl Burst {
    /// Whether nothing of it counts any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until < now.as_second()
    }

    /// Counts an event, and says whether with it there are enough that were not told. An event that was told already
    /// (`known`) is counted, and tells nothing.
    pub fn count(&mut self, threshold: &Threshold, event: &Event, envelope: &Json, known: bool) -> bool {
        let what = match &threshold.distinct {
            Some(path) => short_id(&derived_id(&[&shown(envelope, path)])),
            None => event.short_id(),
        };
        let what: String = what.iter().map(|byte| format!("{byte:02x}")).collect();
        let time = event.time.as_second();
        let within = i64::try_from(threshold.within.as_secs()).unwrap_or(i64::MAX);
        // Of one value, the sightings within one span are one, and the last that was read stands for them.
        match self.counted.iter_mut().find(|(at, known)| *known == what && (at - time).abs() <= within) {
            Some(same) => same.0 = time,
            None => self.counted.push((time, what)),
        }
        self.counted.sort();
        let told = self.told.iter().any(|told| (told - time).abs() <= within);
        let enough = self.counted.iter().enumerate().any(|(n, (first, _))| {
            let last = self.counted.get(n + threshold.count.max(1) - 1);
            (*first..=*first + within).contains(&time) && last.is_some_and(|(last, _)| last - first <= within)
        });
        // What is furthest from where the history is being read matters least.
        while self.counted.len() > threshold.count.saturating_mul(4).max(64) {
            let distance = |at: usize| self.counted.get(at).map_or(0, |(at, _)| (at - time).abs());
            let last = self.counted.len() - 1;
            self.counted.remove(if distance(0) > distance(last) { 0 } else { last });
        }
        self.until = later(event.time, threshold.within * 2).as_second().max(self.until);
        let tells = enough && !told && !known;
        if tells {
            self.told.push(time);
            self.told.drain(..self.told.len().saturating_sub(TOLD));
        }
        tells
    }
}

/// Under which key a rule counts an event.
pub fn key(rule: &Rule, threshold: &Threshold, event: &Event, envelope: &Json) -> [u8; 16] {
    let by: Vec<String> = threshold.by.iter().map(|path| shown(envelope, path)).collect();
    let mut parts = vec![event.account.as_str(), rule.id.as_str()];
    parts.extend(by.iter().map(String::as_str));
    short_id(&derived_id(&parts))
}

/// The value at a path as one text; nothing there is a value too.
pub fn shown(envelope: &Json, path: &str) -> String {
    match envelope.first_at(path) {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Bursts by their keys.
pub type Bursts = BTreeMap<[u8; 16], Burst>;

/// The keys of bursts that are over, and of those that are too many.
pub fn over(bursts: &Bursts, now: Timestamp) -> Vec<[u8; 16]> {
    // A history that is read late may still count.
    let now = earlier(now, Duration::from_secs(24 * 3600));
    let (over, rest): (Vec<_>, Vec<_>) = bursts.iter().partition(|(_, burst)| burst.is_over(now));
    let mut rest: Vec<(i64, &[u8; 16])> = rest.into_iter().map(|(key, burst)| (burst.until, key)).collect();
    rest.sort_unstable();
    let many = rest.len().saturating_sub(MOST);
    over.into_iter().map(|(key, _)| *key).chain(rest.into_iter().take(many).map(|(_, key)| *key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u32, second: i64, user: &str) -> (Event, Json) {
        let time = Timestamp::from_second(1_772_000_000 + second).expect("a time");
        let record = format!(
            r#"{{"eventID":"{id}","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","eventTime":"{time}","awsRegion":"us-east-1","userIdentity":{{"userName":"{user}"}}}}"#
        );
        let event = Event::from_record_text(&record, "1").expect("an event");
        let envelope = event.envelope();
        (event, envelope)
    }

    fn threshold(distinct: Option<&str>) -> Threshold {
        Threshold {
            count: 3,
            within: Duration::from_secs(60),
            by: Vec::new(),
            distinct: distinct.map(str::to_owned),
        }
    }

    fn told(threshold: &Threshold, events: &[(u32, i64, &str)]) -> Vec<u32> {
        let mut burst = Burst::default();
        let mut told = Vec::new();
        for (id, second, user) in events {
            let (event, envelope) = event(*id, *second, user);
            if burst.count(threshold, &event, &envelope, false) {
                told.push(*id);
            }
        }
        told
    }

    #[test]
    fn a_burst_is_told_once_and_the_next_one_again() {
        let all: Vec<(u32, i64, &str)> = (0..10).map(|n| (n, i64::from(n) * 10, "a")).collect();
        assert_eq!(told(&threshold(None), &all), [2, 9]);
        let slow: Vec<(u32, i64, &str)> = (0..10).map(|n| (n, i64::from(n) * 31, "a")).collect();
        assert_eq!(told(&threshold(None), &slow), [0_u32; 0]);
    }

    #[test]
    fn the_same_event_read_again_counts_once() {
        assert_eq!(
            told(&threshold(None), &[(1, 0, "a"), (1, 0, "a"), (1, 0, "a"), (2, 1, "a"), (2, 1, "a")]),
            [0_u32; 0]
        );
    }

    #[test]
    fn a_burst_that_is_read_after_newer_events_is_not_lost() {
        let mut all: Vec<(u32, i64, &str)> = vec![(99, 3000, "z")];
        all.extend((0..20).map(|n| (n, i64::from(n), "a")));
        assert_eq!(told(&threshold(None), &all), [2]);
        let user = Some("detail.userIdentity.userName");
        assert_eq!(told(&threshold(user), &[(9, 50, "a"), (1, 0, "a"), (2, 1, "b"), (3, 2, "c")]), [3]);
    }

    #[test]
    fn a_burst_that_is_read_again_is_not_told_again() {
        let slow = Threshold { count: 8, within: Duration::from_secs(600), by: Vec::new(), distinct: None };
        let once: Vec<(u32, i64, &str)> = (0..20).map(|n| (n, i64::from(n) * 60, "a")).collect();
        assert_eq!(told(&slow, &once), [7, 18]);
        assert_eq!(told(&slow, &[once.clone(), once].concat()), [7, 18]);
    }

    #[test]
    fn a_late_event_completes_a_burst() {
        assert_eq!(told(&threshold(None), &[(1, 0, "a"), (3, 50, "a"), (2, 20, "a")]), [2]);
        assert_eq!(told(&threshold(None), &[(1, 100, "a"), (3, 110, "a"), (2, 0, "a")]), [0_u32; 0]);
    }

    #[test]
    fn what_must_differ_counts_once_for_each_value() {
        let user = Some("detail.userIdentity.userName");
        assert_eq!(
            told(&threshold(user), &[(1, 0, "a"), (2, 1, "a"), (3, 2, "a"), (4, 3, "b"), (5, 4, "c")]),
            [5]
        );
    }
}
