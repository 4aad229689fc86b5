//! What a burst costs the daemon: the real process reads 100,000 writes that seventeen regions had in a minute, from an AWS
//! on loopback that only slices pages made before. They are what the account always does: a hundred of a month ago teach it. Printed is the processor time of that process alone, for each 100,000
//! events that it was given, repeats included, and its memory.
//!
//! `cargo bench --bench burst`

#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a measurement that fails is no measurement"
)]
#![allow(missing_docs, reason = "a measurement")]

mod made;
#[path = "made/process.rs"]
mod process;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use made::Dice;
use serde_json::{Value, json};
use trailnoti::clock::Clock;
use trailnoti::simulator::{Answer, Call, DEFAULT_REGIONS, World};

const EVENTS: usize = 100_000;
const REGIONS: usize = 17;
/// Bytes of a record, about.
const SIZE: usize = 2300;
/// What fills the history of an ordinary account, and no rule is about: all but one event of a thousand.
const ORDINARY: [(&str, &str); 6] = [
    ("logs", "CreateLogStream"),
    ("ssm", "UpdateInstanceInformation"),
    ("elasticloadbalancing", "RegisterTargets"),
    ("config", "PutEvaluations"),
    ("kms", "GenerateDataKey"),
    ("sts", "AssumeRole"),
];
/// How many events of a month ago teach what is normal in a region.
const PAST: usize = 100;
/// How long the process runs before the burst: it has begun everything it begins, and read the past.
const BEFORE: Duration = Duration::from_secs(60);
/// At two pages of fifty a second, a region's share takes a minute; so long it is waited for at most.
const PATIENCE: Duration = Duration::from_secs(600);

/// Each region's events as they go over the wire, the newest first, with their seconds.
type Events = BTreeMap<String, Vec<(i64, String)>>;

struct Aws {
    world: World,
    key: String,
    events: Mutex<Events>,
    /// Whether the burst is there.
    shown: AtomicBool,
    given: AtomicUsize,
    pages: AtomicUsize,
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("built");
    runtime.block_on(async {
        let world = World::new(Clock::system());
        let key = world.add_account("111122223333");
        let aws = Arc::new(Aws {
            world,
            key,
            events: Mutex::default(),
            shown: AtomicBool::new(false),
            given: AtomicUsize::new(0),
            pages: AtomicUsize::new(0),
        });
        let regions: Vec<String> = DEFAULT_REGIONS.iter().map(|region| (*region).to_owned()).collect();
        assert_eq!(regions.len(), REGIONS);
        // The burst comes to be seen two minutes after it happened.
        let now = Timestamp::now() + SignedDuration::try_from(BEFORE).expect("it fits");
        *aws.events.lock().expect("no panic") = history(&regions, now);
        let url = serve(aws.clone()).await;
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = process::start(&url, &aws.key, folder.path());
        tokio::time::sleep(BEFORE).await;
        aws.shown.store(true, Ordering::Relaxed);
        aws.pages.store(0, Ordering::Relaxed);
        aws.given.store(0, Ordering::Relaxed);
        let before = process::processor_time(child.id());
        let begun = std::time::Instant::now();
        while aws.given.load(Ordering::Relaxed) < EVENTS && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let took = process::processor_time(child.id()) - before;
        let (given, pages) = (aws.given.load(Ordering::Relaxed), aws.pages.load(Ordering::Relaxed));
        let memory = process::memory(child.id());
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert!(given >= EVENTS, "only {given} of {EVENTS} events were read");
        println!("{given} events in {pages} pages and {:.0} s, of {EVENTS} that {REGIONS} regions had in a minute:",
            begun.elapsed().as_secs_f64());
        println!("  processor time {took:.2} s: {:.2} s for 100,000 events", took * 1e5 / given as f64);
        println!("  memory: {memory}");
    });
}

/// A month ago, and now.
fn history(regions: &[String], now: Timestamp) -> Events {
    let mut dice = Dice(7);
    let mut events = Events::new();
    for n in (0..EVENTS).rev() {
        let region = &regions[n % regions.len()];
        let at = now + SignedDuration::from_secs((n * 60 / EVENTS) as i64 - 120);
        events.entry(region.clone()).or_default().push(event(&mut dice, region, at, n % 1000 == 0));
    }
    for (region, events) in &mut events {
        let at = now - SignedDuration::from_hours(30 * 24);
        events.extend((0..PAST).map(|_| event(&mut dice, region, at, false)));
    }
    events
}

/// An event as it goes over the wire, with its second.
fn event(dice: &mut Dice, region: &str, at: Timestamp, is_any: bool) -> (i64, String) {
    let at = Timestamp::from_second(at.as_second()).expect("a time");
    let made = made::record(dice, 0, SIZE);
    let field = |name: &str| {
        let value = made.split_once(&format!(r#""{name}":""#)).expect("made so").1;
        value.split_once('"').expect("made so").0.to_owned()
    };
    let (mut source, mut name) = (field("eventSource"), field("eventName"));
    let mut record = made
        .replace(&field("eventTime"), &at.to_string())
        .replace(&format!(r#""awsRegion":"{}""#, field("awsRegion")), &format!(r#""awsRegion":"{region}""#));
    record = record.replace(r#""readOnly":true"#, r#""readOnly":false"#);
    if !is_any {
        let (service, call) = dice.one(&ORDINARY);
        let service = format!("{service}.amazonaws.com");
        record = record.replace(&source, &service);
        record = record.replace(&format!(r#""eventName":"{name}""#), &format!(r#""eventName":"{call}""#));
        (source, name) = (service, (*call).to_owned());
    }
    let wire = json!({
        "EventId": field("eventID"), "EventName": name, "EventSource": source, "ReadOnly": "false",
        "EventTime": at.as_second() as f64, "Resources": [], "CloudTrailEvent": record,
    });
    (at.as_second(), wire.to_string())
}

async fn serve(aws: Arc<Aws>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = move |headers: HeaderMap, body: Bytes| {
        let aws = aws.clone();
        async move {
            let header =
                |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let call = Call::read(header("authorization"), header("x-amz-target"), &body).expect("signed");
            if call.operation() == "LookupEvents" {
                return aws.look_up(&call);
            }
            match aws.world.answer(&call) {
                Answer::Reply { status, content_type, body, .. } => reply(status, content_type, body),
                _ => reply(403, "text/plain", String::new()),
            }
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    format!("http://{address}")
}

impl Aws {
    /// A page of the region's events in the window; its token is where the next begins.
    fn look_up(&self, call: &Call) -> Response {
        let request: Value = serde_json::from_str(&call.body).expect("JSON");
        let mut events = self.events.lock().expect("no panic");
        let all = events.get_mut(&call.region).expect("an enabled region");
        let writes = request["LookupAttributes"][0]["AttributeKey"] == "ReadOnly";
        let number = |name: &str| request[name].as_f64().map(|second| second as i64);
        let (start, end) = (number("StartTime").unwrap_or(0), number("EndTime").unwrap_or(i64::MAX));
        let from = match request["NextToken"].as_str() {
            Some(token) => token.parse().expect("a token of ours"),
            None => all.partition_point(|(at, _)| *at > end),
        };
        let to = all.partition_point(|(at, _)| *at >= start);
        let from = if self.shown.load(Ordering::Relaxed) { from } else { from.max(all.len() - PAST) };
        let most = if writes { 50 } else { 0 };
        let page = &all[from.min(to)..(from + most).min(to)];
        self.given.fetch_add(page.len(), Ordering::Relaxed);
        self.pages.fetch_add(1, Ordering::Relaxed);
        let events: Vec<&str> = page.iter().map(|(_, wire)| wire.as_str()).collect();
        let next = if most > 0 && from + most < to {
            format!(r#","NextToken":"{}""#, from + most)
        } else {
            String::new()
        };
        reply(200, "application/x-amz-json-1.1", format!(r#"{{"Events":[{}]{next}}}"#, events.join(",")))
    }
}

fn reply(status: u16, content_type: &str, body: String) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    Response::builder()
        .status(status)
        .header("content-type", content_type)
        .body(Body::from(body))
        .expect("made")
}
