//! Each sink against a real server: what arrives, what each answer means, and that no secret is in an error.

use std::collections::BTreeMap;
use std::time::Duration;

use trailnoti::config::{Config, SinkConfig};
use trailnoti::domain::context::Envelope;
use trailnoti::domain::event::scope::Scope;
use trailnoti::domain::health::report::Report;
use trailnoti::domain::language::Language;
use trailnoti::domain::notify::answer::Failure;
use trailnoti::domain::notify::message::{Message, Pending};
use trailnoti::sink::Sink;

use crate::servers::{Mail, Reply, Slack};
use crate::world::at;

pub fn configured(text: &str) -> SinkConfig {
    let config =
        Config::parse("t", text, None, BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}"));
    config.sinks.into_iter().next().expect("a sink")
}

fn slack(url: &str) -> std::sync::Arc<dyn Sink> {
    let text = format!("[[sink]]\nname = \"s\"\nkind = \"slack\"\nwebhook_url = \"{url}\"\n");
    configured(&text).build(None).expect("built").remove(0)
}

pub fn mail(port: u16, extra: &str) -> std::sync::Arc<dyn Sink> {
    let text = format!(
        "[[sink]]\nname = \"m\"\nkind = \"email\"\nsmtp = \"smtp://127.0.0.1:{port}\"\nfrom = \"trailnoti <alerts@example.com>\"\nto = [\"me@example.com\"]\n{extra}"
    );
    configured(&text).build(None).expect("built").remove(0)
}

pub const PLAIN: &str = "tls = \"none\"\n";
/// The server offers no login without TLS; one over STARTTLS is tried in `process`.
const LOGIN: &str = "tls = \"none\"\nusername = \"alerts\"\npassword = \"CANARY\"\n";

fn digest() -> Message {
    let event = Report::Test { sink: "s".to_owned() }.event(
        Scope::region_of("111122223333", "us-east-1"),
        Language::English,
        at("10:00"),
    );
    let config = Config::parse("t", "", None, BTreeMap::new()).expect("right");
    let rule = config.ruleset.rules.iter().find(|rule| rule.id == "trailnoti-test").expect("the rule");
    let alert = trailnoti::domain::notify::alert::Alert::new(
        rule,
        rule.severity,
        &Envelope::from(event).after(None),
        "prod",
    );
    let pending = Pending {
        seq: 1,
        enqueued: at("10:00"),
        refusals: 0,
        not_before: None,
        like: Vec::new(),
        counted: 0,
        alert,
    };
    Message { groups: vec![pending.alert.group.clone()], alerts: vec![pending], ..Message::default() }
}

#[tokio::test]
async fn slack_gets_one_message_that_says_what_who_where_and_when() {
    let server = Slack::start("T/B/CANARY").await;
    slack(&server.url).deliver(&digest()).await.expect("delivered");
    let got = server.got.lock().expect("got")[0].1.clone();
    assert_eq!(got["text"], "CRITICAL prod us-east-1: trailnoti sent this test alert through s");
    let facts = got["attachments"][0]["blocks"][0]["text"]["text"].as_str().expect("facts");
    assert!(
        facts.contains("*account*  `prod (111122223333)`") && facts.contains("2026-03-02 10:00:00 UTC"),
        "{facts}"
    );
}

/// R6: what Slack asks for is understood, as seconds or as a date; what it does not say is left to the back-off.
#[tokio::test]
async fn r6_retry_after_is_understood_in_all_its_forms() {
    let server = Slack::start("x").await;
    let slack = slack(&server.url);
    let date = "Mon, 02 Mar 2026 10:00:00 GMT";
    for (header, expected) in [
        (Some("0"), Some(0)),
        (Some("1"), Some(1)),
        (Some("30"), Some(30)),
        (Some("Mon, 02 Mar 2026 10:01:30 GMT"), Some(90)),
        (Some("soon"), None),
        (None, None),
    ] {
        let mut reply = Reply::new(429, "rate_limited").header("date", date);
        if let Some(header) = header {
            reply = reply.header("retry-after", header);
        }
        server.replies([reply]);
        let answer = slack.deliver(&digest()).await.expect_err("it is refused");
        assert!(
            matches!(answer, Failure::Later { after, .. } if after == expected.map(Duration::from_secs)),
            "{header:?}: {answer:?}"
        );
    }
}

/// Every way that a delivery fails; each has a kind, and none shows the secret.
#[tokio::test]
async fn r27_no_sinks_error_shows_its_secret() {
    let server = Slack::start("T000/B000/CANARY").await;
    server.replies([
        Reply::new(500, "internal_error"),
        Reply::new(404, "no_service"),
        Reply::new(302, "").header("location", "http://127.0.0.1:1/CANARY"),
        Reply::new(200, "{\"ok\":false,\"error\":\"invalid_auth\"}"),
    ]);
    let sink = slack(&server.url);
    let mut errors = Vec::new();
    for _ in 0..4 {
        errors.push(sink.deliver(&digest()).await.expect_err("it fails"));
    }
    errors.push(
        slack("http://127.0.0.1:1/services/CANARY").deliver(&digest()).await.expect_err("nobody listens"),
    );
    let wrong = Mail::start("another", None);
    errors.push(mail(wrong.port, LOGIN).deliver(&digest()).await.expect_err("there is no way to log in"));
    errors.push(mail(1, LOGIN).deliver(&digest()).await.expect_err("nobody listens"));
    for error in &errors {
        assert!(!format!("{error:?}").contains("CANARY"), "{error:?}");
        assert!(error.why().len() > 5, "{error:?}");
    }
    let text = "[[sink]]\nname = \"s\"\nkind = \"slack\"\nwebhook_url = \"https://hooks.slack.com/CANARY\"\n";
    assert!(!format!("{:?}", configured(text)).contains("CANARY"));
}

/// The body is that of docs/webhook.md, its signature is the body's, and a repeat has the same key.
#[tokio::test]
async fn a_webhook_gets_signed_json_that_can_be_known_again() {
    let server = Slack::start("hook").await;
    let text = format!(
        "[[sink]]\nname = \"w\"\nkind = \"webhook\"\nurl = \"{}\"\nsigning_key = \"CANARY\"\nheaders = \"Authorization: Bearer CANARY\"\n",
        server.url
    );
    let sink = configured(&text);
    assert!(!format!("{sink:?}").contains("CANARY"));
    let sink = sink.build(None).expect("built").remove(0);
    sink.deliver(&digest()).await.expect("delivered");
    sink.deliver(&digest()).await.expect("delivered");
    let (first, second) = (server.request(0), server.request(1));
    assert_eq!(first.1["schema"], 1);
    assert_eq!(first.1["alerts"][0]["title"], "trailnoti sent this test alert through s");
    assert_eq!(first.1["alerts"][0]["facts"]["sink"], "s", "{}", first.1);
    assert_eq!(first.0["authorization"], "Bearer CANARY");
    assert!(first.0["x-trailnoti-signature"].to_str().expect("text").starts_with("sha256="));
    assert_eq!(first.0["idempotency-key"], second.0["idempotency-key"]);
    server.replies([Reply::new(500, "CANARY of another"), Reply::new(401, "")]);
    let answer = sink.deliver(&digest()).await;
    assert!(
        matches!(&answer, Err(Failure::Later { why, .. }) if why.starts_with("the webhook answered 500")),
        "{answer:?}"
    );
    let answer = sink.deliver(&digest()).await;
    assert!(matches!(answer, Err(Failure::Closed { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (first, second) = (Slack::start("a").await, Slack::start("b").await);
    first.replies([Reply::new(307, "").header("location", &second.url)]);
    let answer = slack(&first.url).deliver(&digest()).await;
    assert!(matches!(answer, Err(Failure::Closed { .. })), "{answer:?}");
    assert!(second.texts().is_empty());
}

#[tokio::test]
async fn a_mail_has_its_headers_and_both_its_bodies() {
    let server = Mail::start("", None);
    mail(server.port, PLAIN).deliver(&digest()).await.expect("delivered");
    let got = server.got.lock().expect("got")[0].clone();
    let id = digest().alerts[0].alert.id.clone();
    for expected in [
        "From: trailnoti <alerts@example.com>",
        "To: me@example.com",
        "Subject: CRITICAL prod us-east-1: trailnoti sent this test alert through s",
        "Auto-Submitted: auto-generated",
        &format!("Message-ID: <{id}.m@example.com>"),
        &format!("X-Trailnoti-Alert-Id: {id}"),
        "multipart/alternative",
        "text/plain",
        "text/html",
    ] {
        assert!(got.contains(expected), "{expected} is not in\n{got}");
    }
}

#[tokio::test]
async fn a_mail_servers_answers_have_their_kinds() {
    let server = Mail::start("", None);
    let sink = mail(server.port, PLAIN);
    for (code, kind) in [(451, "Later"), (421, "Later"), (550, "Refused"), (554, "Refused"), (535, "Closed")]
    {
        server.refuse.lock().expect("refuse").push_back(code);
        let answer = format!("{:?}", sink.deliver(&digest()).await.expect_err("refused"));
        assert!(answer.starts_with(kind), "{code}: {answer}");
    }
    let wrong = Mail::start("another", None);
    assert!(matches!(mail(wrong.port, LOGIN).deliver(&digest()).await, Err(Failure::Closed { .. })));
}

#[tokio::test]
async fn a_mail_server_without_starttls_gets_no_mail() {
    let server = Mail::start("CANARY", None);
    let answer = mail(server.port, "username = \"alerts\"\npassword = \"CANARY\"\n").deliver(&digest()).await;
    assert!(matches!(answer, Err(Failure::Closed { .. })), "{answer:?}");
    assert!(server.got.lock().expect("got").is_empty());
}

/// Found by fuzzing: lettre panicked on a line of spaces in the answer to EHLO, and the process ended with it.
#[tokio::test]
async fn a_mail_server_that_greets_with_an_empty_line_ends_no_process() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut socket, _) = listener.accept().await.expect("it comes");
        socket.write_all(b"220 mail\r\n250-mail\r\n250  \r\n").await.expect("said");
        let _asked = socket.read_to_end(&mut Vec::new()).await;
    });
    let answer = mail(port, PLAIN).deliver(&digest()).await;
    assert!(matches!(answer, Err(Failure::Later { .. })), "{answer:?}");
}

/// A full mailbox (452) and an unknown one (550) are each their own reader's trouble.
#[tokio::test]
async fn one_address_that_is_refused_keeps_the_mail_from_nobody_else() {
    let server = Mail::start("", None);
    let text = format!(
        "[[sink]]\nname = \"m\"\nkind = \"email\"\nsmtp = \"smtp://127.0.0.1:{}\"\nfrom = \"a@example.com\"\nto = [\"full@example.com\", \"unknown@example.com\", \"me@example.com\"]\n{PLAIN}",
        server.port
    );
    let sinks = configured(&text).build(None).expect("built");
    let mut answers = Vec::new();
    for sink in &sinks {
        let answer = sink.deliver(&digest()).await.map_err(|failure| format!("{failure:?}"));
        let answer = answer
            .map_or_else(|why| why.split(' ').next().unwrap_or_default().to_owned(), |_| "ok".to_owned());
        answers.push(format!("{} {answer}", sink.queue()));
    }
    assert_eq!(answers, ["m/full@example.com Later", "m/unknown@example.com Refused", "m/me@example.com ok"]);
    let got = server.got.lock().expect("got").clone();
    assert_eq!(got.len(), 1);
    assert!(got[0].contains("To: full@example.com, unknown@example.com, me@example.com"), "{}", got[0]);
}
