//! Telegram, by a bot (core.telegram.org/bots/api, "sendMessage"). Owns its keys, the shape of a message and the meaning of the answers:
//! an incident's later messages answer its first, and what is less than high makes no sound.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::config::section::Section;
use crate::domain::notify::answer::Failure;
use crate::domain::notify::message::{Message, Receipt};
use crate::domain::notify::render::{Style, plain, summary};
use crate::domain::severity::Severity;
use crate::domain::text::clean;
use crate::sink::channel::Channel;
use crate::sink::http::{self, Answer, later};
use crate::sink::service::{self, Ask, Service};

pub(super) const KIND: &str = "telegram";

const ADDRESS: &str = "https://api.telegram.org";
/// In UTF-8 bytes, which are never fewer than the characters that are counted there (4,096).
const TEXT: usize = 3_900;
/// "In a single chat, avoid sending more than one message per second"; in a group twenty a minute ("Bots FAQ").
const GAP: Duration = Duration::from_secs(3);

#[derive(Debug)]
struct Telegram {
    /// It holds the token.
    url: SecretString,
    chat: String,
}

/// Reads `token` or `token_file`, `chat`, and `url`.
pub(super) fn read(section: &mut Section<'_>, folder: &Path) -> Option<Arc<dyn Channel>> {
    let address = http::address(section, "url", ADDRESS);
    let token = http::token(section, ("token", "token_file"), folder);
    let chat = section.required("chat", "-1001234567890");
    let (address, token) = (address?, token?);
    let is_token = |c: char| c.is_ascii_alphanumeric() || ":_-".contains(c);
    if !token.expose_secret().chars().all(is_token) {
        section.problem("token", "is no bot's token: copy it from BotFather, as 123456:ABC…");
        return None;
    }
    let base = address.expose_secret().trim_end_matches('/');
    let url = SecretString::from(format!("{base}/bot{}/sendMessage", token.expose_secret()));
    Some(service::channel(Telegram { url, chat: chat? }))
}

impl Service for Telegram {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn gap(&self) -> Duration {
        GAP
    }

    fn asks(&self, message: &Message, style: &Style) -> Vec<Ask> {
        let text = format!(
            "{}\n{}",
            clean(&summary(message, style), 180),
            plain::render(message, style, TEXT - 800)
        );
        // Its lengths are counted in UTF-16 ("MessageEntity"). In a block of code nothing is a mention or a link.
        let whole = json!([{ "type": "pre", "offset": 0, "length": text.encode_utf16().count() }]);
        let mut body = json!({
            "chat_id": self.chat,
            "text": text,
            "entities": whole,
            "disable_notification": message.severity() < Severity::High,
            "link_preview_options": { "is_disabled": true },
        });
        if let Some(first) = message.thread.as_ref().and_then(|thread| thread.parse::<i64>().ok()) {
            body["reply_parameters"] = json!({ "message_id": first, "allow_sending_without_reply": true });
        }
        vec![Ask { url: self.url.clone(), headers: HeaderMap::new(), body: body.to_string() }]
    }

    fn classify(&self, answer: &Answer) -> Result<Receipt, Failure> {
        let reply: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        if reply["ok"] == true {
            let thread = reply["result"]["message_id"].as_i64().map(|id| id.to_string());
            return Ok(Receipt { thread });
        }
        let said = reply["description"].as_str().unwrap_or_default();
        let why = format!("Telegram answered {} {}", answer.status.as_u16(), clean(said, 100));
        let after = reply["parameters"]["retry_after"].as_u64().map(Duration::from_secs).or(answer.after);
        Err(match answer.status {
            StatusCode::TOO_MANY_REQUESTS => later(after, &why),
            StatusCode::BAD_REQUEST if !said.contains("chat not found") => Failure::Refused { why },
            status if status.is_server_error() || status.is_success() => later(after, &why),
            _ => Failure::Closed { why },
        })
    }
}
