//! Slack, by an incoming webhook (docs.slack.dev, "Sending messages using incoming webhooks"). Owns its keys and the
//! meaning of Slack's answers; the payload is `render::slack`'s.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode};
use secrecy::SecretString;

use crate::config::section::Section;
use crate::domain::notify::answer::Failure;
use crate::domain::notify::outbox::Message;
use crate::domain::notify::render::{Style, slack};
use crate::domain::text::clean;
use crate::sink::channel::{Channel, Sink};
use crate::sink::http::{self, later};

/// "1 per second" (docs.slack.dev, "Rate limits"), and a little.
const GAP: Duration = Duration::from_millis(1100);

pub(super) const KIND: &str = "slack";

/// A Slack incoming webhook as configured.
#[derive(Debug)]
struct Webhook {
    /// It is a secret: who knows it can write to the channel.
    url: SecretString,
}

/// Reads `webhook_url` or `webhook_url_file`.
pub(super) fn read(section: &mut Section<'_>, folder: &Path) -> Option<Arc<dyn Channel>> {
    let advice = ": copy it from the Slack app's page \"Incoming Webhooks\"";
    let url = http::read_url(section, ("webhook_url", "webhook_url_file"), folder, advice)?;
    Some(Arc::new(Webhook { url }))
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
    async fn send(&self, message: &Message) -> Result<(), Failure> {
        let body = slack::render(message, &self.style).to_string();
        let answer = http::post(&self.client, &self.url, HeaderMap::new(), body).await?;
        classify(answer.status, answer.after, &answer.text)
    }
}

impl Sink for Slack {
    fn queue(&self) -> &str {
        &self.name
    }

    fn gap(&self) -> Duration {
        GAP
    }

    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.send(message))
    }
}

/// Slack's words by what they mean (docs.slack.dev: "Handling errors" of incoming webhooks and of
/// chat.postMessage).
fn classify(status: StatusCode, after: Option<Duration>, body: &str) -> Result<(), Failure> {
    let body = body.trim();
    let word = match serde_json::from_str::<serde_json::Value>(body) {
        Ok(reply) if reply["ok"] == true => "ok".to_owned(),
        Ok(reply) => reply["error"].as_str().unwrap_or(body).to_owned(),
        Err(_) => body.to_owned(),
    };
    if status.is_success() && word == "ok" {
        return Ok(());
    }
    let why = format!("Slack answered {} {}", status.as_u16(), clean(&word, 100));
    match word.as_str() {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => Err(later(after, &why)),
        "rollup_error"
        | "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "team_added_to_org" => Err(later(after, &why)),
        "invalid_payload"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "no_text"
        | "msg_too_long"
        | "msg_blocks_too_long"
        | "too_many_attachments"
        | "invalid_attachments" => Err(Failure::Refused { why }),
        _ if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => Err(later(after, &why)),
        _ if status == StatusCode::REQUEST_TIMEOUT => Err(later(after, &why)),
        "user_not_found" => Err(Failure::Closed { why }),
        // Slack does not like this message, for a reason that is not in the list.
        _ if status == StatusCode::BAD_REQUEST || status == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(Failure::Refused { why })
        }
        _ if status.is_client_error() || status.is_redirection() => Err(Failure::Closed { why }),
        "invalid_auth"
        | "not_authed"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "missing_scope"
        | "not_in_channel"
        | "is_archived"
        | "channel_not_found"
        | "restricted_action"
        | "ekm_access_denied"
        | "invalid_token"
        | "no_active_hooks"
        | "no_service"
        | "channel_is_archived"
        | "action_prohibited"
        | "posting_to_general_channel_denied"
        | "no_team"
        | "team_disabled" => Err(Failure::Closed { why }),
        _ => Err(later(after, &why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, body: &str) -> &'static str {
        match classify(StatusCode::from_u16(status).expect("a status"), None, body) {
            Ok(()) => "ok",
            Err(Failure::Later { .. }) => "later",
            Err(Failure::Refused { .. }) => "refused",
            Err(Failure::Closed { .. }) => "closed",
        }
    }

    /// R9: a success is `200` with `ok`, and nothing else.
    #[test]
    fn r9_http_200_that_does_not_say_ok_is_a_failure() {
        assert_eq!(kind(200, "ok"), "ok");
        assert_eq!(kind(200, r#"{"ok":true}"#), "ok");
        assert_eq!(kind(200, r#"{"ok":false,"error":"invalid_auth"}"#), "closed");
        assert_eq!(kind(200, r#"{"ok":false,"error":"ratelimited"}"#), "later");
        assert_eq!(kind(200, r#"{"ok":false,"error":"invalid_blocks"}"#), "refused");
        assert_eq!(kind(200, ""), "later");
        assert_eq!(kind(200, "<html>a captive portal</html>"), "later");
    }

    #[test]
    fn every_answer_of_a_webhook_has_its_kind() {
        for (status, body, expected) in [
            (400, "invalid_payload", "refused"),
            (400, "user_not_found", "closed"),
            (403, "action_prohibited", "closed"),
            (403, "invalid_token", "closed"),
            (404, "channel_not_found", "closed"),
            (404, "no_service", "closed"),
            (404, "no_active_hooks", "closed"),
            (410, "channel_is_archived", "closed"),
            (400, "a_word_of_tomorrow", "refused"),
            (408, "", "later"),
            (413, "", "refused"),
            (429, "rate_limited", "later"),
            (429, "", "later"),
            (500, "rollup_error", "later"),
            (502, "<html>", "later"),
            (503, "", "later"),
            (301, "", "closed"),
        ] {
            assert_eq!(kind(status, body), expected, "{status} {body}");
        }
    }
}
