//! The daily summary: when it is due, and what it says. Owns what counts; the words are `language`'s.

use std::collections::BTreeMap;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::domain::health::coverage::Coverage;
use crate::domain::health::report::Report;
use crate::domain::instances::usage::Usage;
use crate::domain::language::{Day as Line, Language};
use crate::domain::notify::alert::Alert;
use crate::domain::severity::Severity;

/// How many gaps are named in a summary.
const NAMED: usize = 5;

/// How many gaps are remembered.
const GAPS: usize = 20;
/// The rules for what was not seen, or not in time.
const GAP_RULES: [&str; 7] = [
    "trailnoti-blind",
    "trailnoti-behind",
    "trailnoti-was-down",
    "trailnoti-gap",
    "trailnoti-withheld",
    "trailnoti-state",
    "trailnoti-state-reset",
];

/// What was alerted on, hidden and missed since the last summary.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Since when it counts.
    pub since: Option<Timestamp>,
    /// How many alerts there were of each severity.
    #[serde(alias = "told")]
    pub alerts: BTreeMap<String, u64>,
    /// Hidden events by exclusion.
    pub hidden: BTreeMap<String, u64>,
    /// What rules on trial would have alerted on, by rule.
    pub tried: BTreeMap<String, u64>,
    /// What was not seen, or not in time: when, and its title.
    pub gaps: Vec<(Timestamp, String)>,
}

impl Tally {
    /// Counts what was decided of a batch.
    pub fn add(&mut self, alerts: &[Alert], excluded: &[String], tried: &[String]) {
        // How an incident stands is no alert of its own.
        for alert in alerts.iter().filter(|alert| alert.part.standing.is_none()) {
            *self.alerts.entry(alert.severity.name().to_owned()).or_default() += 1;
            if GAP_RULES.contains(&alert.rule.as_str()) && self.gaps.len() < GAPS {
                self.gaps.push((alert.time, alert.title.clone()));
            }
        }
        for name in excluded {
            *self.hidden.entry(name.clone()).or_default() += 1;
        }
        for rule in tried {
            *self.tried.entry(rule.clone()).or_default() += 1;
        }
    }
}

/// Of several accounts, together.
impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Tally>>(tallies: I) -> Self {
        let mut sum = Tally::default();
        for tally in tallies {
            let counts = [
                (&mut sum.alerts, tally.alerts),
                (&mut sum.hidden, tally.hidden),
                (&mut sum.tried, tally.tried),
            ];
            for (sum, counts) in counts {
                counts.into_iter().for_each(|(name, count)| *sum.entry(name).or_default() += count);
            }
            sum.gaps.extend(tally.gaps);
        }
        sum.gaps.sort();
        sum.gaps.truncate(GAPS);
        sum
    }
}

/// When the first summary after `after` is due. A time of day that a clock change skips is the one after it.
pub fn next(after: Timestamp, at: Time, timezone: &TimeZone) -> Timestamp {
    let day = after.to_zoned_datetime(timezone.clone()).date();
    let due = |days: i32| {
        let date = day.checked_add(days.days()).ok()?;
        date.to_datetime(at).to_zoned_datetime(timezone.clone()).ok().map(|zoned| zoned.timestamp())
    };
    [0, 1, 2].into_iter().filter_map(due).find(|due| *due > after).unwrap_or(Timestamp::MAX)
}

/// What a day was like.
#[derive(Debug, Clone, Default)]
pub struct Day {
    /// What was counted since the last summary.
    pub tally: Tally,
    /// What is remembered of each configured exclusion.
    pub usage: BTreeMap<String, Usage>,
    /// Places (a region and an API) that are read in time.
    pub fresh: usize,
    /// What is not, and why.
    pub missing: Vec<String>,
    /// Up to when everything is read, and what is missing.
    pub coverage: Coverage,
    /// The region that lags most, and by how many seconds.
    pub slowest: Option<(String, i64)>,
    /// What waits for sinks, by sink, where anything does.
    pub waiting: BTreeMap<String, u64>,
}

impl Day {
    /// The report of it.
    pub fn report(&self, language: Language) -> Report {
        let words = language.words();
        let listed = |parts: Vec<String>, none: Line<'_>| match parts.is_empty() {
            true => words.day(&none),
            false => parts.join(", "),
        };
        let mut lines = Vec::new();
        let mut line = |name: &str, text: String| lines.push((name.to_owned(), text));
        line("since", self.tally.since.map_or(words.day(&Line::FirstStart), |since| format!("{since:.0}")));
        let alerts = Severity::ALL.iter().rev().filter_map(|severity| {
            let count = self.tally.alerts.get(severity.name()).filter(|count| **count > 0)?;
            Some(format!("{count} {}", words.severity(*severity)))
        });
        line("alerts", listed(alerts.collect(), Line::None));
        let tried = self.tally.tried.iter().map(|(rule, count)| format!("{rule} {count}"));
        if !self.tally.tried.is_empty() {
            line("dry-run rules would have alerted", tried.collect::<Vec<_>>().join(", "));
        }
        let hidden = self.usage.iter().map(|(name, usage)| {
            let count = self.tally.hidden.get(name).copied().unwrap_or_default();
            let last = (count > 0).then_some((usage.instance.as_str(), usage.principal.as_str()));
            words.day(&Line::Hidden(count, name, last))
        });
        line("hidden", listed(hidden.collect(), Line::NoExclusions));
        let named = &self.missing[..self.missing.len().min(NAMED)];
        line("covered", words.day(&Line::Covered(self.fresh, self.fresh + self.missing.len(), named)));
        line("read", self.coverage.said(language));
        let slowest = self.slowest.as_ref();
        let slowest = slowest.map_or(Line::NotKnown, |(region, lag)| Line::Lag(*lag, region));
        line("lag", words.day(&slowest));
        let gaps = self.tally.gaps.iter().take(NAMED);
        let gaps = gaps.map(|(time, title)| words.day(&Line::Gap(title, format!("{time:.0}"))));
        let more = self.tally.gaps.len().saturating_sub(NAMED);
        let more = (more > 0).then(|| words.and_more(more as u64));
        line("gaps", listed(gaps.chain(more).collect(), Line::None));
        if !self.waiting.is_empty() {
            let waiting = self.waiting.iter().map(|(sink, count)| words.day(&Line::Waiting(*count, sink)));
            line("waiting", listed(waiting.collect(), Line::None));
        }
        Report::Daily { lines }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_summary_is_due_at_the_readers_time_of_day_also_when_clocks_change() {
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        let at: Time = "09:00".parse().expect("a time of day");
        assert_eq!(next(time("2026-03-27T12:00:00Z"), at, &berlin), time("2026-03-28T08:00:00Z"));
        // Summer time begins on the 29th.
        assert_eq!(next(time("2026-03-28T08:00:00Z"), at, &berlin), time("2026-03-29T07:00:00Z"));
        let skipped: Time = "02:30".parse().expect("a time of day");
        assert_eq!(next(time("2026-03-28T12:00:00Z"), skipped, &berlin), time("2026-03-29T01:30:00Z"));
    }

    #[test]
    fn a_quiet_day_says_so() {
        let Report::Daily { lines } = Day::default().report(Language::English) else {
            panic!("another report")
        };
        let texts: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts[1..3], ["none", "nothing: no exclusions configured"]);
    }
}
