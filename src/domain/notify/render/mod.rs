//! How a message looks in each channel. Owns what all channels share: the order of the facts, times and links.
//! Every text of an alert is hostile until its channel's own renderer has escaped it.

pub mod email;
pub mod plain;
pub mod slack;
pub mod terminal;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::event::partition;
use crate::domain::incident::brief::{Brief, placed};
use crate::domain::language::Language;
use crate::domain::notify::alert::Alert;
use crate::domain::notify::message::{Message, Pending};
use crate::domain::severity::Severity;
use crate::domain::text::clean;

/// How many alerts of a message are shown with all their facts.
const IN_FULL: usize = 3;
/// The fact that names the key of a call.
const KEY: &str = "access key";

/// How the reader wants it.
#[derive(Debug, Clone, Default)]
pub struct Style {
    /// The reader's time zone; UTC is always shown.
    pub timezone: Option<TimeZone>,
    /// In which language.
    pub language: Language,
    /// Say in every message that this is only a demonstration or a test.
    pub banner: Option<String>,
}

/// A link that a reader can follow.
struct Link {
    label: &'static str,
    url: String,
}

/// The colour of a severity, as hexadecimal red, green and blue.
pub fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "#b3001b",
        Severity::High => "#e8590c",
        Severity::Medium => "#e0a800",
        Severity::Low => "#2f7dd1",
        Severity::Info => "#868e96",
    }
}

/// `2026-03-01 10:00:00 UTC`, and the reader's time behind it.
fn when(time: Timestamp, style: &Style) -> String {
    let utc = time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    match &style.timezone {
        Some(zone) => format!("{utc} ({})", time.to_zoned_datetime(zone.clone()).strftime("%a %H:%M:%S %Z")),
        None => utc,
    }
}

/// `prod (111122223333)`, or the number alone.
fn account(alert: &Alert) -> String {
    match (alert.account_name.as_str(), alert.account.as_str()) {
        ("", number) => number.to_owned(),
        (name, number) => format!("{name} ({number})"),
    }
}

/// The address, and where that is.
fn from(alert: &Alert) -> String {
    match alert.origin.as_str() {
        "" => alert.address.clone(),
        origin => format!("{} ({origin})", alert.address),
    }
}

/// The facts in the order that a tired person needs them: who, from where, which account and region, when. What the incident above
/// says already is not said again.
fn facts(alert: &Alert, above: &[Brief], style: &Style) -> Vec<(String, String)> {
    let incident = above.iter().find(|incident| incident.id == alert.part.incident);
    let common = incident.map(|incident| incident.common.clone()).unwrap_or_default();
    let words = style.language.words();
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            facts.push((words.name(name).to_owned(), value.to_owned()));
        }
    };
    fact("who", &alert.principal);
    if alert.address != common.address {
        fact("from", &from(alert));
    }
    if account(alert) != common.account {
        fact("account", &account(alert));
    }
    if alert.region != common.region {
        fact("region", &alert.region);
    }
    fact("when", &when(alert.time, style));
    fact("instance", &alert.instance);
    let is_said = |name: &str, value: &str| name == KEY && value == common.key;
    let own = alert.facts.iter().filter(|(name, value)| !is_said(name, value));
    own.for_each(|(name, value)| fact(name, value));
    facts
}

/// An alert's severity, as it begins with it.
fn label(severity: Severity, style: &Style) -> &'static str {
    style.language.words().label(severity)
}

/// Links to the event and to the instance in the AWS console.
fn links(alert: &Alert, style: &Style) -> Vec<Link> {
    let Some(console) = console(&alert.region) else { return Vec::new() };
    let words = style.language.words();
    let region = &alert.region;
    let mut links = Vec::new();
    if is_token(&alert.event_id) {
        links.push(Link {
            label: words.name("CloudTrail event"),
            url: format!("https://{console}/cloudtrailv2/home?region={region}#/events/{}", alert.event_id),
        });
    }
    if is_token(&alert.instance) {
        links.push(Link {
            label: words.name("Instance"),
            url: format!(
                "https://{console}/ec2/home?region={region}#InstanceDetails:instanceId={}",
                alert.instance
            ),
        });
    }
    if is_address(&alert.runbook) {
        links.push(Link { label: words.name("Runbook"), url: alert.runbook.clone() });
    }
    links
}

fn is_address(runbook: &str) -> bool {
    runbook.starts_with("https://") && !runbook.contains(char::is_whitespace)
}

/// What to do now, where the rule says it in words.
fn advice(alert: &Alert) -> Option<&str> {
    Some(alert.runbook.as_str()).filter(|runbook| !runbook.is_empty() && !is_address(runbook))
}

/// The console's host for a region; none for a text that is no region's name.
fn console(region: &str) -> Option<String> {
    let domain = match partition(region) {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        "aws-eusc" => "console.amazonaws-eusc.eu",
        _ => "console.aws.amazon.com",
    };
    is_token(region).then(|| format!("{region}.{domain}"))
}

/// Whether a text can stand in a URL as it is.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// The message in one line: for notifications, subjects and the simplest form.
pub fn summary(message: &Message, style: &Style) -> String {
    let Some(first) = message.alerts.first() else { return String::new() };
    let more = match message.said() - 1 {
        0 => String::new(),
        more => format!(" {}", style.language.words().and_more(more)),
    };
    let label = label(message.severity(), style);
    format!("{label}{}: {}{more}", place(message, style), first.alert.title)
}

/// Where it is: an account by its name, and the region or how many. A lock screen shows 45 characters, so that it stands before what
/// happened; a number of twelve digits does not.
fn place(message: &Message, style: &Style) -> String {
    let words = style.language.words();
    let each_once = |text: fn(&Alert) -> &str| {
        let all: BTreeSet<&str> = message.alerts.iter().map(|pending| text(&pending.alert)).collect();
        all.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>()
    };
    let several = |all: &[&str], count: &dyn Fn(u64) -> String| match all {
        [] => String::new(),
        [one] => format!(" {}", clean(one, 16)),
        several => format!(" {}", count(several.len() as u64)),
    };
    let accounts = several(&each_once(|alert| &alert.account_name), &|count| words.accounts(count));
    accounts + &several(&each_once(|alert| &alert.region), &|count| words.regions(count))
}

/// An alert's title, and how many more of its kind are only counted.
fn headline(pending: &Pending, style: &Style) -> String {
    format!("{}{}", pending.alert.title, more_like_it(pending, style))
}

fn more_like_it(pending: &Pending, style: &Style) -> String {
    match pending.more() {
        0 => String::new(),
        more => format!(" · {}", style.language.words().more_like_it(more)),
    }
}

/// An alert in one line, for messages that name many.
pub fn line(pending: &Pending, style: &Style) -> String {
    let alert = &pending.alert;
    let title = clean(&alert.title, 110) + &more_like_it(pending, style);
    let time = alert.time.strftime("%H:%M:%S");
    format!("{} {} {time}", label(alert.severity, style), placed(&title, &alert.region))
}
