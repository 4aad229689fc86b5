//! A message as Slack's Block Kit: for an incoming webhook, and as a bot's message that grows with the answers below it. Owns Slack's
//! limits and its escaping.
//!
//! Limits (docs.slack.dev, Block Kit reference): header 150 characters, section text 3,000, 50 blocks; beyond
//! about 13,200 characters a message is refused. `&`, `<` and `>` are escaped (docs.slack.dev, "Formatting text"),
//! which leaves no way to mention or to link; values stand in code spans or in plain text, which leaves no formatting either.

use serde_json::{Value, json};

use crate::domain::incident::brief::Brief;
use crate::domain::notify::alert::Alert;
use crate::domain::notify::message::{Message, Pending};
use crate::domain::notify::render::{
    IN_FULL, Style, advice, colour, facts, headline, label, line, links, summary, when,
};
use crate::domain::severity::Severity;

const HEADER: usize = 150;
/// In bytes; three alerts in full, or one and thirty-nine lines, stay below 10,000.
const SECTION: usize = 2_000;
const LINE: usize = 185;
/// A line of a story, in bytes.
const SHORTEST: usize = 60;
const LONGEST: usize = 400;

/// A message that stands by itself: what it is a part of, and its alerts.
pub fn render(message: &Message, style: &Style) -> Value {
    let mut blocks = opening(style);
    blocks.extend(story(message).map(|story| plain(&story)));
    blocks.extend(message.incidents.first().and_then(actions));
    alerts(message, &message.incidents, style, &mut blocks);
    payload(message, style, message.severity(), &summary(message, style), blocks)
}

/// The alerts of a message, as an answer to the one that has the story.
pub fn reply(message: &Message, style: &Style) -> Value {
    let mut blocks = opening(style);
    // The story is another message: each alert says all of it.
    alerts(message, &[], style, &mut blocks);
    payload(message, style, message.severity(), &summary(message, style), blocks)
}

/// An incident as one message, which grows: whom, from where, how far, what to do now, and what happened.
pub fn conversation(incident: &Brief, message: &Message, style: &Style) -> Value {
    let mut blocks = opening(style);
    let title = format!("{}: {}", label(incident.severity, style), incident.what);
    blocks.push(plain(&lines(&incident.lines())));
    blocks.extend(actions(incident));
    blocks.push(plain(&lines(&incident.beats)));
    let last = when(incident.last, style);
    let state = if incident.is_open { String::new() } else { format!(" · {}", incident.state) };
    let footer = format!("{}{state}", style.language.words().footer(&incident.id, &last));
    blocks.push(context(&escape(&footer, 400)));
    payload(message, style, incident.severity, &title, blocks)
}

fn opening(style: &Style) -> Vec<Value> {
    style.banner.iter().map(|banner| context(&escape(banner, 300))).collect()
}

/// Escaped lines, as many as a section takes.
fn lines(lines: &[String]) -> String {
    let mut text = String::new();
    // Each has its share, so that no long name pushes out what comes behind it.
    let most = (SECTION / lines.len().max(1)).saturating_sub(1).clamp(SHORTEST, LONGEST);
    for line in lines {
        let line = format!("{}\n", escape(line, most));
        if text.len() + line.len() > SECTION {
            break;
        }
        text.push_str(&line);
    }
    text
}

/// What to do now. Each command stands in a block of its own, which Slack copies as it is.
fn actions(incident: &Brief) -> Option<Value> {
    let actions = incident.actions();
    let mut text = format!("*{}*\n", incident.do_now());
    for action in &actions {
        // A backtick would end the block; no command of ours has one.
        text.push_str(&format!("```{}```\n", escape(&action.replace('`', "'"), 600)));
    }
    (!actions.is_empty()).then(|| mrkdwn(&text))
}

/// The payload of a webhook or of chat.postMessage: blocks, and a text for notifications.
fn payload(message: &Message, style: &Style, severity: Severity, summary: &str, blocks: Vec<Value>) -> Value {
    let text = escape(&banner(style), 200) + &escape(summary, 600);
    if message.plain {
        return json!({ "text": text, "mrkdwn": false, "unfurl_links": false, "unfurl_media": false });
    }
    json!({
        "text": text,
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "attachments": [{ "color": colour(severity), "blocks": blocks }],
    })
}

/// The first alerts in full, a line for each other.
fn alerts(message: &Message, above: &[Brief], style: &Style, blocks: &mut Vec<Value>) {
    // A message of many shows the first in full and names every other: none may be squeezed out by what an attacker
    // wrote into the first.
    let full = if message.alerts.len() > IN_FULL { 1 } else { IN_FULL };
    for pending in message.alerts.iter().take(full) {
        if !blocks.is_empty() {
            blocks.push(json!({ "type": "divider" }));
        }
        if message.alerts.len() > 1 {
            // A single alert's title is the message's text, which stands above its blocks.
            blocks.push(header(pending, style));
        }
        in_full(&pending.alert, above, style, blocks);
    }
    let mut section = String::new();
    for pending in message.alerts.iter().skip(full) {
        let line = format!("• {}\n", code(&line(pending, style), LINE));
        if section.len() + line.len() > SECTION {
            blocks.push(mrkdwn(&std::mem::take(&mut section)));
        }
        section.push_str(&line);
    }
    if !section.is_empty() {
        blocks.push(mrkdwn(&section));
    }
}

/// What the message is a part of: a line for each incident, and more of it where there is room.
fn story(message: &Message) -> Option<String> {
    let mut story = String::new();
    for incident in &message.incidents {
        let headline = format!("{}\n", escape(&incident.headline(), 300));
        let more = lines(&incident.lines());
        if story.len() + headline.len() > SECTION {
            break;
        }
        story.push_str(&headline);
        if story.len() + more.len() <= SECTION {
            story.push_str(&more);
        }
    }
    (!story.is_empty()).then_some(story)
}

fn banner(style: &Style) -> String {
    style.banner.as_ref().map(|banner| format!("{banner} ")).unwrap_or_default()
}

fn header(pending: &Pending, style: &Style) -> Value {
    let severity = label(pending.alert.severity, style);
    let title = escape(&format!("{severity}: {}", headline(pending, style)), HEADER);
    json!({ "type": "header", "text": { "type": "plain_text", "text": title, "emoji": false } })
}

fn in_full(alert: &Alert, above: &[Brief], style: &Style, blocks: &mut Vec<Value>) {
    let words = style.language.words();
    let mut body = String::new();
    for (name, value) in facts(alert, above, style) {
        let fact = format!("*{}*  {}\n", escape(&name, 60), code(&value, 250));
        if body.len() + fact.len() > SECTION {
            break;
        }
        body.push_str(&fact);
    }
    blocks.push(mrkdwn(&body));
    let mut footer: Vec<String> = links(alert, style)
        .iter()
        .map(|link| format!("<{}|{}>", escape(&link.url, 500), link.label))
        .collect();
    if !alert.description.is_empty() {
        footer.insert(0, escape(&alert.description, 400));
    }
    if let Some(advice) = advice(alert) {
        blocks.push(mrkdwn(&format!("*{}*  {}", words.what_to_do(), escape(advice, 600))));
    }
    footer.push(format!("{} {}", words.name("rule"), code(&alert.rule, 80)));
    blocks.push(context(&footer.join("  ·  ")));
}

fn mrkdwn(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } })
}

/// A section in which nothing is formatted, mentioned or linked.
fn plain(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "plain_text", "text": text, "emoji": false } })
}

fn context(text: &str) -> Value {
    json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": text, "verbatim": true }] })
}

/// `text` in a code span; its own backticks become apostrophes.
fn code(text: &str, limit: usize) -> String {
    format!("`{}`", escape(&text.replace('`', "'"), limit))
}

/// `text` escaped, at most `limit` bytes long, never cut inside an entity.
fn escape(text: &str, limit: usize) -> String {
    let mut escaped = String::new();
    let mut buffer = [0; 4];
    for c in text.chars() {
        let piece = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => c.encode_utf8(&mut buffer),
        };
        if escaped.len() + piece.len() + '…'.len_utf8() > limit {
            escaped.push('…');
            break;
        }
        escaped.push_str(piece);
    }
    escaped
}
