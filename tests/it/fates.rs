//! What becomes of an alert, and what trailnoti reports of itself: said as it is, in pairs, and still there after a restart.

use jiff::SignedDuration;
use trailnoti::domain::json::{Json, object};
use trailnoti::domain::severity::Severity;
use trailnoti::ops::page::Alert;
use trailnoti::simulator::records::call;
use trailnoti::simulator::{Fault, Trouble};

use crate::world::{AT_ONCE, Answer, MALLORY, Stage, at, minutes, seconds};

fn user(name: &str, time: &str) -> Json {
    call(
        &MALLORY,
        at(time),
        "us-east-1",
        "iam",
        "CreateUser",
        object([("userName", name.into())]),
        Json::Null,
    )
}

/// The decisions on the alerts whose title has the words, the newest first.
fn fates(stage: &Stage, words: &str) -> Vec<String> {
    let alerts = stage.status.pages().expect("it runs").alerts();
    let is_wanted = |alert: &Alert| alert.subject.as_ref().is_some_and(|about| about.title.contains(words));
    alerts.into_iter().filter(is_wanted).map(|alert| alert.decision).collect()
}

/// "It was told" stood beside alerts that no sink had taken.
#[tokio::test(start_paused = true)]
async fn a_decision_says_which_sinks_took_the_alert_and_which_did_not_and_why() {
    let config = format!(
        "{AT_ONCE}[[sink]]\nname = \"mail\"\nkind = \"terminal\"\n[[sink]]\nname = \"pager\"\nkind = \"terminal\"\nmin_severity = \"critical\"\n"
    );
    let mut stage = Stage::of_loops(&["us-east-1"]).with(&config);
    stage.answers("mail", "10:00", "10:30", Answer::Later(None));
    stage.record(user("x", "10:02"), minutes(1));
    stage.start().await;
    stage.until("10:10").await;
    assert_eq!(
        fates(&stage, "user x"),
        ["alerted; delivered to slack at 2026-03-02T10:03:00Z; waits for mail: the test says so"]
    );
    stage.until("11:30").await;
    let fate = fates(&stage, "user x");
    assert!(fate[0].contains("delivered to mail at 2026-03-02T1"), "{fate:?}");
    assert!(!fate[0].contains("pager"), "it does not want what is not critical: {fate:?}");
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_no_sink_takes_is_not_called_told() {
    let config = AT_ONCE.replace("kind = \"terminal\"", "kind = \"terminal\"\nmin_severity = \"critical\"");
    let mut stage = Stage::of_loops(&["us-east-1"]).with(&config);
    stage.record(user("x", "10:02"), minutes(1));
    stage.start().await;
    stage.until("10:10").await;
    assert_eq!(fates(&stage, "user x"), ["alerted; no sink takes it (all want critical)"]);
    stage.stop().await;
    assert_eq!(stage.transcript(), "");
}

#[tokio::test(start_paused = true)]
async fn the_last_alerts_and_their_fates_are_there_after_a_restart() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.record(user("x", "10:02"), minutes(1));
    stage.start().await;
    stage.until("10:10").await;
    let before = fates(&stage, "user x");
    stage.stop().await;
    stage.start().await;
    stage.until("10:20").await;
    assert_eq!(fates(&stage, "user x"), before);
    assert_eq!(before, ["alerted; delivered to slack at 2026-03-02T10:03:00Z"]);
    let page = stage.status.pages().expect("it runs").status().await.expect("a page");
    assert_eq!((page.format, page.alerts_kept), (1, 1));
    stage.stop().await;
}

/// "Caught up" was titled "trailnoti lags behind", and was as urgent as a lag.
#[tokio::test(start_paused = true)]
async fn a_lag_and_its_end_are_two_reports_with_titles_of_their_own() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    // Three hours that nobody read, a hundred and twenty pages of them, and each takes four seconds.
    let slow = Trouble::Slow(std::time::Duration::from_secs(4));
    stage.world.fault(Fault::new(slow).operation("LookupEvents").between(at("13:00"), at("15:00")));
    for n in 0..6_000 {
        let time = at("10:10") + SignedDuration::from_millis(1_500 * n);
        let user = object([("userName", "x".into())]);
        stage.record(call(&MALLORY, time, "us-east-1", "iam", "TagUser", user, Json::Null), minutes(1));
    }
    stage.start().await;
    stage.until("10:05").await;
    stage.stop().await;
    stage.until("13:30").await;
    stage.start().await;
    stage.until("16:00").await;
    let alerts = stage.status.pages().expect("it runs").alerts();
    stage.stop().await;
    let of_rule = |rule: &str| -> Vec<(Severity, String)> {
        let subjects = alerts.iter().filter_map(|alert| alert.subject.clone());
        subjects.filter(|about| about.rule == rule).map(|about| (about.severity, about.title)).collect()
    };
    let healed = of_rule("trailnoti-caught-up");
    assert!(!of_rule("trailnoti-behind").is_empty(), "{alerts:?}");
    assert_eq!(healed.len(), of_rule("trailnoti-behind").len(), "{alerts:?}");
    assert_eq!(healed[0].0, Severity::Low);
    assert!(healed[0].1.contains("up to date again"), "{healed:?}");
}

/// The recovery was never reported, and a restart reported the same trouble again.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_right_again_is_reported_and_a_restart_reports_no_trouble_twice() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.start().await;
    stage.until("10:05").await;
    stage.world.set_skew(seconds(-400));
    stage.until("10:20").await;
    stage.stop().await;
    stage.start().await;
    stage.until("10:40").await;
    let of = |stage: &Stage, words: &str| stage.transcript().matches(words).count();
    assert_eq!(of(&stage, "differs from AWS's by 400 seconds"), 1, "{}", stage.transcript());
    stage.world.set_skew(seconds(0));
    stage.until("11:00").await;
    stage.stop().await;
    assert_eq!(stage.transcript().lines().count(), 2, "{}", stage.transcript());
    assert_eq!(of(&stage, "The clock of trailnoti's machine"), 2, "{}", stage.transcript());
}

/// `/metrics` had `api="the list of regions"`.
#[tokio::test(start_paused = true)]
async fn a_metrics_label_names_an_api_and_says_no_sentence() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.start().await;
    stage.until("10:10").await;
    let page = stage.status.metrics.page();
    stage.stop().await;
    let apis: std::collections::BTreeSet<&str> =
        page.split("api=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(apis.contains("cloudtrail") && apis.contains("ec2"), "{apis:?}");
    assert!(apis.iter().all(|api| !api.contains(' ')), "{apis:?}");
}
