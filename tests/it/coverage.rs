//! What trailnoti can prove: that it reads everything, what it missed and read back, and that it says so once.

use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::records::{Caller, call};
use trailnoti::simulator::{Fault, Trouble};

use crate::world::{AT_ONCE, MALLORY, Stage, at, minutes};

fn user(name: &str, time: &str) -> Json {
    let request = object([("userName", name.into())]);
    call(&MALLORY, at(time), "us-east-1", "iam", "CreateUser", request, Json::Null)
}

fn tag(time: &str, region: &str) -> Json {
    let admin = Caller { user: "admin", ..MALLORY };
    call(&admin, at(time), region, "ec2", "CreateTags", Json::Null, Json::Null)
}

/// What was told, without what it is about.
fn told(stage: &Stage, words: &str) -> Vec<String> {
    stage.transcript().lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
}

async fn sentence(stage: &Stage) -> String {
    let page = stage.status.pages().expect("it runs").status().await.expect("read");
    page.coverage.sentence
}

#[tokio::test(start_paused = true)]
async fn one_denial_of_seventeen_regions_is_one_alert_and_one_when_it_is_over() {
    let mut stage = Stage::new(&[]);
    stage.world.fault(Fault::new(Trouble::Denied).between(at("10:30"), at("11:30")));
    stage.record(user("x", "11:00"), minutes(2));
    stage.start().await;
    stage.until("12:30").await;
    stage.stop().await;
    let blind = told(&stage, "cannot read");
    assert_eq!(blind.len(), 1, "{}", stage.transcript());
    assert!(
        blind[0].contains("!trailnoti cannot read CloudTrail events and instances in 17 regions"),
        "{blind:?}"
    );
    let book = stage.book.lock().expect("the book");
    let alerts = || book.deliveries.iter().flat_map(|one| &one.digest.alerts).map(|pending| &pending.alert);
    let blind = alerts().find(|alert| alert.rule == "trailnoti-blind").expect("told");
    let fact = |name: &str| blind.facts.iter().find(|(fact, _)| fact == name).map(|(_, said)| said.as_str());
    assert!(fact("unseen too").is_some_and(|said| said.starts_with("root sign-ins")), "{:?}", blind.facts);
    assert!(fact("regions").is_some_and(|said| said.starts_with("ap-northeast-1, ")), "{:?}", blind.facts);
    drop(book);
    let healed = told(&stage, "can read");
    assert_eq!(healed.len(), 1, "{}", stage.transcript());
    assert!(healed[0].contains("can read CloudTrail events and instances in 17 regions"), "{healed:?}");
    let back = told(&stage, "has read back what");
    assert_eq!(back.len(), 1, "{}", stage.transcript());
    assert!(back[0].contains("in 17 regions: 1 event, 1 alert"), "{back:?}");
}

#[tokio::test(start_paused = true)]
async fn one_dark_network_is_one_alert_for_all_accounts() {
    let config = "[[account]]\nname = \"one\"\nrole_arn = \"arn:aws:iam::111122223333:role/t\"\n\
                  [[account]]\nname = \"two\"\nrole_arn = \"arn:aws:iam::444455556666:role/t\"\n";
    let mut stage = Stage::new(&["us-east-1", "eu-west-1"]).with(&format!("{AT_ONCE}{config}"));
    stage.world.add_account("444455556666");
    stage.world.account("444455556666", |account| account.only_regions(&["us-east-1", "eu-west-1"]));
    stage.world.fault(Fault::new(Trouble::Hang).between(at("10:30"), at("11:30")));
    stage.start().await;
    stage.until("12:30").await;
    stage.stop().await;
    let blind = told(&stage, "cannot read");
    assert_eq!(blind.len(), 1, "{}", stage.transcript());
    assert!(blind[0].contains("in 4 regions of 2 accounts"), "{blind:?}");
    assert_eq!(told(&stage, "can read").len(), 1, "{}", stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_three_hours_is_told_with_what_was_read_back() {
    let mut stage = Stage::new(&["us-east-1", "eu-west-1"]);
    stage.record(user("x", "12:00"), minutes(2));
    for n in 0..120 {
        let region = if n % 2 == 0 { "us-east-1" } else { "eu-west-1" };
        stage.record(tag(&format!("11:{:02}:{:02}", n / 3, n % 3), region), minutes(3));
    }
    stage.start().await;
    stage.until("10:40").await;
    assert!(sentence(&stage).await.contains("no gaps since 2026-03-02"), "{}", sentence(&stage).await);
    stage.stop().await;
    stage.until("13:52").await;
    stage.start().await;
    stage.until("13:52:20").await;
    assert!(sentence(&stage).await.contains("2 gaps"), "{}", sentence(&stage).await);
    stage.until("14:30").await;
    let page = stage.status.pages().expect("it runs").status().await.expect("read");
    stage.stop().await;
    let down = told(&stage, "did not run");
    assert_eq!(down.len(), 1, "{}", stage.transcript());
    assert!(down[0].contains("did not run for 3h 1"), "{down:?}");
    assert!(down[0].contains("has read back 121 events, "), "{down:?}");
    assert_eq!((page.coverage.gaps, page.coverage.read_back, page.coverage.in_time), (0, 2, 2));
    assert!(page.coverage.sentence.ends_with("(2 read back)"), "{}", page.coverage.sentence);
    assert!(page.coverage.ledgers[0].lanes.iter().any(|lane| lane.lane == "whole"), "{:?}", page.coverage);
}

#[tokio::test(start_paused = true)]
async fn what_aws_does_not_keep_any_more_is_told_as_a_gap() {
    let mut stage = Stage::of_loops(&["us-east-1"]);
    stage.start().await;
    stage.until("10:40").await;
    stage.stop().await;
    stage.until("d101 10:00").await;
    stage.start().await;
    stage.until("d101 11:00").await;
    let summary = sentence(&stage).await;
    stage.stop().await;
    stage.until("d101 11:05").await;
    stage.start().await;
    stage.until("d101 11:30").await;
    stage.stop().await;
    let gap = told(&stage, "can never be read");
    assert_eq!(gap.len(), 1, "{}", stage.transcript());
    assert!(gap[0].contains("What happened in us-east-1 from 2026-03-02T10:"), "{gap:?}");
    assert!(summary.contains("1 gap since"), "{summary}");
}

#[tokio::test(start_paused = true)]
async fn a_region_that_does_not_answer_is_a_gap_until_it_is_read_back() {
    let mut stage = Stage::of_loops(&["us-east-1", "eu-west-1"]);
    stage.world.fault(Fault::new(Trouble::Hang).region("eu-west-1").between(at("10:30"), at("12:00")));
    stage.record(tag("11:00", "eu-west-1"), minutes(2));
    stage.start().await;
    stage.until("11:30").await;
    let during = sentence(&stage).await;
    // The gap is known over a restart.
    stage.stop().await;
    stage.start().await;
    stage.until("11:50").await;
    let restarted = sentence(&stage).await;
    stage.until("12:30").await;
    let after = sentence(&stage).await;
    stage.stop().await;
    assert!(during.starts_with("1 of 2 regions read up to 11:2"), "{during}");
    assert!(during.contains("1 gap since"), "{during}");
    assert!(restarted.contains("1 gap since"), "{restarted}");
    assert!(after.starts_with("2 of 2 regions") && after.ends_with("(1 read back)"), "{after}");
    assert_eq!(told(&stage, "has read back").len(), 1, "{}", stage.transcript());
}

#[tokio::test(start_paused = true)]
async fn own_calls_that_do_not_come_back_within_half_an_hour_are_told_once() {
    let mut stage = Stage::of_loops(&["us-east-1", "eu-west-1"]);
    for region in ["us-east-1", "eu-west-1"] {
        stage.world.withhold(region, at("11:00"), at("13:00"));
    }
    stage.start().await;
    stage.until("11:30").await;
    assert_eq!(told(&stage, "own calls").len(), 0, "{}", stage.transcript());
    stage.until("15:00").await;
    stage.stop().await;
    let withheld = told(&stage, "own calls");
    assert_eq!(withheld.len(), 1, "{}", stage.transcript());
    let place = "CloudTrail's event history in eu-west-1 and us-east-1";
    assert!(withheld[0].starts_with("11:") && withheld[0].contains(place), "{withheld:?}");
    let shown = told(&stage, "is complete again");
    assert_eq!(shown.len(), 1, "{}", stage.transcript());
    assert!(shown[0].starts_with("13:0"), "{shown:?}");
}
