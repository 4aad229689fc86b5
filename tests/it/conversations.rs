//! An incident as a conversation, over real sockets: in Slack by a bot one message with a thread, by mail one thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use expect_test::expect_file;
use serde_json::{Value, json};
use trailnoti::domain::json::{Json, object};
use trailnoti::domain::language::Language;
use trailnoti::domain::notify::answer::Failure;
use trailnoti::domain::notify::message::Message;
use trailnoti::domain::notify::render::{Style, email, plain, slack, summary};
use trailnoti::simulator::records::call;
use trailnoti::simulator::story;
use trailnoti::sink::Sink;

use crate::servers::{Mail, listener};
use crate::sinks::{PLAIN, configured, mail};
use crate::world::{Answer, MALLORY, Stage, at, minutes};

/// A channel of Slack's, as chat.postMessage and chat.update keep it (docs.slack.dev).
#[derive(Clone, Default)]
struct Workspace {
    url: String,
    channel: Arc<Mutex<Channel>>,
}

#[derive(Default)]
struct Channel {
    /// By its `ts`: the thread it is in, its text, and how often it was changed.
    messages: BTreeMap<String, Posted>,
    /// The method of each call.
    calls: Vec<String>,
    /// What the next calls are answered with, instead of being done.
    errors: Vec<&'static str>,
}

#[derive(Clone, Default)]
struct Posted {
    thread: Option<String>,
    broadcast: bool,
    body: Value,
    changes: usize,
}

impl Workspace {
    async fn start() -> Self {
        let (listener, address) = listener().await;
        let workspace = Workspace { url: format!("http://{address}/api"), ..Workspace::default() };
        let server = workspace.clone();
        let answer = move |request: Request| {
            let server = server.clone();
            async move {
                let method = request.uri().path().trim_start_matches("/api/").to_owned();
                let token = request.headers().get("authorization").cloned();
                let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap_or_default();
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                let reply = match token.as_ref().and_then(|token| token.to_str().ok()) {
                    Some("Bearer xoxb-CANARY") => server.answer(&method, body),
                    _ => json!({ "ok": false, "error": "invalid_auth" }),
                };
                Response::builder()
                    .status(StatusCode::OK)
                    .body(Body::from(reply.to_string()))
                    .expect("a response")
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        workspace
    }

    fn answer(&self, method: &str, body: Value) -> Value {
        let mut channel = self.channel.lock().expect("the channel");
        channel.calls.push(method.to_owned());
        if !channel.errors.is_empty() {
            let error = channel.errors.remove(0);
            if error != "ok" {
                return json!({ "ok": false, "error": error });
            }
        }
        if body["channel"] != "C0123456789" {
            return json!({ "ok": false, "error": "channel_not_found" });
        }
        if method == "chat.update" {
            let ts = body["ts"].as_str().unwrap_or_default().to_owned();
            let Some(known) = channel.messages.get_mut(&ts) else {
                return json!({ "ok": false, "error": "message_not_found" });
            };
            known.changes += 1;
            known.body = body;
            return json!({ "ok": true, "ts": ts });
        }
        let thread = body["thread_ts"].as_str().map(str::to_owned);
        if thread.as_ref().is_some_and(|thread| !channel.messages.contains_key(thread)) {
            return json!({ "ok": false, "error": "thread_not_found" });
        }
        let ts = format!("1772.{:06}", channel.messages.len());
        let broadcast = body["reply_broadcast"] == true;
        channel.messages.insert(ts.clone(), Posted { thread, broadcast, body, changes: 0 });
        json!({ "ok": true, "ts": ts })
    }

    fn fails(&self, errors: &[&'static str]) {
        self.channel.lock().expect("the channel").errors.extend(errors);
    }

    /// What stands in the channel itself, and what in threads.
    fn posted(&self) -> (Vec<Posted>, Vec<Posted>) {
        let channel = self.channel.lock().expect("the channel");
        channel.messages.values().cloned().partition(|posted| posted.thread.is_none())
    }
}

fn bot(url: &str) -> Arc<dyn Sink> {
    let text = format!(
        "[[sink]]\nname = \"bot\"\nkind = \"slack\"\ntoken = \"xoxb-CANARY\"\nchannel = \"C0123456789\"\napi_url = \"{url}\"\n"
    );
    configured(&text).build(None).expect("built").remove(0)
}

/// The messages of the demonstration's leaked key, as the daemon plans them.
pub async fn demonstration() -> Vec<Message> {
    demonstration_in(Language::English).await
}

async fn demonstration_in(language: Language) -> Vec<Message> {
    let sink = "[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n";
    let mut stage = Stage::new(&[]).with(&format!("language = \"{}\"\n{sink}", language.code()));
    story::schedule(&stage.world, at("10:00"));
    stage.start().await;
    stage.until("10:30").await;
    stage.stop().await;
    let book = stage.book.lock().expect("the book");
    let of_an_incident = |message: &Message| !message.incidents.is_empty();
    book.deliveries.iter().map(|delivery| delivery.digest.clone()).filter(of_an_incident).collect()
}

/// Sends each message as the loop of the sink does: it gives back what the sink said of the same conversation.
async fn send(sink: &dyn Sink, messages: &[Message]) -> Vec<Failure> {
    let mut threads: BTreeMap<String, String> = BTreeMap::new();
    let mut failures = Vec::new();
    for message in messages {
        let group = message.groups.first().cloned().unwrap_or_default();
        loop {
            let message = Message { thread: threads.get(&group).cloned(), ..message.clone() };
            match sink.deliver(&message).await {
                Ok(receipt) => {
                    threads.extend(receipt.thread.map(|thread| (group, thread)));
                    break;
                }
                Err(failure) => failures.push(failure),
            }
            assert!(failures.len() < 10, "{failures:?}");
        }
    }
    failures
}

/// The messages that belong to one incident's own conversation.
pub fn in_conversation(messages: &[Message]) -> Vec<Message> {
    messages.iter().filter(|message| message.conversation().is_some()).cloned().collect()
}

/// A payload of Slack's as a reader sees it: its notification, then each block.
fn as_read(payload: &Value) -> String {
    let mut text = format!("[{}]\n", payload["text"].as_str().unwrap_or_default());
    for block in payload["attachments"][0]["blocks"].as_array().into_iter().flatten() {
        let said = block["text"]["text"].as_str().or_else(|| block["elements"][0]["text"].as_str());
        text += &format!("{}\n", said.unwrap_or("----").trim_end());
    }
    text
}

/// The same in Korean: nothing of it is left in English but names, what AWS said, and commands.
#[test]
fn the_demonstration_in_korean_is_as_it_was_looked_at() {
    let messages = paused(demonstration_in(Language::Korean));
    let style = Style { language: Language::Korean, ..Style::default() };
    let mut mail = String::new();
    for message in &messages {
        let email = email::render(message, &style).expect("rendered");
        mail += &format!("Subject: {}\n\n{}\n", email.subject, email.text);
    }
    expect_file!["../data/conversation/mail-in-korean.txt"].assert_eq(&mail);
    let worst = in_conversation(&messages).pop().expect("one");
    let grown = as_read(&slack::conversation(worst.conversation().expect("one"), &worst, &style));
    expect_file!["../data/conversation/slack-bot-in-korean.txt"].assert_eq(&grown);
    for english in
        ["so far", "alerts in", "What to do now", "was created by", "Incident", " and ", "CRITICAL"]
    {
        assert!(!mail.contains(english) && !grown.contains(english), "{english}");
    }
}

/// What the demonstration's conversation looks like in each channel, word for word.
#[test]
fn the_demonstrations_transcripts_are_as_they_were_looked_at() {
    let messages = paused(demonstration());
    let style = Style::default();
    let (mut webhook, mut mail) = (String::new(), String::new());
    for message in &messages {
        webhook += &format!("{}\n", as_read(&slack::render(message, &style)));
        let email = email::render(message, &style).expect("rendered");
        mail += &format!("Subject: {}\n\n{}\n", email.subject, email.text);
    }
    expect_file!["../data/conversation/slack-webhook.txt"].assert_eq(&webhook);
    expect_file!["../data/conversation/mail.txt"].assert_eq(&mail);
    let worst = in_conversation(&messages).pop().expect("one");
    let html = email::render(&worst, &style).expect("rendered").html;
    expect_file!["../data/conversation/mail.html"].assert_eq(&html);
    let brief = worst.conversation().expect("one");
    let grown = as_read(&slack::conversation(brief, &worst, &style));
    expect_file!["../data/conversation/slack-bot.txt"].assert_eq(&grown);
    let phone: String =
        messages.iter().map(|message| format!("{}\n", plain::render(message, &style, 4_000))).collect();
    expect_file!["../data/conversation/ntfy.txt"].assert_eq(&phone);
    let preview: Vec<String> =
        messages.iter().map(|message| summary(message, &style).chars().take(45).collect()).collect();
    expect_file!["../data/conversation/lock-screen.txt"].assert_eq(&(preview.join("\n") + "\n"));
}

#[test]
fn the_demonstration_is_one_message_with_a_thread_in_slack_by_a_bot() {
    let messages = paused(demonstration());
    let conversation = in_conversation(&messages);
    assert!(conversation.len() >= 5, "{}", conversation.len());
    real(async {
        let workspace = Workspace::start().await;
        assert_eq!(send(bot(&workspace.url).as_ref(), &conversation).await, []);
        let (mains, replies) = workspace.posted();
        assert_eq!((mains.len(), replies.len()), (1, conversation.len()));
        assert_eq!(mains[0].changes, conversation.len() - 1, "it grows with each");
        let story = mains[0].body.to_string();
        for said in [
            "ci-deploy",
            "support-2",
            "GPU machine",
            "an hour",
            "update-access-key",
            "trail management-events stopped",
        ] {
            assert!(story.contains(said), "{said}: {story}");
        }
        let broadcast = replies.iter().filter(|reply| reply.broadcast).count();
        assert!(
            (1..replies.len()).contains(&broadcast),
            "{broadcast}: what is worse is heard, what repeats is not"
        );
    });
}

/// A message that was posted is gone on with, whatever fails behind it; one that somebody deleted begins anew.
#[test]
fn no_failure_of_slacks_begins_a_second_conversation_and_a_deleted_one_begins_anew() {
    let conversation = in_conversation(&paused(demonstration()));
    real(async {
        let workspace = Workspace::start().await;
        let bot = bot(&workspace.url);
        workspace.fails(&["ok", "internal_error", "ratelimited", "ok", "ok"]);
        let failures = send(bot.as_ref(), &conversation[..1]).await;
        assert_eq!(failures.len(), 2, "{failures:?}");
        let (mains, replies) = workspace.posted();
        assert_eq!((mains.len(), replies.len()), (1, 1));
        let gone = Message { thread: Some("1000.000001".to_owned()), ..conversation[1].clone() };
        let receipt = bot.deliver(&gone).await.expect("delivered");
        let (mains, replies) = workspace.posted();
        assert_eq!((mains.len(), replies.len()), (2, 2));
        assert!(receipt.thread.is_some_and(|thread| thread.starts_with("1772.")));
        workspace.fails(&["token_revoked"]);
        let closed = bot.deliver(&conversation[1]).await.expect_err("refused");
        assert!(matches!(closed, Failure::Closed { .. }) && !closed.why().contains("CANARY"), "{closed:?}");
        workspace.fails(&["invalid_blocks"]);
        let refused = bot.deliver(&conversation[1]).await.expect_err("refused");
        assert!(matches!(refused, Failure::Refused { .. }), "{refused:?}");
        let plain = Message { plain: true, ..conversation[1].clone() };
        bot.deliver(&plain).await.expect("delivered");
    });
}

/// An hour's outage, a restart in it and one after it: the conversation goes on where it was, and nothing of it is lost.
#[tokio::test(start_paused = true)]
async fn a_conversation_goes_on_in_its_thread_over_an_outage_and_restarts() {
    let mut stage = Stage::new(&["us-east-1"]).with("[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n");
    let stops = |stage: &Stage, time: &str, name: &str| {
        let request = object([("name", name.into())]);
        stage.record(
            call(&MALLORY, at(time), "us-east-1", "cloudtrail", "StopLogging", request, Json::Null),
            minutes(2),
        );
    };
    stops(&stage, "10:02", "first");
    stage.answers("slack", "10:10", "11:10", Answer::Later(None));
    stage.start().await;
    stage.until("10:10").await;
    for (time, name) in [("10:12", "second"), ("10:40", "third")] {
        stops(&stage, time, name);
    }
    stage.until("10:30").await;
    stage.stop().await;
    stage.start().await;
    stage.until("11:20").await;
    stage.stop().await;
    stops(&stage, "11:22", "fourth");
    stage.start().await;
    stage.until("11:40").await;
    stage.stop().await;
    let book = stage.book.lock().expect("the book");
    let conversation: Vec<&Message> =
        book.deliveries.iter().map(|one| &one.digest).filter(|one| one.conversation().is_some()).collect();
    assert_eq!(conversation[0].thread, None, "it begins");
    let threads: Vec<_> = conversation[1..].iter().map(|message| message.thread.as_deref()).collect();
    assert!(
        threads.len() >= 2 && threads.iter().all(|thread| thread.is_some() && *thread == threads[0]),
        "{threads:?}"
    );
    let titles: Vec<&str> = conversation
        .iter()
        .flat_map(|message| &message.alerts)
        .filter_map(|pending| pending.alert.title.rsplit(' ').next())
        .collect();
    assert_eq!(titles, ["first", "second", "third", "fourth"], "none is lost, none comes twice");
}

#[test]
fn the_demonstration_is_one_thread_by_mail() {
    let conversation = in_conversation(&paused(demonstration()));
    real(async {
        let server = Mail::start("", None);
        assert_eq!(send(mail(server.port, PLAIN).as_ref(), &conversation).await, []);
        let mails = server.got.lock().expect("mails").clone();
        let header = |mail: &str, name: &str| {
            let unfolded = mail.replace("\r\n ", " ");
            let line =
                unfolded.lines().find(|line| line.starts_with(&format!("{name}: "))).map(str::to_owned);
            line.unwrap_or_else(|| panic!("no {name}: {mail}"))
        };
        let subjects: Vec<String> = mails.iter().map(|mail| header(mail, "Subject")).collect();
        let first = subjects[0].trim_start_matches("Subject: ").to_owned();
        assert!(
            subjects[1..].iter().all(|subject| *subject == format!("Subject: Re: {first}")),
            "{subjects:#?}"
        );
        let roots: std::collections::BTreeSet<String> = mails
            .iter()
            .flat_map(|mail| {
                [header(mail, "References"), header(mail, "In-Reply-To").replace("In-Reply-To", "References")]
            })
            .collect();
        assert_eq!(roots.len(), 1, "{roots:?}");
        let ids: std::collections::BTreeSet<String> =
            mails.iter().map(|mail| header(mail, "Message-ID")).collect();
        assert_eq!(ids.len(), mails.len(), "each mail has an id of its own");
    });
}

pub fn paused<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(work)
}

pub fn real<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime").block_on(work)
}
