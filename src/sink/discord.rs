//! Discord, by a webhook (discord.com/developers, "Execute Webhook"). Owns its keys and the shape of a message: it can mention nobody.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use secrecy::SecretString;
use serde_json::json;

use crate::config::section::Section;
use crate::domain::notify::message::Message;
use crate::domain::notify::render::{Style, colour, plain, summary};
use crate::domain::text::clean;
use crate::sink::channel::Channel;
use crate::sink::http;
use crate::sink::service::{self, Ask, Service};

pub(super) const KIND: &str = "discord";

/// Thirty a minute for a channel's webhook, as its answers' headers say.
const GAP: Duration = Duration::from_secs(2);
/// "Embed Limits": 4,096 characters of description; the fence around it counts.
const TEXT: usize = 3_900;
/// "content": 2,000 characters.
const TITLE: usize = 300;

#[derive(Debug)]
struct Discord {
    url: SecretString,
}

/// Reads `webhook_url` or `webhook_url_file`.
pub(super) fn read(section: &mut Section<'_>, folder: &Path) -> Option<Arc<dyn Channel>> {
    let advice = ": copy it from the channel's settings, \"Integrations\", \"Webhooks\"";
    let url = http::read_url(section, ("webhook_url", "webhook_url_file"), folder, advice)?;
    Some(service::channel(Discord { url }))
}

/// In a code block nothing is formatted; its own fence is broken by taking the backticks away.
fn fenced(text: &str) -> String {
    format!("```\n{}\n```", text.replace('`', "'"))
}

impl Service for Discord {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn gap(&self) -> Duration {
        GAP
    }

    fn asks(&self, message: &Message, style: &Style) -> Vec<Ask> {
        let colour = i64::from_str_radix(colour(message.severity()).trim_start_matches('#'), 16).unwrap_or(0);
        let body = json!({
            "content": fenced(&clean(&summary(message, style), TITLE)),
            "allowed_mentions": { "parse": [] },
            "embeds": [{ "description": fenced(&plain::render(message, style, TEXT)), "color": colour }],
        });
        vec![Ask { url: self.url.clone(), headers: HeaderMap::new(), body: body.to_string() }]
    }
}
