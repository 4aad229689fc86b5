//! A Slack incoming webhook (docs.slack.dev, "Sending messages using incoming webhooks"). Owns sending: a message is posted, and is
//! never changed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::Client;
use reqwest::header::HeaderMap;
use secrecy::SecretString;

use crate::domain::notify::answer::Failure;
use crate::domain::notify::message::{Message, Receipt};
use crate::domain::notify::render::{Style, slack};
use crate::sink::channel::{Channel, Sink};
use crate::sink::http;
use crate::sink::slack::answer;

/// "1 per second" (docs.slack.dev, "Rate limits"), and a little.
const GAP: Duration = Duration::from_millis(1100);

/// Its word in the configuration.
pub(in crate::sink) const KIND: &str = "slack";

/// As configured.
#[derive(Debug)]
pub(super) struct Webhook {
    /// It is a secret: who knows it can write to the channel.
    pub url: SecretString,
}

impl Channel for Webhook {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn build(&self, name: &str, style: &Style) -> anyhow::Result<Vec<Arc<dyn Sink>>> {
        let (url, style) = (self.url.clone(), style.clone());
        Ok(vec![Arc::new(Slack { name: name.to_owned(), url, style, client: http::client()? })])
    }
}

struct Slack {
    name: String,
    url: SecretString,
    style: Style,
    client: Client,
}

impl Slack {
    async fn send(&self, message: &Message) -> Result<Receipt, Failure> {
        let body = slack::render(message, &self.style).to_string();
        let answer = http::post(&self.client, &self.url, HeaderMap::new(), body).await?;
        answer::classify(&answer)?;
        Ok(Receipt::default())
    }
}

impl Sink for Slack {
    fn queue(&self) -> &str {
        &self.name
    }

    fn gap(&self) -> Duration {
        GAP
    }

    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Receipt, Failure>> {
        Box::pin(self.send(message))
    }
}
