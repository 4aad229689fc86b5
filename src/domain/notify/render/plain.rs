//! A message as plain text, for channels that show nothing else. Owns that it stays within so many bytes and says what it leaves out:
//! the stories and what to do first, then the alerts, each in a line, the first with its facts.

use crate::domain::notify::message::Message;
use crate::domain::notify::render::{Style, account, advice, from, line, when};
use crate::domain::text::counted;

/// Room for the line that says how much is left out.
const REST: usize = 40;

/// The message's body; its title is [`super::summary`].
pub fn render(message: &Message, style: &Style, limit: usize) -> String {
    let mut text = String::new();
    let mut left_out = 0;
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
        incident.actions().iter().for_each(|action| put(&format!("> {action}")));
    }
    for (n, pending) in message.alerts.iter().enumerate() {
        put(&line(pending));
        let alert = &pending.alert;
        if n > 0 {
            continue;
        }
        let said = [("who", alert.principal.clone()), ("from", from(alert)), ("account", account(alert))];
        for (name, value) in said.into_iter().filter(|(_, value)| !value.is_empty()) {
            put(&format!("  {name} {value}"));
        }
        put(&format!("  when {}", when(alert.time, style)));
        if let Some(advice) = advice(alert) {
            put(&format!("  what to do now: {advice}"));
        }
    }
    if left_out > 0 {
        text.push_str(&format!("and {}\n", counted(left_out, "more line")));
    }
    text
}
