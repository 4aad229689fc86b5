//! A message as plain text, for channels that show nothing else. Owns that it stays within so many bytes and says what it leaves out:
//! the stories and what to do first, then the alerts, each in a line, the first with its facts.

use crate::domain::notify::message::Message;
use crate::domain::notify::render::{Style, advice, facts, line};

/// Room for the line that says how much is left out.
const REST: usize = 40;
/// So many facts stand beside the first alert: who, from where, in which account and region, when.
const FACTS: usize = 5;

/// The message's body; its title is [`super::summary`].
pub fn render(message: &Message, style: &Style, limit: usize) -> String {
    let mut text = String::new();
    let mut left_out: u64 = 0;
    let words = style.language.words();
    let mut put = |line: &str| {
        let fits = text.len() + line.len() + 1 + REST <= limit;
        match fits {
            true => text.extend([line, "\n"]),
            false => left_out += 1,
        }
    };
    style.banner.iter().for_each(|banner| put(banner));
    for incident in &message.incidents {
        put(&incident.headline());
        incident.lines().iter().for_each(|line| put(line));
        let actions = incident.actions();
        if !actions.is_empty() {
            put(&format!("{}:", incident.do_now()));
        }
        actions.iter().for_each(|action| put(&format!("> {action}")));
    }
    for (n, pending) in message.alerts.iter().enumerate() {
        put(&line(pending, style));
        let alert = &pending.alert;
        if n > 0 {
            continue;
        }
        let region = words.name("region");
        let first = facts(alert, &message.incidents, style).into_iter().take(FACTS);
        // The line above says the region.
        for (name, value) in first.filter(|(name, _)| name != region) {
            put(&format!("  {name} {value}"));
        }
        if let Some(advice) = advice(alert) {
            put(&format!("  {}: {advice}", words.what_to_do()));
        }
    }
    if left_out > 0 {
        text.push_str(&format!("{}\n", words.more_lines(left_out)));
    }
    text
}
