use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::domain::event::Received;
use crate::domain::json::Json;
use crate::domain::trails::endpoint::global_calls;
use crate::domain::trails::mend::mend;
use crate::domain::trails::volume::{Sample, estimate};

const HERE: &str = "eu-west-1";
const MANAGEMENT: &str = r#"[{"ReadWriteType":"All","IncludeManagementEvents":true,"DataResources":[],"ExcludeManagementEventSources":[]}]"#;

fn basic(text: &str) -> Selectors {
    let selectors = Json::parse(text).expect("JSON");
    Selectors { basic: selectors.items().to_vec(), advanced: Vec::new() }
}

fn advanced(text: &str) -> Selectors {
    let selectors = Json::parse(text).expect("JSON");
    Selectors { basic: Vec::new(), advanced: selectors.items().to_vec() }
}

fn kind(kind: &str) -> Selectors {
    basic(&MANAGEMENT.replace("All", kind))
}

/// A trail of one region, which logs there and records everything.
fn single(name: &str, home: &str) -> Trail {
    Trail {
        arn: format!("arn:aws:cloudtrail:{home}:111122223333:trail/{name}"),
        name: name.to_owned(),
        home: home.to_owned(),
        multi_region: false,
        organization: false,
        global_events: true,
        logging: BTreeSet::from([home.to_owned()]),
        selectors: basic(MANAGEMENT),
    }
}

/// A trail of all regions, which logs in two of them.
fn multi(name: &str) -> Trail {
    let logging = BTreeSet::from(["us-east-1".to_owned(), HERE.to_owned()]);
    Trail { multi_region: true, logging, ..single(name, "us-east-1") }
}

/// The organization's trail, in a member account.
fn organization(name: &str) -> Trail {
    let arn = format!("arn:aws:cloudtrail:us-east-1:999988887777:trail/{name}");
    Trail { organization: true, arn, ..multi(name) }
}

fn regions() -> Vec<String> {
    vec!["us-east-1".to_owned(), HERE.to_owned()]
}

/// Each as `copy of kept in regions: what; remedy`.
fn said(trails: &[Trail]) -> Vec<String> {
    let said = duplicates(trails, &regions()).into_iter().map(|one| {
        let kept: Vec<&str> = one.kept.iter().map(|trail| trail.name.as_str()).collect();
        let what = match (one.reads, one.writes) {
            (true, true) => "all",
            (true, false) => "reads",
            (false, _) => "writes",
        };
        let regions = one.regions.join("+");
        format!("{} of {} in {regions}: {what}; {:?}", one.copy.name, kept.join("+"), one.remedy)
    });
    said.collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn one_trail_is_the_free_copy() {
    assert_eq!(said(&[multi("all")]), NOTHING);
    assert_eq!(said(&[]), NOTHING);
}

#[test]
fn trails_of_two_regions_do_not_overlap() {
    assert_eq!(said(&[single("one", HERE), single("other", "us-east-1")]), NOTHING);
}

#[test]
fn a_trail_of_one_region_beside_one_of_all_is_a_copy_there() {
    assert_eq!(
        said(&[single("a-local", HERE), multi("z-all")]),
        ["a-local of z-all in eu-west-1: all; Drop"]
    );
}

#[test]
fn two_trails_of_all_regions_are_one_finding_with_their_global_events() {
    let trails = [multi("one"), multi("other")];
    assert_eq!(said(&trails), ["other of one in us-east-1+eu-west-1: all; Drop"]);
    assert!(duplicates(&trails, &regions())[0].global);
    // Set or not, a trail of another region gets no events of global services.
    assert!(!duplicates(&[single("local", HERE), multi("all")], &regions())[0].global);
    assert!(duplicates(&[single("local", "us-east-1"), multi("all")], &regions())[0].global);
}

#[test]
fn a_trail_of_reads_and_one_of_changes_do_not_overlap() {
    let reads = Trail { selectors: kind("ReadOnly"), ..multi("reads") };
    let writes = Trail { selectors: kind("WriteOnly"), ..multi("writes") };
    assert_eq!(said(&[reads.clone(), writes.clone()]), NOTHING);
    // Beside one that records both, each is a copy.
    assert_eq!(
        said(&[reads, writes, multi("all")]),
        [
            "reads of all in us-east-1+eu-west-1: reads; Drop",
            "writes of all in us-east-1+eu-west-1: writes; Drop"
        ]
    );
}

#[test]
fn what_is_recorded_twice_only_in_part_is_narrowed() {
    let writes = Trail { selectors: kind("WriteOnly"), ..organization("org") };
    let trails = [multi("own"), writes];
    assert_eq!(said(&trails), ["own of org in us-east-1+eu-west-1: writes; OnlyReads"]);
    let mend = mend(&duplicates(&trails, &regions())[0]);
    assert_eq!(
        mend.command.as_deref(),
        Some(
            r#"aws cloudtrail put-event-selectors --trail-name arn:aws:cloudtrail:us-east-1:111122223333:trail/own --region us-east-1 --event-selectors '[{"ReadWriteType":"ReadOnly","IncludeManagementEvents":true,"DataResources":[],"ExcludeManagementEventSources":[]}]'"#
        )
    );
}

#[test]
fn what_does_not_log_or_records_no_management_events_is_no_copy() {
    let stopped = Trail { logging: BTreeSet::new(), ..multi("stopped") };
    let data = r#"[{"ReadWriteType":"All","IncludeManagementEvents":false,"DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3"]}]}]"#;
    let data = Trail { selectors: basic(data), ..multi("data") };
    let objects = r#"[{"Name":"objects","FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},{"Field":"resources.type","Equals":["AWS::S3::Object"]}]}]"#;
    let objects = Trail { selectors: advanced(objects), ..multi("objects") };
    assert_eq!(said(&[multi("all"), stopped, data, objects]), NOTHING);
}

#[test]
fn advanced_selectors_say_what_they_record() {
    let recorded = |fields: &str| {
        let text = format!(
            r#"[{{"FieldSelectors":[{{"Field":"eventCategory","Equals":["Management"]}}{fields}]}}]"#
        );
        let recorded = advanced(&text).recorded();
        (recorded.reads, recorded.writes, recorded.except.into_iter().collect::<Vec<_>>().join("+"))
    };
    let nothing = String::new();
    assert_eq!(recorded(""), (true, true, nothing.clone()));
    assert_eq!(recorded(r#",{"Field":"readOnly","Equals":["true"]}"#), (true, false, nothing.clone()));
    assert_eq!(recorded(r#",{"Field":"readOnly","Equals":["false"]}"#), (false, true, nothing.clone()));
    assert_eq!(
        recorded(r#",{"Field":"eventSource","NotEquals":["kms.amazonaws.com"]}"#),
        (true, true, "kms.amazonaws.com".to_owned())
    );
    // A part of a kind is not the kind.
    assert_eq!(
        recorded(r#",{"Field":"eventSource","Equals":["kms.amazonaws.com"]}"#),
        (false, false, nothing.clone())
    );
    assert_eq!(recorded(r#",{"Field":"eventName","Equals":["CreateUser"]}"#), (false, false, nothing));
}

#[test]
fn the_organizations_trail_is_kept_and_the_member_pays() {
    let trails = [multi("a-own"), organization("z-org")];
    assert_eq!(said(&trails), ["a-own of z-org in us-east-1+eu-west-1: all; Drop"]);
    assert_eq!(duplicates(&trails, &regions())[0].payer(), "111122223333");
    // Also where the organization's is the one that there is less of.
    let local =
        Trail { multi_region: false, logging: BTreeSet::from([HERE.to_owned()]), ..organization("org") };
    let trails = [multi("own"), local];
    assert_eq!(said(&trails), ["org of own in eu-west-1: all; Drop"]);
    assert_eq!(duplicates(&trails, &regions())[0].payer(), "111122223333");
}

#[test]
fn of_three_trails_two_are_copies_of_the_one_that_is_kept() {
    let trails = [multi("a"), multi("b"), single("c", HERE)];
    assert_eq!(said(&trails), ["b of a in us-east-1+eu-west-1: all; Drop", "c of a in eu-west-1: all; Drop"]);
}

#[test]
fn a_trail_that_is_the_only_one_elsewhere_is_not_stopped() {
    let logging = BTreeSet::from([HERE.to_owned()]);
    let here = Trail { logging: logging.clone(), ..multi("a") };
    assert_eq!(said(&[here, multi("b")]), ["a of b in eu-west-1: all; Drop"]);
    let trails = [Trail { logging, ..organization("org") }, multi("own")];
    assert_eq!(said(&trails), ["own of org in eu-west-1: all; Elsewhere"]);
    let mend = mend(&duplicates(&trails, &regions())[0]);
    assert!(mend.command.is_none(), "{mend:?}");
    assert!(mend.step.contains("why org (the organization's) does not log there"), "{mend:?}");
}

#[test]
fn a_trail_without_other_events_is_stopped_in_its_own_region() {
    let trails = [single("local", HERE), multi("all")];
    let mend = mend(&duplicates(&trails, &regions())[0]);
    assert_eq!(mend.step, "stop local, once nobody needs what it writes");
    assert_eq!(
        mend.command.as_deref(),
        Some(
            "aws cloudtrail stop-logging --name arn:aws:cloudtrail:eu-west-1:111122223333:trail/local --region eu-west-1"
        )
    );
}

#[test]
fn a_trail_with_data_events_keeps_them() {
    let both = r#"[{"ReadWriteType":"WriteOnly","IncludeManagementEvents":true,"DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3"]}]}]"#;
    let trails = [Trail { selectors: basic(both), ..single("data", HERE) }, multi("all")];
    let command = mend(&duplicates(&trails, &regions())[0]).command.expect("a command");
    let left = r#"--event-selectors '[{"ReadWriteType":"WriteOnly","IncludeManagementEvents":false,"DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3"]}]}]'"#;
    assert!(command.ends_with(left), "{command}");
    let both = r#"[{"Name":"m","FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]}]},{"Name":"d","FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]}]}]"#;
    let trails = [Trail { selectors: advanced(both), ..single("data", HERE) }, multi("all")];
    let command = mend(&duplicates(&trails, &regions())[0]).command.expect("a command");
    let left = r#"--advanced-event-selectors '[{"Name":"d","FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]}]}]'"#;
    assert!(command.ends_with(left), "{command}");
}

#[test]
fn advanced_selectors_are_narrowed_to_the_kind_that_is_needed() {
    let all = r#"[{"Name":"m","FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]},{"Field":"eventSource","NotEquals":["kms.amazonaws.com"]}]}]"#;
    let narrowed = advanced(all).narrowed(true, false).expect("reads");
    assert_eq!(
        narrowed.option().1,
        r#"[{"Name":"m","FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]},{"Field":"eventSource","NotEquals":["kms.amazonaws.com"]},{"Field":"readOnly","Equals":["true"]}]}]"#
    );
    assert_eq!(narrowed.narrowed(true, true), Some(narrowed.clone()));
    assert_eq!(narrowed.narrowed(false, true), None);
}

/// A selector's name is anybody's text, and the command is pasted into a shell.
#[test]
fn what_others_wrote_stays_one_word_of_the_command_or_is_not_shown() {
    let named = |name: &str| {
        let name = Json::from(name).to_string();
        let both = format!(
            r#"[{{"FieldSelectors":[{{"Field":"eventCategory","Equals":["Management"]}}]}},{{"Name":{name},"FieldSelectors":[{{"Field":"eventCategory","Equals":["Data"]}}]}}]"#
        );
        let trails = [Trail { selectors: advanced(&both), ..single("data", HERE) }, multi("all")];
        mend(&duplicates(&trails, &regions())[0])
    };
    let command = named("x'; rm -rf ~; echo '").command.expect("a command");
    assert!(command.contains(r#""Name":"x'\''; rm -rf ~; echo '\''""#), "{command}");
    for hostile in ["\u{202e}x", "a\u{200b}b", "x".repeat(3_000).as_str()] {
        let mend = named(hostile);
        assert!(mend.command.is_none() && mend.step.contains("get-event-selectors"), "{mend:?}");
    }
}

#[test]
fn a_service_that_the_kept_trail_leaves_out_is_lost_and_costs_nothing() {
    let without = MANAGEMENT.replace(
        r#""ExcludeManagementEventSources":[]"#,
        r#""ExcludeManagementEventSources":["kms.amazonaws.com"]"#,
    );
    let without = Trail { selectors: basic(&without), ..organization("org") };
    let trails = [multi("own"), without.clone()];
    let found = duplicates(&trails, &regions());
    assert_eq!(found[0].lost, BTreeSet::from(["kms.amazonaws.com".to_owned()]));
    let step = mend(&found[0]).step;
    assert!(step.starts_with("first let org (the organization's) record kms.amazonaws.com too"), "{step}");
    let samples = BTreeMap::from([(HERE.to_owned(), sample(10, "kms", true, true))]);
    assert_eq!(estimate(&found[0], &samples).expect("an estimate").a_day, 0.0);
    // A copy that itself leaves it out loses nothing.
    let trails = [Trail { selectors: without.selectors, ..single("own", HERE) }, multi("all")];
    assert_eq!(duplicates(&trails, &regions())[0].lost, BTreeSet::new());
}

fn now() -> Timestamp {
    "2026-03-02T10:00:00Z".parse().expect("a time")
}

fn received(record: &str, time: Timestamp) -> Received {
    Received { id: String::new(), name: String::new(), time: Some(time), record: Ok(record.to_owned()) }
}

/// Fifty events, one after so many seconds, of which the newest is ten minutes old.
fn sample(every: i64, service: &str, read: bool, more: bool) -> Sample {
    let record = format!(r#"{{"eventSource":"{service}.amazonaws.com","readOnly":{read}}}"#);
    let page: Vec<Received> =
        (0..50).map(|n| received(&record, now() - SignedDuration::from_secs(600 + n * every))).collect();
    Sample::new(&page, more, now()).expect("a sample")
}

#[test]
fn the_cost_is_two_dollars_for_a_hundred_thousand_copies() {
    let trails = [single("local", HERE), multi("all")];
    let found = duplicates(&trails, &regions());
    let samples = BTreeMap::from([(HERE.to_owned(), sample(10, "iam", true, true))]);
    let one = estimate(&found[0], &samples).expect("an estimate");
    assert_eq!(
        one.to_string(),
        "about $5.18 a month (about 8640 events a day, estimated from the newest 50 events, which span 8m)"
    );
    // Changes alone are copies where the trail records nothing else.
    let trails = [Trail { selectors: kind("WriteOnly"), ..single("local", HERE) }, multi("all")];
    let found = duplicates(&trails, &regions());
    assert_eq!(estimate(&found[0], &samples).expect("an estimate").a_day, 0.0);
    assert_eq!(estimate(&found[0], &BTreeMap::new()), None);
}

#[test]
fn a_quiet_region_costs_next_to_nothing() {
    let trails = [multi("a"), multi("b")];
    let found = duplicates(&trails, &regions());
    // All that there is in ninety days.
    let few = sample(1, "iam", false, false);
    let samples = BTreeMap::from([(HERE.to_owned(), few.clone()), ("us-east-1".to_owned(), few)]);
    let all = estimate(&found[0], &samples).expect("an estimate");
    assert_eq!(
        all.to_string(),
        "less than $0.01 a month (about 1 event a day, estimated from the newest 100 events of 2 regions)"
    );
    // A burst a week ago is no rate.
    let record = r#"{"eventSource":"iam.amazonaws.com","readOnly":false}"#;
    let then = now() - SignedDuration::from_hours(7 * 24);
    let burst: Vec<Received> = (0..50).map(|_| received(record, then)).collect();
    let burst = Sample::new(&burst, true, now()).expect("a sample");
    let samples = BTreeMap::from([(HERE.to_owned(), burst)]);
    let week = estimate(&found[0], &samples).expect("an estimate");
    assert!((6.9..7.2).contains(&week.a_day), "{week:?}");
    assert_eq!(Sample::new(&[], false, now()), None);
}

#[test]
fn calls_to_the_global_endpoint_are_counted_by_caller() {
    let call = |user: &str, more: &str| {
        let record = format!(
            r#"{{"userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/{user}"}}{more}}}"#
        );
        received(&record, now())
    };
    let global = r#","tlsDetails":{"clientProvidedHostHeader":"sts.amazonaws.com"}"#;
    let regional = r#","tlsDetails":{"clientProvidedHostHeader":"sts.us-east-1.amazonaws.com"}"#;
    let said = r#","additionalEventData":{"RequestDetails":{"endpointType":"global","awsServingRegion":"eu-west-1"}}"#;
    let service = r#"{"userIdentity":{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"},"tlsDetails":{"clientProvidedHostHeader":"sts.amazonaws.com"}}"#;
    let page = [
        call("ann", global),
        call("bob", said),
        call("bob", global),
        call("cy", regional),
        call("cy", ""),
        received(service, now()),
    ];
    let calls = global_calls(&page);
    assert_eq!((calls.sampled, calls.global), (6, 3));
    assert_eq!(calls.by, [("bob".to_owned(), 2), ("ann".to_owned(), 1)]);
}
