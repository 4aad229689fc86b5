//! The simulated AWS is held to what is known of the real one; see the facts of `docs/aws.md`, whose
//! points these tests follow.

use serde_json::{Value, json};

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::clock::Clock;
use crate::domain::json::{Json, object};
use crate::simulator::records::{Caller, call, console_login};

pub(super) const ACCOUNT: &str = "111122223333";
const WHO: Caller<'static> =
    Caller { account: ACCOUNT, user: "ann", key: "AKIAANN", address: "192.0.2.1", agent: "aws-cli/2" };

fn start() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().expect("a time")
}

pub(super) fn at(second: i64) -> Timestamp {
    start() + SignedDuration::from_secs(second)
}

/// A world with an account of the default regions, and its key.
pub(super) fn world() -> (World, String) {
    let world = World::new(Clock::virtual_from(start()));
    let key = world.add_account(ACCOUNT);
    (world, key)
}

fn record(world: &World, name: &str, second: i64, late: i64) {
    let request = object([("n", second.into()), ("late", late.into())]);
    let record = call(&WHO, at(second), "us-east-1", "iam", name, request, Json::Null);
    world.account(ACCOUNT, |account| account.record(record, SignedDuration::from_secs(late)));
}

pub(super) fn ask(
    world: &World,
    key: &str,
    service: &str,
    region: &str,
    target: &str,
    body: &str,
) -> (u16, String) {
    let call = Call {
        access_key: key.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        target: target.to_owned(),
        body: body.to_owned(),
    };
    match world.answer(&call) {
        Answer::Reply { status, body, .. } => (status, body),
        other => panic!("{other:?}"),
    }
}

async fn look_up(world: &World, key: &str, body: Value) -> Value {
    // Two a second are allowed.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (_, reply) =
        ask(world, key, "cloudtrail", "us-east-1", "CloudTrail_20131101.LookupEvents", &body.to_string());
    serde_json::from_str(&reply).expect("JSON")
}

fn code(reply: &Value) -> &str {
    reply["__type"].as_str().unwrap_or("no error")
}

fn count(reply: &Value) -> usize {
    reply["Events"].as_array().map_or(0, Vec::len)
}

#[tokio::test(start_paused = true)]
async fn both_spellings_of_the_target_are_taken() {
    let (world, key) = world();
    for target in [
        "CloudTrail_20131101.LookupEvents",
        "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents",
    ] {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(ask(&world, &key, "cloudtrail", "us-east-1", target, "{}").0, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn events_come_newest_first_fifty_a_page_with_both_ends_included() {
    let (world, key) = world();
    for second in 0..120 {
        record(&world, "CreateUser", second, 0);
    }
    tokio::time::sleep(Duration::from_secs(200)).await;
    let window = json!({ "StartTime": at(10).as_second(), "EndTime": at(109).as_second() });
    let first = look_up(&world, &key, window.clone()).await;
    assert_eq!(count(&first), 50);
    assert_eq!(first["Events"][0]["EventTime"], json!(at(109).as_second() as f64));
    let mut next = window;
    next["NextToken"] = first["NextToken"].clone();
    let second = look_up(&world, &key, next).await;
    assert_eq!(count(&second), 50);
    assert_eq!(second["Events"][49]["EventTime"], json!(at(10).as_second() as f64));
    assert_eq!(second.get("NextToken"), None);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_bound_to_the_parameters_it_was_given_for() {
    let (world, key) = world();
    for second in 0..60 {
        record(&world, "CreateUser", second, 0);
    }
    tokio::time::sleep(Duration::from_secs(100)).await;
    let window = |end: i64| json!({ "StartTime": at(0).as_second(), "EndTime": at(end).as_second() });
    let first = look_up(&world, &key, window(90)).await;
    let mut moved = window(91);
    moved["NextToken"] = first["NextToken"].clone();
    assert_eq!(code(&look_up(&world, &key, moved).await), "InvalidNextTokenException");
    world.expire_tokens();
    let mut same = window(90);
    same["NextToken"] = first["NextToken"].clone();
    assert_eq!(code(&look_up(&world, &key, same).await), "InvalidNextTokenException");
}

#[tokio::test(start_paused = true)]
async fn an_event_is_there_only_once_it_is_visible() {
    let (world, key) = world();
    record(&world, "CreateUser", 10, 300);
    tokio::time::sleep(Duration::from_secs(200)).await;
    assert_eq!(count(&look_up(&world, &key, json!({})).await), 0);
    tokio::time::sleep(Duration::from_secs(200)).await;
    assert_eq!(count(&look_up(&world, &key, json!({})).await), 1);
}

#[tokio::test(start_paused = true)]
async fn one_attribute_is_taken_by_its_exact_name() {
    let (world, key) = world();
    record(&world, "CreateUser", 1, 0);
    record(&world, "GetUser", 2, 0);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let attribute = |key: &str, value: &str| json!({ "AttributeKey": key, "AttributeValue": value });
    for (name, value, expected) in [
        ("ReadOnly", "false", 1),
        ("ReadOnly", "true", 1),
        ("EventName", "CreateUser", 1),
        ("EventName", "createuser", 0),
        ("EventSource", "iam.amazonaws.com", 2),
        ("Username", "ann", 2),
        ("AccessKeyId", "AKIAANN", 2),
    ] {
        let reply = look_up(&world, &key, json!({ "LookupAttributes": [attribute(name, value)] })).await;
        assert_eq!(count(&reply), expected, "{name}={value}");
    }
    for wrong in [
        json!([attribute("eventname", "x")]),
        json!([attribute("ReadOnly", "false"), attribute("EventName", "x")]),
    ] {
        let reply = look_up(&world, &key, json!({ "LookupAttributes": wrong })).await;
        assert_eq!(code(&reply), "InvalidLookupAttributesException");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_the_wrong_way_round_and_a_page_too_large_are_refused() {
    let (world, key) = world();
    let reply = look_up(&world, &key, json!({ "StartTime": 2, "EndTime": 1 })).await;
    assert_eq!(code(&reply), "InvalidTimeRangeException");
    assert_eq!(code(&look_up(&world, &key, json!({ "MaxResults": 51 })).await), "InvalidMaxResultsException");
}

#[tokio::test(start_paused = true)]
async fn two_requests_a_second_are_answered_for_each_account_and_region() {
    let (world, key) = world();
    let target = "CloudTrail_20131101.LookupEvents";
    let status = |region: &str| ask(&world, &key, "cloudtrail", region, target, "{}");
    assert_eq!((status("us-east-1").0, status("us-east-1").0), (200, 200));
    let (code, body) = status("us-east-1");
    assert_eq!((code, body.contains("ThrottlingException")), (400, true));
    assert_eq!(status("eu-west-1").0, 200, "another region has its own quota");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(status("us-east-1").0, 200);
}

#[tokio::test(start_paused = true)]
async fn an_event_looks_as_it_does_on_the_wire() {
    let (world, key) = world();
    world.account(ACCOUNT, |account| {
        account.record(console_login(&WHO, at(1), "us-east-1", true, true), SignedDuration::ZERO);
    });
    let service = call(
        &WHO,
        at(2),
        "us-east-1",
        "sts",
        "AssumeRole",
        object([("roleArn", "arn:x".into())]),
        Json::Null,
    );
    let service = match service {
        Json::Object(members) => {
            Json::Object(members.into_iter().filter(|(name, _)| name != "userIdentity").collect())
        }
        other => other,
    };
    world.account(ACCOUNT, |account| account.record(service, SignedDuration::ZERO));
    tokio::time::sleep(Duration::from_secs(10)).await;
    let reply = look_up(&world, &key, json!({})).await;
    let (by_service, login) = (&reply["Events"][0], &reply["Events"][1]);
    assert_eq!(login["ReadOnly"], "false", "a text");
    assert!(login["EventTime"].is_f64());
    let record: Value =
        serde_json::from_str(login["CloudTrailEvent"].as_str().expect("a text")).expect("JSON in it");
    assert_eq!(record["readOnly"], false, "a truth value");
    assert_eq!((by_service.get("Username"), by_service.get("AccessKeyId")), (None, None), "absent, not null");
    assert_eq!(by_service["Resources"][0]["ResourceType"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_of_empty_pages_can_be_either() {
    let (world, key) = world();
    for second in 0..60 {
        record(&world, "CreateUser", second, 0);
    }
    tokio::time::sleep(Duration::from_secs(100)).await;
    for empty in [false, true] {
        if empty {
            world.send_empty_pages();
        }
        let (mut seen, mut pages, mut token) = (0, 0, Value::Null);
        loop {
            let mut body = json!({ "EndTime": at(90).as_second() });
            if token != Value::Null {
                body["NextToken"] = token.clone();
            }
            let reply = look_up(&world, &key, body).await;
            seen += count(&reply);
            pages += 1;
            match reply.get("NextToken") {
                Some(next) => token = next.clone(),
                None => break,
            }
        }
        assert_eq!((seen, pages), (60, if empty { 4 } else { 2 }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_not_enabled_looks_like_bad_credentials() {
    let (world, key) = world();
    world.account(ACCOUNT, |account| account.enable("me-south-1", at(600)));
    let target = "CloudTrail_20131101.LookupEvents";
    let (status, body) = ask(&world, &key, "cloudtrail", "me-south-1", target, "{}");
    assert_eq!((status, body.contains("UnrecognizedClientException")), (400, true));
    let (status, body) = ask(&world, &key, "ec2", "me-south-1", "", "Action=DescribeInstances");
    assert_eq!((status, body.contains("AuthFailure")), (401, true));
    tokio::time::sleep(Duration::from_secs(601)).await;
    assert_eq!(ask(&world, &key, "cloudtrail", "me-south-1", target, "{}").0, 200);
    let (_, regions) = ask(&world, &key, "ec2", "us-east-1", "", "Action=DescribeRegions");
    assert!(
        regions.contains("<regionName>me-south-1</regionName>") && regions.contains("<optInStatus>opted-in<")
    );
    assert_eq!(regions.matches("<item>").count(), 18);
}

#[tokio::test(start_paused = true)]
async fn a_role_gives_a_session_that_ends() {
    let (world, key) = world();
    world.add_account("444455556666");
    let assume = |role: &str| {
        ask(
            &world,
            &key,
            "sts",
            "us-east-1",
            "",
            &format!("Action=AssumeRole&RoleSessionName=s&RoleArn={role}"),
        )
    };
    let (status, reply) = assume("arn:aws:iam::444455556666:role/trailnoti");
    let session = reply
        .split("<AccessKeyId>")
        .nth(1)
        .and_then(|rest| rest.split('<').next())
        .expect("a key")
        .to_owned();
    assert_eq!(status, 200);
    let whose = || ask(&world, &session, "sts", "us-east-1", "", "Action=GetCallerIdentity");
    assert!(whose().1.contains("<Account>444455556666</Account>"));
    tokio::time::sleep(Duration::from_secs(3601)).await;
    assert_eq!((whose().0, whose().1.contains("ExpiredToken")), (403, true));
    assert_eq!(assume("arn:aws:iam::999999999999:role/absent").0, 403);
    assert_eq!(ask(&world, "AKIANOBODY", "sts", "us-east-1", "", "Action=GetCallerIdentity").0, 403);
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_what_aws_says_and_only_where_and_when_it_is() {
    let (world, key) = world();
    let target = "CloudTrail_20131101.LookupEvents";
    for (trouble, service, status, word) in [
        (Trouble::Throttled, "cloudtrail", 400, "ThrottlingException"),
        (Trouble::Throttled, "ec2", 503, "RequestLimitExceeded"),
        (Trouble::Broken, "ec2", 500, "InternalFailure"),
        (Trouble::Denied, "cloudtrail", 400, "AccessDeniedException"),
        (Trouble::Denied, "ec2", 403, "UnauthorizedOperation"),
        (Trouble::Expired, "cloudtrail", 400, "ExpiredTokenException"),
        (Trouble::Expired, "ec2", 400, "RequestExpired"),
        (Trouble::Garbage, "cloudtrail", 200, "<html>"),
    ] {
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.fault(Fault::new(trouble.clone()).region("us-east-1").times(1));
        let (target, body) = if service == "ec2" { ("", "Action=DescribeInstances") } else { (target, "{}") };
        let elsewhere = ask(&world, &key, service, "eu-west-1", target, body);
        assert_eq!((elsewhere.0, elsewhere.1.contains(word)), (200, false), "{trouble:?}");
        let (got, body) = ask(&world, &key, service, "us-east-1", target, body);
        assert_eq!((got, body.contains(word)), (status, true), "{trouble:?}: {body}");
    }
    let call = |region: &str| Call {
        access_key: key.clone(),
        region: region.to_owned(),
        service: "ec2".to_owned(),
        target: String::new(),
        body: "Action=DescribeInstances".to_owned(),
    };
    world.fault(Fault::new(Trouble::Hang).region("eu-west-1"));
    world.fault(Fault::new(Trouble::Reset).region("eu-west-2"));
    world.fault(Fault::new(Trouble::Slow(Duration::from_secs(35))).region("us-east-1"));
    assert_eq!(world.answer(&call("eu-west-1")), Answer::Hang);
    assert_eq!(world.answer(&call("eu-west-2")), Answer::Reset);
    assert!(
        matches!(world.answer(&call("us-east-1")), Answer::Reply { after, .. } if after > Duration::from_secs(35))
    );
    world.heal();
    assert!(matches!(world.answer(&call("eu-west-1")), Answer::Reply { status: 200, .. }));
}

#[tokio::test(start_paused = true)]
async fn calls_are_themselves_recorded_as_reads() {
    let (world, key) = world();
    world.record_calls();
    ask(&world, &key, "ec2", "us-east-1", "", "Action=DescribeInstances");
    tokio::time::sleep(Duration::from_secs(301)).await;
    let reads = json!({ "LookupAttributes": [{ "AttributeKey": "ReadOnly", "AttributeValue": "true" }] });
    let reply = look_up(&world, &key, reads).await;
    assert_eq!((count(&reply), reply["Events"][0]["EventName"].as_str()), (1, Some("DescribeInstances")));
}
