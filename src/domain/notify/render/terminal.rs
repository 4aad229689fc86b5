//! A message for a terminal, and for a pipe. Owns the coloured block and the JSON line; whether there is a
//! terminal is `sink::terminal`'s to know.

use anstyle::{AnsiColor, Style as Ansi};
use textwrap::core::display_width;

use crate::domain::incident::brief::Brief;
use crate::domain::json::Json;
use crate::domain::notify::message::Pending;
use crate::domain::notify::render::{Style, advice, facts, headline, links};
use crate::domain::severity::Severity;
use crate::domain::text::layout::paragraph;

const DIM: Ansi = Ansi::new().dimmed();

/// The colours of a severity, in alerts and in tables.
pub fn severity_style(severity: Severity) -> Ansi {
    match severity {
        Severity::Critical => Ansi::new()
            .bold()
            .fg_color(Some(AnsiColor::BrightWhite.into()))
            .bg_color(Some(AnsiColor::Red.into())),
        Severity::High => AnsiColor::Red.on_default().bold(),
        Severity::Medium => AnsiColor::Yellow.on_default().bold(),
        Severity::Low => AnsiColor::Blue.on_default().bold(),
        Severity::Info => Ansi::new().bold(),
    }
}

/// One alert as a block with colours, in so many columns where it is a person who reads.
pub fn block(pending: &Pending, style: &Style, columns: Option<usize>) -> String {
    let alert = &pending.alert;
    let ink = severity_style(alert.severity);
    let bold = Ansi::new().bold();
    let words = style.language.words();
    let label = format!(" {} ", words.label(alert.severity));
    let mut block = paragraph(
        columns,
        &format!("{ink}{label}{ink:#} "),
        "  ",
        &format!("{bold}{}{bold:#}", headline(pending, style)),
    );
    block.push('\n');
    if !alert.description.is_empty() {
        block.push_str(&paragraph(columns, "  ", "  ", &alert.description));
        block.push('\n');
    }
    if let Some(advice) = advice(alert) {
        block.push_str(&paragraph(
            columns,
            "  ",
            "  ",
            &format!("{bold}{}:{bold:#} {advice}", words.what_to_do()),
        ));
        block.push('\n');
    }
    let named = facts(alert, &[], style).into_iter();
    let links = links(alert, style).into_iter().map(|link| (link.label.to_owned(), link.url));
    let rows: Vec<(String, String)> =
        named.map(|(name, value)| (name.to_string(), value.to_string())).chain(links).collect();
    let width = rows.iter().map(|(name, _)| display_width(name)).max().unwrap_or_default();
    for (name, value) in rows {
        let first = format!("  {}{DIM}{name}{DIM:#}  ", " ".repeat(width - display_width(&name)));
        block.push_str(&paragraph(columns, &first, &" ".repeat(width + 4), &value));
        block.push('\n');
    }
    block
}

/// What a message is a part of, in so many columns where it is a person who reads.
pub fn story(incident: &Brief, columns: Option<usize>) -> String {
    let bold = Ansi::new().bold();
    let mut story = paragraph(columns, "", "  ", &format!("{bold}{}{bold:#}", incident.headline())) + "\n";
    for line in incident.lines() {
        story.push_str(&paragraph(columns, "  ", "  ", &line));
        story.push('\n');
    }
    let actions = incident.actions();
    if !actions.is_empty() {
        story.push_str(&format!("  {DIM}{}:{DIM:#}\n", incident.do_now()));
    }
    // A command is not wrapped: what is copied from two lines is two commands.
    for action in actions {
        story.push_str(&format!("    {action}\n"));
    }
    story
}

/// One alert as a JSON object on one line.
pub fn json_line(pending: &Pending, banner: Option<&str>) -> String {
    json(pending, banner).to_string()
}

/// One alert as a JSON object: docs/webhook.md has its members.
pub fn json(pending: &Pending, banner: Option<&str>) -> Json {
    let alert = &pending.alert;
    let mut members = vec![
        ("alert_id", alert.id.as_str()),
        ("severity", alert.severity.name()),
        ("rule", &alert.rule),
        ("title", &alert.title),
        ("account", &alert.account),
        ("region", &alert.region),
    ];
    let time = alert.time.to_string();
    members.push(("time", &time));
    let named = [
        ("account_name", &alert.account_name),
        ("principal", &alert.principal),
        ("address", &alert.address),
        ("origin", &alert.origin),
        ("event_id", &alert.event_id),
        ("instance", &alert.instance),
        ("group", &alert.group),
        ("incident", &alert.part.incident),
    ];
    members.extend(named.into_iter().filter(|(_, v)| !v.is_empty()).map(|(name, v)| (name, v.as_str())));
    members.extend(banner.map(|banner| ("note", banner)));
    let mut members: Vec<(String, Json)> =
        members.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    if pending.more() > 0 {
        members.push(("more_like_it".to_owned(), i64::try_from(pending.more()).unwrap_or(i64::MAX).into()));
    }
    let facts = alert.facts.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    members.push(("facts".to_owned(), Json::Object(facts)));
    Json::Object(members)
}
