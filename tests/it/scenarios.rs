//! One scenario each, and its transcript: when which sink was told what, and when that had happened.

use expect_test::expect;
use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::records::{Caller, call, console_login, run_instances};
use trailnoti::simulator::{Fault, Launch, Trouble};

use crate::world::{ACCOUNT, AT_ONCE, Answer, LOOPS, MALLORY, Stage, at, minutes, seconds};

fn iam(name: &str, time: &str, user: &str) -> Json {
    let request = object([("userName", user.into())]);
    call(&MALLORY, at(time), "us-east-1", "iam", name, request, Json::Null)
}

#[tokio::test(start_paused = true)]
async fn a_login_is_told_wherever_it_was_recorded() {
    let mut stage = Stage::of_loops(&[]);
    stage.record(console_login(&MALLORY, at("10:01"), "us-east-1", true, true), minutes(3));
    stage.record(console_login(&MALLORY, at("10:02"), "eu-north-1", true, false), minutes(3));
    stage.record(console_login(&MALLORY, at("10:03"), "ap-south-1", false, false), minutes(3));
    let root = Caller { user: "root", ..MALLORY };
    stage.record(console_login(&root, at("10:04"), "us-east-1", true, true), minutes(3));
    stage.start().await;
    stage.until("10:20").await;
    stage.stop().await;
    expect![[r#"
        10:04:00 → slack: sign-in Success of mallory · us-east-1 10:01:00
        10:05:00 → slack (update): sign-in Success of mallory · eu-north-1 10:02:00
        10:06:00 → slack (update): sign-in Failure of mallory · ap-south-1 10:03:00
        10:07:00 → slack: sign-in Success of root · us-east-1 10:04:00"#]]
    .assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_shows_up_29_minutes_late_is_told() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.record(iam("CreateUser", "10:05", "late"), minutes(29));
    stage.start().await;
    stage.until("10:40").await;
    stage.stop().await;
    expect!["10:34:01 → slack: user late · us-east-1 10:05:00"].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_shows_up_five_hours_late_is_told_by_the_hourly_reading() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.record(iam("CreateUser", "10:05", "very-late"), minutes(5 * 60));
    stage.start().await;
    stage.until("16:30").await;
    stage.stop().await;
    expect!["16:00:03 → slack: user very-late · us-east-1 10:05:00"].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn events_on_the_edges_of_every_window_are_told_once() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    let mut seconds_of_events = Vec::new();
    for second in 0..60 {
        let time = format!("10:05:{second:02}");
        stage.record(iam("CreateUser", &time, &format!("u{second}")), seconds(2));
        seconds_of_events.push(time);
    }
    stage.start().await;
    stage.until("10:50").await;
    stage.stop().await;
    let told = stage.told("slack");
    assert_eq!(told.len(), 60);
    assert!(told.values().all(|times| *times == 1), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_and_thirty_events_in_one_second_are_all_told() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    for n in 0..130 {
        stage.record(iam("CreateUser", "10:05", &format!("u{n}")), minutes(2));
    }
    stage.start().await;
    stage.until("10:20").await;
    stage.stop().await;
    let told = stage.told("slack");
    assert_eq!((told.len(), told.values().max()), (130, Some(&1)));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expires_in_the_middle_of_a_walk_loses_nothing() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    for n in 0..400 {
        let time = format!("10:0{}:{:02}", 1 + n % 5, n % 60);
        stage.record(iam("CreateUser", &time, &format!("u{n}")), minutes(6));
    }
    stage.start().await;
    for second in 0..90 {
        stage.until(&format!("10:07:{:02}", second.min(59))).await;
        stage.world.expire_tokens();
        if second >= 59 {
            stage.until(&format!("10:08:{:02}", second - 59)).await;
            stage.world.expire_tokens();
        }
    }
    stage.until("10:30").await;
    stage.stop().await;
    let told = stage.told("slack");
    assert_eq!((told.len(), told.values().max()), (400, Some(&1)));
}

#[tokio::test(start_paused = true)]
async fn throttling_of_everything_loses_nothing() {
    let mut stage = Stage::of_loops(&["us-east-1", "eu-west-1"]);
    let throttled = Fault::new(Trouble::Throttled).region("us-east-1").operation("LookupEvents");
    stage.world.fault(throttled.between(at("10:02"), at("10:20")));
    stage.record(iam("CreateUser", "10:05", "throttled"), minutes(2));
    stage.world.keep_calls();
    stage.start().await;
    stage.until("10:30").await;
    stage.stop().await;
    let calls = stage.world.take_calls();
    let refused = calls.iter().filter(|made| made.outcome == "400").count();
    assert!(refused < 1_300, "{refused} requests were throttled in 18 minutes: about one a second");
    expect![[r#"
        10:02:04 → slack: !Somebody uses up the event history requests of us-east-1 · us-east-1 10:02:04
        10:05:00 → slack: trailnoti cannot read CloudTrail events in us-east-1 · us-east-1 10:05:00 [throttled by AWS: ThrottlingException: Rate exceeded]
        10:20:00 → slack: trailnoti can read CloudTrail events in us-east-1 again · us-east-1 10:20:00
        10:20:01 → slack: user throttled · us-east-1 10:05:00
        10:20:15 → slack: trailnoti has read back what it could not read in us-east-1: 1 event, 1 alert · us-east-1 10:20:15
        10:25:01 → slack: us-east-1: event history requests are answered again · us-east-1 10:25:01"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_enabled_while_it_runs_is_announced_and_watched() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.account(|account| {
        account.enable("me-south-1", at("10:15"));
        account.launch(&Launch::new("me-south-1", "p5.48xlarge", at("10:16")));
    });
    stage.start().await;
    stage.until("10:45").await;
    stage.stop().await;
    expect![[r#"
        10:20:00 → slack: Region me-south-1 is now enabled · me-south-1 10:20:00
        10:20:00 → slack: instance i-00000000abc010003 running · me-south-1 10:20:00"#]]
    .assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_disabled_is_reported_and_not_watched_any_more() {
    let mut stage = Stage::of_loops(&["us-east-1", "eu-south-1"]);
    stage.account(|account| account.enable("eu-south-1", at("00:00")));
    stage.account(|account| account.disable("eu-south-1", at("10:18")));
    stage.start().await;
    stage.until("11:00").await;
    stage.stop().await;
    expect!["10:20:00 → slack: eu-south-1 can no longer be watched: it was disabled · eu-south-1 10:20:00"]
        .assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_restart_in_the_middle_of_everything_repeats_nothing_and_loses_nothing() {
    let mut stage = Stage::of_loops(&["us-east-1", "eu-west-1"]);
    stage.record(iam("CreateUser", "10:01", "before"), minutes(2));
    stage.record(iam("CreateUser", "10:12", "while-down"), minutes(2));
    stage.record(iam("CreateUser", "10:26", "after"), minutes(2));
    let id = stage.account(|account| account.launch(&Launch::new("eu-west-1", "t3.micro", at("09:00"))));
    stage.account(|account| account.terminate(&id, at("10:15")));
    stage.account(|account| account.launch(&Launch::new("eu-west-1", "m5.large", at("10:16"))));
    stage.start().await;
    stage.until("10:10").await;
    stage.stop().await;
    stage.until("10:25").await;
    stage.start().await;
    stage.until("10:40").await;
    stage.stop().await;
    expect![[r#"
        10:03:00 → slack: user before · us-east-1 10:01:00
        10:25:00 → slack: instance i-00000000abc020006 running · eu-west-1 10:25:00
        10:25:00 + slack: instance i-00000000abc010003 terminated · eu-west-1 10:25:00
        10:25:00 → slack (update): user while-down · us-east-1 10:12:00
        10:27:15 → slack: trailnoti did not run for 15m, and has read back 2 events, 1 alert ·  10:27:15
        10:28:00 → slack (update): user after · us-east-1 10:26:00"#]]
    .assert_eq(&stage.transcript());
}

const EXCLUDED: &str =
    "[[exclude]]\nname = \"workers\"\ntags = { role = \"worker-*\" }\ninstance_types = [\"t3.*\"]\n";

#[tokio::test(start_paused = true)]
async fn an_excluded_instance_is_hidden_and_counted() {
    let mut stage = Stage::of_loops(&["us-east-1", "eu-west-1"]).with(&format!("{AT_ONCE}{EXCLUDED}"));
    let tags = &[("role", "worker-1")];
    stage.account(|account| {
        account.launch(&Launch { tags, ..Launch::new("eu-west-1", "t3.micro", at("10:02")) });
        account.launch(&Launch { tags, ..Launch::new("eu-west-1", "p5.48xlarge", at("10:03")) });
        account.launch(&Launch::new("eu-west-1", "t3.micro", at("10:04")));
    });
    stage.start().await;
    stage.until("10:06").await;
    let hidden = stage.store.as_ref().expect("it runs").usage(ACCOUNT).await.expect("read");
    stage.stop().await;
    assert_eq!(
        hidden.iter().map(|((_, name), hidden)| (name.as_str(), hidden.count)).collect::<Vec<_>>(),
        [("workers", 2)]
    );
    expect![[r#"
        10:03:00 → slack: instance i-00000000abc020006 pending · eu-west-1 10:03:00
        10:03:45 → slack (update): instance i-00000000abc020006 running · eu-west-1 10:03:45
        10:04:20 → slack (update): instance i-00000000abc030009 pending · eu-west-1 10:04:00
        10:04:35 → slack (update): instance i-00000000abc030009 running · eu-west-1 10:04:35"#]]
    .assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_arrives_ten_seconds_late_still_excludes() {
    let mut stage = Stage::of_loops(&["us-east-1", "eu-west-1"]).with(&format!("{AT_ONCE}{EXCLUDED}"));
    let (tags, tags_after) = (&[("role", "worker-1")], seconds(10));
    stage.account(|account| {
        account.launch(&Launch { tags, tags_after, ..Launch::new("eu-west-1", "t3.micro", at("10:02")) });
        // One whose tags come too late: unknown never counts as excluded.
        account.launch(&Launch {
            tags,
            tags_after: minutes(5),
            ..Launch::new("eu-west-1", "t3.micro", at("10:03"))
        });
    });
    stage.start().await;
    stage.until("10:06").await;
    stage.stop().await;
    expect![[r#"
        10:03:20 → slack: instance i-00000000abc020006 pending · eu-west-1 10:03:00
        10:03:35 → slack (update): instance i-00000000abc020006 running · eu-west-1 10:03:35"#]]
    .assert_eq(&stage.transcript());
}

const TWO_SINKS: &str = "[grouping]\nwait = \"0s\"\ninterval = \"0s\"\n[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n[[sink]]\nname = \"mail\"\nkind = \"terminal\"\n";

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_down_for_an_hour_gets_everything_afterwards_and_delays_nobody() {
    let mut stage = Stage::of_loops(&["us-east-1"]).with(TWO_SINKS);
    stage.answers("slack", "10:10", "11:10", Answer::Later(None));
    for n in 0..5 {
        stage.record(iam("CreateUser", &format!("10:{}0", n + 1), &format!("u{n}")), minutes(2));
    }
    stage.start().await;
    stage.until("11:30").await;
    stage.stop().await;
    expect![[r#"
        10:12:00 → mail: user u0 · us-east-1 10:10:00
        10:15:34 → mail: trailnoti cannot send alerts through slack ·  10:15:34 [the test says so]
        10:22:00 → mail (update): user u1 · us-east-1 10:20:00
        10:32:02 → mail (update): user u2 · us-east-1 10:30:00
        10:42:03 → mail (update): user u3 · us-east-1 10:40:00
        10:52:06 → mail (update): user u4 · us-east-1 10:50:00
        11:10:34 → slack: user u0 · us-east-1 10:10:00
        11:10:34 + slack: user u1 · us-east-1 10:20:00
        11:10:34 + slack: user u2 · us-east-1 10:30:00
        11:10:34 + slack: user u3 · us-east-1 10:40:00
        11:10:34 + slack: user u4 · us-east-1 10:50:00
        11:10:34 → slack: trailnoti can send alerts through slack again ·  11:10:34
        11:10:34 → mail: trailnoti can send alerts through slack again ·  11:10:34"#]]
    .assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_delays_nobody_else() {
    let mut stage = Stage::of_loops(&["us-east-1"]).with(TWO_SINKS);
    stage.answers("slack", "10:00", "10:30", Answer::Hangs);
    stage.record(iam("CreateUser", "10:05", "u"), minutes(2));
    stage.start().await;
    stage.until("10:40").await;
    stage.stop().await;
    expect![[r#"
        10:07:00 → mail: user u · us-east-1 10:05:00
        10:10:55 → mail: trailnoti cannot send alerts through slack ·  10:10:55 [no answer in time]
        10:30:22 → slack: user u · us-east-1 10:05:00
        10:30:22 → slack: trailnoti can send alerts through slack again ·  10:30:22
        10:30:22 → mail: trailnoti can send alerts through slack again ·  10:30:22"#]]
    .assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn what_belongs_together_is_one_message_and_then_one_update_an_interval() {
    let mut stage = Stage::of_loops(&["us-east-1", "eu-west-1"])
        .with("[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n");
    for n in 0..6 {
        stage.record(iam("CreateUser", &format!("10:02:{n:02}"), &format!("u{n}")), minutes(1));
    }
    // The same again; what is new does not wait for the interval.
    stage.record(iam("CreateUser", "10:04", "u0"), minutes(1));
    stage.record(iam("CreateUser", "10:05", "u1"), minutes(1));
    stage.account(|account| account.launch(&Launch::new("eu-west-1", "t3.micro", at("10:03"))));
    stage.start().await;
    stage.until("10:20").await;
    stage.stop().await;
    expect![[r#"
        10:03:20 → slack: user u0 · us-east-1 10:02:00
        10:03:20 + slack: user u1 · us-east-1 10:02:01
        10:03:20 + slack: user u2 · us-east-1 10:02:02
        10:03:20 + slack: user u3 · us-east-1 10:02:03
        10:03:20 + slack: user u4 · us-east-1 10:02:04
        10:03:20 + slack: user u5 · us-east-1 10:02:05
        10:03:20 → slack: instance i-00000000abc010003 pending · eu-west-1 10:03:00
        10:08:20 → slack (update): user u0 · us-east-1 10:04:00
        10:08:20 + slack: user u1 · us-east-1 10:05:00
        10:08:20 → slack (update): instance i-00000000abc010003 running · eu-west-1 10:03:45"#]]
    .assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_list_of_instances_that_is_cut_short_is_not_taken_for_their_end() {
    let mut stage = Stage::of_loops(&["us-east-1", "eu-west-1"]);
    stage.account(|account| {
        for _ in 0..3 {
            account.launch(&Launch::new("eu-west-1", "t3.micro", at("09:00")));
        }
    });
    stage.start().await;
    stage.until("10:05").await;
    let cut = Fault::new(Trouble::CutShort).operation("DescribeInstances");
    stage.world.fault(cut.between(at("10:05"), at("10:07")));
    let broken = Fault::new(Trouble::Broken).operation("DescribeInstances");
    stage.world.fault(broken.between(at("10:07"), at("10:09")));
    stage.until("10:15").await;
    stage.stop().await;
    expect![[r#"
        10:08:08 → slack: trailnoti cannot read instances in eu-west-1 and us-east-1 ·  10:08:08 [InternalFailure: An internal error has occurred]
        10:09:08 → slack: trailnoti can read instances in eu-west-1 and us-east-1 again ·  10:09:08"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn reads_that_a_rule_names_are_read_by_their_own_stream() {
    let rule = "[[rule]]\nid = \"secret-read\"\ntitle = \"Secret read by {principal}\"\npattern.detail.eventName = [\"GetSecretValue\"]\n";
    let mut stage = Stage::new(&["us-east-1"]).under(rule);
    let config = stage.parse(&stage.config).expect("right");
    let streams = trailnoti::domain::lookup::stream::derive(&config.ruleset.rules).streams;
    assert_eq!(
        streams.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["ReadOnly=false", "EventName=GetSecretValue"]
    );
    let read =
        call(&MALLORY, at("10:05"), "us-east-1", "secretsmanager", "GetSecretValue", Json::Null, Json::Null);
    stage.record(read, minutes(2));
    stage.start().await;
    stage.until("10:15").await;
    stage.stop().await;
    expect!["10:07:01 → slack: Secret read by mallory · us-east-1 10:05:00"].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn one_accounts_failure_is_its_own() {
    let config = format!(
        "{AT_ONCE}[[account]]\nname = \"prod\"\nrole_arn = \"arn:aws:iam::444455556666:role/trailnoti\"\n[[account]]\nname = \"dev\"\nrole_arn = \"arn:aws:iam::777788889999:role/trailnoti\"\n"
    );
    let mut stage = Stage::of_loops(&["us-east-1"]).with(&config);
    for id in ["444455556666", "777788889999"] {
        stage.world.add_account(id);
        stage.world.account(id, |account| account.only_regions(&["us-east-1"]));
    }
    let prod = Caller { account: "444455556666", ..MALLORY };
    let made = call(
        &prod,
        at("10:05"),
        "us-east-1",
        "iam",
        "CreateUser",
        object([("userName", "x".into())]),
        Json::Null,
    );
    stage.world.account("444455556666", |account| account.record(made, minutes(2)));
    stage.world.fault(Fault::new(Trouble::Denied).account("777788889999"));
    stage.start().await;
    stage.until("10:15").await;
    stage.stop().await;
    expect![[r#"
        10:00:36 → slack: !trailnoti cannot read the list of regions of account 777788889999 ·  10:00:36 [access denied: UnauthorizedOperation: User: arn:aws:iam::777788889999:user/trailnoti is not authorized to perform: ec2:DescribeRegions with an explicit deny in a service control policy; grant what `trailnoti iam-policy` prints, or check for…]
        10:07:00 → slack: user x · us-east-1 10:05:00"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn sessions_of_an_assumed_role_are_renewed_before_they_end() {
    let config = format!(
        "{AT_ONCE}[[account]]\nname = \"prod\"\nrole_arn = \"arn:aws:iam::444455556666:role/trailnoti\"\n"
    );
    let mut stage = Stage::of_loops(&["us-east-1"]).with(&config);
    stage.world.add_account("444455556666");
    stage.world.account("444455556666", |account| account.only_regions(&["us-east-1"]));
    stage.start().await;
    stage.until("14:00").await;
    stage.stop().await;
    expect![[r#""#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_thing_that_is_no_record_is_told_once_and_blocks_nothing() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    let record = iam("CreateUser", "10:02", "x");
    stage.account(|account| account.record_text(record, "{\"eventTime\": \"\\ud800", minutes(1)));
    stage.record(iam("CreateUser", "10:03", "y"), minutes(1));
    stage.start().await;
    stage.until("11:40").await;
    stage.stop().await;
    expect![[r#"
        10:03:00 → slack: trailnoti could not read an event: CreateUser a68130ad-5ad0-5688-a273-1ccfd2a9aca0 · us-east-1 10:02:00 [not a JSON object: EOF while parsing a string at line 1 column 18]
        10:04:00 → slack: user y · us-east-1 10:03:00"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_launch_is_told_by_its_record_and_by_what_is_seen() {
    let mut stage = Stage::new(&["us-east-1", "sa-east-1"]);
    let id = stage.account(|account| account.launch(&Launch::new("sa-east-1", "g5.12xlarge", at("10:02"))));
    stage.record(run_instances(&MALLORY, at("10:02"), "sa-east-1", "g5.12xlarge", &[id]), minutes(4));
    stage.start().await;
    stage.until("10:10").await;
    stage.stop().await;
    expect![[r#"
        10:02:00 → slack: GPU machine started in sa-east-1: g5.12xlarge (i-00000000abc010003) · sa-east-1 10:02:00
        10:02:45 → slack (update): Instance i-00000000abc010003 is now running in sa-east-1 · sa-east-1 10:02:45
        10:06:00 → slack: !mallory launched g5.12xlarge (GPU or accelerator) in sa-east-1 · sa-east-1 10:02:00"#]].assert_eq(&stage.transcript());
}

/// The whole of the issue's promise on time: a day over every default region, in virtual time.
#[tokio::test(start_paused = true)]
async fn a_day_over_seventeen_regions_tells_everything_once() {
    let begun = std::time::Instant::now();
    let config = format!("{AT_ONCE}[cloudtrail]\npoll_interval = \"1m\"\n[ec2]\npoll_interval = \"1m\"\n");
    let mut stage = Stage::at_time("00:00", &[]).under(LOOPS).with(&config);
    let regions = trailnoti::simulator::DEFAULT_REGIONS;
    for n in 0..96i64 {
        let region = regions[usize::try_from(n * 7 % 17).expect("small")];
        let happened = at("00:05") + minutes(n * 14);
        let request = object([("userName", format!("u{n}").into())]);
        stage.record(
            call(&MALLORY, happened, region, "iam", "CreateUser", request, Json::Null),
            minutes(1 + n % 29),
        );
    }
    stage.start().await;
    stage.until("d2 00:00").await;
    stage.stop().await;
    let told = stage.told("slack");
    assert_eq!((told.len(), told.values().max()), (96, Some(&1)));
    let counts = stage.world.counts();
    println!("{counts:?} in {:?}", begun.elapsed());
    assert_eq!(stage.world.account(ACCOUNT, |account| account.enabled(at("d2 00:00")).len()), 17);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_listed_and_does_not_work_yet_is_not_taken_for_bad_credentials() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.account(|account| {
        account.enable("me-south-1", at("10:05"));
        account.slow_to_work.insert("me-south-1".to_owned(), at("10:32"));
        account.enable("af-south-1", at("10:05"));
        account.slow_to_work.insert("af-south-1".to_owned(), at("11:30"));
    });
    stage.start().await;
    stage.until("12:00").await;
    stage.stop().await;
    expect![[r#"
        10:10:00 → slack: Region af-south-1 is now enabled · af-south-1 10:10:00
        10:10:00 + slack: Region me-south-1 is now enabled · me-south-1 10:10:00
        10:41:02 → slack: trailnoti cannot read CloudTrail events and instances in af-south-1 · af-south-1 10:41:02 [the region is listed as enabled, but does not accept requests yet; the credentials work in other regions (UnrecognizedClientException: The security token included in the request is invalid)]
        11:31:57 → slack: trailnoti can read CloudTrail events and instances in af-south-1 again · af-south-1 11:31:57"#]].assert_eq(&stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn empty_pages_with_a_token_are_followed() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.world.send_empty_pages();
    for n in 0..70 {
        stage.record(iam("CreateUser", "10:05", &format!("u{n}")), minutes(2));
    }
    stage.start().await;
    stage.until("10:20").await;
    stage.stop().await;
    assert_eq!(stage.told("slack").len(), 70);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_state_is_told_and_costs_repeats_and_no_gap() {
    let mut stage = Stage::of_loops(&["us-east-1", "eu-west-1"]);
    stage.record(iam("CreateUser", "10:02", "before"), minutes(1));
    stage.record(iam("CreateUser", "10:12", "while-down"), minutes(1));
    stage.account(|account| account.launch(&Launch::new("eu-west-1", "p5.48xlarge", at("10:13"))));
    stage.start().await;
    stage.until("10:10").await;
    stage.stop().await;
    std::fs::write(stage.state.join("db/db"), vec![7u8; 200_000]).expect("written");
    stage.until("10:20").await;
    stage.start().await;
    stage.until("10:30").await;
    stage.stop().await;
    let kept = std::fs::read_dir(&stage.state)
        .expect("read")
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("damaged-"));
    assert!(kept, "a copy of the damaged state: {}", stage.transcript());
    let told: Vec<String> =
        stage.transcript().lines().map(|line| line.split(" [").next().unwrap_or(line).to_owned()).collect();
    expect![[r#"
        10:03:00 → slack: user before · us-east-1 10:02:00
        10:20:00 → slack: trailnoti's state was damaged, and begun anew ·  10:20:00
        10:20:00 → slack: user while-down · us-east-1 10:12:00
        10:20:00 → slack: instance i-00000000abc010003 running · eu-west-1 10:20:00
        10:20:00 → slack (update): user before · us-east-1 10:02:00"#]]
    .assert_eq(&told.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn what_trailnoti_does_itself_is_recorded_and_costs_it_nothing() {
    let mut stage = Stage::of_loops(&["us-east-1", "eu-west-1"]);
    stage.world.record_calls();
    stage.start().await;
    stage.until("11:00").await;
    let before = stage.world.counts()["LookupEvents"];
    stage.until("12:00").await;
    stage.stop().await;
    let hour = stage.world.counts()["LookupEvents"] - before;
    // 240 of writes, 180 of reads that rules name.
    assert!(hour <= 2 * 430, "{hour} requests in an hour: its own reads are not read");
    assert_eq!(stage.transcript(), "");
}
