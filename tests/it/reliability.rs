//! Promises, each by a test that is named after it. R1, R12, R13, R23 and R27 are tried on the process
//! (`process`), R9 and R27 on the sinks (`sinks`), R14 on the store.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::records::call;
use trailnoti::simulator::{Fault, Launch, Trouble};

use crate::world::{AT_ONCE, Answer, MALLORY, Stage, at, minutes, seconds};

fn user(name: &str, time: &str, region: &str) -> Json {
    let request = object([("userName", name.into())]);
    call(&MALLORY, at(time), region, "iam", "CreateUser", request, Json::Null)
}

fn titles(stage: &Stage) -> Vec<String> {
    stage.transcript().lines().map(str::to_owned).collect()
}

/// R6: after a 429, no request to that sink before the time it gave, also over a restart; nothing is lost.
#[tokio::test(start_paused = true)]
async fn r6_no_request_before_the_time_that_a_sink_asked_for() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.answers("slack", "10:03", "10:03:30", Answer::Later(Some(Duration::from_secs(600))));
    for n in 0..4 {
        stage.record(user(&format!("u{n}"), &format!("10:02:0{n}"), "us-east-1"), minutes(1));
    }
    stage.start().await;
    stage.until("10:05").await;
    stage.stop().await;
    stage.start().await;
    stage.until("10:20").await;
    stage.stop().await;
    let attempts: Vec<_> = stage.book.lock().expect("the book").attempts.iter().map(|(at, _)| *at).collect();
    assert!(attempts[0] < at("10:03:30"));
    assert!(attempts[1..].iter().all(|time| *time >= attempts[0] + seconds(600)), "{attempts:?}");
    let told = titles(&stage);
    assert_eq!(told.iter().filter(|title| title.contains("user u")).count(), 4, "{told:?}");
    assert_eq!(
        told.iter().filter(|title| title.contains("again")).count(),
        1,
        "a wait of ten minutes is reported"
    );
}

/// R4: a sink that is down for a day, in each way of being down, gets a thousand alerts afterwards, from the first minute on;
/// the other sink notices nothing.
#[tokio::test(start_paused = true)]
async fn r4_a_sink_that_is_down_for_a_day_gets_everything_within_a_minute_of_its_return() {
    let sinks = "[grouping]\nwait = \"0s\"\ninterval = \"0s\"\n[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n[[sink]]\nname = \"mail\"\nkind = \"terminal\"\n";
    // A delivery that hangs is given up after 35 seconds, so that its next try begins up to that much later.
    for (answer, within) in [(Answer::Later(None), 62), (Answer::Hangs, 100)] {
        let mut stage = Stage::of_loops(&["us-east-1"]).with(sinks);
        stage.answers("slack", "10:10", "d2 10:10", answer.clone());
        for n in 0..1_000 {
            let time = at("10:11") + SignedDuration::from_secs(86 * n);
            let request = object([("userName", format!("u{n:04}").into())]);
            stage.record(
                call(&MALLORY, time, "us-east-1", "iam", "CreateUser", request, Json::Null),
                minutes(2),
            );
        }
        stage.start().await;
        stage.until("d2 10:20").await;
        stage.stop().await;
        let book = stage.book.lock().expect("the book");
        let told = |sink: &'static str| book.deliveries.iter().filter(move |one| one.sink == sink);
        let ids =
            |sink| told(sink).flat_map(|one| one.digest.ids()).map(str::to_owned).collect::<BTreeSet<_>>();
        let users = |one: &&crate::world::Delivery| one.digest.alerts[0].alert.title.starts_with("user");
        assert!(ids("mail").len() > 1_000, "{}", ids("mail").len());
        // That it is down is told through the other alone.
        assert_eq!(ids("mail").difference(&ids("slack")).count(), 1, "{answer:?}");
        let first = told("slack").find(|one| one.at > at("d2 10:00")).expect("it comes back").at;
        let waited = first.duration_since(at("d2 10:10")).as_secs();
        assert!((0..=within).contains(&waited), "{answer:?}: {waited} s");
        let late =
            told("mail").filter(users).map(|one| one.at.duration_since(one.digest.alerts[0].alert.time));
        assert!(late.max() < Some(SignedDuration::from_secs(170)), "{answer:?}: the other sink waits");
        let first = told("slack").find(|one| one.at > at("d2 10:00")).expect("it comes back");
        assert!(
            first.digest.alerts[0].alert.title.contains("u0000"),
            "the oldest of the most urgent go first"
        );
    }
}

/// R10: forty configurations with mistakes, one after the other. The running one is kept, no event is missed, and
/// it is told once.
#[tokio::test(start_paused = true)]
async fn r10_forty_broken_configurations_change_nothing() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.start().await;
    stage.until("10:01").await;
    let broken = [
        "[aws",
        "aws = 1",
        "[aws]\nregions = [\"mars\"]",
        "[aws]\nregion = []",
        "[cloudtrail]\npoll_interval = 5",
        "[cloudtrail]\npoll_interval = \"5x\"",
        "[cloudtrail]\nlateness = \"1s\"",
        "[cloudtrail]\nrequests_per_second = 3",
        "[ec2]\ntag_grace = \"-1s\"",
        "[ec2]\nfoo = 1",
        "[state]\npath = 3",
        "[rules]\ndisable = [\"nothing\"]",
        "[rules]\nbuiltin = \"maybe\"",
        "[rules]\nfile = []",
        "[[exclude]]\nname = \"x\"",
        "[[exclude]]\ntags = { a = \"b\" }",
        "[[exclude]]\nname = \"x\"\ntags = 1",
        "[[exclude]]\nname = \"x\"\nregions = [\"a**\"]",
        "[[exclude]]\nname = \"x\"\ntags = { a = \"b\" }\nstates = [\"gone\"]",
        "[[sink]]",
        "[[sink]]\nname = \"a\"",
        "[[sink]]\nname = \"a\"\nkind = \"pager\"",
        "[[sink]]\nname = \"a\"\nkind = \"slack\"",
        "[[sink]]\nname = \"a\"\nkind = \"slack\"\nwebhook_url = \"ftp://x\"",
        "[[sink]]\nname = \"a\"\nkind = \"slack\"\nwebhook_url_file = \"absent\"",
        "[[sink]]\nname = \"a\"\nkind = \"email\"",
        "[[sink]]\nname = \"a\"\nkind = \"email\"\nsmtp = \"x\"\nfrom = \"y\"\nto = [\"z\"]",
        "[[sink]]\nname = \"a b\"\nkind = \"terminal\"",
        "[[sink]]\nname = \"a\"\nkind = \"terminal\"\n[[sink]]\nname = \"a\"\nkind = \"terminal\"",
        "[[sink]]\nname = \"a\"\nkind = \"terminal\"\nmin_severity = \"loud\"",
        "[[sink]]\nname = \"a\"\nkind = \"terminal\"\ntimezone = \"Mars\"",
        "[grouping]\nwait = \"soon\"",
        "[grouping]\ninterval = []",
        "[http]\nlisten = \"everywhere\"",
        "[http]\nport = 1",
        "[[account]]\nname = \"a\"",
        "[[account]]\nname = \"a\"\nrole_arn = \"x\"",
        "[unknown]",
        "x = 1",
        "\u{0}",
    ];
    for (n, text) in broken.iter().enumerate() {
        assert!(stage.parse(text).is_err(), "{n}: {text} is right");
        stage.reload(text).await;
        let time = format!("10:{:02}", 2 + n / 2);
        stage.record(user(&format!("u{n}"), &format!("{time}:{:02}", n % 60), "us-east-1"), seconds(1));
        stage.until(&format!("10:{:02}:{:02}", 2 + n / 2, 20 + 20 * (n % 2))).await;
    }
    assert_eq!(broken.len(), 40);
    assert!(stage.status.metrics.page().contains("trailnoti_config_last_reload_successful 0"));
    let taken = stage.config.clone();
    stage.reload(&taken).await;
    stage.until("11:00").await;
    assert!(stage.status.metrics.page().contains("trailnoti_config_last_reload_successful 1"));
    stage.stop().await;
    let told = titles(&stage);
    assert_eq!(told.iter().filter(|line| line.contains("user u")).count(), 40);
    assert_eq!(told.iter().filter(|line| line.contains("kept its old configuration")).count(), 1);
    assert_eq!(told.iter().filter(|line| line.contains("runs with the new configuration")).count(), 1);
}

/// R16: a clock that is off by more than a minute is measured; at five minutes it is told, once.
#[tokio::test(start_paused = true)]
async fn r16_a_clock_that_is_off_is_told() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.start().await;
    stage.until("10:05").await;
    stage.world.set_skew(seconds(90));
    stage.until("10:10").await;
    assert!(
        stage.status.metrics.page().contains("trailnoti_clock_skew_seconds 90"),
        "{}",
        stage.status.metrics.page()
    );
    assert_eq!(stage.transcript(), "");
    stage.world.set_skew(seconds(-400));
    stage.until("10:20").await;
    stage.stop().await;
    let told = titles(&stage);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("clock of trailnoti's machine differs from AWS's by 400 seconds"), "{told:?}");
}

/// R17: credentials that ended, a policy that denies: told once for each part that is blind, at most one request a
/// minute meanwhile, told once when healed, and what happened meanwhile is read.
#[tokio::test(start_paused = true)]
async fn r17_lost_credentials_are_told_and_heal_without_a_restart() {
    for trouble in [Trouble::Expired, Trouble::Denied, Trouble::Unrecognized] {
        let mut stage = Stage::of_loops(&["us-east-1", "eu-west-1"]);
        stage.world.fault(Fault::new(trouble.clone()).between(at("10:05"), at("13:00")));
        stage.record(user("x", "11:00", "us-east-1"), minutes(2));
        stage.start().await;
        stage.until("10:08").await;
        let blind = titles(&stage).iter().filter(|line| line.contains("cannot read")).count();
        assert_eq!(blind, 1, "{trouble:?}: {}", stage.transcript());
        let before: u64 = stage.world.counts().values().sum();
        stage.until("11:08").await;
        let hour: u64 = stage.world.counts().values().sum::<u64>() - before;
        // Once a minute for each region, and for the list of regions.
        assert!(hour <= 3 * 60, "{trouble:?}: {hour} requests in an hour of blindness");
        stage.until("13:30").await;
        stage.stop().await;
        let told = titles(&stage);
        let count = |what: &str| told.iter().filter(|line| line.contains(what)).count();
        let places = "CloudTrail events and instances in eu-west-1 and us-east-1";
        assert_eq!(count("cannot read"), 1, "{trouble:?}: {}", stage.transcript());
        assert_eq!(count(&format!("cannot read {places}")), 1, "{trouble:?}: {}", stage.transcript());
        assert_eq!(count(&format!("can read {places}")), 1, "{trouble:?}: {}", stage.transcript());
        assert_eq!(count("user x"), 1, "{trouble:?}");
    }
}

/// R18: a region that swallows every request is told within five minutes, and costs the others nothing.
#[tokio::test(start_paused = true)]
async fn r18_a_region_that_hangs_delays_no_other() {
    let mut latencies = Vec::new();
    for hangs in [false, true] {
        let mut stage = Stage::of_loops(&["us-east-1", "eu-west-1", "ap-south-1"]);
        if hangs {
            stage
                .world
                .fault(Fault::new(Trouble::Hang).region("ap-south-1").between(at("10:05"), at("11:00")));
        }
        for n in 0..30i64 {
            let time = at("10:06") + SignedDuration::from_secs(61 * n);
            let request = object([("userName", format!("u{n}").into())]);
            let region = ["us-east-1", "eu-west-1"][usize::try_from(n % 2).expect("small")];
            stage.record(call(&MALLORY, time, region, "iam", "CreateUser", request, Json::Null), minutes(1));
        }
        stage.record(user("swallowed", "10:30", "ap-south-1"), minutes(1));
        stage.start().await;
        stage.until("10:10").await;
        let told = titles(&stage)
            .iter()
            .any(|line| line.contains("cannot read CloudTrail events and instances in ap-south-1"));
        assert_eq!(told, hangs, "{}", stage.transcript());
        stage.until("11:30").await;
        stage.stop().await;
        let book = stage.book.lock().expect("the book");
        let mut waits: Vec<i64> = book
            .deliveries
            .iter()
            .flat_map(|delivery| {
                delivery.digest.alerts.iter().map(move |pending| (delivery.at, &pending.alert))
            })
            .filter(|(_, alert)| alert.title.contains("user u"))
            .map(|(at, alert)| at.duration_since(alert.time).as_secs())
            .collect();
        assert_eq!(waits.len(), 30);
        waits.sort_unstable();
        latencies.push(waits[29]);
        assert!(
            book.deliveries.iter().any(|d| d.digest.alerts[0].alert.title.contains("swallowed")),
            "read afterwards"
        );
    }
    assert!(latencies[1] <= latencies[0] + latencies[0] / 10, "the slowest with and without: {latencies:?}");
}

/// R24: while a loop has not been heard of in time, the watchdog is not fed.
#[tokio::test(start_paused = true)]
async fn r24_a_stalled_loop_stops_the_watchdog() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.start().await;
    stage.until("10:05").await;
    // A loop that says it will be heard of within five seconds, and hangs.
    stage.status.expect("a loop that hangs", Duration::from_secs(5));
    stage.until("10:10").await;
    stage.stop().await;
    let heard = stage.heard.lock().expect("heard");
    let fed: Vec<&String> = heard.iter().filter(|line| line.ends_with("Watchdog")).collect();
    assert!(fed.len() >= 29, "fed every ten seconds before: {fed:?}");
    assert!(
        fed.iter().all(|line| line.as_str() < "10:05:30"),
        "not fed 30 seconds after it stalled: {fed:?}"
    );
    assert!(heard.iter().any(|line| line.ends_with("Ready")));
    assert!(heard.iter().any(|line| line.ends_with("Stopping")));
}

/// A throttled, failing, slow and resetting AWS for two hours, and everything is told once.
#[tokio::test(start_paused = true)]
async fn everything_at_once_loses_nothing() {
    let mut stage = Stage::of_loops(&["us-east-1", "eu-west-1", "eu-north-1"]);
    for (n, trouble) in [
        Trouble::Throttled,
        Trouble::Broken,
        Trouble::Reset,
        Trouble::Garbage,
        Trouble::Slow(Duration::from_secs(35)),
        Trouble::CutShort,
    ]
    .into_iter()
    .enumerate()
    {
        let from = at("10:05") + minutes(10 * i64::try_from(n).expect("small"));
        stage.world.fault(Fault::new(trouble).between(from, from + minutes(4)));
    }
    for n in 0..120i64 {
        let region = ["us-east-1", "eu-west-1", "eu-north-1"][usize::try_from(n % 3).expect("small")];
        let request = object([("userName", format!("u{n}").into())]);
        let happened = at("10:02") + minutes(n);
        stage.record(
            call(&MALLORY, happened, region, "iam", "CreateUser", request, Json::Null),
            minutes(1 + n % 28),
        );
    }
    stage.account(|account| account.launch(&Launch::new("eu-west-1", "t3.micro", at("10:30"))));
    stage.start().await;
    stage.until("13:00").await;
    stage.stop().await;
    let users = titles(&stage).iter().filter(|line| line.contains("user u")).count();
    assert_eq!(users, 120);
    assert!(stage.told("slack").values().all(|times| *times == 1));
    let last = stage.transcript();
    let blind = last.matches("trailnoti cannot read ").count();
    assert_eq!(
        blind,
        last.matches("trailnoti can read ").count(),
        "what was told as blind was told as healed: {last}"
    );
    assert_eq!(AT_ONCE.len(), stage.config.len());
}

/// A sink that refuses a message for good does not keep the next ones from going out.
#[tokio::test(start_paused = true)]
async fn what_a_sink_refuses_is_kept_among_the_dead_and_blocks_nothing() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.answers("slack", "10:00", "11:00", Answer::RefusesWhat("poison"));
    stage.record(user("poison", "10:02", "us-east-1"), minutes(1));
    for n in 0..6 {
        stage.record(user(&format!("next{n}"), &format!("10:{:02}", 3 + n * 3), "us-east-1"), minutes(1));
    }
    stage.start().await;
    stage.until("10:40").await;
    let dead = stage.store.as_ref().expect("it runs").dead("slack").await.expect("read");
    stage.stop().await;
    assert_eq!(dead.len(), 1, "{}", stage.transcript());
    assert!(dead[0].title.contains("poison"));
    let delays: Vec<_> = stage.book.lock().expect("the book").deliveries.clone();
    for delivery in delays.iter().filter(|one| one.digest.alerts[0].alert.title.contains("next")) {
        let after = delivery.at.duration_since(delivery.digest.alerts[0].alert.time);
        assert!(after <= seconds(90), "{after} after: {}", stage.transcript());
    }
    assert_eq!(delays.len(), 6, "{}", stage.transcript());
}

/// A mail server that refused three times lost the alerts, although the notice said that they wait.
#[tokio::test(start_paused = true)]
async fn what_a_sink_refuses_with_everything_else_waits_until_it_takes_messages_again() {
    let config = format!("{AT_ONCE}[[sink]]\nname = \"mail\"\nkind = \"terminal\"\n");
    let mut stage = Stage::of_loops(&["us-east-1"]).with(&config);
    stage.answers("mail", "10:00", "11:00", Answer::Refuses);
    for n in 0..5 {
        stage.record(user(&format!("waits{n}"), &format!("10:{:02}", 2 + n * 3), "us-east-1"), minutes(1));
    }
    stage.start().await;
    stage.until("11:30").await;
    let dead = stage.store.as_ref().expect("it runs").dead("mail").await.expect("read");
    stage.stop().await;
    assert_eq!(dead, []);
    let transcript = stage.transcript();
    assert!(transcript.contains("slack: trailnoti cannot send alerts through mail"), "{transcript}");
    for n in 0..5 {
        let line = format!("mail: user waits{n}");
        assert_eq!(transcript.matches(&line).count(), 1, "{line}: {transcript}");
    }
}

/// A sink that says it is closed is told of through the others at once, and tried four times an hour.
#[tokio::test(start_paused = true)]
async fn r7_a_closed_sink_is_told_of_at_once_and_probed_every_quarter_of_an_hour() {
    let config = format!("{AT_ONCE}[[sink]]\nname = \"mail\"\nkind = \"terminal\"\n");
    let mut stage = Stage::of_loops(&["us-east-1"]).with(&config);
    stage.answers("slack", "10:00", "d2 10:00", Answer::Closed);
    stage.record(user("x", "10:02", "us-east-1"), minutes(1));
    stage.start().await;
    stage.until("10:04").await;
    assert!(
        stage.transcript().contains("mail: trailnoti cannot send alerts through slack"),
        "{}",
        stage.transcript()
    );
    stage.until("d2 10:20").await;
    stage.stop().await;
    let probes =
        stage.book.lock().expect("the book").attempts.iter().filter(|(_, sink)| sink == "slack").count();
    assert!(probes <= 100, "{probes} probes in a day");
    assert_eq!(stage.told("slack").len(), 2, "the alert, and that it works again: {}", stage.transcript());
}

/// What was not read before the first answer is read after it, also when the daemon was restarted in between.
#[tokio::test(start_paused = true)]
async fn a_restart_before_the_first_answer_moves_nothing() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage
        .world
        .fault(Fault::new(Trouble::Denied).operation("LookupEvents").between(at("10:00"), at("11:00")));
    stage.record(user("x", "10:05", "us-east-1"), minutes(1));
    stage.start().await;
    stage.until("10:50").await;
    stage.stop().await;
    stage.start().await;
    stage.until("11:30").await;
    stage.stop().await;
    assert!(stage.transcript().contains("user x"), "{}", stage.transcript());
}

/// A region that was enabled while the daemon was down is announced, and its first hours are read.
#[tokio::test(start_paused = true)]
async fn a_region_enabled_while_the_daemon_was_down_is_read_from_the_start() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.account(|account| {
        account.enable("me-south-1", at("11:00"));
        account.launch(&Launch::new("me-south-1", "p5.48xlarge", at("11:30")));
    });
    stage.record(user("x", "11:20", "me-south-1"), minutes(1));
    stage.start().await;
    stage.until("10:30").await;
    stage.stop().await;
    stage.until("15:00").await;
    stage.start().await;
    stage.until("15:10").await;
    stage.stop().await;
    let told = stage.transcript();
    for expected in ["Region me-south-1 is now enabled", "user x", "instance i-"] {
        assert!(told.contains(expected), "{expected} is not in\n{told}");
    }
}

/// A sink that refuses every alert is as dead as one that says so.
#[tokio::test(start_paused = true)]
async fn a_sink_that_refuses_everything_is_told_of_through_the_others() {
    let config = format!("{AT_ONCE}[[sink]]\nname = \"mail\"\nkind = \"terminal\"\n");
    let mut stage = Stage::of_loops(&["us-east-1"]).with(&config);
    stage.answers("mail", "10:00", "11:00", Answer::Refuses);
    for n in 0..5 {
        stage.record(user(&format!("u{n}"), &format!("10:0{n}"), "us-east-1"), minutes(1));
    }
    stage.start().await;
    stage.until("10:20").await;
    stage.stop().await;
    assert!(
        stage.transcript().contains("slack: trailnoti cannot send alerts through mail"),
        "{}",
        stage.transcript()
    );
}

/// Ready means that every account and every configured region is read.
#[tokio::test(start_paused = true)]
async fn what_is_not_watched_is_not_ready() {
    let config = format!("{AT_ONCE}[aws]\nregions = [\"us-east-1\", \"eu-west-9\"]\n");
    let mut stage = Stage::of_loops(&["us-east-1"]).with(&config);
    stage.start().await;
    stage.until("10:05").await;
    let ready = stage.status.readiness(stage.clock.now());
    stage.stop().await;
    assert_eq!(ready.missing, ["111122223333 eu-west-9: configured, but not enabled"]);
}
