//! One thief, one conversation: what is told of an incident, over regions, restarts and time.

use std::collections::{BTreeMap, BTreeSet};

use trailnoti::domain::incident::Incident;
use trailnoti::domain::json::{Json, object};
use trailnoti::domain::language::Language;
use trailnoti::domain::notify::render::{Style, slack};
use trailnoti::simulator::records::{Caller, call};
use trailnoti::simulator::story;

use crate::world::{ACCOUNT, MALLORY, Stage, at, minutes};

/// The configuration's own collecting, and a sink that takes everything.
const COLLECTED: &str = "[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n";

/// The alerts of each incident; what belongs to none has an empty id.
fn by_incident(stage: &Stage) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for delivery in &stage.book.lock().expect("the book").deliveries {
        for pending in &delivery.digest.alerts {
            all.entry(pending.alert.part.incident.clone()).or_default().push(pending.alert.title.clone());
        }
    }
    all
}

async fn known(stage: &Stage) -> Vec<Incident> {
    stage.store.as_ref().expect("a store").incidents().await.expect("read")
}

/// Twenty-five alerts under nineteen subjects were the demonstration's one leaked key.
#[tokio::test(start_paused = true)]
async fn the_demonstrations_leaked_key_is_one_incident_in_few_messages() {
    let mut stage = Stage::new(&[]).with(COLLECTED);
    let beats = story::schedule(&stage.world, at("10:00"));
    stage.start().await;
    stage.until("10:30").await;
    let incidents = known(&stage).await;
    stage.stop().await;
    let hostile: BTreeSet<&String> =
        beats.iter().filter(|beat| beat.hostile).flat_map(|beat| &beat.ids).collect();
    let (mut messages, mut of) = (BTreeSet::new(), BTreeSet::new());
    for (n, delivery) in stage.book.lock().expect("the book").deliveries.iter().enumerate() {
        for alert in delivery.digest.alerts.iter().map(|pending| &pending.alert) {
            if hostile.contains(&alert.event_id) || hostile.contains(&alert.instance) {
                messages.insert(n);
                let whole = incidents.iter().find(|one| one.id == alert.part.incident);
                of.insert(whole.and_then(|one| one.part_of.clone()).unwrap_or(alert.part.incident.clone()));
            }
        }
    }
    assert_eq!(of.len(), 1, "{of:?}\n{}", stage.transcript());
    assert!(messages.len() <= 8, "{} messages\n{}", messages.len(), stage.transcript());
    let incident = incidents.iter().find(|one| of.contains(&one.id)).expect("it is known");
    let made: Vec<String> = incident
        .members
        .iter()
        .filter(|member| member.made.is_some())
        .map(|member| Language::English.words().who(member.credential.who()))
        .collect();
    assert!(made.iter().any(|who| who == "user support-2"), "{made:?}");
    assert!(incident.stages.len() >= 4, "{:?}", incident.stages);
}

#[tokio::test(start_paused = true)]
async fn two_thieves_of_the_same_minute_and_rule_are_two_incidents() {
    let mut stage = Stage::new(&["us-east-1"]);
    let other = Caller { user: "trent", key: "AKIATRENT00EXAMPLE", address: "198.51.100.66", ..MALLORY };
    for (n, thief) in [MALLORY, other].iter().enumerate() {
        for name in ["one", "two"] {
            let request = object([("name", format!("{name}-{n}").into())]);
            let record =
                call(thief, at("10:02"), "us-east-1", "cloudtrail", "StopLogging", request, Json::Null);
            stage.record(record, minutes(2));
        }
    }
    stage.start().await;
    stage.until("10:15").await;
    stage.stop().await;
    let all = by_incident(&stage);
    assert_eq!(all.values().map(Vec::len).collect::<Vec<_>>(), [2, 2], "{all:?}");
}

/// The conversation goes on where it was, whatever happens to the process.
#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_with_the_same_incident_and_one_that_was_quiet_is_closed() {
    let mut stage = Stage::new(&["us-east-1"]);
    let stop = |time: &str, name: &str| {
        let request = object([("name", name.into())]);
        call(&MALLORY, at(time), "us-east-1", "cloudtrail", "StopLogging", request, Json::Null)
    };
    stage.record(stop("10:02", "one"), minutes(2));
    stage.start().await;
    stage.until("10:10").await;
    stage.stop().await;
    stage.record(stop("10:12", "two"), minutes(2));
    stage.start().await;
    stage.until("10:20").await;
    let all = by_incident(&stage);
    assert_eq!(all.len(), 1, "{all:?}");
    let incident = known(&stage).await.pop().expect("one");
    assert_eq!((incident.alerts, incident.closed, incident.about.as_str()), (2, false, "mallory"));
    assert_eq!(incident.account, (ACCOUNT.to_owned(), String::new()));
    stage.until("16:30").await;
    let incident = known(&stage).await.pop().expect("one");
    assert!(incident.closed);
    stage.stop().await;
}

/// What a message says of its incident is how that stands when it is sent.
#[tokio::test(start_paused = true)]
async fn every_message_says_whose_incident_it_is_and_how_far_it_has_come() {
    let mut stage = Stage::new(&["us-east-1"]).with(COLLECTED);
    let request = object([("userName", "support".into())]);
    let answer = object([(
        "user",
        object([("userName", "support".into()), ("arn", "arn:aws:iam::111122223333:user/support".into())]),
    )]);
    let made = call(&MALLORY, at("10:02"), "us-east-1", "iam", "CreateUser", request, answer);
    stage.record(made, minutes(2));
    let by_support = Caller { user: "support", key: "AKIASUPPORT0EXAMPLE", ..MALLORY };
    let request = object([("name", "management-events".into())]);
    let stopped =
        call(&by_support, at("10:06"), "us-east-1", "cloudtrail", "StopLogging", request, Json::Null);
    stage.record(stopped, minutes(2));
    stage.start().await;
    stage.until("10:15").await;
    stage.stop().await;
    let book = stage.book.lock().expect("the book");
    let last = book.deliveries.last().expect("a message");
    assert_eq!(last.digest.incidents.len(), 1);
    let brief = &last.digest.incidents[0];
    let id = &brief.id;
    assert_eq!(
        brief.headline(),
        format!("Incident {id} · Key of mallory looks stolen (111122223333): made a way back, hid")
    );
    let lines = brief.lines();
    assert_eq!(lines[0], "from 203.0.113.66 with key AKIAMALLORY0EXAMPLE, AKIASUPPORT0EXAMPLE");
    assert_eq!(lines[1], "so far: trail management-events stopped · 2 alerts in us-east-1");
    assert_eq!(lines[2], "user support was created by mallory (AKIAMALLORY0EXAMPLE)");
    assert!(
        lines[3].ends_with("user support was created by mallory (AKIAMALLORY0EXAMPLE), and is used"),
        "{lines:?}"
    );
    assert!(last.digest.update, "it is the same conversation");
}

/// Its end is told in its conversation, once, to whom its alerts were told; of one alert alone there is no end to tell.
#[tokio::test(start_paused = true)]
async fn an_incident_of_several_alerts_has_one_end_and_a_single_alert_has_none() {
    let mut stage = Stage::new(&["us-east-1"]).with(COLLECTED);
    let stop = |who: &Caller, name: &str| {
        let request = object([("name", name.into())]);
        call(who, at("10:02"), "us-east-1", "cloudtrail", "StopLogging", request, Json::Null)
    };
    for name in ["one", "two", "three"] {
        stage.record(stop(&MALLORY, name), minutes(2));
    }
    let other = Caller { user: "trent", key: "AKIATRENT00EXAMPLE", ..MALLORY };
    stage.record(stop(&other, "four"), minutes(2));
    stage.start().await;
    stage.until("17:30").await;
    let closed = known(&stage).await;
    stage.stop().await;
    assert!(closed.len() == 2 && closed.iter().all(|incident| incident.closed));
    let book = stage.book.lock().expect("the book");
    let ends: Vec<_> = book
        .deliveries
        .iter()
        .filter(|one| one.digest.alerts[0].alert.rule == "trailnoti-incident-over")
        .collect();
    assert_eq!(ends.len(), 1, "{}", ends.len());
    let end = &ends[0].digest;
    assert!(end.update && end.incidents[0].state == "closed", "it stands in the conversation");
    let title = &end.alerts[0].alert.title;
    assert_eq!(*title, format!("Incident {} is over: mallory in 111122223333: hid", end.incidents[0].id));
}

/// With a database of addresses, each message and the incident say from which country and whose network.
#[tokio::test(start_paused = true)]
async fn where_an_address_is_stands_beside_it_where_a_database_says_so() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/geo");
    let geo = format!("[geo]\ndatabase = [\"{folder}/country.mmdb\", \"{folder}/network.mmdb\"]\n");
    let mut stage = Stage::new(&["us-east-1"]).with(&geo);
    let request = object([("name", "management-events".into())]);
    stage.record(
        call(&MALLORY, at("10:02"), "us-east-1", "cloudtrail", "StopLogging", request, Json::Null),
        minutes(2),
    );
    stage.start().await;
    stage.until("10:15").await;
    let incidents = known(&stage).await;
    stage.stop().await;
    let origin = "Romania, AS64500 Example <!channel> Hosting[31m";
    assert_eq!(incidents[0].origins.get("203.0.113.66").map(String::as_str), Some(origin));
    let book = stage.book.lock().expect("the book");
    let message = &book.deliveries[0].digest;
    assert_eq!(message.alerts[0].alert.origin, origin);
    assert_eq!(message.incidents[0].from, format!("from 203.0.113.66 ({origin}) with key {}", MALLORY.key));
    let slack = slack::render(message, &Style::default()).to_string();
    assert!(slack.contains("203.0.113.66 (Romania") && !slack.contains("<!channel>"), "{slack}");
}
