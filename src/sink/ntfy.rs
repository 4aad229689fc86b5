//! ntfy, a push service that anybody can run (docs.ntfy.sh, "Publish as JSON"). Owns its keys and the shape of a message: what is
//! critical is loud on a phone.

use std::path::Path;
use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::config::secret;
use crate::config::section::Section;
use crate::domain::notify::message::Message;
use crate::domain::notify::render::{Style, plain, summary};
use crate::domain::severity::Severity;
use crate::domain::text::clean;
use crate::sink::channel::Channel;
use crate::sink::http;
use crate::sink::service::{self, Ask, Service};

pub(super) const KIND: &str = "ntfy";

const ADDRESS: &str = "https://ntfy.sh";
/// In bytes: what is longer becomes a file ("Limitations": 4,096).
const TEXT: usize = 4_000;
const TITLE: usize = 200;

#[derive(Debug)]
struct Ntfy {
    url: SecretString,
    /// Who knows it can read and write: it is a secret.
    topic: SecretString,
    headers: HeaderMap,
}

/// Reads `topic` or `topic_file`, `token` or `token_file`, and `url`.
pub(super) fn read(section: &mut Section<'_>, folder: &Path) -> Option<Arc<dyn Channel>> {
    let url = http::address(section, "url", ADDRESS);
    let topic = http::token(section, ("topic", "topic_file"), folder);
    let mut headers = HeaderMap::new();
    if let Some(token) = secret::read(section, "token", "token_file", folder) {
        match http::bearer(&token) {
            Some(bearer) => headers.insert(AUTHORIZATION, bearer),
            None => {
                section.problem("token", "holds what no header can: write the token alone");
                return None;
            }
        };
    }
    Some(service::channel(Ntfy { url: url?, topic: topic?, headers }))
}

/// Only the two highest ring through a quiet phone ("Message priority").
fn priority(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 5,
        Severity::High => 4,
        Severity::Medium => 3,
        Severity::Low => 2,
        Severity::Info => 1,
    }
}

impl Service for Ntfy {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn asks(&self, message: &Message, style: &Style) -> Vec<Ask> {
        let body = json!({
            "topic": self.topic.expose_secret(),
            "title": clean(&summary(message, style), TITLE),
            "message": plain::render(message, style, TEXT),
            "priority": priority(message.severity()),
            "tags": [if message.severity() >= Severity::High { "rotating_light" } else { "cloud" }],
        });
        vec![Ask { url: self.url.clone(), headers: self.headers.clone(), body: body.to_string() }]
    }
}
