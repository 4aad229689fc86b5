//! Slack by a bot's token (docs.slack.dev, chat.postMessage and chat.update). Owns that an incident is one message, which grows, with
//! its alerts in the thread below it.
//!
//! The message is changed before the alerts are posted: a change that is made twice shows nothing twice. What began a conversation is
//! noted at once, so that a failure of what follows does not begin another.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::config::section::Section;
use crate::domain::incident::brief::Brief;
use crate::domain::notify::answer::Failure;
use crate::domain::notify::message::{Message, Receipt};
use crate::domain::notify::render::{Style, slack};
use crate::sink::channel::{Channel, Sink};
use crate::sink::http;
use crate::sink::slack::answer::{Refusal, classify_method};
use crate::sink::slack::webhook::KIND;

/// A delivery is a message and an answer to it, and a channel takes one a second (docs.slack.dev, "Rate limits").
const GAP: Duration = Duration::from_millis(2200);
/// GovSlack has another.
const API: &str = "https://slack.com/api";
/// So many conversations are remembered here until the store has them; a failed one is tried again within minutes.
const BEGUN: usize = 64;

/// As configured.
#[derive(Debug)]
struct Bot {
    api: SecretString,
    token: SecretString,
    channel: String,
}

/// Whether a table means a bot.
pub(super) fn is_meant(section: &mut Section<'_>) -> bool {
    ["token", "token_file", "channel"].into_iter().any(|key| section.has(key))
}

/// Reads `token` or `token_file`, `channel`, and `api_url`.
pub(super) fn read(section: &mut Section<'_>, folder: &Path) -> Option<Arc<dyn Channel>> {
    if section.has("webhook_url") || section.has("webhook_url_file") {
        section.problem(
            "channel",
            "stands beside a webhook: a sink has either a webhook, or a token and a channel",
        );
        return None;
    }
    let token = http::token(section, ("token", "token_file"), folder);
    let channel = section.text("channel").filter(|channel| is_channel(channel));
    if channel.is_none() {
        section.problem(
            "channel",
            "is no channel's id, such as C0123456789: it stands at the end of the channel's details in Slack",
        );
    }
    let api = http::address(section, "api_url", API);
    Some(Arc::new(Bot { api: api?, token: token?, channel: channel? }))
}

/// A name moves with whoever renames the channel, and chat.update takes ids alone.
fn is_channel(channel: &str) -> bool {
    channel.starts_with(['C', 'G', 'D'])
        && channel.len() >= 9
        && channel.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}

impl Channel for Bot {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn follows(&self) -> bool {
        true
    }

    fn build(&self, name: &str, style: &Style) -> anyhow::Result<Vec<Arc<dyn Sink>>> {
        let method = |name: &str| {
            SecretString::from(format!("{}/{name}", self.api.expose_secret().trim_end_matches('/')))
        };
        let bearer = http::bearer(&self.token)
            .ok_or_else(|| anyhow::anyhow!("sink \"{name}\": the token holds what no header can"))?;
        Ok(vec![Arc::new(Slack {
            name: name.to_owned(),
            post: method("chat.postMessage"),
            update: method("chat.update"),
            headers: HeaderMap::from_iter([(AUTHORIZATION, bearer)]),
            channel: self.channel.clone(),
            style: style.clone(),
            client: http::client()?,
            begun: Mutex::default(),
        })])
    }
}

struct Slack {
    name: String,
    post: SecretString,
    update: SecretString,
    headers: HeaderMap,
    channel: String,
    style: Style,
    client: Client,
    /// The `ts` of what was posted for an incident and is not in the store yet.
    begun: Mutex<BTreeMap<String, String>>,
}

impl Slack {
    async fn send(&self, message: &Message) -> Result<Receipt, Failure> {
        let Some(incident) = message.conversation() else {
            self.call(&self.post, slack::render(message, &self.style)).await.map_err(failure)?;
            return Ok(Receipt::default());
        };
        let thread = self.tell(incident, message).await?;
        let mut reply = slack::reply(message, &self.style);
        reply["thread_ts"] = thread.as_str().into();
        // Who is not in the thread hears nothing of an answer in it.
        reply["reply_broadcast"] = message.louder.into();
        match self.call(&self.post, reply).await {
            Ok(_) => {}
            // The thread went between the two: the alerts are told in a new one.
            Err(Refusal::Gone) => {
                self.forget(&incident.id);
                return Err(http::later(None, "the conversation was taken away"));
            }
            Err(refusal) => return Err(failure(refusal)),
        }
        self.forget(&incident.id);
        Ok(Receipt { thread: Some(thread) })
    }

    /// The incident's own message, as it stands now: changed where there is one, else posted. Answers its `ts`.
    async fn tell(&self, incident: &Brief, message: &Message) -> Result<String, Failure> {
        let story = slack::conversation(incident, message, &self.style);
        let known = self.begun().get(&incident.id).cloned().or_else(|| message.thread.clone());
        if let Some(ts) = known {
            let mut story = story.clone();
            story["ts"] = ts.as_str().into();
            match self.call(&self.update, story).await {
                Ok(_) => return Ok(ts),
                Err(Refusal::Gone) => {}
                Err(refusal) => return Err(failure(refusal)),
            }
        }
        let ts = self.call(&self.post, story).await.map_err(failure)?;
        let mut begun = self.begun();
        while begun.len() >= BEGUN {
            begun.pop_first();
        }
        begun.insert(incident.id.clone(), ts.clone());
        Ok(ts)
    }

    fn begun(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, incident: &str) {
        self.begun().remove(incident);
    }

    async fn call(&self, method: &SecretString, payload: Value) -> Result<String, Refusal> {
        let mut payload = payload;
        payload["channel"] = json!(self.channel);
        let answer = http::post(&self.client, method, self.headers.clone(), payload.to_string()).await;
        classify_method(&answer.map_err(Refusal::Failure)?)
    }
}

fn failure(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Gone => http::later(None, "Slack says that the message is not there"),
        Refusal::Failure(failure) => failure,
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
