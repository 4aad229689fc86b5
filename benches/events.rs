//! What the daemon costs: the processor's time for 100,000 events of one account, read, judged and written to the disk of this
//! machine while virtual time passes. The simulated AWS answers in the same process, and is part of it.
//!
//! `cargo bench --bench events`

#![allow(clippy::expect_used, missing_docs, reason = "a measurement")]

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use trailnoti::clock::Clock;
use trailnoti::config::Config;
use trailnoti::daemon::{self, Deps};
use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::records::{Caller, call};
use trailnoti::simulator::{DEFAULT_REGIONS, World};
use trailnoti::source;
use trailnoti::store::Store;

const ACCOUNT: &str = "111122223333";
const EVENTS: i64 = 100_000;
/// Over so long they happen.
const HOURS: i64 = 1;

fn main() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("built");
    runtime.block_on(async {
        let clock = Clock::virtual_from("2026-03-02T00:00:00Z".parse().expect("a time"));
        let world = World::new(clock);
        let key = world.add_account(ACCOUNT);
        let caller = Caller {
            account: ACCOUNT,
            user: "ci",
            address: "203.0.113.7",
            key: "AKIACI",
            agent: "Boto3/1.34",
        };
        for n in 0..EVENTS {
            let region = DEFAULT_REGIONS[usize::try_from(n).expect("small") % DEFAULT_REGIONS.len()];
            let at = clock.now() + SignedDuration::from_millis(n * HOURS * 3_600_000 / EVENTS);
            let request =
                object([("bucketName", format!("bucket-{n}").into()), ("note", "x".repeat(400).into())]);
            let record = call(&caller, at, region, "s3", "PutBucketTagging", request, Json::Null);
            world.account(ACCOUNT, |account| account.record(record, SignedDuration::from_mins(2)));
        }
        let folder = tempfile::tempdir().expect("a folder");
        let (store, opened) = Store::open(folder.path(), clock).await.expect("opened");
        let deps = Deps {
            sdk: source::simulated(&world, &key),
            clock,
            store: (Arc::new(store), opened),
            make_sinks: Box::new(|_| Ok(Vec::new())),
            notifier: Arc::new(|_| {}),
            status: Arc::default(),
        };
        let config = Config::parse("", "", None, BTreeMap::new()).expect("right");
        let stop = CancellationToken::new();
        let (_tell, reloads) = mpsc::channel(1);
        let (ended, status) = (stop.clone(), deps.status.clone());
        let day = async {
            clock.sleep_until(clock.now() + SignedDuration::from_hours(HOURS + 1)).await;
            ended.cancel();
        };
        let before = processor();
        let (outcome, ()) = tokio::join!(daemon::run(config, deps, stop, reloads), day);
        outcome.expect("it ended well");
        let read = status.metrics.page();
        let read: f64 = read
            .lines()
            .filter(|line| line.starts_with("trailnoti_events_received_total"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum();
        println!(
            "{EVENTS} events in an hour and 17 regions, {read} entries read: {:.1} s of processor time",
            processor() - before
        );
    });
}

/// The processor's time that this process has used, in seconds: fields 14 and 15 of proc(5), in hundredths.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}
