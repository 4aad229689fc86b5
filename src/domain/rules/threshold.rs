//! Many of one kind together: what a rule with a threshold has counted. Owns when there are enough, and that a burst
//! is alerted on once.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::context::InContext;
use crate::domain::context::principal::principal;
use crate::domain::event::{derived_id, short_id};
use crate::domain::time::{earlier, later};

/// The field that names a session.
const ARN: &str = "detail.userIdentity.arn";
/// How many times of telling are kept of one burst.
const ALERTED: usize = 32;
/// How many bursts are kept; of more, those go that are over first.
const MOST: usize = 10_000;

/// Demands that there are many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threshold {
    /// How many there must be.
    pub count: usize,
    /// Within how long they must come.
    pub within: Duration,
    /// With the same values here.
    pub by: Vec<String>,
    /// And so many different values there.
    pub distinct: Option<String>,
}

impl Threshold {
    /// In words: `at least 5 within 15 minutes, with the same detail.sourceIPAddress`.
    pub fn said(&self) -> String {
        let seconds = self.within.as_secs();
        let span = match seconds {
            _ if seconds.is_multiple_of(3600) => format!("{} h", seconds / 3600),
            _ if seconds.is_multiple_of(60) => format!("{} minutes", seconds / 60),
            _ => format!("{seconds} seconds"),
        };
        let by = if self.by.is_empty() {
            String::new()
        } else {
            format!(", with the same {}", self.by.join(" and "))
        };
        let distinct = self.distinct.as_ref().map(|path| format!(", each with a different {path}"));
        format!("at least {} within {span}{by}{}", self.count, distinct.unwrap_or_default())
    }
}

/// What was counted for one rule and one set of values. Events come in any order: pages of the history are read the newest
/// first, and the same ones again and again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdCount {
    /// When, and what: made from an event's id, or from the value that must differ.
    counted: Vec<(i64, String)>,
    /// When it was alerted on.
    #[serde(alias = "told")]
    alerted: Vec<i64>,
    /// After this nobody asks any more, in seconds.
    until: i64,
}

impl ThresholdCount {
    /// Whether nothing of it counts any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until < now.as_second()
    }

    /// Counts an event, and says whether with it there are enough without an alert. An event that had its alert already
    /// (`known`) is counted, and makes none.
    pub fn count(&mut self, threshold: &Threshold, seen: &InContext<'_>, known: bool) -> bool {
        let what = match &threshold.distinct {
            Some(path) => short_id(&derived_id(&[&seen.shown(path)])),
            None => seen.event.short_id(),
        };
        let what: String = what.iter().map(|byte| format!("{byte:02x}")).collect();
        let time = seen.event.time.as_second();
        let within = i64::try_from(threshold.within.as_secs()).unwrap_or(i64::MAX);
        // Of one value, the sightings within one span are one, and the last that was read stands for them.
        match self.counted.iter_mut().find(|(at, known)| *known == what && (at - time).abs() <= within) {
            Some(same) => same.0 = time,
            None => self.counted.push((time, what)),
        }
        self.counted.sort();
        let alerted = self.alerted.iter().any(|alerted| (alerted - time).abs() <= within);
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
        self.until = later(seen.event.time, threshold.within * 2).as_second().max(self.until);
        let alerts = enough && !alerted && !known;
        if alerts {
            self.alerted.push(time);
            self.alerted.drain(..self.alerted.len().saturating_sub(ALERTED));
        }
        alerts
    }
}

/// Under which key a rule counts an event.
pub fn key(rule: &str, threshold: &Threshold, seen: &InContext<'_>) -> [u8; 16] {
    // Whoever takes on a role chooses the session's name: a burst is of the role. Identity Center names its sessions itself.
    let who = |path: &&String| path.as_str() == ARN;
    let by: Vec<String> = threshold
        .by
        .iter()
        .map(|path| {
            Some(path)
                .filter(who)
                .and_then(|_| principal(&seen.event.detail))
                .unwrap_or_else(|| seen.shown(path))
        })
        .collect();
    let mut parts = vec![seen.event.account.as_str(), rule];
    parts.extend(by.iter().map(String::as_str));
    short_id(&derived_id(&parts))
}

/// Bursts by their keys.
pub type ThresholdCounts = BTreeMap<[u8; 16], ThresholdCount>;

/// The keys of bursts that are over, and of those that are too many.
pub fn over(thresholds: &ThresholdCounts, now: Timestamp) -> Vec<[u8; 16]> {
    // A history that is read late may still count.
    let now = earlier(now, Duration::from_secs(24 * 3600));
    let (over, rest): (Vec<_>, Vec<_>) = thresholds.iter().partition(|(_, burst)| burst.is_over(now));
    let mut rest: Vec<(i64, &[u8; 16])> = rest.into_iter().map(|(key, burst)| (burst.until, key)).collect();
    rest.sort_unstable();
    let many = rest.len().saturating_sub(MOST);
    over.into_iter().map(|(key, _)| *key).chain(rest.into_iter().take(many).map(|(_, key)| *key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::context::Envelope;
    use crate::domain::event::Event;

    fn event(id: u32, second: i64, user: &str) -> Envelope {
        let time = Timestamp::from_second(1_772_000_000 + second).expect("a time");
        let record = format!(
            r#"{{"eventID":"{id}","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","eventTime":"{time}","awsRegion":"us-east-1","userIdentity":{{"userName":"{user}"}}}}"#
        );
        Event::from_record_text(record, "1").expect("an event").into()
    }

    fn threshold(distinct: Option<&str>) -> Threshold {
        Threshold {
            count: 3,
            within: Duration::from_secs(60),
            by: Vec::new(),
            distinct: distinct.map(str::to_owned),
        }
    }

    fn alerted(threshold: &Threshold, events: &[(u32, i64, &str)]) -> Vec<u32> {
        let mut burst = ThresholdCount::default();
        let mut alerted = Vec::new();
        for (id, second, user) in events {
            if burst.count(threshold, &event(*id, *second, user).after(None), false) {
                alerted.push(*id);
            }
        }
        alerted
    }

    #[test]
    fn a_burst_is_told_once_and_the_next_one_again() {
        let all: Vec<(u32, i64, &str)> = (0..10).map(|n| (n, i64::from(n) * 10, "a")).collect();
        assert_eq!(alerted(&threshold(None), &all), [2, 9]);
        let slow: Vec<(u32, i64, &str)> = (0..10).map(|n| (n, i64::from(n) * 31, "a")).collect();
        assert_eq!(alerted(&threshold(None), &slow), [0_u32; 0]);
    }

    #[test]
    fn a_new_session_of_a_role_begins_no_new_burst() {
        let threshold = Threshold { by: vec![ARN.to_owned()], ..threshold(None) };
        let of = |session: &str| {
            let record = format!(
                r#"{{"eventSource":"s3.amazonaws.com","eventName":"DeleteBucket","eventTime":"2026-03-01T10:00:00Z","awsRegion":"us-east-1","userIdentity":{{"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/{session}"}}}}"#
            );
            let envelope: Envelope = Event::from_record_text(record, "1").expect("an event").into();
            key("r", &threshold, &envelope.after(None))
        };
        assert_eq!(of("ci/one"), of("ci/two"));
        assert_ne!(of("ci/one"), of("other/one"));
        let person = "AWSReservedSSO_Admin_0123456789abcdef";
        assert_ne!(of(&format!("{person}/alice")), of(&format!("{person}/bob")));
    }

    #[test]
    fn the_same_event_read_again_counts_once() {
        assert_eq!(
            alerted(&threshold(None), &[(1, 0, "a"), (1, 0, "a"), (1, 0, "a"), (2, 1, "a"), (2, 1, "a")]),
            [0_u32; 0]
        );
    }

    #[test]
    fn a_burst_that_is_read_after_newer_events_is_not_lost() {
        let mut all: Vec<(u32, i64, &str)> = vec![(99, 3000, "z")];
        all.extend((0..20).map(|n| (n, i64::from(n), "a")));
        assert_eq!(alerted(&threshold(None), &all), [2]);
        let user = Some("detail.userIdentity.userName");
        assert_eq!(alerted(&threshold(user), &[(9, 50, "a"), (1, 0, "a"), (2, 1, "b"), (3, 2, "c")]), [3]);
    }

    #[test]
    fn a_burst_that_is_read_again_is_not_told_again() {
        let slow = Threshold { count: 8, within: Duration::from_secs(600), by: Vec::new(), distinct: None };
        let once: Vec<(u32, i64, &str)> = (0..20).map(|n| (n, i64::from(n) * 60, "a")).collect();
        assert_eq!(alerted(&slow, &once), [7, 18]);
        assert_eq!(alerted(&slow, &[once.clone(), once].concat()), [7, 18]);
    }

    #[test]
    fn a_late_event_completes_a_burst() {
        assert_eq!(alerted(&threshold(None), &[(1, 0, "a"), (3, 50, "a"), (2, 20, "a")]), [2]);
        assert_eq!(alerted(&threshold(None), &[(1, 100, "a"), (3, 110, "a"), (2, 0, "a")]), [0_u32; 0]);
    }

    #[test]
    fn what_must_differ_counts_once_for_each_value() {
        let user = Some("detail.userIdentity.userName");
        assert_eq!(
            alerted(&threshold(user), &[(1, 0, "a"), (2, 1, "a"), (3, 2, "a"), (4, 3, "b"), (5, 4, "c")]),
            [5]
        );
    }

    #[test]
    fn a_threshold_is_said_in_its_largest_whole_unit() {
        let said = |seconds, by: &[&str], distinct: Option<&str>| {
            let by = by.iter().map(|by| (*by).to_owned()).collect();
            let distinct = distinct.map(str::to_owned);
            Threshold { count: 5, within: Duration::from_secs(seconds), by, distinct }.said()
        };
        assert_eq!(said(7_200, &[], None), "at least 5 within 2 h");
        assert_eq!(said(900, &["a", "b"], None), "at least 5 within 15 minutes, with the same a and b");
        assert_eq!(said(90, &[], Some("c")), "at least 5 within 90 seconds, each with a different c");
    }

    #[test]
    fn what_is_over_goes_a_day_later_and_of_too_many_those_that_end_first() {
        let now = Timestamp::from_second(1_772_000_000).expect("a time");
        let burst =
            |until: i64| ThresholdCount { until: now.as_second() + until, ..ThresholdCount::default() };
        assert!(burst(-1).is_over(now) && !burst(0).is_over(now));
        let day = -24 * 3_600;
        let key = |n: u32| [n.to_be_bytes(); 4].concat().try_into().expect("16 bytes");
        let few: ThresholdCounts = [(key(1), burst(day - 1)), (key(2), burst(day))].into();
        assert_eq!(over(&few, now), [key(1)]);
        let most = u32::try_from(MOST).expect("small");
        let many: ThresholdCounts = (0..most + 3).map(|n| (key(n), burst(i64::from(n)))).collect();
        assert_eq!(over(&many, now), [key(0), key(1), key(2)]);
        let all: ThresholdCounts = (0..most).map(|n| (key(n), burst(0))).collect();
        assert_eq!(over(&all, now), Vec::<[u8; 16]>::new());
    }

    #[test]
    fn what_is_counted_is_bounded_and_keeps_what_is_near() {
        let many = Threshold { count: 20, within: Duration::from_secs(60), by: Vec::new(), distinct: None };
        let mut burst = ThresholdCount::default();
        for n in 0..200 {
            burst.count(&many, &event(n, i64::from(n) * 100, "a").after(None), false);
        }
        let first = |burst: &ThresholdCount| burst.counted[0].0 - 1_772_000_000;
        assert_eq!((burst.counted.len(), first(&burst)), (80, 12_000));
        // Read from there backwards, what is far ahead goes.
        burst.count(&many, &event(500, 11_900, "a").after(None), false);
        let last = burst.counted.last().expect("one").0 - 1_772_000_000;
        assert_eq!((burst.counted.len(), first(&burst), last), (80, 11_900, 19_800));
        assert_eq!(burst.until - 1_772_000_000, 19_900 + 120);
        let few = Threshold { count: 1, ..many };
        let mut burst = ThresholdCount::default();
        (0..100).for_each(|n| _ = burst.count(&few, &event(n, i64::from(n), "a").after(None), false));
        assert_eq!(burst.counted.len(), 64);
    }

    #[test]
    fn what_had_its_alert_counts_and_makes_none() {
        let mut burst = ThresholdCount::default();
        let events = [(1, 0), (2, 1), (3, 2), (4, 3)];
        let alerts = events
            .map(|(id, second)| burst.count(&threshold(None), &event(id, second, "a").after(None), id == 3));
        assert_eq!(alerts, [false, false, false, true]);
    }
}
