//! Who hears of what: by region and hours, when a sink is down, and when nobody looks after an incident.

use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::Launch;
use trailnoti::simulator::records::{Caller, call};

use crate::world::{Answer, MALLORY, Stage, at, minutes};

/// What a sink was given, each with the minute.
fn told(stage: &Stage, sink: &str) -> Vec<String> {
    let book = stage.book.lock().expect("the book");
    let to = book.deliveries.iter().filter(|delivery| delivery.sink == sink);
    let lines = to.flat_map(|delivery| {
        let at = delivery.at.strftime("%H:%M").to_string();
        let rules = delivery.digest.alerts.iter().map(|pending| pending.alert.rule.clone());
        rules.map(move |rule| format!("{at} {rule}")).collect::<Vec<_>>()
    });
    lines.collect()
}

fn has(told: &[String], rule: &str) -> bool {
    told.iter().any(|line| line.ends_with(&format!(" {rule}")))
}

fn sink(name: &str, keys: &str) -> String {
    format!("[[sink]]\nname = \"{name}\"\nkind = \"terminal\"\n{keys}")
}

fn stops(stage: &Stage, who: &Caller, time: &str, region: &str) {
    let request = object([("name", "management-events".into())]);
    stage.record(call(who, at(time), region, "cloudtrail", "StopLogging", request, Json::Null), minutes(2));
}

#[tokio::test(start_paused = true)]
async fn a_sink_gets_what_its_route_names_in_its_hours() {
    // 2026-03-02, the stage's day, is a Monday.
    let sinks = [
        sink("all", ""),
        sink("eu", "regions = [\"eu-*\"]\n"),
        sink("keys", "rules = [\"access-key-*\"]\n"),
        sink("other", "accounts = [\"999999999999\"]\n"),
        sink("weekend", "active = \"Sat-Sun 00:00-24:00 UTC\"\n"),
        sink("ml", "tags = [\"team=ml-*\"]\n"),
        sink("office", "active = \"Mon-Fri 09:00-18:00 UTC\"\n"),
    ];
    let mut stage = Stage::new(&["us-east-1", "eu-west-1"]).with(&sinks.concat());
    stops(&stage, &MALLORY, "10:02", "eu-west-1");
    let other = Caller { user: "trent", key: "AKIATRENT00EXAMPLE", ..MALLORY };
    stops(&stage, &other, "10:02", "us-east-1");
    let launch = Launch::new("us-east-1", "p5.48xlarge", at("10:03"));
    stage.account(|account| {
        account.launch(&Launch { tags: &[("team", "ml-1")], ..launch.clone() });
        account.launch(&launch);
    });
    stage.start().await;
    stage.until("10:15").await;
    stage.stop().await;
    assert_eq!(told(&stage, "ml").len(), 2, "it started, and runs: {}", stage.transcript());
    let count = |sink: &str| told(&stage, sink).iter().filter(|line| line.contains("trail-stopped")).count();
    let counts = ["all", "eu", "keys", "other", "weekend", "office"].map(count);
    assert_eq!(counts, [2, 1, 0, 0, 0, 2], "{}", stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn what_is_urgent_goes_to_who_stands_by_when_a_sink_is_down() {
    let sinks = [sink("slack", ""), sink("standby", "backup = true\n")];
    let mut stage = Stage::new(&["us-east-1"]).with(&sinks.concat());
    stage.answers("slack", "10:00", "11:00", Answer::Later(None));
    stops(&stage, &MALLORY, "10:02", "us-east-1");
    let answer = object([("ConsoleLogin", "Failure".into())]);
    let low = call(&MALLORY, at("10:03"), "us-east-1", "signin", "ConsoleLogin", Json::Null, answer);
    stage.record(low, minutes(2));
    stage.start().await;
    stage.until("10:10").await;
    assert!(told(&stage, "standby").is_empty(), "a sink that fails for minutes is given time");
    stage.until("10:40").await;
    let standby = told(&stage, "standby");
    assert_eq!(standby.iter().filter(|line| line.contains("trail-stopped")).count(), 1, "{standby:?}");
    assert!(
        standby.iter().all(|line| line.contains("trail-stopped") || line.contains("trailnoti-")),
        "{standby:?}"
    );
    stage.until("11:30").await;
    stage.stop().await;
    assert_eq!(
        told(&stage, "standby").iter().filter(|line| line.contains("trail-stopped")).count(),
        1,
        "once"
    );
    assert!(
        told(&stage, "slack").iter().any(|line| line.contains("trail-stopped")),
        "it is not lost there either"
    );
}

#[tokio::test(start_paused = true)]
async fn a_critical_incident_that_nobody_looks_after_is_told_again_and_to_who_stands_by() {
    let sinks = [sink("slack", ""), sink("standby", "backup = true\n")];
    let text = format!("[incident]\nescalate_after = \"20m\"\n{}", sinks.concat());
    let mut stage = Stage::new(&["us-east-1"]).with(&text);
    stops(&stage, &MALLORY, "10:02", "us-east-1");
    stage.start().await;
    stage.until("10:20").await;
    assert!(told(&stage, "standby").is_empty());
    stage.until("12:00").await;
    stage.stop().await;
    let unattended = "trailnoti-incident-unattended";
    for sink in ["slack", "standby"] {
        let told = told(&stage, sink);
        assert!(has(&told, unattended), "{sink}: {told:?}");
        assert_eq!(told.iter().filter(|line| line.contains(unattended)).count(), 1, "{told:?}");
    }
    let book = stage.book.lock().expect("the book");
    let again = book.deliveries.iter().rfind(|one| one.sink == "slack").expect("one");
    assert!(again.digest.update && again.digest.louder, "it is the same conversation, and is heard");
}

/// Somebody else's team is told neither of an incident nor that it is over, and who only stands by is not either.
#[tokio::test(start_paused = true)]
async fn the_end_of_an_incident_is_for_whom_it_was_told() {
    let sinks = [
        sink("slack", "min_severity = \"critical\"\n"),
        sink("eu", "regions = [\"eu-*\"]\n"),
        sink("standby", "backup = true\n"),
    ];
    let mut stage = Stage::new(&["us-east-1"]).with(&sinks.concat());
    for (time, name) in [("10:02", "a"), ("10:03", "b"), ("10:04", "c")] {
        let request = object([("name", name.into())]);
        let stopped = call(&MALLORY, at(time), "us-east-1", "cloudtrail", "StopLogging", request, Json::Null);
        stage.record(stopped, minutes(2));
    }
    stage.start().await;
    stage.until("17:30").await;
    stage.stop().await;
    let over = |sink: &str| has(&told(&stage, sink), "trailnoti-incident-over");
    assert_eq!((over("slack"), over("eu"), over("standby")), (true, false, false), "{}", stage.transcript());
}
