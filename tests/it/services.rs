//! PagerDuty, Teams, Discord, ntfy and Telegram, each over a real socket: what it gets, and that nothing of it is a thief's to shape.

use std::sync::Arc;

use serde_json::{Value, json};
use trailnoti::domain::incident::{Standing, Turn};
use trailnoti::domain::notify::answer::Failure;
use trailnoti::domain::notify::message::Message;
use trailnoti::domain::severity::Severity;
use trailnoti::sink::Sink;

use crate::conversations::{demonstration, in_conversation, paused, real};
use crate::servers::{Reply, Slack};
use crate::sinks::configured;

const HOSTILE: &str = "@everyone <!channel> [x](https://evil.example) `*_~|> ${jndi} @admin\u{202e}";

fn sink(keys: &str) -> Arc<dyn Sink> {
    configured(&format!("[[sink]]\nname = \"s\"\n{keys}")).build(None).expect("built").remove(0)
}

/// The demonstration's conversation, in which a thief wrote what he could into titles and names.
fn conversation() -> Vec<Message> {
    let mut messages = in_conversation(&paused(demonstration()));
    for message in &mut messages {
        message.thread = None;
        for pending in &mut message.alerts {
            pending.alert.title = format!("{} {HOSTILE}", pending.alert.title);
            pending.alert.principal = HOSTILE.to_owned();
        }
    }
    messages
}

/// What a service gets of a message, and what is answered.
async fn posted(keys: &str, reply: Reply, message: &Message) -> (Value, Option<Failure>, Option<String>) {
    let server = Slack::start("x").await;
    server.replies([reply]);
    let base = server.url.trim_end_matches("/services/x").to_owned();
    let answer = sink(&keys.replace("URL", &base)).deliver(message).await;
    let (_, body) = server.request(0);
    let (failure, thread) = match answer {
        Ok(receipt) => (None, receipt.thread),
        Err(failure) => (Some(failure), None),
    };
    (body, failure, thread)
}

/// developer.pagerduty.com, "PD-CEF": the members that must be there, the words that some may be, and the lengths.
fn is_an_event_of_pagerduty(event: &Value) {
    let text =
        |at: &str| event.pointer(at).and_then(Value::as_str).unwrap_or_else(|| panic!("{at}: {event}"));
    assert_eq!(text("/routing_key").len(), 32);
    assert!(["trigger", "acknowledge", "resolve"].contains(&text("/event_action")));
    assert!((1..=255).contains(&text("/dedup_key").chars().count()));
    assert!((1..=1024).contains(&text("/payload/summary").chars().count()));
    assert!(!text("/payload/source").is_empty());
    assert!(["critical", "error", "warning", "info"].contains(&text("/payload/severity")));
    assert!(text("/payload/timestamp").parse::<jiff::Timestamp>().is_ok());
    assert!(event["payload"]["custom_details"].is_object());
    assert!(event.to_string().len() < 512 * 1024);
}

#[test]
fn pagerduty_gets_one_incident_that_is_triggered_again_and_resolved() {
    let messages = conversation();
    real(async {
        let keys = "kind = \"pagerduty\"\nrouting_key = \"R0123456789012345678901234567CAN\"\nurl = \"URL/v2/enqueue\"\n";
        let mut events = Vec::new();
        for message in &messages {
            let (event, failure, _) = posted(keys, Reply::new(202, r#"{"status":"success"}"#), message).await;
            assert_eq!(failure, None);
            is_an_event_of_pagerduty(&event);
            events.push(event);
        }
        assert!(
            events.iter().all(|event| event["dedup_key"] == events[0]["dedup_key"]),
            "it is one incident"
        );
        assert_eq!(events.last().expect("one")["payload"]["severity"], "critical");
        let mut end = messages[0].clone();
        let incident = &end.incidents[0];
        let stands = |turn| Some(Standing { turn, alerts: incident.alerts });
        end.alerts.truncate(1);
        end.alerts[0].alert.part.standing = stands(Turn::Acknowledged);
        let (event, ..) = posted(keys, Reply::new(202, "{}"), &end).await;
        is_an_event_of_pagerduty(&event);
        assert_eq!(event["event_action"], "acknowledge");
        // Repeats that waited come with it.
        let mut mixed = messages[0].clone();
        let mut acknowledged = end.alerts[0].clone();
        acknowledged.seq = 99;
        mixed.alerts.push(acknowledged);
        let server = Slack::start("x").await;
        server.replies([Reply::new(202, "{}"), Reply::new(202, "{}")]);
        let base = server.url.trim_end_matches("/services/x").to_owned();
        sink(&keys.replace("URL", &base)).deliver(&mixed).await.expect("taken");
        let actions = [0, 1].map(|n| server.request(n).1["event_action"].clone());
        assert_eq!(actions, ["trigger", "acknowledge"]);
        end.alerts[0].alert.part.standing = stands(Turn::Over);
        let (event, ..) = posted(keys, Reply::new(202, "{}"), &end).await;
        is_an_event_of_pagerduty(&event);
        assert_eq!(
            (&event["event_action"], &event["dedup_key"]),
            (&json!("resolve"), &events[0]["dedup_key"])
        );
        let (_, failure, _) = posted(keys, Reply::new(400, r#"{"status":"invalid event"}"#), &end).await;
        assert!(matches!(&failure, Some(Failure::Refused { why }) if !why.contains("CAN")), "{failure:?}");
        let (_, failure, _) = posted(keys, Reply::new(429, ""), &end).await;
        assert!(matches!(failure, Some(Failure::Later { .. })), "{failure:?}");
    });
}

#[test]
fn ntfy_and_telegram_are_loud_for_what_is_critical_and_silent_for_the_rest() {
    let mut message = conversation().pop().expect("one");
    message.alerts.iter_mut().for_each(|pending| pending.alert.severity = Severity::Critical);
    let mut low = message.clone();
    low.alerts.iter_mut().for_each(|pending| pending.alert.severity = Severity::Low);
    real(async {
        let ntfy = "kind = \"ntfy\"\ntopic = \"CANARY\"\ntoken = \"tk_CANARY\"\nurl = \"URL\"\n";
        let (loud, failure, _) = posted(ntfy, Reply::new(200, "{}"), &message).await;
        assert_eq!((failure, &loud["priority"], &loud["topic"]), (None, &json!(5), &json!("CANARY")));
        assert!(
            loud["message"].as_str().is_some_and(|text| text.len() <= 4_096 && text.contains("ci-deploy"))
        );
        let (quiet, ..) = posted(ntfy, Reply::new(200, "{}"), &low).await;
        assert_eq!(quiet["priority"], 2);
        let telegram = "kind = \"telegram\"\ntoken = \"1:CANARY\"\nchat = \"-100\"\nurl = \"URL\"\n";
        let ok = || Reply::new(200, r#"{"ok":true,"result":{"message_id":77}}"#);
        let (loud, failure, thread) = posted(telegram, ok(), &message).await;
        assert_eq!(
            (failure, &loud["disable_notification"], thread.as_deref()),
            (None, &json!(false), Some("77"))
        );
        let text = loud["text"].as_str().expect("a text");
        assert!(text.encode_utf16().count() <= 4_096);
        let whole = json!([{ "type": "pre", "offset": 0, "length": text.encode_utf16().count() }]);
        assert_eq!(loud["entities"], whole, "in it nothing is a mention or a link");
        let later = Message { thread, ..low };
        let (quiet, _, thread) = posted(telegram, ok(), &later).await;
        assert_eq!((&quiet["disable_notification"], thread), (&json!(true), None));
        assert_eq!(quiet["reply_parameters"]["message_id"], 77);
        for (reply, kind) in [
            (Reply::new(429, r#"{"ok":false,"parameters":{"retry_after":7}}"#), "later 7"),
            (Reply::new(400, r#"{"ok":false,"description":"Bad Request: chat not found"}"#), "closed"),
            (Reply::new(400, r#"{"ok":false,"description":"Bad Request: message is too long"}"#), "refused"),
            (Reply::new(401, r#"{"ok":false,"description":"Unauthorized"}"#), "closed"),
            (Reply::new(502, "<html>"), "later"),
        ] {
            let (_, failure, _) = posted(telegram, reply, &later).await;
            let failure = failure.expect("it fails");
            assert!(!failure.why().contains("CANARY"), "{failure:?}");
            let is = match failure {
                Failure::Later { after: Some(after), .. } => format!("later {}", after.as_secs()),
                Failure::Later { .. } => "later".to_owned(),
                Failure::Refused { .. } => "refused".to_owned(),
                Failure::Closed { .. } => "closed".to_owned(),
            };
            assert_eq!(is, kind);
        }
    });
}

#[test]
fn discord_and_teams_show_what_a_thief_wrote_as_text_and_mention_nobody() {
    let message = conversation().pop().expect("one");
    real(async {
        let discord = "kind = \"discord\"\nwebhook_url = \"URL/api/webhooks/1/CANARY\"\n";
        let (body, failure, _) = posted(discord, Reply::new(204, ""), &message).await;
        assert_eq!((failure, &body["allowed_mentions"]), (None, &json!({ "parse": [] })));
        let (title, text) = (&body["content"], &body["embeds"][0]["description"]);
        for text in [title, text].map(|text| text.as_str().expect("a text")) {
            assert_eq!(text.matches('`').count(), 6, "one fence and nothing that ends it: {text}");
        }
        assert!(title.as_str().is_some_and(|text| text.chars().count() <= 2_000));
        assert!(text.as_str().is_some_and(|text| text.chars().count() <= 4_096));
        let teams = "kind = \"teams\"\nwebhook_url = \"URL/workflows/CANARY\"\n";
        let (body, failure, _) = posted(teams, Reply::new(202, ""), &message).await;
        assert_eq!(failure, None);
        assert!(body.to_string().len() < 28_000, "{}", body.to_string().len());
        let card = &body["attachments"][0]["content"];
        assert_eq!(
            (&body["type"], &card["type"], &card["version"]),
            (&json!("message"), &json!("AdaptiveCard"), &json!("1.4"))
        );
        let blocks = card["body"].as_array().expect("blocks");
        let is_text =
            |block: &Value| block["type"] == "RichTextBlock" && block["inlines"][0]["type"] == "TextRun";
        assert!(!blocks.is_empty() && blocks.iter().all(is_text), "no block knows Markdown");
        assert!(card["msteams"]["entities"].is_null(), "nobody is mentioned");
    });
}

/// Who stands by for nobody hears nothing, and hours that are none are found before the night.
#[test]
fn sinks_that_all_stand_by_and_hours_that_are_none_are_refused() {
    let text = "[[sink]]\nname = \"a\"\nkind = \"terminal\"\nbackup = true\nactive = \"nights\"\n";
    let problems = trailnoti::config::Config::parse("t", text, None, std::collections::BTreeMap::new());
    let problems = problems.expect_err("refused").to_string();
    expect_test::expect![[r#"
        t:5: sink[0].active: write it as "Mon-Fri 09:00-18:00 Asia/Seoul"
        t:1: sink: every sink stands by (backup = true), so that no alert goes anywhere: let one take them"#]]
    .assert_eq(&problems);
}

/// All that is wrong with a service is said at once, and nothing of a secret.
#[test]
fn a_service_without_its_keys_is_refused_with_what_is_missing() {
    let text = "[[sink]]\nname = \"a\"\nkind = \"pagerduty\"\nurl = \"http://example.com\"\n[[sink]]\nname = \"b\"\nkind = \"telegram\"\n[[sink]]\nname = \"c\"\nkind = \"ntfy\"\n[[sink]]\nname = \"d\"\nkind = \"teams\"\nwebhook_url = \"ftp://CANARY\"\n";
    let problems = trailnoti::config::Config::parse("t", text, None, std::collections::BTreeMap::new());
    let problems = problems.expect_err("refused").to_string();
    expect_test::expect![[r#"
        t:4: sink[0].url: is not an https:// URL; http:// is taken for this machine alone
        t:1: sink[0].routing_key_file: is missing: name the file that holds it
        t:5: sink[1].token_file: is missing: name the file that holds it
        t:5: sink[1].chat: is missing: write chat = "-1001234567890"
        t:8: sink[2].topic_file: is missing: name the file that holds it
        t:14: sink[3].webhook_url: is not an https:// URL: copy it from the workflow "Send webhook alerts to a channel""#]].assert_eq(&problems);
}
