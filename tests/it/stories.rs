//! An instance and its launch, in whichever order they come, and exclusions that somebody tries to hide behind.

use expect_test::expect;
use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::Launch;
use trailnoti::simulator::records::{
    Caller, call, change_tags, refused, run_instances, run_tagged_instances,
};

use crate::world::{ACCOUNT, AT_ONCE, MALLORY, Stage, at, minutes, seconds};

pub const REGION: &str = "eu-west-1";

/// A runner of the company's own.
pub const CI: Caller<'static> = Caller {
    account: ACCOUNT,
    user: "ci-runner/build-77",
    key: "ASIACIRUNNER0EXAMPLE",
    address: "198.51.100.9",
    agent: "aws-sdk-go-v2/1.30",
};

const AUTO_SCALING: Caller<'static> = Caller {
    account: ACCOUNT,
    user: "AWSServiceRoleForAutoScaling/AutoScaling",
    key: "",
    address: "autoscaling.amazonaws.com",
    agent: "autoscaling.amazonaws.com",
};

pub const BOUND: &str = r#"
[[exclude]]
name = "ci runners"
tags = { team = "ci" }
instance_types = ["t3.*", "m7g.*"]
launched_by = ["arn:aws:iam::*:role/ci-runner"]
"#;

pub const WEAK: &str = "[[exclude]]\nname = \"ci runners\"\ntags = { team = \"ci\" }\n";

pub const TAGS: &[(&str, &str)] = &[("team", "ci")];

pub fn stage(exclude: &str) -> Stage {
    Stage::new(&["us-east-1", REGION]).with(&format!("{AT_ONCE}{exclude}"))
}

pub fn launch(stage: &Stage, kind: &str, time: &str, tags: &[(&str, &str)]) -> String {
    stage.account(|account| account.launch(&Launch { tags, ..Launch::new(REGION, kind, at(time)) }))
}

pub fn record(caller: &Caller<'_>, time: &str, kind: &str, ids: &[String], tags: &[(&str, &str)]) -> Json {
    run_tagged_instances(caller, at(time), REGION, kind, ids, tags)
}

pub async fn hidden(stage: &Stage) -> Vec<(String, u64)> {
    let usage = stage.store.as_ref().expect("it runs").usage(ACCOUNT).await.expect("read");
    usage.into_iter().map(|((_, name), usage)| (name, usage.count)).collect()
}

/// The last thing that was told of an instance, with every fact.
fn last_told(stage: &Stage) -> String {
    let book = stage.book.lock().expect("the book");
    let alert = &book.deliveries.last().expect("a delivery").digest.alerts.last().expect("an alert").alert;
    let facts: Vec<String> = alert.facts.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{} · {} from {}\n{}", alert.title, alert.principal, alert.address, facts.join("\n"))
}

#[tokio::test(start_paused = true)]
async fn seen_first_it_is_completed_when_its_launch_is_read() {
    let mut stage = stage("");
    let id = launch(&stage, "g5.12xlarge", "10:02", &[("name", "x")]);
    stage.record(record(&MALLORY, "10:02", "g5.12xlarge", &[id], &[("name", "x")]), minutes(4));
    stage.start().await;
    stage.until("10:05").await;
    let seen = last_told(&stage);
    stage.until("10:10").await;
    stage.stop().await;
    expect![[r#"
        10:02:00 → slack: GPU machine started in eu-west-1: g5.12xlarge (i-00000000abc010003) · eu-west-1 10:02:00
        10:02:45 → slack (update): Instance i-00000000abc010003 is now running in eu-west-1 · eu-west-1 10:02:45
        10:06:00 → slack: !mallory launched g5.12xlarge (GPU or accelerator) in eu-west-1 · eu-west-1 10:02:00"#]].assert_eq(&stage.transcript());
    expect![[r#"
        Instance i-00000000abc010003 is now running in eu-west-1 ·  from 
        type: g5.12xlarge, 48 vCPUs, GPU
        image: ami-0123456789abcdef0
        launched: 2026-03-02T10:02:00Z
        tags: name=x"#]]
    .assert_eq(&seen);
    expect![[r#"
        mallory launched g5.12xlarge (GPU or accelerator) in eu-west-1 · arn:aws:iam::111122223333:user/mallory from 203.0.113.66
        because: never seen before; first time from 203.0.113.0/24, for it and for anybody here; first time in eu-west-1, for it and for anybody here
        call: ec2:RunInstances
        access key: AKIAMALLORY0EXAMPLE
        user agent: Boto3/1.34.51
        instances: i-00000000abc010003
        asked for: 1 × g5.12xlarge
        image: ami-0123456789abcdef0
        seen: i-00000000abc010003 is running (g5.12xlarge, 48 vCPUs, GPU)"#]].assert_eq(&last_told(&stage));
}

#[tokio::test(start_paused = true)]
async fn read_first_it_is_completed_when_it_is_seen() {
    let mut stage = stage("");
    let id = stage.account(|account| {
        account
            .launch(&Launch { listed_after: seconds(100), ..Launch::new(REGION, "g5.12xlarge", at("10:02")) })
    });
    stage.record(record(&MALLORY, "10:02", "g5.12xlarge", &[id], &[]), seconds(5));
    stage.start().await;
    stage.until("10:10").await;
    stage.stop().await;
    expect![[r#"
        10:02:15 → slack: !mallory launched g5.12xlarge (GPU or accelerator) in eu-west-1 · eu-west-1 10:02:00
        10:03:45 → slack (update): GPU machine started in eu-west-1: g5.12xlarge (i-00000000abc010003) · eu-west-1 10:03:45"#]].assert_eq(&stage.transcript());
    expect![[r#"
        GPU machine started in eu-west-1: g5.12xlarge (i-00000000abc010003) · arn:aws:iam::111122223333:user/mallory from 203.0.113.66
        type: g5.12xlarge, 48 vCPUs, GPU
        image: ami-0123456789abcdef0
        launched: 2026-03-02T10:02:00Z
        launched with: RunInstances at 2026-03-02T10:02:00Z
        access key: AKIAMALLORY0EXAMPLE
        user agent: Boto3/1.34.51
        asked for: 1 × g5.12xlarge"#]].assert_eq(&last_told(&stage));
}

#[tokio::test(start_paused = true)]
async fn a_launch_that_is_read_25_minutes_late_still_completes_its_story() {
    let mut stage = stage(BOUND);
    let id = launch(&stage, "t3.large", "10:02", TAGS);
    stage.record(record(&CI, "10:02", "t3.large", &[id], TAGS), minutes(25));
    stage.start().await;
    stage.until("10:45").await;
    stage.stop().await;
    expect![[r#"
        10:12:00 → slack: Instance i-00000000abc010003 is now pending in eu-west-1 · eu-west-1 10:02:00
        10:12:00 + slack: Instance i-00000000abc010003 is now running in eu-west-1 · eu-west-1 10:02:35
        10:28:01 → slack: ci-runner/build-77 launched t3.large in eu-west-1 · eu-west-1 10:02:00"#]]
    .assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_launch_that_is_never_read_is_told_after_the_lateness() {
    let mut stage = stage("");
    launch(&stage, "t3.large", "10:02", &[]);
    stage.start().await;
    stage.until("11:30").await;
    stage.stop().await;
    expect![[r#"
        10:02:00 → slack: Instance i-00000000abc010003 is now pending in eu-west-1 · eu-west-1 10:02:00
        10:02:45 → slack (update): Instance i-00000000abc010003 is now running in eu-west-1 · eu-west-1 10:02:45
        10:32:00 → slack: Instance i-00000000abc010003 (t3.large, 2 vCPUs) in eu-west-1 has no launch record · eu-west-1 10:32:00 [no record of its launch was found within 30 minutes]"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_launch_whose_instance_is_never_seen_is_told() {
    let mut stage = stage("");
    stage.record(record(&MALLORY, "10:02", "t3.large", &["i-0nowhere".to_owned()], &[]), minutes(3));
    stage.start().await;
    stage.until("11:30").await;
    stage.stop().await;
    expect![[r#"
        10:05:00 → slack: mallory launched t3.large in eu-west-1 · eu-west-1 10:02:00
        10:15:00 → slack: Instance i-0nowhere (t3.large) was launched in eu-west-1 but never listed · eu-west-1 10:15:00 [launched by arn:aws:iam::111122223333:user/mallory at 2026-03-02T10:02:00Z, but never listed]"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_named_launcher_hides_what_it_launched_once_that_is_read() {
    let mut stage = stage(BOUND);
    let id = launch(&stage, "t3.large", "10:02", TAGS);
    stage.record(record(&CI, "10:02", "t3.large", std::slice::from_ref(&id), TAGS), minutes(4));
    stage.account(|account| account.terminate(&id, at("10:20")));
    stage.start().await;
    stage.until("11:40").await;
    let counts = hidden(&stage).await;
    stage.stop().await;
    assert_eq!(stage.transcript(), "");
    // Pending, running, the record, shutting down, terminated.
    assert_eq!(counts, [("ci runners".to_owned(), 5)]);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_a_thief_copied_hides_nobody() {
    let mut stage = stage(BOUND);
    let small = launch(&stage, "t3.large", "10:02", TAGS);
    let gpu = launch(&stage, "p5.48xlarge", "10:03", TAGS);
    stage.record(record(&MALLORY, "10:02", "t3.large", &[small], TAGS), minutes(4));
    stage.record(record(&MALLORY, "10:03", "p5.48xlarge", &[gpu], TAGS), minutes(4));
    stage.start().await;
    stage.until("10:20").await;
    stage.stop().await;
    expect![[r#"
        10:03:05 → slack: GPU machine started in eu-west-1: p5.48xlarge (i-00000000abc020006) · eu-west-1 10:03:05
        10:03:35 → slack (update): Instance i-00000000abc020006 is now running in eu-west-1 · eu-west-1 10:03:35
        10:06:00 → slack: mallory launched t3.large in eu-west-1 · eu-west-1 10:02:00
        10:06:00 + slack: Instance i-00000000abc010003 is now pending in eu-west-1 · eu-west-1 10:02:00
        10:06:00 + slack: Instance i-00000000abc010003 is now running in eu-west-1 · eu-west-1 10:02:35
        10:06:00 → slack: Instance i-00000000abc010003 (t3.large, 2 vCPUs) carries the tags of exclusion "ci runners" · eu-west-1 10:06:00 [has this exclusion's tags, but was launched by arn:aws:iam::111122223333:user/mallory, who is not in launched_by]
        10:07:00 → slack (update): !mallory launched p5.48xlarge (GPU or accelerator) in eu-west-1 · eu-west-1 10:03:00
        10:07:00 → slack (update): Instance i-00000000abc020006 (p5.48xlarge, 192 vCPUs, GPU) carries the tags of exclusion "ci runners" · eu-west-1 10:07:00 [has this exclusion's tags, but was launched by arn:aws:iam::111122223333:user/mallory, who is not in launched_by]"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn without_its_launch_an_instance_is_told_after_the_grace_with_launcher_unknown() {
    let mut stage = stage(BOUND);
    launch(&stage, "t3.large", "10:02", TAGS);
    stage.start().await;
    stage.until("10:20").await;
    stage.stop().await;
    expect![[r#"
        10:12:00 → slack: Instance i-00000000abc010003 is now pending in eu-west-1 · eu-west-1 10:02:00
        10:12:00 + slack: Instance i-00000000abc010003 is now running in eu-west-1 · eu-west-1 10:02:35"#]]
    .assert_eq(&stage.transcript());
    expect![[r#"
        Instance i-00000000abc010003 is now running in eu-west-1 ·  from 
        type: t3.large, 2 vCPUs
        image: ami-0123456789abcdef0
        launched: 2026-03-02T10:02:00Z
        tags: team=ci
        launched by: unknown: no launch record within 10 minutes"#]]
    .assert_eq(&last_told(&stage));
}

#[tokio::test(start_paused = true)]
async fn a_restart_between_the_two_halves_loses_neither() {
    let mut stage = stage(BOUND);
    let ours = launch(&stage, "t3.large", "10:02", TAGS);
    let theirs = launch(&stage, "t3.large", "10:03", TAGS);
    stage.record(record(&CI, "10:02", "t3.large", &[ours], TAGS), minutes(5));
    stage.record(record(&MALLORY, "10:03", "t3.large", &[theirs], TAGS), minutes(5));
    stage.start().await;
    stage.until("10:05").await;
    stage.stop().await;
    assert_eq!(stage.transcript(), "", "both are held");
    stage.start().await;
    stage.until("10:20").await;
    let counts = hidden(&stage).await;
    stage.stop().await;
    expect![[r#"
        10:08:00 → slack: mallory launched t3.large in eu-west-1 · eu-west-1 10:03:00
        10:08:00 + slack: Instance i-00000000abc020006 is now pending in eu-west-1 · eu-west-1 10:03:05
        10:08:00 + slack: Instance i-00000000abc020006 is now running in eu-west-1 · eu-west-1 10:03:40
        10:08:00 → slack: Instance i-00000000abc020006 (t3.large, 2 vCPUs) carries the tags of exclusion "ci runners" · eu-west-1 10:08:00 [has this exclusion's tags, but was launched by arn:aws:iam::111122223333:user/mallory, who is not in launched_by]"#]].assert_eq(&stage.transcript());
    assert_eq!(counts, [("ci runners".to_owned(), 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_taken_off_hides_no_longer() {
    let mut stage = stage(WEAK);
    let id = launch(&stage, "t3.large", "10:02", TAGS);
    stage.account(|account| {
        account.untag(&id, "team", at("10:10"));
        account.terminate(&id, at("10:15"));
    });
    stage.record(record(&CI, "10:02", "t3.large", &[id], TAGS), minutes(3));
    stage.start().await;
    stage.until("10:30").await;
    stage.stop().await;
    expect![[r#"
        10:15:00 → slack: Instance i-00000000abc010003 is now shutting-down in eu-west-1 · eu-west-1 10:15:00
        10:15:45 → slack (update): Instance i-00000000abc010003 is now terminated in eu-west-1 · eu-west-1 10:15:45"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_put_on_later_is_told_and_does_not_silence_the_story() {
    let mut stage = stage(WEAK);
    let id = launch(&stage, "t3.large", "10:02", &[]);
    stage.record(record(&MALLORY, "10:02", "t3.large", std::slice::from_ref(&id), &[]), minutes(3));
    stage.account(|account| account.tag(&id, "team", "ci", at("10:10")));
    let tagged = change_tags(&MALLORY, at("10:10"), REGION, "CreateTags", std::slice::from_ref(&id), TAGS);
    stage.record(tagged, minutes(4));
    stage.account(|account| account.terminate(&id, at("10:20")));
    stage.start().await;
    stage.until("10:30").await;
    stage.stop().await;
    expect![[r#"
        10:02:20 → slack: Instance i-00000000abc010003 is now pending in eu-west-1 · eu-west-1 10:02:00
        10:02:35 → slack (update): Instance i-00000000abc010003 is now running in eu-west-1 · eu-west-1 10:02:35
        10:05:00 → slack: mallory launched t3.large in eu-west-1 · eu-west-1 10:02:00
        10:10:05 → slack: Instance i-00000000abc010003 (t3.large, 2 vCPUs) carries the tags of exclusion "ci runners" · eu-west-1 10:10:05 [this exclusion's tags were added to it after launch; they do not hide it]
        10:14:00 → slack (update): mallory asked ec2 to create tags from 203.0.113.66, a network new to it and to this account · eu-west-1 10:10:00
        10:14:00 → slack: Instance i-00000000abc010003 (t3.large, 2 vCPUs) carries the tags of exclusion "ci runners" · eu-west-1 10:14:00 [this exclusion's tags were added to it after launch; they do not hide it]
        10:20:05 → slack (update): Instance i-00000000abc010003 is now shutting-down in eu-west-1 · eu-west-1 10:20:05
        10:20:35 → slack (update): Instance i-00000000abc010003 is now terminated in eu-west-1 · eu-west-1 10:20:35"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_principal_and_a_region_that_never_used_an_excluded_tag_are_told() {
    let mut stage = Stage::new(&["us-east-1", REGION, "sa-east-1"]).with(&format!("{AT_ONCE}{WEAK}"));
    for (time, caller) in [("10:02", &CI), ("10:12", &CI), ("10:22", &MALLORY)] {
        let id = launch(&stage, "t3.large", time, TAGS);
        stage.record(record(caller, time, "t3.large", &[id], TAGS), minutes(3));
    }
    let far = Launch { tags: TAGS, ..Launch::new("sa-east-1", "p5.48xlarge", at("10:40")) };
    let far = stage.account(|account| account.launch(&far));
    let read = run_tagged_instances(&MALLORY, at("10:40"), "sa-east-1", "p5.48xlarge", &[far], TAGS);
    stage.record(read, minutes(3));
    stage.start().await;
    stage.until("10:50").await;
    stage.stop().await;
    expect![[r#"
        10:25:00 → slack: Instance i-00000000abc030009 (t3.large, 2 vCPUs) carries the tags of exclusion "ci runners" · eu-west-1 10:25:00 [this launcher has never used this exclusion's tags before]
        10:40:00 → slack: GPU machine started in sa-east-1: p5.48xlarge (i-00000000abc04000c) · sa-east-1 10:40:00
        10:40:00 → slack: Instance i-00000000abc04000c (p5.48xlarge, 192 vCPUs, GPU) carries the tags of exclusion "ci runners" · sa-east-1 10:40:00 [this exclusion's tags were never used in sa-east-1 before]
        10:40:45 → slack (update): Instance i-00000000abc04000c is now running in sa-east-1 · sa-east-1 10:40:45
        10:43:00 → slack: !mallory launched p5.48xlarge (GPU or accelerator) in sa-east-1 · sa-east-1 10:40:00"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_two_hundred_auto_scaled_instances_is_hidden_whole() {
    let exclude = "[[exclude]]\nname = \"web\"\ntags = { \"aws:autoscaling:groupName\" = \"web-*\" }\n";
    let mut stage = stage(exclude);
    let tags: &[(&str, &str)] = &[("aws:autoscaling:groupName", "web-blue")];
    for n in 0..20 {
        let time = format!("10:0{}:{:02}", 2 + n % 3, n);
        let ids = stage.account(|account| {
            let each =
                Launch { tags, tags_after: seconds(n % 5), ..Launch::new(REGION, "m7g.large", at(&time)) };
            account.launch_many(&each, 10)
        });
        stage.record(record(&AUTO_SCALING, &time, "m7g.large", &ids, tags), minutes(5));
        for id in ids {
            stage.account(|account| account.terminate(&id, at("10:20")));
        }
    }
    stage.start().await;
    stage.until("11:40").await;
    let counts = hidden(&stage).await;
    stage.stop().await;
    assert_eq!(stage.transcript(), "");
    // Each pending, running, shutting down, terminated where a list shows it; and the twenty records.
    assert!(counts[0].1 >= 200 * 3 + 20, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn beyond_its_ceiling_an_exclusion_hides_nothing_more() {
    let exclude = format!("{BOUND}at_most = 3\n");
    let mut stage = stage(&exclude);
    let ids = stage.account(|account| {
        account.launch_many(&Launch { tags: TAGS, ..Launch::new(REGION, "t3.large", at("10:02")) }, 5)
    });
    stage.record(record(&CI, "10:02", "t3.large", &ids, TAGS), minutes(5));
    stage.start().await;
    stage.until("10:05").await;
    let told: Vec<String> = stage.told("slack").into_keys().collect();
    // Two of five, each pending and running; they do not wait for the launch.
    assert_eq!(told.len(), 4, "{}", stage.transcript());
    stage.until("10:20").await;
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_trailnotis_own_principal_launches_is_never_hidden() {
    let exclude = "[[exclude]]\nname = \"all of eu\"\nregions = [\"eu-*\"]\n";
    let mut stage = stage(exclude);
    let id = launch(&stage, "t3.large", "10:02", &[]);
    let own = Caller { user: "trailnoti", ..MALLORY };
    stage.record(record(&own, "10:02", "t3.large", &[id], &[]), minutes(3));
    stage.start().await;
    stage.until("10:10").await;
    stage.stop().await;
    expect!["10:05:00 → slack: trailnoti launched t3.large in eu-west-1 · eu-west-1 10:02:00"]
        .assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn refused_launches_are_told_with_what_was_asked_for() {
    let mut stage = Stage::new(&["us-east-1", REGION]).with(
        "[grouping]\nwait = \"20s\"\ninterval = \"5m\"\n[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n",
    );
    for n in 0..12 {
        let time = format!("10:02:{:02}", n * 2);
        let kind = format!("p4d.{}xlarge", n + 1);
        let tried = run_instances(&MALLORY, at(&time), REGION, &kind, &[]);
        let error = match n {
            0 => "Client.DryRunOperation",
            1..=3 => "Client.VcpuLimitExceeded",
            4 => "Client.UnauthorizedOperation",
            5 => "Server.InsufficientInstanceCapacity",
            _ => "Client.InvalidParameterValue",
        };
        stage.record(refused(tried, error, "no"), minutes(2));
    }
    stage.start().await;
    stage.until("10:20").await;
    stage.stop().await;
    let facts = last_told(&stage);
    assert!(facts.contains("asked for: 1 × p4d."), "{facts}");
    assert!(!facts.contains("person: "), "who did it says it already: {facts}");
    expect![[r#"
        10:04:20 → slack: !mallory tried to launch an instance (p4d.2xlarge) in eu-west-1 and was refused · eu-west-1 10:02:02
        10:04:20 + slack: !mallory tried to launch an instance (p4d.3xlarge) in eu-west-1 and was refused · eu-west-1 10:02:04
        10:04:20 + slack: !mallory tried to launch an instance (p4d.4xlarge) in eu-west-1 and was refused · eu-west-1 10:02:06
        10:04:20 + slack: !mallory tried to launch an instance (p4d.5xlarge) in eu-west-1 and was refused · eu-west-1 10:02:08
        10:04:20 + slack: mallory checked with a dry run that it may launch instances in eu-west-1 · eu-west-1 10:02:00
        10:04:20 + slack: mallory tried to launch an instance in eu-west-1, but AWS could not: Server.InsufficientInstanceCapacity · eu-west-1 10:02:10
        10:04:20 + slack: mallory asked ec2 to run instances from 203.0.113.66, a network new to it and to this account · eu-west-1 10:02:12
        10:04:20 + slack: mallory asked ec2 to run instances from 203.0.113.66, a network new to it and to this account · eu-west-1 10:02:14
        10:09:20 → slack (update): mallory asked ec2 to run instances from 203.0.113.66, a network new to it and to this account · eu-west-1 10:02:16
        10:09:20 + slack: mallory asked ec2 to run instances from 203.0.113.66, a network new to it and to this account · eu-west-1 10:02:18
        10:09:20 + slack: mallory asked ec2 to run instances from 203.0.113.66, a network new to it and to this account · eu-west-1 10:02:20
        10:09:20 + slack: mallory asked ec2 to run instances from 203.0.113.66, a network new to it and to this account · eu-west-1 10:02:22"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_started_again_is_a_new_story_with_its_starter() {
    let mut stage = stage(BOUND);
    let id = launch(&stage, "t3.large", "09:00", TAGS);
    stage.account(|account| account.stop_and_start(&id, at("10:05"), at("10:20")));
    let started = object([(
        "instancesSet",
        object([("items", Json::Array(vec![object([("instanceId", id.as_str().into())])]))]),
    )]);
    stage.record(call(&CI, at("10:20"), REGION, "ec2", "StartInstances", started, Json::Null), minutes(3));
    stage.start().await;
    stage.until("10:40").await;
    stage.stop().await;
    expect![[r#"
        10:05:00 → slack: Instance i-00000000abc010003 is now stopping in eu-west-1 · eu-west-1 10:05:00
        10:05:30 → slack (update): Instance i-00000000abc010003 is now stopped in eu-west-1 · eu-west-1 10:05:30"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_day_is_summed_up_to_the_sinks_that_ask_for_it() {
    let sinks = "[grouping]\nwait = \"0s\"\ninterval = \"0s\"\n[digest]\nat = \"09:00\"\ntimezone = \"UTC\"\n[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n[[sink]]\nname = \"mail\"\nkind = \"terminal\"\nmin_severity = \"high\"\ndigest = true\n";
    let mut stage = Stage::new(&["us-east-1", REGION]).with(&format!("{sinks}{WEAK}"));
    let id = launch(&stage, "t3.large", "10:02", TAGS);
    stage.record(record(&CI, "10:02", "t3.large", &[id], TAGS), minutes(3));
    let gpu = launch(&stage, "g5.xlarge", "11:02", &[]);
    stage.record(record(&MALLORY, "11:02", "g5.xlarge", &[gpu], &[]), minutes(3));
    stage.start().await;
    stage.until("d2 08:59").await;
    let before = stage.told("mail").len();
    // It is down when the summary is due, and tells it late.
    stage.stop().await;
    stage.until("d2 09:10").await;
    stage.start().await;
    stage.until("d2 09:15").await;
    assert_eq!(stage.told("mail").len(), before + 1);
    assert!(!stage.transcript().contains("slack: trailnoti's day"), "it asks for none");
    expect![[r#"
        Daily summary of alerts: 1 critical, 1 high, 1 low ·  from 
        since: 2026-03-02T10:00:00Z
        alerts: 1 critical, 1 high, 1 low
        hidden: 3 by "ci runners" (last i-00000000abc010003, launched by arn:aws:sts::111122223333:assumed-role/ci-runner/build-77)
        covered: 4 of 4 region feeds read on time
        read: 2 of 2 regions read up to 08:56 UTC, no gaps since 2026-03-02 10:00 UTC
        lag: 15 seconds at most, in us-east-1
        gaps: none"#]]
    .assert_eq(&last_told(&stage));
    stage.until("d3 09:01").await;
    stage.stop().await;
    expect![[r#"
        Daily summary of alerts: none ·  from 
        since: 2026-03-03T09:10:15Z
        alerts: none
        hidden: 0 by "ci runners"
        covered: 4 of 4 region feeds read on time
        read: 2 of 2 regions read up to 08:53 UTC, no gaps since 2026-03-02 10:00 UTC
        lag: 108 seconds at most, in us-east-1
        gaps: none"#]]
    .assert_eq(&last_told(&stage));
}

#[tokio::test(start_paused = true)]
async fn the_overview_names_what_is_held_and_what_was_hidden() {
    let mut stage = stage(BOUND);
    let ours = launch(&stage, "t3.large", "10:02", TAGS);
    stage.record(record(&CI, "10:02", "t3.large", std::slice::from_ref(&ours), TAGS), minutes(4));
    let held = launch(&stage, "t3.large", "10:05", TAGS);
    stage.start().await;
    stage.until("10:08").await;
    let pages = stage.status.pages().expect("it runs");
    let page = pages.status().await.expect("a page");
    expect![[r#"{"open":1,"held":[{"instance":"i-00000000abc020006","region":"eu-west-1","size":"t3.large, 2 vCPUs","since":"2026-03-02T10:05:05.16Z","waits_for":"its launch record"}]}"#]].assert_eq(&serde_json::to_string(&page.instances).expect("JSON"));
    expect![[r#"[{"name":"ci runners","hidden":3,"last":"2026-03-02T10:02:35.16Z","instance":"i-00000000abc010003","principal":"arn:aws:sts::111122223333:assumed-role/ci-runner/build-77"}]"#]].assert_eq(&serde_json::to_string(&page.exclusions).expect("JSON"));
    expect![[r#"[{"instance":"i-00000000abc020006","account":"111122223333","region":"eu-west-1","state":"running","size":"t3.large, 2 vCPUs","launch":null,"alerted":false,"held":true,"exclusions":[{"name":"ci runners","verdict":"waiting for its launch record","conditions":[{"wanted":"tag team is ci","found":"ci","holds":"yes"},{"wanted":"launched by arn:aws:iam::*:role/ci-runner","found":"not known yet","holds":"waiting for its launch record"},{"wanted":"type t3.* or m7g.*","found":"t3.large","holds":"yes"}]}]}]"#]].assert_eq(&serde_json::to_string(&pages.explain(&held).await.expect("it is known")).expect("JSON"));
    assert_eq!(pages.explain("i-0unknown").await, Ok(vec![]));
    assert_eq!(page.not_seen.len(), 0);
    let metrics = stage.status.metrics.page();
    assert!(metrics.contains("trailnoti_events_excluded_total{exclusion=\"ci runners\"} 3"), "{metrics}");
    let last = "trailnoti_excluded_last_timestamp_seconds{exclusion=\"ci runners\"}";
    assert_eq!(metrics.matches("excluded_last_timestamp_seconds{").count(), 1, "{metrics}");
    assert!(metrics.contains(last), "{metrics}");
    stage.stop().await;
    assert!(stage.status.pages().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_instance_is_never_hidden() {
    let exclude = "[[exclude]]\nname = \"everything\"\nregions = [\"eu-*\", \"us-*\"]\naccounts = [\"*\"]\nlaunched_by = [\"arn:aws:iam::*:user/mallory\"]\n[[exclude]]\nname = \"anything\"\nregions = [\"eu-*\", \"us-*\"]\n";
    let mut stage = stage(exclude);
    let trail = object([("name", "management-events".into())]);
    stage.record(
        call(&MALLORY, at("10:02"), REGION, "cloudtrail", "StopLogging", trail, Json::Null),
        minutes(1),
    );
    let user = object([("userName", "x".into())]);
    stage.record(call(&MALLORY, at("10:03"), "us-east-1", "iam", "CreateUser", user, Json::Null), minutes(1));
    let tried = run_instances(&MALLORY, at("10:04"), REGION, "p4d.24xlarge", &[]);
    stage.record(refused(tried, "Client.VcpuLimitExceeded", "no"), minutes(1));
    let id = launch(&stage, "p5.48xlarge", "10:05", &[]);
    stage.record(record(&MALLORY, "10:05", "p5.48xlarge", &[id], &[]), minutes(1));
    stage.start().await;
    stage.until("10:10").await;
    stage.stop().await;
    expect![[r#"
        10:03:00 → slack: !mallory stopped the audit trail management-events · eu-west-1 10:02:00
        10:04:00 → slack (update): mallory created the IAM user x · us-east-1 10:03:00
        10:05:00 → slack (update): !mallory tried to launch an instance (p4d.24xlarge) in eu-west-1 and was refused · eu-west-1 10:04:00
        10:05:00 → slack: GPU machine started in eu-west-1: p5.48xlarge (i-00000000abc010003) · eu-west-1 10:05:00
        10:05:45 → slack (update): Instance i-00000000abc010003 is now running in eu-west-1 · eu-west-1 10:05:45
        10:06:00 → slack (update): !mallory launched p5.48xlarge (GPU or accelerator) in eu-west-1 · eu-west-1 10:05:00"#]].assert_eq(&stage.transcript());
}
