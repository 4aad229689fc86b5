//! A message as email: subject, text and HTML. Owns the two bodies; headers and sending are `sink::email`'s.
//!
//! The HTML comes from a template that escapes every value, and loads nothing from elsewhere.

use askama::Template;

use crate::domain::incident::brief::Brief;
use crate::domain::notify::message::Message;
use crate::domain::notify::render::{IN_FULL, Style, advice, colour, facts, headline, line, links, summary};
use crate::domain::text::clean;

/// An email without its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// The subject, in one line.
    pub subject: String,
    /// For readers that show no HTML.
    pub text: String,
    /// The body for readers that show HTML.
    pub html: String,
}

/// An incident's first line, what else there is to say, and what to do now.
type Story = (String, Vec<String>, Vec<String>);

#[derive(Template)]
#[template(path = "alert.html")]
struct Html<'a> {
    colour: &'static str,
    banner: &'a str,
    incidents: &'a [Story],
    alerts: Vec<Shown>,
    more: Vec<String>,
}

#[derive(Template)]
#[template(path = "alert.txt", escape = "none")]
struct Text<'a> {
    banner: &'a str,
    incidents: &'a [Story],
    alerts: Vec<Shown>,
    more: Vec<String>,
}

#[derive(Clone)]
struct Shown {
    severity: String,
    title: String,
    description: String,
    advice: String,
    facts: Vec<(String, String)>,
    links: Vec<(&'static str, String)>,
    rule: String,
    id: String,
}

/// Renders a message.
///
/// # Errors
/// When a template fails, which would be a mistake in it.
pub fn render(message: &Message, style: &Style) -> Result<Email, askama::Error> {
    let in_full = if message.plain { 0 } else { IN_FULL };
    let alerts: Vec<Shown> = message
        .alerts
        .iter()
        .take(in_full)
        .map(|pending| (headline(pending), &pending.alert))
        .map(|(title, alert)| Shown {
            severity: alert.severity.name().to_uppercase(),
            title,
            description: alert.description.clone(),
            advice: advice(alert).unwrap_or_default().to_owned(),
            facts: facts(alert, style),
            links: links(alert).into_iter().map(|link| (link.label, link.url)).collect(),
            rule: alert.rule.clone(),
            id: alert.id.clone(),
        })
        .collect();
    let more: Vec<String> = message.alerts.iter().skip(in_full).map(line).collect();
    let story = |incident: &Brief| (incident.headline(), incident.lines(), incident.actions());
    let incidents: Vec<Story> = message.incidents.iter().map(story).collect();
    let incidents = incidents.as_slice();
    let banner = style.banner.as_deref().unwrap_or_default();
    let subject = match banner {
        "" => clean(&summary(message), 180),
        banner => clean(&format!("{banner} {}", summary(message)), 180),
    };
    Ok(Email {
        subject: apart(&subject),
        text: apart(&Text { banner, incidents, alerts: alerts.clone(), more: more.clone() }.render()?),
        html: apart(&Html { colour: colour(message.severity()), banner, incidents, alerts, more }.render()?),
    })
}

/// Texts that filters know as tests of themselves, so that a mail with one never arrives (SpamAssassin, "GTUBE"; EICAR, "Anti
/// Malware Testfile"). A thief names a user so.
const TESTS: [&str; 3] =
    ["STANDARD-ANTI-UBE-TEST-EMAIL", "STANDARD-ANTIVIRUS-TEST-FILE", "STANDARD-ANTI-PHISH-TEST"];

/// The text without these: a blank stands in each.
fn apart(text: &str) -> String {
    TESTS.iter().fold(text.to_owned(), |text, test| {
        let (first, rest) = test.split_at("STANDARD".len());
        text.replace(test, &format!("{first} {rest}"))
    })
}
