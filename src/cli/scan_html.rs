//! What a scan found, as one page to keep or to send: by severity, day, rule, principal, region and incident. Owns what stands on it; it
//! is made of the same parts as the daemon's page, holds everything that it needs, and runs no script.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use askama::Template;
use jiff::Timestamp;

use crate::cli::scan_report::Found;
use crate::domain::incident::Incident;
use crate::domain::language::Language;
use crate::domain::severity::Severity;
use crate::domain::text::{clean, counted};
use crate::ops::web::chart::{Chart, Days};
use crate::ops::web::story::Story;

/// So many rows a table has.
const ROWS: usize = 40;
/// So many incidents are told.
const STORIES: usize = 30;
/// The longest text of another's, in characters.
const TEXT: usize = 300;

/// A rule's row.
struct RuleRow {
    severity: &'static str,
    rule: String,
    alerts: u64,
    messages: u64,
    span: String,
    example: String,
}

/// What has how many alerts, most first: what it is, its rows, and how many more there are.
type Ranking<'a> = (&'a str, Vec<(String, u64)>, usize);

#[derive(Template)]
#[template(path = "scan.html")]
struct Page<'a> {
    style: &'static str,
    headline: String,
    sub: String,
    by_severity: Vec<(&'static str, u64)>,
    chart: Option<Chart>,
    rules: Vec<RuleRow>,
    tables: Vec<Ranking<'a>>,
    stories: Vec<Story>,
    more_stories: usize,
    notes: Vec<String>,
}

/// Writes the page.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(
    path: &Path,
    found: &Found,
    (incidents, language): (&[&Incident], Language),
    now: Timestamp,
) -> anyhow::Result<()> {
    let page = page(found, (incidents, language), now)?;
    std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}

fn page(
    found: &Found,
    (incidents, language): (&[&Incident], Language),
    now: Timestamp,
) -> anyhow::Result<String> {
    let (trial, count) = (&found.trial, &found.count);
    let mut days = Days::new();
    for tally in trial.rules.values() {
        for (day, by_severity) in &tally.severities {
            for (severity, alerts) in by_severity {
                *days.entry(*day).or_default().entry(*severity).or_default() += alerts;
            }
        }
    }
    let chart =
        days.keys().next().zip(days.keys().last()).map(|(first, last)| Chart::of(&days, *first, *last));
    let mut rules: Vec<_> = trial.rules.iter().collect();
    rules.sort_by_key(|(_, tally)| (std::cmp::Reverse(tally.severity), std::cmp::Reverse(tally.alerts)));
    let rules = rules.into_iter().map(|(rule, tally)| RuleRow {
        severity: tally.severity.name(),
        rule: clean(rule, TEXT),
        alerts: tally.alerts,
        messages: tally.messages,
        span: format!("{} – {}", tally.first.strftime("%Y-%m-%d"), tally.last.strftime("%Y-%m-%d")),
        example: tally.examples.first().map(|alert| clean(&alert.title, TEXT)).unwrap_or_default(),
    });
    let most = |of: &BTreeMap<String, u64>| {
        let mut rows: Vec<(String, u64)> =
            of.iter().map(|(what, alerts)| (clean(what, TEXT), *alerts)).collect();
        rows.sort_by_key(|(what, alerts)| (std::cmp::Reverse(*alerts), what.clone()));
        let more = rows.len().saturating_sub(ROWS);
        rows.truncate(ROWS);
        (rows, more)
    };
    let tables = [("Principal", most(&trial.principals)), ("Account and region", most(&trial.places))];
    let mut told: Vec<&Incident> =
        incidents.iter().copied().filter(|one| one.part_of.is_none() && one.alerts > 1).collect();
    told.sort_by_key(|one| std::cmp::Reverse((one.severity, one.alerts)));
    let alerts: u64 = trial.rules.values().map(|tally| tally.alerts).sum();
    let messages: u64 = trial.rules.values().map(|tally| tally.messages).sum();
    let mut notes = Vec::new();
    if count.undecided > 0 {
        notes.push(format!(
            "{} could not be checked against rules that need earlier events: --before adds those",
            counted(count.undecided, "event")
        ));
    }
    if count.problems > 0 {
        notes.push(format!("{} while reading", counted(count.problems, "error")));
    }
    if count.unread_regions > 0 {
        notes
            .push(format!("{} could not be read completely", counted(count.unread_regions as u64, "region")));
    }
    if count.interrupted {
        notes.push("It was interrupted: these are the results so far".to_owned());
    }
    let page = Page {
        style: include_str!("../../templates/page.css"),
        headline: format!("{} in {}", counted(alerts, "alert"), counted(messages, "message")),
        sub: format!(
            "of {}, in {}; made {}",
            counted(count.records, "record"),
            counted(trial.conversations, "conversation"),
            now.strftime("%Y-%m-%d %H:%M UTC")
        ),
        by_severity: Severity::ALL.iter().rev().map(|one| (one.name(), trial.of(*one))).collect(),
        chart,
        rules: rules.collect(),
        tables: tables.into_iter().map(|(name, (rows, more))| (name, rows, more)).collect(),
        more_stories: told.len().saturating_sub(STORIES),
        stories: told.iter().take(STORIES).map(|one| Story::of(one, now, language, false)).collect(),
        notes,
    };
    page.render().context("cannot make the page")
}
