//! `rules`: which rules there are, how urgent, and whether they are on; `rules show`: one of them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anstyle::Style;
use anyhow::Context;
use serde_json::json;

use crate::cli::arguments::{ConfigFile, exit};
use crate::config::Config;
use crate::domain::notify::render::terminal::severity_style;
use crate::domain::pattern::{Pattern, did_you_mean, nearest};
use crate::domain::rules::rule::{Mode, Rule};
use crate::domain::severity::Severity;
use crate::domain::text::layout::{Table, paragraph};
use crate::sink::terminal::columns;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// A rule and whether it is on: `on`, `dry-run` or `off`.
fn all(config: &Config) -> Vec<(&Rule, &'static str)> {
    let on = config
        .ruleset
        .rules
        .iter()
        .map(|rule| (rule, if rule.mode == Mode::DryRun { "dry-run" } else { "on" }));
    let mut all: Vec<_> = on.chain(config.disabled.iter().map(|rule| (rule, "off"))).collect();
    all.sort_by(|(a, _), (b, _)| (&a.origin, &a.id).cmp(&(&b.origin, &b.id)));
    all
}

/// A title without the fields that an event fills in.
fn plain(title: &str) -> String {
    let mut plain = String::new();
    for (n, part) in title.split('{').enumerate() {
        match part.split_once('}').filter(|_| n > 0) {
            Some((field, rest)) => {
                plain.push_str(if field == "principal" { "somebody" } else { "…" });
                plain.push_str(rest);
            }
            None => plain.push_str(part),
        }
    }
    plain
}

/// The most urgent that an event of the rule can be.
fn most(rule: &Rule) -> Severity {
    rule.escalate.iter().map(|one| one.to).fold(rule.severity, Severity::max)
}

/// `low`, or `low to critical`.
fn span(rule: &Rule) -> String {
    match most(rule) {
        most if most == rule.severity => most.to_string(),
        most => format!("{} to {most}", rule.severity),
    }
}

pub(super) fn list(file: &ConfigFile, json: bool) -> anyhow::Result<ExitCode> {
    let config = file.load_without_secrets()?;
    let all = all(&config);
    let mut out = String::new();
    if json {
        for (rule, state) in all {
            writeln!(out, "{}", value(rule, state))?;
        }
        return print(&out);
    }
    for of_file in all.chunk_by(|(a, _), (b, _)| a.origin == b.origin) {
        let mut table = Table::default();
        for (rule, state) in of_file {
            let ink = severity_style(most(rule));
            let what = match (&rule.threshold, &rule.first_seen) {
                (Some(threshold), _) => format!("  {DIM}{}{DIM:#}", threshold.said()),
                (_, Some(_)) => format!("  {DIM}first seen{DIM:#}"),
                _ => String::new(),
            };
            let severity = format!("{ink}{}{ink:#}", span(rule));
            table.row([(*state).to_owned(), severity, format!("{}{what}", rule.id)]);
            table.row([String::new(), String::new(), format!("{DIM}{}{DIM:#}", plain(&rule.title))]);
        }
        let origin = of_file.first().map_or("", |(rule, _)| &rule.origin);
        let before = if out.is_empty() { "" } else { "\n" };
        write!(out, "{before}{BOLD}{origin}{BOLD:#}\n{}", table.text(columns()))?;
    }
    let (on, off) = (all.iter().filter(|(_, state)| *state != "off").count(), config.disabled.len());
    writeln!(out, "\n{on} rules on, {off} off; `trailnoti rules show ID` shows one")?;
    print(&out)
}

pub(super) fn show(file: &ConfigFile, id: &str, json: bool) -> anyhow::Result<ExitCode> {
    let config = file.load_without_secrets()?;
    let all = all(&config);
    let Some((rule, state)) = all.iter().find(|(rule, _)| rule.id == id) else {
        let hint = nearest(id, all.iter().map(|(rule, _)| rule.id.as_str()));
        eprintln!("trailnoti: there is no rule \"{id}\"{}", did_you_mean(hint));
        return Ok(ExitCode::from(exit::USAGE));
    };
    if json {
        return print(&format!("{:#}\n", value(rule, state)));
    }
    let mut out = String::new();
    writeln!(out, "{BOLD}{}{BOLD:#}  {state}, {}, in {}", rule.id, span(rule), rule.origin)?;
    writeln!(out, "\n  {BOLD}{}{BOLD:#}", rule.title)?;
    for (name, text) in [("why", &rule.description), ("what to do now", &rule.runbook)] {
        if let Some(text) = text {
            let text = format!("{DIM}{name}:{DIM:#} {text}");
            writeln!(out, "{}", paragraph(columns(), "  ", "  ", &text))?;
        }
    }
    if !rule.tags.is_empty() {
        writeln!(out, "  {DIM}tags:{DIM:#} {}", rule.tags.join(", "))?;
    }
    writeln!(out, "\n{BOLD}matches{BOLD:#}")?;
    pattern(&mut out, &rule.pattern)?;
    for exception in &rule.unless {
        writeln!(out, "{BOLD}except{BOLD:#}")?;
        pattern(&mut out, exception)?;
    }
    if let Some(first) = &rule.first_seen {
        let by = if first.by.is_empty() {
            String::new()
        } else {
            format!(" for the same {}", first.by.join(" and "))
        };
        writeln!(
            out,
            "{BOLD}only when{BOLD:#} {} was not seen{by} in the last {} days",
            first.of.join(" and "),
            first.within.as_secs() / 86_400
        )?;
    }
    if let Some(threshold) = &rule.threshold {
        writeln!(out, "{BOLD}only when{BOLD:#} there are {}", threshold.said())?;
    }
    writeln!(out, "{BOLD}severity{BOLD:#} {}", rule.severity)?;
    if let Some(usual) = rule.usual {
        writeln!(
            out,
            "{BOLD}severity{BOLD:#} {usual} {BOLD}when{BOLD:#} who acts has done the same for days"
        )?;
    }
    for one in &rule.escalate {
        let always = if one.always { " always" } else { "" };
        writeln!(out, "{BOLD}severity{BOLD:#} {}{always} {BOLD}when{BOLD:#}", one.to)?;
        pattern(&mut out, &one.when)?;
    }
    print(&out)
}

fn pattern(out: &mut String, pattern: &Pattern) -> std::fmt::Result {
    for (n, fields) in pattern.written().enumerate() {
        if n > 0 {
            writeln!(out, "  or")?;
        }
        for (path, wanted) in fields {
            writeln!(out, "  {path}: {wanted}")?;
        }
    }
    Ok(())
}

fn value(rule: &Rule, state: &str) -> serde_json::Value {
    let fields = |pattern: &Pattern| -> Vec<serde_json::Map<String, serde_json::Value>> {
        let one = |fields: Vec<(&str, &str)>| {
            fields
                .into_iter()
                .map(|(path, wanted)| (path.to_owned(), serde_json::from_str(wanted).unwrap_or_default()))
                .collect()
        };
        pattern.written().map(one).collect()
    };
    json!({
        "id": rule.id,
        "state": state,
        "severity": rule.severity.name(),
        "usual": rule.usual.map(Severity::name),
        "most": most(rule).name(),
        "title": rule.title,
        "description": rule.description,
        "runbook": rule.runbook,
        "tags": rule.tags,
        "file": rule.origin,
        "pattern": fields(&rule.pattern),
        "unless": rule.unless.iter().map(fields).collect::<Vec<_>>(),
        "escalate": rule.escalate.iter().map(|one| json!({ "when": fields(&one.when), "to": one.to.name(), "always": one.always })).collect::<Vec<_>>(),
        "first_seen": rule.first_seen.as_ref().map(|first| json!({ "of": first.of, "by": first.by, "within_seconds": first.within.as_secs() })),
        "threshold": rule.threshold.as_ref().map(|one| json!({ "count": one.count, "within_seconds": one.within.as_secs(), "by": one.by, "distinct": one.distinct })),
    })
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    anstream::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}
