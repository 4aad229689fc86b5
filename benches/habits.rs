//! What habits cost: `cargo bench --bench habits` lets an account of 16,000 principals be known, each by its own calls, tools and networks,
//! and prints what an event takes to be learned and to be compared, and what the memory of it all takes.

#![allow(clippy::expect_used, clippy::disallowed_methods, missing_docs, reason = "a measurement")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use trailnoti::config::Config;
use trailnoti::domain::judge::prepared::Item;
use trailnoti::domain::replay::Hindsight;
use trailnoti::domain::rules::rule::Scratch;
use trailnoti::domain::severity::Severity;
use trailnoti::files::scan::item;

const PRINCIPALS: usize = 16_000;
/// What each of them does on each of five days.
const CALLS: [(&str, &str); 4] =
    [("s3", "PutBucketTagging"), ("ec2", "CreateTags"), ("sqs", "TagQueue"), ("ecs", "UpdateService")];
const DAYS: usize = 5;

fn record(n: usize, day: usize, (service, call): (&str, &str)) -> String {
    format!(
        r#"{{"eventVersion":"1.11","eventID":"{n:08x}-0000-4000-8000-{day:012x}","eventTime":"2026-05-{:02}T10:{:02}:00Z","eventSource":"{service}.amazonaws.com","eventName":"{call}","awsRegion":"eu-west-1","sourceIPAddress":"10.{}.{}.7","userAgent":"Boto3/1.38","readOnly":false,"eventType":"AwsApiCall","recipientAccountId":"111122223333","userIdentity":{{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/role-{n}/x","accountId":"111122223333","accessKeyId":"ASIA{n:016}"}}}}"#,
        day + 1,
        n % 60,
        n / 256 % 256,
        n % 256
    )
}

/// Resident memory in MiB.
fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = pages.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or_default();
    pages * 4096.0 / 1024.0 / 1024.0
}

fn main() {
    let config = Config::parse("bench", "", None, BTreeMap::new()).expect("the built-in rules");
    let (mut scratch, ruleset) = (Scratch::default(), &config.ruleset);
    let mut hindsight = Hindsight::new(ruleset, Duration::from_secs(3600));
    let before = resident();
    let (mut learned, mut events) = (Duration::ZERO, 0u32);
    for day in 0..DAYS {
        for first in (0..PRINCIPALS).step_by(1000) {
            let records: Vec<Item<'_>> = (first..first + 1000)
                .flat_map(|n| CALLS.map(|call| record(n, day, call)))
                .filter_map(|record| item(&record, ruleset, false, &mut scratch).expect("an event"))
                .collect();
            let begun = Instant::now();
            hindsight.remember(&records);
            learned += begun.elapsed();
            events += u32::try_from(records.len()).expect("few");
        }
    }
    hindsight.is_learned();
    println!("{PRINCIPALS} principals, {events} events of {DAYS} days");
    println!("  learned in {:.2} µs an event", learned.as_secs_f64() * 1e6 / f64::from(events));
    println!("  resident memory grew by {:.0} MiB", resident() - before);
    let records: Vec<Item<'_>> = (0..PRINCIPALS)
        .map(|n| record(n, 9, CALLS[n % CALLS.len()]))
        .filter_map(|record| item(&record, ruleset, true, &mut scratch).expect("an event"))
        .collect();
    let begun = Instant::now();
    let judgement = hindsight.judge(&records);
    let judged = begun.elapsed();
    let loud = judgement.alerts.iter().filter(|alert| alert.severity >= Severity::Medium).count();
    println!(
        "  judged in {:.2} µs an event, {loud} alerts of medium or more of {} ordinary events",
        judged.as_secs_f64() * 1e6 / PRINCIPALS as f64,
        records.len()
    );
}
