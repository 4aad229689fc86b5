//! Slack, by an incoming webhook (docs.slack.dev, "Sending messages using incoming webhooks"). Owns the call and
//! the meaning of Slack's answers; the payload is `render::slack`'s.

use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use crate::domain::notify::outbox::{Failure, Message};
use crate::domain::notify::render::{Style, slack};
use crate::domain::text::clean;
use crate::sink::channel::Sink;

/// "1 per second" (docs.slack.dev, "Rate limits"), and a little.
const GAP: Duration = Duration::from_millis(1100);
const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(15);
/// Slack's answers are a few words.
const ANSWER: usize = 64 * 1024;

pub(super) struct Slack {
    name: String,
    url: SecretString,
    style: Style,
    client: Client,
}

impl Slack {
    pub fn new(name: String, url: SecretString, style: Style) -> anyhow::Result<Self> {
        // No redirects and no proxy from the environment: the message goes to Slack or nowhere.
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .pool_idle_timeout(Duration::from_secs(30))
            .build()?;
        Ok(Slack { name, url, style, client })
    }

    async fn send(&self, message: &Message) -> Result<(), Failure> {
        let body = slack::render(message, &self.style).to_string();
        let request =
            self.client.post(self.url.expose_secret()).header("content-type", "application/json").body(body);
        // reqwest's errors contain the URL, which is the secret.
        let answer = request.send().await.map_err(|error| later(None, &chain(&error.without_url())))?;
        let status = answer.status();
        let after =
            answer.headers().get(RETRY_AFTER).and_then(|after| retry_after(after.to_str().ok()?, &answer));
        let text = read(answer).await;
        classify(status, after, &text)
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

fn later(after: Option<Duration>, why: &str) -> Failure {
    Failure::Later { after, why: clean(why, 200) }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

async fn read(mut answer: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > ANSWER {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Seconds, or a date (RFC 9110), measured from the answer's own date so that no clock of ours is needed.
fn retry_after(after: &str, answer: &Response) -> Option<Duration> {
    if let Ok(seconds) = after.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::parse(after).ok()?;
    let date = answer.headers().get("date")?.to_str().ok()?;
    let now = jiff::fmt::rfc2822::parse(date).ok()?;
    Duration::try_from(until.timestamp().duration_since(now.timestamp())).ok()
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
