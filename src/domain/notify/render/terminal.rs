//! A message for a terminal, and for a pipe. Owns the coloured block and the JSON line; whether there is a
//! terminal is `sink::terminal`'s to know.

use anstyle::{AnsiColor, Style as Ansi};

use crate::domain::json::Json;
use crate::domain::notify::alert::Alert;
use crate::domain::notify::render::{Style, advice, facts, links};
use crate::domain::severity::Severity;

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

/// One alert as a block with colours.
pub fn block(alert: &Alert, style: &Style) -> String {
    let ink = severity_style(alert.severity);
    let bold = Ansi::new().bold();
    let label = format!(" {} ", alert.severity.name().to_uppercase());
    let mut block = format!("{ink}{label}{ink:#} {bold}{}{bold:#}\n", alert.title);
    if !alert.description.is_empty() {
        block.push_str(&format!("  {}\n", alert.description));
    }
    if let Some(advice) = advice(alert) {
        block.push_str(&format!("  {bold}What to do now:{bold:#} {advice}\n"));
    }
    for (name, value) in facts(alert, style) {
        block.push_str(&format!("  {DIM}{name:>16}{DIM:#}  {value}\n"));
    }
    for link in links(alert) {
        block.push_str(&format!("  {DIM}{:>16}{DIM:#}  {}\n", link.label, link.url));
    }
    block
}

/// One alert as a JSON object on one line.
pub fn json_line(alert: &Alert, banner: Option<&str>) -> String {
    json(alert, banner).to_string()
}

/// One alert as a JSON object: docs/webhook.md has its members.
pub fn json(alert: &Alert, banner: Option<&str>) -> Json {
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
        ("event_id", &alert.event_id),
        ("instance", &alert.instance),
        ("group", &alert.group),
    ];
    members.extend(named.into_iter().filter(|(_, v)| !v.is_empty()).map(|(name, v)| (name, v.as_str())));
    members.extend(banner.map(|banner| ("note", banner)));
    let mut members: Vec<(String, Json)> =
        members.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let facts = alert.facts.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    members.push(("facts".to_owned(), Json::Object(facts)));
    Json::Object(members)
}
