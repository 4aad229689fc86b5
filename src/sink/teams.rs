//! Microsoft Teams, by a workflow's webhook ("When a Teams webhook request is received"; learn.microsoft.com, "Create incoming webhooks
//! with Workflows"). Owns its keys and the card.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::config::section::Section;
use crate::domain::notify::message::Message;
use crate::domain::notify::render::{Style, plain, summary};
use crate::domain::severity::Severity;
use crate::domain::text::clean;
use crate::sink::channel::Channel;
use crate::sink::http;
use crate::sink::service::{self, Ask, Service};

pub(super) const KIND: &str = "teams";

/// "Rate limiting": four requests a second; a channel is read by people.
const GAP: Duration = Duration::from_secs(1);
/// In bytes: a message of more than about 28 KB is refused, and escaping doubles some.
const TEXT: usize = 8_000;
const TITLE: usize = 300;

#[derive(Debug)]
struct Teams {
    url: SecretString,
}

/// Reads `webhook_url` or `webhook_url_file`.
pub(super) fn read(section: &mut Section<'_>, folder: &Path) -> Option<Arc<dyn Channel>> {
    let advice = ": copy it from the workflow \"Send webhook alerts to a channel\"";
    let url = http::read_url(section, ("webhook_url", "webhook_url_file"), folder, advice)?;
    Some(service::channel(Teams { url }))
}

/// A text run is shown as it is: it knows no Markdown (adaptivecards.io, "TextRun"), and no card mentions without an entity.
fn lines(text: &str, monospace: bool) -> Vec<Value> {
    let line = |line: &str| {
        let run = json!({ "type": "TextRun", "text": line, "fontType": if monospace { "Monospace" } else { "Default" } });
        json!({ "type": "RichTextBlock", "inlines": [run], "spacing": "None" })
    };
    text.lines().filter(|text| !text.is_empty()).map(line).collect()
}

impl Service for Teams {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn gap(&self) -> Duration {
        GAP
    }

    fn asks(&self, message: &Message, style: &Style) -> Vec<Ask> {
        let colour = match message.severity() {
            Severity::Critical | Severity::High => "attention",
            Severity::Medium => "warning",
            Severity::Low | Severity::Info => "default",
        };
        let title = json!({ "type": "TextRun", "text": clean(&summary(message, style), TITLE), "weight": "bolder", "color": colour });
        let mut body = vec![json!({ "type": "RichTextBlock", "inlines": [title] })];
        body.extend(lines(&plain::render(message, style, TEXT), true));
        let card = json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "msteams": { "width": "Full" },
                    "body": body,
                },
            }],
        });
        vec![Ask { url: self.url.clone(), headers: HeaderMap::new(), body: card.to_string() }]
    }
}
