//! A message as email: subject, text and HTML. Owns the two bodies; headers and sending are `sink::email`'s.
//!
//! The HTML comes from a template that escapes every value, and loads nothing from elsewhere.

use askama::Template;
use textwrap::core::display_width;

use crate::domain::incident::brief::Brief;
use crate::domain::language::Words;
use crate::domain::notify::message::Message;
use crate::domain::notify::render::{
    IN_FULL, Style, advice, colour, facts, headline, label, line, links, summary,
};
use crate::domain::text::clean;

/// So much of a mail is shown in a list of mails, in characters.
const PREHEADER: usize = 140;

/// How wide the names of facts are, in columns.
const NAME: usize = 16;

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

/// An incident's first line, what else there is to say, what stands before the commands, and these.
type Story = (String, Vec<String>, String, Vec<String>);

#[derive(Template)]
#[template(path = "alert.html")]
struct Html<'a> {
    lang: &'static str,
    words: &'static dyn Words,
    colour: &'static str,
    /// What a list of mails shows behind the subject.
    preheader: &'a str,
    banner: &'a str,
    incidents: &'a [Story],
    alerts: Vec<Shown>,
    more: Vec<String>,
}

#[derive(Template)]
#[template(path = "alert.txt", escape = "none")]
struct Text<'a> {
    words: &'static dyn Words,
    banner: &'a str,
    incidents: &'a [Story],
    alerts: Vec<Shown>,
    more: Vec<String>,
}

impl Text<'_> {
    /// A name as the left one of two columns; a Korean letter is as wide as two of others.
    fn column(&self, name: &str) -> String {
        format!("{}{name}", " ".repeat(NAME.saturating_sub(display_width(name))))
    }
}

#[derive(Clone)]
struct Shown {
    severity: &'static str,
    title: String,
    description: String,
    advice: String,
    facts: Vec<(String, String)>,
    links: Vec<(&'static str, String)>,
    footer: String,
}

/// Renders a message.
///
/// # Errors
/// When a template fails, which would be a mistake in it.
pub fn render(message: &Message, style: &Style) -> Result<Email, askama::Error> {
    let words = style.language.words();
    let in_full = if message.plain { 0 } else { IN_FULL };
    let alerts: Vec<Shown> = message
        .alerts
        .iter()
        .take(in_full)
        .map(|pending| (headline(pending, style), &pending.alert))
        .map(|(title, alert)| Shown {
            severity: label(alert.severity, style),
            title,
            description: alert.description.clone(),
            advice: advice(alert).unwrap_or_default().to_owned(),
            facts: facts(alert, &message.incidents, style),
            links: links(alert, style).into_iter().map(|link| (link.label, link.url)).collect(),
            footer: words.rule_and_alert(&alert.rule, &alert.id),
        })
        .collect();
    let more: Vec<String> = message.alerts.iter().skip(in_full).map(|pending| line(pending, style)).collect();
    let story =
        |incident: &Brief| (incident.headline(), incident.lines(), incident.do_now(), incident.actions());
    let incidents: Vec<Story> = message.incidents.iter().map(story).collect();
    let incidents = incidents.as_slice();
    // The subject says what happened: what follows is how far it has come, or why it matters.
    let preheader = match (message.incidents.first(), alerts.first()) {
        (Some(incident), _) => incident.lines().join(" · "),
        (None, Some(alert)) => alert.description.clone(),
        (None, None) => String::new(),
    };
    let preheader = clean(&preheader, PREHEADER);
    let banner = style.banner.as_deref().unwrap_or_default();
    let subject = match banner {
        "" => clean(&summary(message, style), 180),
        banner => clean(&format!("{banner} {}", summary(message, style)), 180),
    };
    Ok(Email {
        subject: apart(&subject),
        text: apart(&Text { words, banner, incidents, alerts: alerts.clone(), more: more.clone() }.render()?),
        html: apart(
            &Html {
                lang: style.language.code(),
                words,
                colour: colour(message.severity()),
                preheader: &preheader,
                banner,
                incidents,
                alerts,
                more,
            }
            .render()?,
        ),
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
