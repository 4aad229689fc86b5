//! A Slack incoming webhook (docs.slack.dev, "Sending messages using incoming webhooks"). A message is posted, and is never changed.

use std::time::Duration;

use reqwest::header::HeaderMap;
use secrecy::SecretString;

use crate::domain::notify::answer::Failure;
use crate::domain::notify::message::{Message, Receipt};
use crate::domain::notify::render::{Style, slack};
use crate::sink::http::Answer;
use crate::sink::service::{Ask, Service};
use crate::sink::slack::answer;

/// Its word in the configuration.
pub(in crate::sink) const KIND: &str = "slack";
/// "1 per second" (docs.slack.dev, "Rate limits"), and a little.
const GAP: Duration = Duration::from_millis(1100);

/// As configured.
#[derive(Debug)]
pub(super) struct Webhook {
    /// It is a secret: who knows it can write to the channel.
    pub url: SecretString,
}

impl Service for Webhook {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn gap(&self) -> Duration {
        GAP
    }

    fn asks(&self, message: &Message, style: &Style) -> Vec<Ask> {
        let body = slack::render(message, style).to_string();
        vec![Ask { url: self.url.clone(), headers: HeaderMap::new(), body }]
    }

    fn classify(&self, answer: &Answer) -> Result<Receipt, Failure> {
        answer::classify(answer).map(|()| Receipt::default())
    }
}
