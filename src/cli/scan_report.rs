//! What a scan found, as a table for people and as the last line of JSON. Owns how it looks.

use std::collections::BTreeMap;

use anstyle::Style;
use jiff::civil::Date;

use crate::domain::incident::brief::Brief;
use crate::domain::notify::render::terminal::severity_style;
use crate::domain::replay::trial::{Count, RuleTally, Trial};
use crate::domain::severity::Severity;
use crate::domain::text::layout::{Table, paragraph};
use crate::domain::text::{clean, counted};
use crate::sink::terminal::columns;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
/// The most spans in a histogram.
const SPANS: i32 = 30;
/// So many incidents are listed.
const STORIES: usize = 10;
const BARS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What a scan found.
pub(super) struct Found {
    pub trial: Trial,
    pub count: Count,
    /// What belongs together, the worst first.
    pub incidents: Vec<Brief>,
}

/// The table: the most urgent rules first, each with its histogram and examples; then the worst incidents.
pub(super) fn table(found: &Found) -> String {
    let (trial, count) = (&found.trial, &found.count);
    let mut out = String::new();
    let mut rules: Vec<(&String, &RuleTally)> = trial.rules.iter().collect();
    rules.sort_by_key(|(_, tally)| (std::cmp::Reverse(tally.severity), std::cmp::Reverse(tally.alerts)));
    let (begins, each) = spans(rules.iter().map(|(_, tally)| *tally));
    for (rule, tally) in rules {
        let ink = severity_style(tally.severity);
        line(
            &mut out,
            format!(
                "{ink}{:<8}{ink:#} {BOLD}{rule}{BOLD:#}  {} in {}  {DIM}{} – {}{DIM:#}",
                tally.severity,
                mixed(tally),
                match tally.messages {
                    0 => "messages of others".to_owned(),
                    messages => counted(messages, "message"),
                },
                tally.first.strftime("%Y-%m-%d %H:%M"),
                tally.last.strftime("%Y-%m-%d %H:%M"),
            ),
        );
        if begins.len() > 1 {
            line(&mut out, format!("         {}", histogram(tally, &begins, each)));
        }
        let mut examples = Table::default();
        for alert in &tally.examples {
            let when = alert.time.strftime("%Y-%m-%d %H:%M:%S");
            let id = if alert.event_id.is_empty() { String::new() } else { format!("  {}", alert.event_id) };
            examples.row([
                String::from("     "),
                format!("{DIM}{when} {}{DIM:#}", alert.region),
                format!("{}{DIM}{id}{DIM:#}", clean(&alert.title, 140)),
            ]);
        }
        out.push_str(&examples.text(columns()));
    }
    out.push_str(&incidents(&found.incidents));
    line(&mut out, String::new());
    let by_severity = Severity::ALL.iter().rev().filter_map(|severity| {
        let count = trial.of(*severity);
        (count > 0).then(|| format!("{count} {severity}"))
    });
    let by_severity: Vec<String> = by_severity.collect();
    if count.records == 0 {
        line(&mut out, "no records found".to_owned());
        return out;
    }
    let alerts = if by_severity.is_empty() { "no alerts".to_owned() } else { by_severity.join(", ") };
    let messages: u64 = trial.rules.values().map(|tally| tally.messages).sum();
    line(
        &mut out,
        format!(
            "{BOLD}{alerts}{BOLD:#} in {} of {}, from {}",
            counted(messages, "message"),
            counted(trial.conversations, "conversation"),
            counted(count.records, "record")
        ),
    );
    if count.undecided > 0 {
        line(
            &mut out,
            format!(
                "{} could not be checked against rules that need earlier events: add those with --before, or scan a longer period",
                counted(count.undecided, "event")
            ),
        );
    }
    if count.repeated > 0 {
        line(&mut out, format!("{} ignored", counted(count.repeated, "duplicate record")));
    }
    if count.out_of_order {
        line(
            &mut out,
            "the input is not in order of time: rules with first_seen or threshold may be wrong".to_owned(),
        );
    }
    if count.problems > 0 {
        line(&mut out, format!("{} while reading: see above", counted(count.problems, "error")));
    }
    if count.unread_regions > 0 {
        line(
            &mut out,
            format!("{} could not be read completely", counted(count.unread_regions as u64, "region")),
        );
    }
    if count.interrupted {
        line(&mut out, "interrupted: these are the results so far".to_owned());
    }
    out
}

fn line(out: &mut String, text: String) {
    out.push_str(&paragraph(columns(), "", "  ", &text));
    out.push('\n');
}

/// What belongs together: of each whom, where, how far and how much.
fn incidents(all: &[Brief]) -> String {
    // One alert by itself is no story.
    let stories: Vec<&Brief> = all.iter().filter(|incident| incident.alerts > 1).collect();
    if stories.is_empty() {
        return String::new();
    }
    let mut table = Table::default();
    for incident in stories.iter().take(STORIES) {
        let ink = severity_style(incident.severity);
        table.row([
            format!("{ink}{}{ink:#}", incident.severity),
            format!("{BOLD}{}{BOLD:#}", clean(&incident.what, 200)),
        ]);
        let (began, last) = (incident.began, incident.last);
        let span = format!("{} – {}", began.strftime("%Y-%m-%d %H:%M"), last.strftime("%Y-%m-%d %H:%M"));
        let said = format!("{span}  {}", incident.lines().join("; "));
        table.row([String::new(), format!("{DIM}{}{DIM:#}", clean(&said, 300))]);
    }
    let more = match stories.len().saturating_sub(STORIES) {
        0 => String::new(),
        more => format!("and {}\n", counted(more as u64, "more incident")),
    };
    format!("\n{BOLD}{}{BOLD:#}\n{}{more}", counted(stories.len() as u64, "incident"), table.text(columns()))
}

/// The last line of JSON.
pub(super) fn summary(found: &Found) -> String {
    let (trial, count) = (&found.trial, &found.count);
    let rules: BTreeMap<&String, serde_json::Value> = trial
        .rules
        .iter()
        .map(|(rule, tally)| {
            let days: BTreeMap<String, u64> =
                tally.days.iter().map(|(day, alerts)| (day.to_string(), *alerts)).collect();
            let by_severity: BTreeMap<&str, u64> =
                tally.by_severity.iter().map(|(severity, count)| (severity.name(), *count)).collect();
            let row = serde_json::json!({
                "severity": tally.severity.name(),
                "by_severity": by_severity,
                "alerts": tally.alerts,
                "notifications": tally.messages,
                "first": tally.first.to_string(),
                "last": tally.last.to_string(),
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
            "alerts": trial.rules.values().map(|tally| tally.alerts).sum::<u64>(),
            "notifications": trial.rules.values().map(|tally| tally.messages).sum::<u64>(),
            "conversations": trial.conversations,
            "by_severity": severities,
            "incidents": found.incidents,
            "rules": rules,
        }
    });
    format!("{summary}\n")
}

/// The spans of the histogram, each of as many days as it takes: where each begins, and how many days it has.
fn spans<'a>(all: impl Iterator<Item = &'a RuleTally>) -> (Vec<Date>, i32) {
    let days: Vec<Date> = all.flat_map(|tally| tally.days.keys().copied()).collect();
    let (Some(first), Some(last)) = (days.iter().min(), days.iter().max()) else { return (Vec::new(), 1) };
    let all = first.until(*last).map_or(0, |span| span.get_days()) + 1;
    let each = (all + SPANS - 1) / SPANS;
    let begins = first.series(jiff::Span::new().days(each)).take_while(|day| day <= last);
    (begins.collect(), each)
}

fn histogram(tally: &RuleTally, begins: &[Date], each: i32) -> String {
    let count = |begin: &Date| -> u64 {
        let end = begin.saturating_add(jiff::Span::new().days(each));
        tally.days.range(*begin..end).map(|(_, count)| count).sum()
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
fn mixed(tally: &RuleTally) -> String {
    if tally.by_severity.len() < 2 {
        return counted(tally.alerts, "alert");
    }
    let each: Vec<String> =
        tally.by_severity.iter().rev().map(|(severity, count)| format!("{count} {severity}")).collect();
    format!("{} ({})", counted(tally.alerts, "alert"), each.join(", "))
}
