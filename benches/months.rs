//! Months in minutes: `cargo bench --bench months` runs the daemon through days of an ordinary account on simulated time, and prints how
//! much it asked beside the least possible, how late urgent calls were told, and how its state and memory grew.
//! `-- --days 30 --regions 17` makes another time and another account; the defaults are 3 and 17. A day of seventeen regions takes
//! about a minute and a half of one core.

#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a measurement that fails is no measurement"
)]
#![allow(missing_docs, reason = "a measurement")]

#[path = "made/mod.rs"]
mod made;

#[path = "made/flooded.rs"]
mod flooded;

use std::time::{Duration, Instant};

use flooded::{Delays, Stage, THIEF, progress, record_small, simulated};
use jiff::{SignedDuration, Timestamp};
use made::Dice;
use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::records::{Caller, call};
use trailnoti::simulator::{DEFAULT_REGIONS, Launch};

const CONFIG: &str =
    "[grouping]\nwait = \"0s\"\ninterval = \"0s\"\n[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n";
/// Writes an hour where the account works, which is in two regions, and everywhere else.
const WRITES: (u64, u64) = (200, 2);
/// Of a thousand events so many show up hours late.
const VERY_LATE: u64 = 5;
/// Requests for each region and hour that cannot be fewer: a list each 15 seconds, and a look at the newest writes.
const LEAST: f64 = 240.0 + 240.0;

const CI: Caller<'static> = Caller {
    account: flooded::ACCOUNT,
    user: "ci",
    key: "AKIACI000000EXAMPLE",
    address: "198.51.100.7",
    agent: "aws-sdk-go-v2/1.30",
};

struct Account {
    dice: Dice,
    delays: Delays,
    /// CloudTrail's id of each urgent call, and from when on it can be read.
    urgent: Vec<(String, Timestamp)>,
    events: u64,
}

impl Account {
    fn late(&mut self) -> SignedDuration {
        if self.dice.roll(1_000) < VERY_LATE {
            return SignedDuration::from_mins(30 + i64::try_from(self.dice.roll(330)).expect("small"));
        }
        self.delays.draw()
    }

    /// What happens in the hour that begins now.
    fn hour(&mut self, stage: &Stage, regions: &[&str], now: Timestamp) {
        for (n, region) in regions.iter().enumerate() {
            let writes = if n < 2 { WRITES.0 } else { WRITES.1 };
            for _ in 0..writes {
                let time = now
                    + SignedDuration::from_millis(i64::try_from(self.dice.roll(3_600_000)).expect("small"));
                let name =
                    self.dice.one(&["CreateTags", "PutMetricAlarm", "CreateLogStream", "RegisterTargets"]);
                let request = object([("name", format!("n{}", self.dice.roll(1_000)).into())]);
                let late = self.late();
                let record = call(&CI, time, region, "ec2", name, request, Json::Null);
                stage.account(|account| record_small(account, record, late));
                self.events += 1;
            }
        }
        // One urgent call in three hours, anywhere.
        if self.dice.roll(3) == 0 {
            let region = *self.dice.one(regions);
            let time = now + SignedDuration::from_secs(i64::try_from(self.dice.roll(3_600)).expect("small"));
            let late = self.late();
            let request = object([("name", format!("trail-{}", self.urgent.len()).into())]);
            let record = call(&THIEF, time, region, "cloudtrail", "StopLogging", request, Json::Null);
            self.urgent.push((record.text("eventID").expect("an id").to_owned(), time + late));
            stage.account(|account| account.record(record, late));
        }
        // A machine for an hour.
        let begun = now + SignedDuration::from_mins(7);
        let id = stage.account(|account| account.launch(&Launch::new(regions[0], "t3.large", begun)));
        stage.account(|account| account.terminate(&id, begun + SignedDuration::from_mins(45)));
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let given = |name: &str, default: usize| {
        let at = arguments.iter().position(|one| one == name);
        at.and_then(|at| arguments.get(at + 1)).map_or(default, |text| text.parse().expect("a number"))
    };
    let (days, regions) = (given("--days", 3), given("--regions", 17).clamp(2, DEFAULT_REGIONS.len()));
    simulated(run(days, &DEFAULT_REGIONS[..regions]));
}

async fn run(days: usize, regions: &[&str]) {
    let begun = Instant::now();
    let mut stage = Stage::new(regions, CONFIG, Duration::ZERO).await;
    let mut account = Account { dice: Dice(7), delays: Delays(7), urgent: Vec::new(), events: 0 };
    stage.start();
    stage.pass(120).await;
    let (first, before) = (stage.clock.now(), asked(&stage));
    let mut grown = vec![(0, stage.store.size(), memory())];
    for hour in 0..days * 24 {
        let now = stage.clock.now();
        progress(&format!("day {} of {days}, {} s", hour / 24 + 1, begun.elapsed().as_secs()));
        account.hour(&stage, regions, now);
        stage.pass(3_600).await;
        // What no lane reads any more; the simulated history would be looked through for every request.
        stage.account(|account| account.forget(now - SignedDuration::from_hours(32)));
        if (hour + 1) % 24 == 0 {
            grown.push(((hour + 1) / 24, stage.store.size(), memory()));
        }
    }
    stage.pass(7 * 3_600).await;
    progress("");
    let hours = stage.clock.now().duration_since(first).as_secs_f64() / 3_600.0;
    let requests = (asked(&stage) - before) as f64;
    println!(
        "{days} days of {} regions, {} writes: {} s of this machine for {:.0} h",
        regions.len(),
        account.events,
        begun.elapsed().as_secs(),
        hours
    );
    let an_hour = requests / hours / regions.len() as f64;
    println!(
        "  requests     {requests:.0}: {an_hour:.0} for each region and hour, {:.2} times the least possible",
        an_hour / LEAST
    );
    let told = stage.listener.told();
    let mut waits: Vec<f64> = account
        .urgent
        .iter()
        .map(|(id, visible)| {
            told.get(id).map_or(f64::INFINITY, |told| told.duration_since(*visible).as_secs_f64())
        })
        .collect();
    waits.sort_by(f64::total_cmp);
    let part = |percent: usize| waits[(waits.len() * percent / 100).min(waits.len() - 1)];
    println!(
        "  urgent calls {}: told {:.0} s (median), {:.0} s (99 %), {:.0} s (last) after they could be read; {} never",
        waits.len(),
        part(50),
        part(99),
        part(100),
        waits.iter().filter(|wait| wait.is_infinite()).count()
    );
    for (day, size, memory) in
        grown.iter().filter(|(day, ..)| day.is_power_of_two() || *day == 0 || *day == days)
    {
        println!(
            "  after day {day:>3}: state {:.1} MB, memory with the simulated history {memory}",
            *size as f64 / 1e6
        );
    }
    stage.stop().await;
}

/// How many requests were made so far.
fn asked(stage: &Stage) -> u64 {
    let counts = stage.world.counts();
    ["LookupEvents", "DescribeInstances"].iter().filter_map(|name| counts.get(*name)).sum()
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse().expect("a number");
    format!("{:.0} MiB", kib / 1024.0)
}
