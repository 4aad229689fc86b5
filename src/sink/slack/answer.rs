//! What Slack's answers mean. Owns its words, sorted; what follows from them is `notify::answer`'s.

use std::time::Duration;

use reqwest::StatusCode;

use crate::domain::notify::answer::Failure;
use crate::domain::text::clean;
use crate::sink::http::{Answer, later};

/// Why Slack took nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The message that was to be changed or answered is not there any more, or takes no change.
    Gone,
    /// Everything else.
    Failure(Failure),
}

/// What a webhook's answer means.
pub(super) fn classify(answer: &Answer) -> Result<(), Failure> {
    let (word, _) = word(answer);
    sort(answer.status, answer.after, &word)
}

/// What a method of the Web API answers: the `ts` of the message, by which it is known from then on.
pub(super) fn classify_method(answer: &Answer) -> Result<String, Refusal> {
    let (word, reply) = word(answer);
    if GONE.contains(&word.as_str()) {
        return Err(Refusal::Gone);
    }
    sort(answer.status, answer.after, &word).map_err(Refusal::Failure)?;
    match reply["ts"].as_str() {
        Some(ts) => Ok(ts.to_owned()),
        None => Err(Refusal::Failure(later(None, "Slack answered ok without a ts"))),
    }
}

/// Of chat.update and chat.postMessage.
const GONE: [&str; 6] = [
    "message_not_found",
    "thread_not_found",
    "cant_update_message",
    "edit_window_closed",
    "restricted_action_thread_locked",
    "is_inactive",
];

/// The one word of an answer, and all of it where it is JSON.
fn word(answer: &Answer) -> (String, serde_json::Value) {
    let body = answer.text.trim();
    let reply = serde_json::from_str::<serde_json::Value>(body).unwrap_or_default();
    let word = match &reply {
        reply if reply["ok"] == true => "ok",
        reply => reply["error"].as_str().unwrap_or(body),
    };
    (word.to_owned(), reply)
}

/// Slack's words by what they mean (docs.slack.dev: "Handling errors" of incoming webhooks and of
/// chat.postMessage).
fn sort(status: StatusCode, after: Option<Duration>, word: &str) -> Result<(), Failure> {
    if status.is_success() && word == "ok" {
        return Ok(());
    }
    let why = format!("Slack answered {} {}", status.as_u16(), clean(word, 100));
    match word {
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
        | "invalid_attachments"
        | "invalid_arguments"
        | "invalid_arg_name"
        | "invalid_array_arg"
        | "invalid_charset"
        | "invalid_metadata_format"
        | "invalid_metadata_schema"
        | "metadata_too_large"
        | "markdown_text_conflict"
        | "block_mismatch"
        | "too_many_contact_cards" => Err(Failure::Refused { why }),
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
        | "access_denied"
        | "accesslimited"
        | "team_access_not_granted"
        | "no_permission"
        | "not_allowed_token_type"
        | "org_login_required"
        | "two_factor_setup_required"
        | "enterprise_is_restricted"
        | "deprecated_endpoint"
        | "method_deprecated"
        | "messages_tab_disabled"
        | "restricted_action_read_only_channel"
        | "restricted_action_thread_only_channel"
        | "restricted_action_non_threadable_channel"
        | "team_disabled" => Err(Failure::Closed { why }),
        _ => Err(later(after, &why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, body: &str) -> &'static str {
        let status = StatusCode::from_u16(status).expect("a status");
        match classify(&Answer { status, after: None, text: body.to_owned() }) {
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

    /// docs.slack.dev, chat.postMessage and chat.update: an error is a word beside `"ok":false`, with 200.
    #[test]
    fn every_answer_of_a_method_has_its_kind() {
        let kind = |text: &str| {
            let answer = Answer { status: StatusCode::OK, after: None, text: text.to_owned() };
            match classify_method(&answer) {
                Ok(ts) => ts,
                Err(Refusal::Gone) => "gone".to_owned(),
                Err(Refusal::Failure(Failure::Later { .. })) => "later".to_owned(),
                Err(Refusal::Failure(Failure::Refused { .. })) => "refused".to_owned(),
                Err(Refusal::Failure(Failure::Closed { .. })) => "closed".to_owned(),
            }
        };
        assert_eq!(kind(r#"{"ok":true,"ts":"1772.0001"}"#), "1772.0001");
        assert_eq!(kind(r#"{"ok":true}"#), "later");
        for (expected, words) in [
            ("gone", &GONE[..]),
            (
                "later",
                &[
                    "ratelimited",
                    "internal_error",
                    "fatal_error",
                    "service_unavailable",
                    "a_word_of_tomorrow",
                ],
            ),
            ("refused", &["invalid_blocks", "msg_too_long", "invalid_arguments", "block_mismatch"]),
            (
                "closed",
                &[
                    "invalid_auth",
                    "token_revoked",
                    "token_expired",
                    "missing_scope",
                    "not_in_channel",
                    "channel_not_found",
                    "is_archived",
                    "team_access_not_granted",
                ],
            ),
        ] {
            for word in words {
                assert_eq!(kind(&format!(r#"{{"ok":false,"error":"{word}"}}"#)), expected, "{word}");
            }
        }
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
