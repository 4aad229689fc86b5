//! What rules would have alerted on in a past: counted by rule and day, in alerts and in messages. Owns the counting; how it is
//! shown is `cli::scan`'s.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;

use crate::domain::notify::alert::Alert;
use crate::domain::notify::outbox::{Grouping, SETTLED};
use crate::domain::severity::Severity;
use crate::domain::time::later;

/// How many examples are kept of a rule.
pub const EXAMPLES: usize = 3;
/// So many principals and places are counted one by one.
const COUNTED: usize = 10_000;
/// Groups that are remembered; of more, those go whose next message would be a new one anyway.
const GROUPS: usize = 50_000;

/// What one rule would have alerted on.
#[derive(Debug, Clone)]
pub struct RuleTally {
    /// How urgent the most urgent was.
    pub severity: Severity,
    /// How many alerts the rule made.
    pub alerts: u64,
    /// How many messages, after grouping.
    pub messages: u64,
    /// When the first happened.
    pub first: Timestamp,
    /// When the last happened.
    pub last: Timestamp,
    /// Alerts by day, in UTC.
    pub days: BTreeMap<Date, u64>,
    /// How many alerts of each severity.
    pub by_severity: BTreeMap<Severity, u64>,
    /// The same by day.
    pub severities: BTreeMap<Date, BTreeMap<Severity, u64>>,
    /// The first few of its alerts.
    pub examples: Vec<Alert>,
}

/// What of a past was read, beside what would have been alerted on.
#[derive(Debug, Default)]
pub struct Count {
    /// Records that were read.
    pub records: u64,
    /// Files that were read to their end.
    pub files: usize,
    /// Places that could not be read.
    pub problems: u64,
    /// Events that a rule could not judge, because too little was known of the time before.
    pub undecided: u64,
    /// Somebody stopped it before the end.
    pub interrupted: bool,
    /// Records that were there before, in another file or trail.
    pub repeated: u64,
    /// The input goes back in time by more than files of one bucket do.
    pub out_of_order: bool,
    /// Regions that could not be read, or not to the end.
    pub unread_regions: usize,
    /// From when on rules that ask for the past could judge.
    pub learned_from: Option<Timestamp>,
}

/// Everything that would have been alerted on.
#[derive(Debug, Default)]
pub struct Trial {
    /// What each rule came to.
    pub rules: BTreeMap<String, RuleTally>,
    /// When the last message of a group began.
    groups: FxHashMap<String, Timestamp>,
    /// How many alerts each principal has, and each account and region; what is beyond so many of them is together.
    pub principals: BTreeMap<String, u64>,
    /// See above.
    pub places: BTreeMap<String, u64>,
    /// How many conversations all messages are: an incident is one, until it was quiet.
    pub conversations: u64,
}

impl Trial {
    fn count(of: &mut BTreeMap<String, u64>, what: &str) {
        let known = of.contains_key(what) || of.len() < COUNTED;
        *of.entry(if known { what } else { "others" }.to_owned()).or_default() += 1;
    }

    /// Counts an alert; alerts come in the order of their times, more or less.
    pub fn add(&mut self, alert: &Alert, grouping: &Grouping) {
        let began = self.groups.get(&alert.group).copied();
        // The first message collects for a while, and then there is one in each interval; what is news comes sooner.
        let span = match (alert.part.first, alert.part.news) {
            (true, _) => grouping.wait,
            (_, true) => SETTLED.min(grouping.interval),
            _ => grouping.interval.max(grouping.wait),
        };
        let who = if alert.principal.is_empty() { "nobody" } else { &alert.principal };
        Trial::count(&mut self.principals, who);
        Trial::count(&mut self.places, format!("{} {}", alert.account, alert.region).trim());
        let new = began.is_none_or(|began| alert.time > later(began, span));
        let quiet = grouping.conversation.max(grouping.interval);
        self.conversations += u64::from(began.is_none_or(|began| alert.time > later(began, quiet)));
        if new {
            self.groups.insert(alert.group.clone(), alert.time);
        }
        if self.groups.len() > GROUPS {
            self.groups.retain(|_, began| alert.time <= later(*began, quiet));
        }
        let tally = self.rules.entry(alert.rule.clone()).or_insert_with(|| RuleTally {
            severity: alert.severity,
            alerts: 0,
            messages: 0,
            first: alert.time,
            last: alert.time,
            days: BTreeMap::new(),
            by_severity: BTreeMap::new(),
            severities: BTreeMap::new(),
            examples: Vec::new(),
        });
        tally.severity = tally.severity.max(alert.severity);
        tally.alerts += 1;
        tally.messages += u64::from(new);
        (tally.first, tally.last) = (tally.first.min(alert.time), tally.last.max(alert.time));
        let day = alert.time.to_zoned_datetime(TimeZone::UTC).date();
        *tally.days.entry(day).or_default() += 1;
        *tally.severities.entry(day).or_default().entry(alert.severity).or_default() += 1;
        *tally.by_severity.entry(alert.severity).or_default() += 1;
        if tally.examples.len() < EXAMPLES {
            tally.examples.push(alert.clone());
        }
    }

    /// How many alerts there are of a severity.
    pub fn of(&self, severity: Severity) -> u64 {
        self.rules.values().filter_map(|tally| tally.by_severity.get(&severity)).sum()
    }
}
