//! Starts, ceilings and reloads that once hid or told the wrong thing.

use expect_test::expect;
use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::Launch;
use trailnoti::simulator::records::{Caller, call, run_tagged_instances};

use crate::stories::{BOUND, CI, REGION, TAGS, WEAK, hidden, launch, record, stage};
use crate::world::{AT_ONCE, MALLORY, Stage, at, minutes, seconds};

fn start_instances(caller: &Caller<'_>, time: &str, id: &str, before: &str) -> Json {
    let items = |item| object([("instancesSet", object([("items", Json::Array(vec![item]))]))]);
    let asked = items(object([("instanceId", id.into())]));
    let state = object([("name", before.into())]);
    let answer = items(object([("instanceId", id.into()), ("previousState", state)]));
    call(caller, at(time), REGION, "ec2", "StartInstances", asked, answer)
}

#[tokio::test(start_paused = true)]
async fn a_launch_that_is_read_again_does_not_speak_for_the_next_start() {
    let mut stage = stage(BOUND);
    let id = launch(&stage, "t3.large", "10:00:30", TAGS);
    stage.record(record(&CI, "10:00:30", "t3.large", std::slice::from_ref(&id), TAGS), minutes(1));
    stage.account(|account| account.stop_and_start(&id, at("10:05"), at("10:12")));
    stage.record(start_instances(&MALLORY, "10:12", &id, "stopped"), minutes(5));
    stage.start().await;
    stage.until("10:25").await;
    stage.stop().await;
    expect![[r#"
        10:17:00 → slack: mallory changed something in eu-west-1, a region new to this account · eu-west-1 10:12:00
        10:17:00 → slack: Instance i-00000000abc010003 (t3.large, 2 vCPUs) carries the tags of exclusion "ci runners" · eu-west-1 10:17:00 [has this exclusion's tags, but was launched by arn:aws:iam::111122223333:user/mallory, who is not in launched_by]
        10:17:00 → slack: Instance i-00000000abc010003 is now pending in eu-west-1 · eu-west-1 10:12:05
        10:17:00 + slack: Instance i-00000000abc010003 is now running in eu-west-1 · eu-west-1 10:12:35"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_start_three_minutes_after_the_launch_is_not_the_launchers() {
    let mut stage = stage(BOUND);
    let id = launch(&stage, "t3.large", "10:00:30", TAGS);
    stage.record(record(&CI, "10:00:30", "t3.large", std::slice::from_ref(&id), TAGS), seconds(20));
    stage.account(|account| account.stop_and_start(&id, at("10:01:30"), at("10:04")));
    stage.record(start_instances(&MALLORY, "10:04", &id, "stopped"), minutes(3));
    stage.start().await;
    stage.until("10:20").await;
    stage.stop().await;
    expect![[r#"
        10:07:00 → slack: mallory changed something in eu-west-1, a region new to this account · eu-west-1 10:04:00
        10:07:00 → slack: Instance i-00000000abc010003 (t3.large, 2 vCPUs) carries the tags of exclusion "ci runners" · eu-west-1 10:07:00 [has this exclusion's tags, but was launched by arn:aws:iam::111122223333:user/mallory, who is not in launched_by]
        10:07:00 → slack: Instance i-00000000abc010003 is now pending in eu-west-1 · eu-west-1 10:04:05
        10:07:00 + slack: Instance i-00000000abc010003 is now running in eu-west-1 · eu-west-1 10:04:35"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_must_not_be_there_hides_nothing_when_it_is_taken_off() {
    let exclude = "[[exclude]]\nname = \"unmonitored\"\ntags = { monitored = false }\nregions = [\"eu-*\"]\n";
    let mut stage = stage(exclude);
    let id = launch(&stage, "t3.large", "10:02", &[("monitored", "yes")]);
    stage.account(|account| {
        account.untag(&id, "monitored", at("10:05"));
        account.terminate(&id, at("10:10"));
    });
    stage.start().await;
    stage.until("10:20").await;
    stage.stop().await;
    expect![[r#"
        10:02:00 → slack: Instance i-00000000abc010003 is now pending in eu-west-1 · eu-west-1 10:02:00
        10:02:45 → slack (update): Instance i-00000000abc010003 is now running in eu-west-1 · eu-west-1 10:02:45
        10:10:00 → slack (update): Instance i-00000000abc010003 is now shutting-down in eu-west-1 · eu-west-1 10:10:00
        10:10:45 → slack (update): Instance i-00000000abc010003 is now terminated in eu-west-1 · eu-west-1 10:10:45"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_starts_what_runs_changes_no_launcher() {
    let mut stage = stage(BOUND);
    let id = launch(&stage, "t3.large", "10:02", TAGS);
    stage.record(record(&CI, "10:02", "t3.large", std::slice::from_ref(&id), TAGS), minutes(2));
    stage.record(start_instances(&MALLORY, "10:08", &id, "running"), minutes(2));
    stage.account(|account| account.terminate(&id, at("10:15")));
    stage.start().await;
    stage.until("10:25").await;
    stage.stop().await;
    assert_eq!(stage.transcript(), "");
}

#[tokio::test(start_paused = true)]
async fn what_is_held_in_a_region_that_a_reload_drops_is_told() {
    let mut stage = stage(BOUND);
    launch(&stage, "t3.large", "10:02", TAGS);
    stage.start().await;
    stage.until("10:04").await;
    assert_eq!(stage.transcript(), "");
    stage.reload(&format!("{AT_ONCE}{BOUND}[aws]\nexclude_regions = [\"{REGION}\"]\n")).await;
    stage.until("10:15").await;
    stage.stop().await;
    expect![[r#"
        10:09:00 → slack: Instance i-00000000abc010003 is now pending in eu-west-1 · eu-west-1 10:02:00
        10:09:00 + slack: Instance i-00000000abc010003 is now running in eu-west-1 · eu-west-1 10:02:35"#]]
    .assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_waits_takes_one_place_under_a_ceiling() {
    let exclude = "[[exclude]]\nname = \"karpenter\"\nlaunched_by = [\"arn:aws:iam::*:role/karpenter\"]\nat_most = 3\n[[exclude]]\nname = \"ci\"\nlaunched_by = [\"arn:aws:iam::*:role/ci-runner\"]\nat_most = 3\n";
    let mut stage = stage(exclude);
    for time in ["10:02", "10:03", "10:20"] {
        let id = launch(&stage, "t3.large", time, &[]);
        stage.record(record(&CI, time, "t3.large", &[id], &[]), minutes(8));
    }
    stage.start().await;
    stage.until("10:40").await;
    let counts = hidden(&stage).await;
    stage.stop().await;
    assert_eq!(stage.transcript(), "");
    assert_eq!(counts.iter().find(|(name, _)| name == "ci"), Some(&("ci".to_owned(), 9)));
}

#[tokio::test(start_paused = true)]
async fn excluded_launches_of_a_long_downtime_stay_hidden() {
    let mut stage = stage(BOUND);
    stage.start().await;
    stage.until("10:30").await;
    stage.stop().await;
    let ours = launch(&stage, "t3.large", "11:00", TAGS);
    let theirs = launch(&stage, "t3.large", "11:01", TAGS);
    stage.account(|account| [&ours, &theirs].map(|id| account.terminate(id, at("11:20"))));
    stage.record(record(&CI, "11:00", "t3.large", &[ours], TAGS), minutes(3));
    stage.record(record(&MALLORY, "11:01", "t3.large", &[theirs], TAGS), minutes(3));
    stage.until("13:30").await;
    stage.start().await;
    stage.until("13:40").await;
    stage.stop().await;
    expect![[r#"
        13:30:00 → slack: mallory launched t3.large in eu-west-1 · eu-west-1 11:01:00
        13:32:15 → slack: trailnoti did not run for 3h, and has read back 2 events, 1 alert ·  13:32:15"#]]
    .assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn an_exclusion_that_a_reload_adds_learns_what_runs_already() {
    let mut stage = Stage::new(&["us-east-1", REGION, "sa-east-1"])
        .with(&AT_ONCE.replace("kind = \"terminal\"", "kind = \"terminal\"\nmin_severity = \"critical\""));
    for region in [REGION, "sa-east-1"] {
        let each = Launch { tags: TAGS, ..Launch::new(region, "t3.large", at("10:02")) };
        let id = stage.account(|account| account.launch(&each));
        stage.record(run_tagged_instances(&CI, at("10:02"), region, "t3.large", &[id], TAGS), minutes(2));
    }
    stage.start().await;
    stage.until("10:10").await;
    let config = stage.config.clone();
    stage.reload(&format!("{config}{WEAK}")).await;
    stage.until("10:30").await;
    stage.stop().await;
    assert_eq!(stage.transcript(), "");
}
