//! What a thief does to keep the watcher from seeing: noise among which an event hides, and requests that eat the quota.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use trailnoti::domain::context::Envelope;
use trailnoti::domain::event::scope::Scope;
use trailnoti::domain::health::report::Report;
use trailnoti::domain::incident::Part;
use trailnoti::domain::incident::credential::Credential;
use trailnoti::domain::incident::incidents::Incidents;
use trailnoti::domain::incident::stage::Stage as IncidentStage;
use trailnoti::domain::json::{Json, object};
use trailnoti::domain::judge::inputs::Judgement;
use trailnoti::domain::judge::joining::join;
use trailnoti::domain::language::Language;
use trailnoti::domain::notify::alert::Alert;
use trailnoti::domain::notify::route::Route;
use trailnoti::domain::severity::Severity;
use trailnoti::simulator::records::{Caller, call};
use trailnoti::store::{Commit, Store};

use crate::world::{ACCOUNT, Answer, Delivery, Stage, at, minutes, seconds};

const REGION: &str = "us-east-1";

/// A key that makes noise.
const NOISY: Caller<'static> = Caller {
    account: ACCOUNT,
    user: "noisy",
    key: "AKIANOISY000EXAMPLE",
    address: "203.0.113.67",
    agent: "Boto3/1.34.51",
};

/// The thief whom the noise hides.
const THIEF: Caller<'static> = Caller {
    account: ACCOUNT,
    user: "thief",
    key: "AKIATHIEF000EXAMPLE",
    address: "203.0.113.66",
    agent: "Boto3/1.34.51",
};

/// CloudTrail's delay as it was measured: half within 232 seconds, 99 of 100 within 554 (log-normal).
struct Delays(u64);

impl Delays {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn next(&mut self) -> SignedDuration {
        let normal: f64 = (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0;
        SignedDuration::from_secs_f64(232.0 * (0.374 * normal).exp())
    }
}

fn noise(stage: &Stage, per_second: i64, from: Timestamp, until: Timestamp, delays: &mut Delays) {
    stage.account(|account| {
        for n in 0..until.duration_since(from).as_secs() * per_second {
            let time = from + SignedDuration::from_secs(n / per_second);
            let request = object([("logStreamName", format!("s{n}").into())]);
            let record = call(&NOISY, time, REGION, "logs", "CreateLogStream", request, Json::Null);
            account.record(record, delays.next());
        }
    });
}

/// The thief stops a trail, again and again; when each of that can be read.
fn stops(stage: &Stage, from: Timestamp, times: i64, delays: &mut Delays) -> BTreeMap<String, Timestamp> {
    (0..times)
        .map(|n| {
            let (time, delay) = (from + seconds(n * 10), delays.next());
            let name = format!("trail-{n:03}");
            let request = object([("name", name.as_str().into())]);
            stage.record(call(&THIEF, time, REGION, "cloudtrail", "StopLogging", request, Json::Null), delay);
            (name, time + delay)
        })
        .collect()
}

/// How long after each stop could be read it was alerted on, in seconds, in order; one that never was counts a day.
fn waits(stage: &Stage, stops: &BTreeMap<String, Timestamp>) -> Vec<i64> {
    let book = stage.book.lock().expect("the book");
    let mut waits: Vec<i64> = stops
        .iter()
        .map(|(name, visible)| {
            let said = |alert: &str| alert.contains(name.as_str());
            let told = book
                .deliveries
                .iter()
                .find(|delivery| delivery.digest.alerts.iter().any(|one| said(&one.alert.title)));
            told.map_or(86_400, |delivery| delivery.at.duration_since(*visible).as_secs())
        })
        .collect();
    waits.sort_unstable();
    waits
}

fn titles(stage: &Stage) -> Vec<String> {
    let book = stage.book.lock().expect("the book");
    let alerts = book.deliveries.iter().flat_map(|delivery| &delivery.digest.alerts);
    alerts.map(|one| format!("{} {:?}", one.alert.title, one.alert.facts)).collect()
}

/// Every urgent event is alerted on within `goal` seconds of its showing up, among so many writes a second.
async fn hides_nothing(per_second: i64, goal: i64) {
    let mut stage = Stage::new(&[REGION]);
    let mut delays = Delays(7);
    noise(&stage, per_second, at("10:03"), at("10:15"), &mut delays);
    let stops = stops(&stage, at("10:06"), 50, &mut delays);
    stage.start().await;
    stage.until("10:24").await;
    stage.stop().await;
    let waits = waits(&stage, &stops);
    println!("{per_second} writes a second: median {} s, the last {}", waits[25], waits[49]);
    assert!(waits[49] <= goal, "{per_second} a second: {waits:?}");
    let told = titles(&stage).into_iter().find(|title| title.contains("more events than"));
    assert_eq!(told.is_some(), per_second > 10, "{told:?}");
    if let Some(told) = told {
        assert!(told.contains("user/noisy") && told.contains("mostly CreateLogStream"), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_region_hides_no_urgent_event() {
    hides_nothing(2, 30).await;
    hides_nothing(10, 30).await;
}

#[tokio::test(start_paused = true)]
async fn a_flooded_region_hides_no_urgent_event() {
    hides_nothing(40, 60).await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_quiet_writes_does_not_delay_what_follows() {
    let mut stage = Stage::new(&[REGION]);
    let mut delays = Delays(11);
    noise(&stage, 67, at("10:05"), at("10:06"), &mut delays);
    let stops = stops(&stage, at("10:06:30"), 30, &mut delays);
    stage.start().await;
    stage.until("10:30").await;
    stage.stop().await;
    let waits = waits(&stage, &stops);
    assert!(waits[29] <= 60, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_thief_who_spends_the_quota_is_told_at_once_and_hides_nothing() {
    for per_second in [5.0, 20.0] {
        let mut stage = Stage::new(&[REGION]);
        let mut delays = Delays(3);
        stage.world.spend(REGION, per_second, at("10:05"), at("10:25"));
        for n in 0..40 {
            let request = object([("maxResults", n.into())]);
            let time = at("10:05") + seconds(n);
            stage.record(
                call(&THIEF, time, REGION, "cloudtrail", "LookupEvents", request, Json::Null),
                minutes(4),
            );
        }
        let stops = stops(&stage, at("10:07"), 30, &mut delays);
        stage.start().await;
        stage.until("10:45").await;
        stage.stop().await;
        let waits = waits(&stage, &stops);
        println!("{per_second} other requests a second: median {} s, the last {}", waits[15], waits[29]);
        assert!(waits[29] <= 60, "{waits:?}");
        let transcript = stage.transcript();
        let spent: Vec<&str> = transcript.lines().filter(|line| line.contains("uses up")).collect();
        assert!(spent.len() == 2 && spent[0] < "10:05:30", "{spent:?}");
        assert!(titles(&stage).iter().any(|title| title.contains("uses up") && title.contains("user/thief")));
    }
}

/// The noise alerts and fills a sink's queue: it is counted, every kind of it is named, and another principal's alert comes first.
#[tokio::test(start_paused = true)]
async fn a_storm_of_alerts_is_counted_and_buries_nobody() {
    const NOISE: i64 = 6_000;
    let mut stage = Stage::of_loops(&[REGION, "eu-west-1", "eu-north-1"]);
    for n in 0..NOISE {
        let region = [REGION, "eu-west-1", "eu-north-1"][usize::try_from(n % 3).expect("small")];
        let request = object([("userName", format!("noise-{n}").into())]);
        let time = at("10:03") + seconds(n % 60);
        stage.record(call(&NOISY, time, region, "iam", "CreateUser", request, Json::Null), minutes(1));
    }
    let request = object([("userName", "the-thief".into())]);
    let hidden = call(&THIEF, at("10:07"), REGION, "iam", "CreateUser", request, Json::Null);
    stage.record(hidden, seconds(30));
    stage.answers("slack", "10:03", "10:15", Answer::Later(Some(std::time::Duration::from_secs(5))));
    stage.start().await;
    stage.until("10:40").await;
    stage.stop().await;
    let book = stage.book.lock().expect("the book");
    let users: Vec<_> = book
        .deliveries
        .iter()
        .flat_map(|delivery| delivery.digest.alerts.iter().map(|one| (delivery.at, one)))
        .filter(|(_, one)| one.alert.title.starts_with("user "))
        .collect();
    let counted: usize = users.iter().map(|(_, one)| 1 + one.like.len()).sum();
    assert_eq!(counted, usize::try_from(NOISE).expect("small") + 1, "none is lost, none is counted twice");
    let messages = book.deliveries.iter().filter(|delivery| delivery.at >= at("10:15")).count();
    let last = users.iter().map(|(at, _)| *at).max().expect("there are some");
    let thief = users.iter().find(|(_, one)| one.alert.title == "user the-thief").expect("it is named").0;
    println!(
        "{NOISE} alerts: {messages} messages, the last {} s after the sink was back, the thief's after {} s",
        last.duration_since(at("10:15")).as_secs(),
        thief.duration_since(at("10:15")).as_secs()
    );
    assert!(messages <= 10 && last <= at("10:16") && thief <= at("10:15:10"), "{messages}, {last}, {thief}");
    for region in [REGION, "eu-west-1", "eu-north-1"] {
        assert!(
            users.iter().any(|(_, one)| one.alert.region == region && !one.like.is_empty()),
            "{region} is counted"
        );
    }
}

/// A sink is down, and more waits for it than there is room for: what is not urgent becomes a count, and that is told elsewhere.
#[tokio::test(start_paused = true)]
async fn r5_more_alerts_than_there_is_room_for_are_counted_and_told() {
    const NOISE: usize = 100_000;
    const URGENT: usize = 300;
    let sinks =
        "[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n[[sink]]\nname = \"mail\"\nkind = \"terminal\"\n";
    let mut stage = Stage::of_loops(&[REGION])
        .with(&format!("[grouping]\nwait = \"0s\"\ninterval = \"0s\"\n{sinks}min_severity = \"high\"\n"));
    let config = stage.parse("").expect("right");
    let test = config.ruleset.rules.iter().find(|rule| rule.id == "trailnoti-test").expect("the rule");
    let event = Report::Test { sink: String::new() }.event(Scope::Program, Language::English, at("09:00"));
    let alert = Alert::new(test, test.severity, &Envelope::from(event).after(None), "");
    let waiting = |n: usize, severity, rule: &str| Alert {
        id: format!("{rule}-{n}"),
        rule: rule.to_owned(),
        title: format!("{rule} {n}"),
        severity,
        group: format!("{rule}-{}", n % 500),
        ..alert.clone()
    };
    let alerts = (0..URGENT).map(|n| waiting(n, Severity::High, "urgent"));
    let alerts = alerts.chain((0..NOISE).map(|n| waiting(n, Severity::Low, "noise"))).collect();
    let (store, _) = Store::open(&stage.state, stage.clock).await.expect("the state opens");
    let judgement = Judgement { alerts, ..Judgement::default() };
    let slack = Route { sink: "slack".to_owned(), min_severity: Severity::Info, ..Route::default() };
    let commit = Commit { judgement, ..Commit::default() };
    store.commit(Scope::Program, &commit, &[slack]).await.expect("written");
    store.close().await;
    drop(store);
    stage.answers("slack", "10:00", "10:10", Answer::Later(None));
    stage.start().await;
    stage.until("10:09").await;
    let page = stage.status.metrics.page();
    let counted = "trailnoti_alerts_counted_total{sink=\"slack\"} 91300";
    assert!(page.lines().any(|line| line == counted), "{page}");
    let transcript = stage.transcript();
    let told: Vec<&str> = transcript.lines().filter(|line| line.contains("wait for slack")).collect();
    assert!(told.len() == 1 && told[0].contains("→ mail"), "{told:?}");
    stage.until("10:20").await;
    stage.stop().await;
    let book = stage.book.lock().expect("the book");
    let to_slack = || book.deliveries.iter().filter(|delivery| delivery.sink == "slack");
    let said = |rule: &str| {
        let alerts = to_slack().flat_map(|delivery| &delivery.digest.alerts);
        alerts.filter(|one| one.alert.rule == rule).map(|one| 1 + one.more()).sum::<u64>()
    };
    assert_eq!((said("noise"), said("urgent")), (NOISE as u64, URGENT as u64), "none is lost, none twice");
    let titles = to_slack().flat_map(|delivery| &delivery.digest.alerts).map(|one| &one.alert.title);
    assert_eq!(titles.filter(|title| title.contains("slack keeps every alert again")).count(), 1);
    // Each of them was a message of its own while the last example of a kind carried the rest.
    assert!(to_slack().count() <= 12, "{}", to_slack().count());
}

/// The rules of a storm, each with its stage and how urgent it is.
const STORM: [(&str, IncidentStage, Severity); 6] = [
    ("sign-in", IncidentStage::GotIn, Severity::High),
    ("user", IncidentStage::MadeAWayBack, Severity::High),
    ("admin", IncidentStage::GainedRights, Severity::Critical),
    ("trail", IncidentStage::Hid, Severity::Critical),
    ("launch", IncidentStage::Launched, Severity::Medium),
    ("secret", IncidentStage::TookData, Severity::Low),
];

/// How much of a storm each of so many is: alike, or some far louder than the others.
fn weights(of: usize) -> impl Strategy<Value = Vec<u64>> {
    vec(prop_oneof![3 => 1..4_u64, 1 => 50..1_000_u64], of)
}

/// Which of these a roll of the dice is.
fn rolled(weights: &[u64], roll: u16) -> usize {
    let mut left = u64::from(roll) * weights.iter().sum::<u64>() / (u64::from(u16::MAX) + 1);
    let is_it = |weight: &u64| {
        let found = left < *weight;
        left = left.saturating_sub(*weight);
        found
    };
    weights.iter().position(is_it).expect("one of them")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 16, failure_persistence: None, ..ProptestConfig::default() })]
    /// Every credential, stage and region of a storm is named in some message, and there are few of these: however much of it is
    /// whose, what, and where.
    #[test]
    fn of_ten_thousand_alerts_in_three_incidents_each_credential_stage_and_region_is_named_in_twenty_messages(
        who in weights(3),
        what in weights(STORM.len()),
        place in weights(17),
        rolls in vec(any::<[u16; 3]>(), 10_000),
    ) {
        let storm = |like: &Alert| {
            let alert = |(n, roll): (usize, &[u16; 3])| {
                let (who, region) = (rolled(&who, roll[0]), format!("region-{}", rolled(&place, roll[2])));
                let (rule, stage, severity) = STORM[rolled(&what, roll[1])];
                let key = Credential::Key(format!("AKIA{who}"));
                Alert {
                    id: format!("storm-{n}"),
                    rule: rule.to_owned(),
                    title: format!("key {who} did {rule} {n}"),
                    principal: format!("arn:aws:iam::{ACCOUNT}:user/u{who}"),
                    region,
                    severity,
                    part: Part { by: vec![key], stages: vec![stage], ..Part::default() },
                    ..like.clone()
                }
            };
            rolls.iter().enumerate().map(alert).collect()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.expect("a runtime").block_on(is_told_in_few_messages(storm));
    }
}

async fn is_told_in_few_messages(storm: impl FnOnce(&Alert) -> Vec<Alert>) {
    let mut stage = Stage::of_loops(&[REGION]).with("[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n");
    let config = stage.parse("").expect("right");
    let test = config.ruleset.rules.iter().find(|rule| rule.id == "trailnoti-test").expect("the rule");
    let event = Report::Test { sink: String::new() }.event(Scope::Program, Language::English, at("09:00"));
    let like = Alert::new(test, test.severity, &Envelope::from(event).after(None), "");
    let alerts = storm(&like);
    let named = |alert: &Alert| (alert.principal.clone(), alert.rule.clone(), alert.region.clone());
    let wanted: BTreeSet<_> = alerts.iter().map(named).collect();
    let credentials = alerts.iter().map(|alert| &alert.principal).collect::<BTreeSet<_>>().len();
    let mut incidents = Incidents::default();
    let mut judgement = Judgement { alerts, ..Judgement::default() };
    join(&mut incidents, &mut judgement, at("09:59"));
    let (store, _) = Store::open(&stage.state, stage.clock).await.expect("the state opens");
    let slack = Route { sink: "slack".to_owned(), min_severity: Severity::Info, ..Route::default() };
    let commit = Commit { judgement, incidents: incidents.take_changes(), ..Commit::default() };
    store.commit(Scope::Program, &commit, &[slack]).await.expect("written");
    store.close().await;
    drop(store);
    stage.start().await;
    stage.until("10:20").await;
    stage.stop().await;
    let book = stage.book.lock().expect("the book");
    let is_of_an_incident =
        |one: &&Delivery| one.digest.alerts.iter().any(|pending| !pending.alert.part.incident.is_empty());
    let messages: Vec<_> = book.deliveries.iter().filter(is_of_an_incident).collect();
    assert!(messages.len() <= 20, "{} messages", messages.len());
    let told = messages.iter().flat_map(|message| &message.digest.alerts);
    let told: BTreeSet<_> = told.map(|pending| named(&pending.alert)).collect();
    let untold: Vec<_> = wanted.difference(&told).collect();
    assert!(untold.is_empty(), "{untold:?}");
    let said: u64 = messages.iter().map(|message| message.digest.said()).sum();
    assert_eq!(said, 10_000, "none is lost, none twice");
    let stories = messages.iter().flat_map(|message| &message.digest.incidents);
    let stories: BTreeSet<&String> = stories.map(|brief| &brief.id).collect();
    assert_eq!(stories.len(), credentials, "each credential is an incident");
}
