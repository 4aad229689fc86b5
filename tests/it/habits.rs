//! What habits and what callers say of themselves do to severities, over all of AWS's reads and over real writes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use trailnoti::config::Config;
use trailnoti::domain::event::Event;
use trailnoti::domain::event::reads::is_read;
use trailnoti::domain::judge::inputs::Ruleset;
use trailnoti::domain::judge::prepared::{Item, Prepared};
use trailnoti::domain::notify::alert::Alert;
use trailnoti::domain::replay::Hindsight;
use trailnoti::domain::rules::rule::Scratch;
use trailnoti::domain::severity::Severity;
use trailnoti::files::scan::item;

use crate::records::data;

const ACCOUNT: &str = "111122223333";

fn ruleset() -> Ruleset {
    Config::parse("t", "", None, BTreeMap::new()).expect("right").ruleset
}

fn event(record: &Value) -> Event {
    Event::from_record_text(record.to_string(), ACCOUNT).expect("an event")
}

/// What is alerted on of records, after the past of an account that is known.
fn alerts(ruleset: &Ruleset, past: &[Value], records: &[Value]) -> Vec<Alert> {
    let mut scratch = Scratch::default();
    let mut items = |records: &[Value]| -> Vec<Item<'_>> {
        let prepared = records.iter().map(|record| Prepared::of(event(record), ruleset, true, &mut scratch));
        prepared.map(|prepared| Item::Judge(Box::new(prepared))).collect()
    };
    let mut hindsight = Hindsight::new(ruleset, std::time::Duration::from_secs(3600));
    hindsight.remember(&items(past));
    hindsight.is_learned();
    hindsight.judge(&items(records)).alerts
}

fn record(n: usize, day: usize, service: &str, call: &str, identity: &Value) -> Value {
    json!({
        "eventVersion": "1.11", "eventID": format!("{n:08x}-0000-4000-8000-000000000000"),
        "eventTime": format!("2026-05-{day:02}T10:{:02}:{:02}Z", n / 60 % 60, n % 60), "eventSource": format!("{service}.amazonaws.com"),
        "eventName": call, "awsRegion": "eu-west-1", "sourceIPAddress": "203.0.113.7", "userAgent": "aws-cli/2.27",
        "readOnly": is_read(call), "eventType": "AwsApiCall", "recipientAccountId": ACCOUNT, "userIdentity": identity,
        "requestParameters": null, "responseElements": null,
    })
}

fn user(key: &str) -> Value {
    json!({ "type": "IAMUser", "arn": format!("arn:aws:iam::{ACCOUNT}:user/anna"), "accountId": ACCOUNT, "userName": "anna", "accessKeyId": key })
}

/// A rule on GuardDuty's changes rang on each of its reads: what its branch said took the place of what stood outside.
#[test]
fn no_read_of_aws_alerts_but_by_a_rule_that_names_it() {
    let ruleset = ruleset();
    let named: BTreeSet<String> = ruleset
        .rules
        .iter()
        .flat_map(|rule| rule.pattern.named_texts("detail.eventName"))
        .flatten()
        .flat_map(|(names, _)| names.into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let calls = data("read-only-calls.tsv");
    let reads: Vec<(&str, &str)> = calls
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .flat_map(|(service, calls)| calls.split(' ').map(move |call| (service, call)))
        .filter(|(_, call)| !named.contains(*call))
        .collect();
    assert!(reads.len() > 8_000, "{}", reads.len());
    let identities = [user("AKIAIOSFODNN7EXAMPLE"), user("ASIAIOSFODNN7EXAMPLE")];
    let records: Vec<Value> = reads
        .iter()
        .enumerate()
        .map(|(n, (service, call))| record(n, 1 + n / 3600, service, call, &identities[n % 2]))
        .collect();
    let told: Vec<String> = alerts(&ruleset, &[], &records)
        .iter()
        .map(|alert| format!("{}: {}", alert.rule, alert.title))
        .collect();
    assert!(told.is_empty(), "{} of {}:\n{}", told.len(), records.len(), told.join("\n"));
}

/// The severity of one record after a past.
fn severity(ruleset: &Ruleset, past: &[Value], record: &Value) -> Option<Severity> {
    alerts(ruleset, past, std::slice::from_ref(record)).iter().map(|alert| alert.severity).max()
}

/// Whoever calls chooses the user agent, and whoever takes on a role the session's name. Neither makes anything less urgent than it
/// is under a name that says nothing: only what that very principal did before does.
#[test]
fn no_name_that_a_caller_chooses_makes_a_call_less_urgent() {
    let ruleset = ruleset();
    let agents = [
        "APN/1.0 HashiCorp/1.0 Terraform/1.9.5",
        "packer-plugin-amazon/1.3",
        "aws-cdk/2",
        "cloudformation.amazonaws.com",
        "console.amazonaws.com",
        "Mozilla/5.0 (Macintosh)",
        "AWS Internal",
        "ec2fleet.amazonaws.com",
        "karpenter.sh-1.4.0",
        "eksctl/0.200",
        "Pulumi/3",
        "aws-sdk-go-v2/1.36",
        "Boto3/1.38",
    ];
    let sessions = [
        "i-0123456789abcdef0",
        "GitHubActions",
        "AWSBackup-x",
        "eks-prod-pod-0123456789-0123456789-0123456789-0123",
        "AutoScaling",
        "mira@example.com",
        "botocore-session-1",
        "AWSReservedSSO",
    ];
    let role = |session: &str, more: &Value| {
        let mut role = json!({
            "type": "AssumedRole", "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/deploy/{session}"), "accountId": ACCOUNT,
            "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "sessionContext": { "sessionIssuer": { "type": "Role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/deploy"), "userName": "deploy" } },
        });
        more.as_object()
            .into_iter()
            .flatten()
            .for_each(|(name, value)| role["sessionContext"][name] = value.clone());
        role
    };
    // The account and both principals are known for days by a harmless call.
    let mut past: Vec<Value> = Vec::new();
    for day in 1..=10 {
        past.push(record(day, day, "s3", "PutBucketTagging", &user("AKIAIOSFODNN7EXAMPLE")));
        past.push(record(day + 100, day, "s3", "PutBucketTagging", &role("x", &Value::Null)));
    }
    past.iter_mut().for_each(|record| record["userAgent"] = "aws-cli/2.27".into());
    let calls: Vec<Value> = data("records.jsonl")
        .lines()
        .step_by(4)
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|call| call["readOnly"] == false && call["eventType"] == "AwsApiCall")
        .filter(|call| call["userIdentity"]["invokedBy"].is_null() && call["vpcEndpointId"].is_null())
        .collect();
    assert!(calls.len() > 150, "{}", calls.len());
    let (mut lowered, mut tried) = (Vec::new(), 0);
    for (n, call) in calls.iter().enumerate() {
        let as_said = |identity: &Value, agent: &str| {
            let mut call = call.clone();
            call["userIdentity"] = identity.clone();
            call["userAgent"] = agent.into();
            call["eventTime"] = "2026-05-12T10:00:00Z".into();
            call["recipientAccountId"] = ACCOUNT.into();
            call["sourceIPAddress"] = if n % 2 == 0 { "203.0.113.7" } else { "45.67.89.10" }.into();
            call.as_object_mut().expect("an object").remove("sessionCredentialFromConsole");
            call
        };
        let mut check = |identity: &Value, agent: &str, plain: Option<Severity>| {
            tried += 1;
            let said = severity(&ruleset, &past, &as_said(identity, agent));
            if said < plain {
                lowered.push(format!(
                    "{} {agent} {}: {said:?} below {plain:?}",
                    call["eventName"], identity["arn"]
                ));
            }
        };
        let (anna, plain_role) = (user("AKIAIOSFODNN7EXAMPLE"), role("x", &Value::Null));
        let by_key = severity(&ruleset, &past, &as_said(&anna, "own/1"));
        let by_role = severity(&ruleset, &past, &as_said(&plain_role, "own/1"));
        let agent = agents[n % agents.len()];
        check(&anna, agent, by_key);
        check(&plain_role, agent, by_role);
        check(&role(sessions[n % sessions.len()], &Value::Null), "own/1", by_role);
        check(&role("x", &json!({ "sourceIdentity": "CN=builds" })), "own/1", by_role);
        let mut federated = anna.clone();
        federated["type"] = "FederatedUser".into();
        federated["arn"] = format!("arn:aws:sts::{ACCOUNT}:federated-user/terraform").into();
        federated["accessKeyId"] = "ASIAIOSFODNN7EXAMPLE".into();
        federated["sessionContext"] =
            json!({ "sessionIssuer": { "type": "IAMUser", "arn": anna["arn"], "userName": "anna" } });
        let mut session = anna.clone();
        session["accessKeyId"] = "ASIAIOSFODNN7EXAMPLE".into();
        let by_session = severity(&ruleset, &past, &as_said(&session, "own/1"));
        check(&federated, "own/1", by_session);
    }
    assert!(lowered.is_empty(), "{} of {tried}:\n{}", lowered.len(), lowered.join("\n"));
}

/// What is passed over at a glance, because nothing is new or has an effect, is what no rule fits when it is looked at whole.
#[test]
fn what_a_glance_passes_over_no_rule_fits() {
    let ruleset = ruleset();
    let mut scratch = Scratch::default();
    let records: Vec<String> = data("records.jsonl").lines().map(str::to_owned).collect();
    let mut of = |learned: bool, quickly: bool| -> Vec<Item<'_>> {
        // A read that no rule names is nothing, also as one of the days by which an account is known.
        let one = |record: &String| {
            let quick = item(record, &ruleset, learned, &mut scratch).expect("an event")?;
            let event = Event::from_record_text(record.clone(), "").expect("an event");
            let whole =
                || Item::Judge(Box::new(Prepared::of(event, &ruleset, learned, &mut Scratch::default())));
            Some(if quickly { quick } else { whole() })
        };
        records.iter().filter_map(one).collect()
    };
    let mut told = |quickly: bool| -> Vec<String> {
        let mut hindsight = Hindsight::new(&ruleset, std::time::Duration::from_secs(3600));
        let mut alerts = hindsight.judge(&of(false, quickly)).alerts;
        hindsight.is_learned();
        alerts.extend(hindsight.judge(&of(true, quickly)).alerts);
        alerts.iter().map(|alert| format!("{} {} {}", alert.event_id, alert.rule, alert.severity)).collect()
    };
    let (quick, whole) = (told(true), told(false));
    assert!(whole.len() > 500, "{}", whole.len());
    let differ: Vec<&String> = whole.iter().filter(|one| !quick.contains(one)).collect();
    let more: Vec<&String> = quick.iter().filter(|one| !whole.contains(one)).collect();
    assert!(differ.is_empty() && quick.len() == whole.len(), "{differ:?}\nbut {more:?}");
}

/// The first alert of high or above among these calls, counted from 1.
fn first_high(ruleset: &Ruleset, past: &[Value], calls: &[Value]) -> Option<usize> {
    let told = alerts(ruleset, past, calls);
    let high = |call: &Value| {
        let id = call["eventID"].as_str().unwrap_or_default();
        told.iter().any(|alert| alert.event_id == id && alert.severity >= Severity::High)
    };
    calls.iter().position(high).map(|n| n + 1)
}

/// A thief who has read our source calls himself what the account's builds are called, sits in the company's network, or comes with the
/// session of a person whom he phished. Each is known by the fifth call at the latest.
#[test]
fn a_thief_in_disguise_is_high_within_five_calls() {
    let ruleset = ruleset();
    let key = user("AKIAIOSFODNN7EXAMPLE");
    let person = json!({
        "type": "AssumedRole", "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/mira"),
        "accountId": ACCOUNT, "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
        "sessionContext": { "sessionIssuer": { "type": "Role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef") } },
    });
    let machine = json!({
        "type": "AssumedRole", "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/web/i-0123456789abcdef0"), "accountId": ACCOUNT,
        "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
    });
    let mut past = Vec::new();
    for day in 1..=10 {
        for (n, who) in [&key, &person, &machine].into_iter().enumerate() {
            past.push(record(day * 10 + n, day, "s3", "PutBucketTagging", who));
        }
    }
    let calls = [
        ("ec2", "CreateTags"),
        ("ec2", "CreateSecurityGroup"),
        ("iam", "CreateUser"),
        ("iam", "CreateAccessKey"),
        ("ec2", "RunInstances"),
    ];
    let thief = |who: &Value, address: &str, agent: &str| -> Vec<Value> {
        let of = |(n, (service, call)): (usize, &(&str, &str))| {
            let mut call = record(900 + n, 12, service, call, who);
            (call["sourceIPAddress"], call["userAgent"]) = (address.into(), agent.into());
            call
        };
        calls.iter().enumerate().map(of).collect()
    };
    let (home, abroad, terraform) = ("203.0.113.7", "45.67.89.10", "APN/1.0 HashiCorp/1.0 Terraform/1.11.4");
    for (disguise, calls, at_most) in [
        ("Terraform, from abroad", thief(&key, abroad, terraform), 1),
        ("Terraform, in the company's network", thief(&key, home, terraform), 5),
        ("the company's network", thief(&key, home, "aws-cli/2.27"), 5),
        ("a phished person in a browser", thief(&person, abroad, "Mozilla/5.0 (Macintosh)"), 5),
        ("a phished person on a command line", thief(&person, abroad, "aws-cli/2.27"), 5),
        ("a machine's role, from outside", thief(&machine, abroad, "aws-cli/2.27"), 1),
    ] {
        let first = first_high(&ruleset, &past, &calls);
        assert!(first.is_some_and(|first| first <= at_most), "{disguise}: first high at {first:?}");
    }
}
