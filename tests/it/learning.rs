//! What the daemon learns of an account, and what follows: rules that ask for the past, rules that count, rules on trial,
//! and the reasons that it keeps.

use expect_test::expect;
use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::records::call;

use crate::world::{MALLORY, Stage, at, minutes};

/// A stage whose only rules are these.
fn stage(rules: &str) -> Stage {
    Stage::new(&["us-east-1", "eu-west-1"]).under(rules)
}

/// The id of the event is answered.
fn creates(stage: &Stage, name: &str, day: &str, region: &str) -> String {
    let request = object([("userName", name.into())]);
    let record = call(&MALLORY, at(day), region, "iam", "CreateUser", request, Json::Null);
    let id = record.text("eventID").expect("an id").to_owned();
    stage.record(record, minutes(2));
    id
}

/// So much that the history takes minutes to read.
fn has_a_long_history(stage: &Stage) {
    for n in 0..3_000 {
        let time = at("10:00") - minutes(60 * 24 + n * 20);
        stage.record(call(&MALLORY, time, "us-east-1", "iam", "TagUser", Json::Null, Json::Null), minutes(2));
    }
}

const FIRST: &str = r#"
[[rule]]
id = "new-region"
title = "{region} is new: {detail.requestParameters.userName}"
pattern.detail.eventName = ["CreateUser"]
first_seen = { of = ["region"] }
"#;

#[tokio::test(start_paused = true)]
async fn what_the_history_has_is_not_new_and_what_it_has_not_is_told_once() {
    let mut stage = stage(FIRST);
    // In the history, long before the first start.
    stage.record(
        call(
            &MALLORY,
            at("10:00") - minutes(60 * 24 * 40),
            "us-east-1",
            "iam",
            "CreateUser",
            Json::Null,
            Json::Null,
        ),
        minutes(2),
    );
    creates(&stage, "known", "10:05", "us-east-1");
    creates(&stage, "new", "10:06", "eu-west-1");
    creates(&stage, "again", "10:08", "eu-west-1");
    stage.start().await;
    stage.until("10:30").await;
    stage.stop().await;
    expect!["10:08:00 → slack: eu-west-1 is new: new · eu-west-1 10:06:00"].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn what_came_before_the_past_was_known_is_judged_late() {
    let mut stage = stage(FIRST);
    has_a_long_history(&stage);
    creates(&stage, "early", "09:58", "eu-west-1");
    stage.start().await;
    stage.until("10:00:20").await;
    assert_eq!(stage.transcript(), "", "nothing can be called new yet");
    stage.until("10:20").await;
    stage.stop().await;
    expect![[r#"
        10:02:15 → slack: eu-west-1 is new: early · eu-west-1 09:58:00
        10:02:16 → slack (update): eu-west-1 is new: early · eu-west-1 09:58:00"#]]
    .assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn what_was_told_low_before_the_past_was_known_is_told_again_when_it_is_worse() {
    let both = r#"
[[rule]]
id = "new-region"
title = "{region} is new: {detail.requestParameters.userName}"
severity = "high"
pattern.detail.eventName = ["CreateUser"]
first_seen = { of = ["region"] }

[[rule]]
id = "any"
title = "user {detail.requestParameters.userName}"
severity = "low"
pattern.detail.eventName = ["CreateUser"]
"#;
    let mut stage = stage(both);
    has_a_long_history(&stage);
    creates(&stage, "early", "09:58", "eu-west-1");
    stage.start().await;
    stage.until("11:30").await;
    expect![[r#"
        10:00:00 → slack: user early · eu-west-1 09:58:00
        10:02:16 → slack (update): eu-west-1 is new: early · eu-west-1 09:58:00"#]]
    .assert_eq(&stage.transcript());
    // Another first_seen reads the history anew, and tells nothing old again.
    stage.write_rules(&both.replace("{ of", "{ within = \"30d\", of"));
    let config = stage.config.clone();
    stage.reload(&config).await;
    stage.until("14:30").await;
    stage.stop().await;
    assert_eq!(stage.transcript().lines().count(), 2, "{}", stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn many_together_are_told_once_however_often_they_are_read_and_across_a_restart() {
    let rule = r#"
[[rule]]
id = "many"
title = "three users, the last {detail.requestParameters.userName}"
pattern.detail.eventName = ["CreateUser"]
threshold = { count = 3, within = "10m", by = ["detail.userIdentity.arn"] }
"#;
    let mut stage = stage(rule);
    creates(&stage, "one", "10:01", "us-east-1");
    creates(&stage, "two", "10:03", "us-east-1");
    creates(&stage, "three", "10:06", "us-east-1");
    creates(&stage, "four", "10:07", "us-east-1");
    creates(&stage, "five", "10:40", "us-east-1");
    stage.start().await;
    stage.until("10:06:30").await;
    stage.stop().await;
    stage.start().await;
    stage.until("11:10").await;
    stage.stop().await;
    expect!["10:08:00 → slack: three users, the last three · us-east-1 10:06:00"]
        .assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_rule_on_trial_counts_and_tells_nobody_and_the_reasons_are_kept() {
    let rules = r#"
[[rule]]
id = "on-trial"
mode = "dry-run"
severity = "critical"
pattern.detail.eventName = ["CreateUser"]

[[rule]]
id = "told"
title = "user {detail.requestParameters.userName}"
severity = "low"
pattern.detail.eventName = ["CreateUser"]
unless = [{ detail.requestParameters.userName = ["ci"] }]
escalate = [{ when = { context.by = ["key"] }, to = "high" }]
"#;
    let mut stage = stage(rules);
    let eve = creates(&stage, "eve", "10:01", "us-east-1");
    let ci = creates(&stage, "ci", "10:02", "us-east-1");
    stage.start().await;
    stage.until("10:20").await;
    let pages = stage.status.pages().expect("pages");
    let decided = async |id: &str| pages.explain(id).await.expect("a decision")[0].clone();
    let told = decided(&eve).await;
    assert_eq!(told.text("decision"), Some("alerted; delivered to slack at 2026-03-02T10:03:00Z"), "{told}");
    assert_eq!((told.text("rule"), told.text("severity")), (Some("told"), Some("high")), "{told}");
    assert!(told.to_string().contains(r#""dry_run":["on-trial"]"#), "{told}");
    let excused = decided(&ci).await;
    assert!(excused.to_string().contains("its exception 1 in `unless` matches"), "{excused}");
    let page = pages.status().await.expect("a page");
    let dry_run = page.dry_run.iter().map(|one| (one.rule.as_str(), one.would_have_alerted));
    assert_eq!(dry_run.collect::<Vec<_>>(), [("on-trial", 2)]);
    assert!(!page.memory.learning, "{:?}", page.memory);
    stage.stop().await;
    expect!["10:03:00 → slack: user eve · us-east-1 10:01:00"].assert_eq(&stage.transcript());
}
