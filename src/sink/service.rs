//! What takes a message as one request or a few: most services do. Owns the sender; a service's own file has its keys, its bodies and
//! what its answers mean.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::Client;
use reqwest::header::HeaderMap;
use secrecy::SecretString;

use crate::domain::notify::answer::Failure;
use crate::domain::notify::message::{Message, Receipt};
use crate::domain::notify::render::Style;
use crate::sink::channel::{Channel, Sink};
use crate::sink::http::{self, Answer};

/// One request, posted as JSON.
pub(super) struct Ask {
    pub url: SecretString,
    pub headers: HeaderMap,
    pub body: String,
}

/// A service as configured.
pub(super) trait Service: Debug + Send + Sync + 'static {
    /// Its word in the configuration.
    fn kind(&self) -> &'static str;

    /// The least time between two messages.
    fn gap(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether it shows how an incident stands, or hands it on.
    fn follows(&self) -> bool {
        false
    }

    /// What a message is. Of several requests the first ones are made again where a later one fails: only a service that knows its
    /// events again is asked several.
    fn asks(&self, message: &Message, style: &Style) -> Vec<Ask>;

    /// What an answer means.
    fn classify(&self, answer: &Answer) -> Result<Receipt, Failure> {
        http::by_status(self.kind(), answer).map(|()| Receipt::default())
    }
}

/// The channel of a service.
#[derive(Debug)]
pub(super) struct Posted<S>(Arc<S>);

/// A service as a channel.
pub(super) fn channel(service: impl Service) -> Arc<dyn Channel> {
    Arc::new(Posted(Arc::new(service)))
}

impl<S: Service> Channel for Posted<S> {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    fn follows(&self) -> bool {
        self.0.follows()
    }

    fn build(&self, name: &str, style: &Style) -> anyhow::Result<Vec<Arc<dyn Sink>>> {
        let (name, style, client) = (name.to_owned(), style.clone(), http::client()?);
        Ok(vec![Arc::new(Sender { name, service: self.0.clone(), style, client })])
    }
}

struct Sender<S> {
    name: String,
    service: Arc<S>,
    style: Style,
    client: Client,
}

impl<S: Service> Sender<S> {
    async fn send(&self, message: &Message) -> Result<Receipt, Failure> {
        let mut receipt = Receipt::default();
        for Ask { url, headers, body } in self.service.asks(message, &self.style) {
            let answer = http::post(&self.client, &url, headers, body).await?;
            receipt = self.service.classify(&answer)?;
        }
        // The first message of a conversation is the one that later ones answer.
        let begins = message.conversation().is_some() && message.thread.is_none();
        Ok(Receipt { thread: receipt.thread.filter(|_| begins) })
    }
}

impl<S: Service> Sink for Sender<S> {
    fn queue(&self) -> &str {
        &self.name
    }

    fn gap(&self) -> Duration {
        self.service.gap()
    }

    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Receipt, Failure>> {
        Box::pin(self.send(message))
    }
}
