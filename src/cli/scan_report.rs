//! What a scan found, as a table for people and as the last line of JSON. Owns how it looks.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::Style;
use jiff::civil::Date;

use crate::domain::notify::render::terminal::severity_style;
use crate::domain::replay::trial::{Count, RuleTally, Trial};
use crate::domain::severity::Severity;
use crate::domain::text::clean;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
/// The most spans in a histogram.
const SPANS: i32 = 30;
const BARS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The table: the most urgent rules first, each with its histogram and examples.
pub(super) fn table(trial: &Trial, count: &Count) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        let Ok(()) = writeln!(out, "{text}") else { return };
    };
    let mut rules: Vec<(&String, &RuleTally)> = trial.rules.iter().collect();
    rules.sort_by_key(|(_, told)| (std::cmp::Reverse(told.severity), std::cmp::Reverse(told.alerts)));
    let (begins, each) = spans(rules.iter().map(|(_, told)| *told));
    for (rule, told) in rules {
        let ink = severity_style(told.severity);
        line(format!(
            "{ink}{:<8}{ink:#} {BOLD}{rule}{BOLD:#}  {} in {}  {DIM}{} – {}{DIM:#}",
            told.severity,
            mixed(told),
            plural(told.messages, "message"),
            told.first.strftime("%Y-%m-%d %H:%M"),
            told.last.strftime("%Y-%m-%d %H:%M"),
        ));
        if begins.len() > 1 {
            line(format!("         {}", histogram(told, &begins, each)));
        }
        for alert in &told.examples {
            let when = alert.time.strftime("%Y-%m-%d %H:%M:%S");
            let id = if alert.event_id.is_empty() { String::new() } else { format!("  {}", alert.event_id) };
            line(format!(
                "         {DIM}{when} {}{DIM:#} {}{DIM}{id}{DIM:#}",
                alert.region,
                clean(&alert.title, 140)
            ));
        }
    }
    line(String::new());
    let told = Severity::ALL.iter().rev().filter_map(|severity| {
        let count = trial.of(*severity);
        (count > 0).then(|| format!("{count} {severity}"))
    });
    let told: Vec<String> = told.collect();
    if count.records == 0 {
        line("no records found".to_owned());
        return out;
    }
    let told = if told.is_empty() { "no alerts".to_owned() } else { told.join(", ") };
    let messages: u64 = trial.rules.values().map(|told| told.messages).sum();
    line(format!(
        "{BOLD}{told}{BOLD:#} in {}, from {}",
        plural(messages, "message"),
        plural(count.records, "record")
    ));
    if count.undecided > 0 {
        line(format!(
            "{} could not be checked against rules that need earlier events: add those with --before, or scan a longer period",
            plural(count.undecided, "event")
        ));
    }
    if count.repeated > 0 {
        line(format!("{} ignored", plural(count.repeated, "duplicate record")));
    }
    if count.out_of_order {
        line("the input is not in order of time: rules with first_seen or threshold may be wrong".to_owned());
    }
    if count.problems > 0 {
        line(format!("{} while reading: see above", plural(count.problems, "error")));
    }
    if count.unread_regions > 0 {
        line(format!("{} could not be read completely", plural(count.unread_regions as u64, "region")));
    }
    if count.interrupted {
        line("interrupted: these are the results so far".to_owned());
    }
    out
}

/// The last line of JSON.
pub(super) fn summary(trial: &Trial, count: &Count) -> String {
    let rules: BTreeMap<&String, serde_json::Value> = trial
        .rules
        .iter()
        .map(|(rule, told)| {
            let days: BTreeMap<String, u64> =
                told.days.iter().map(|(day, alerts)| (day.to_string(), *alerts)).collect();
            let by_severity: BTreeMap<&str, u64> =
                told.by_severity.iter().map(|(severity, count)| (severity.name(), *count)).collect();
            let row = serde_json::json!({
                "severity": told.severity.name(),
                "by_severity": by_severity,
                "alerts": told.alerts,
                "notifications": told.messages,
                "first": told.first.to_string(),
                "last": told.last.to_string(),
                "days": days,
            });
            (rule, row)
        })
        .collect();
    let severities: BTreeMap<&str, u64> =
        Severity::ALL.iter().map(|severity| (severity.name(), trial.of(*severity))).collect();
    let summary = serde_json::json!({
        "summary": {
            "records": count.records,
            "files": count.files,
            "unreadable": count.problems,
            "repeated": count.repeated,
            "out_of_order": count.out_of_order,
            "undecided_while_learning": count.undecided,
            "known_since": count.learned_from.map(|time| time.to_string()),
            "unread_regions": count.unread_regions,
            "interrupted": count.interrupted,
            "alerts": trial.rules.values().map(|told| told.alerts).sum::<u64>(),
            "notifications": trial.rules.values().map(|told| told.messages).sum::<u64>(),
            "by_severity": severities,
            "rules": rules,
        }
    });
    format!("{summary}\n")
}

/// The spans of the histogram, each of as many days as it takes: where each begins, and how many days it has.
fn spans<'a>(all: impl Iterator<Item = &'a RuleTally>) -> (Vec<Date>, i32) {
    let told: Vec<Date> = all.flat_map(|told| told.days.keys().copied()).collect();
    let (Some(first), Some(last)) = (told.iter().min(), told.iter().max()) else { return (Vec::new(), 1) };
    let all = first.until(*last).map_or(0, |span| span.get_days()) + 1;
    let each = (all + SPANS - 1) / SPANS;
    let begins = first.series(jiff::Span::new().days(each)).take_while(|day| day <= last);
    (begins.collect(), each)
}

fn histogram(told: &RuleTally, begins: &[Date], each: i32) -> String {
    let count = |begin: &Date| -> u64 {
        let end = begin.saturating_add(jiff::Span::new().days(each));
        told.days.range(*begin..end).map(|(_, count)| count).sum()
    };
    let counts: Vec<u64> = begins.iter().map(count).collect();
    let most = counts.iter().max().copied().unwrap_or_default().max(1);
    let bars: String = counts
        .iter()
        .map(|count| BARS[if *count == 0 { 0 } else { (1 + (count * 7).div_ceil(most)).min(8) as usize }])
        .collect();
    let (first, last) =
        (begins.first().copied().unwrap_or_default(), begins.last().copied().unwrap_or_default());
    let span = if each == 1 { "a day".to_owned() } else { format!("in {each} days") };
    format!("{} {bars} {} (at most {most} {span})", first.strftime("%Y-%m-%d"), last.strftime("%Y-%m-%d"))
}

/// `4 alerts`, or by severity where they differ.
fn mixed(told: &RuleTally) -> String {
    if told.by_severity.len() < 2 {
        return plural(told.alerts, "alert");
    }
    let each: Vec<String> =
        told.by_severity.iter().rev().map(|(severity, count)| format!("{count} {severity}")).collect();
    format!("{} ({})", plural(told.alerts, "alert"), each.join(", "))
}

fn plural(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
