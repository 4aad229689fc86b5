//! Months in minutes: `cargo bench --bench months` runs the daemon through days of ordinary accounts on simulated time, and prints how
//! much it asked beside the least possible, how late urgent calls were told, and how its state and memory grew.
//! `-- --hours 720 --regions 17 --accounts 1` makes another time and other accounts; the defaults are 72, 17 and 1. A day of
//! seventeen regions takes about two minutes of one core. With `--busy 40` the first region has so many writes a second for an hour at
//! noon of every fourteenth day, from the seventh on; the simulated history then takes minutes for each hour of the day after.

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
/// Accounts beside the one of the credentials have their number from here on.
const FIRST: u64 = 111_100_000_000;
/// The hour in which a region is busy, of how many.
const BUSY_HOUR: (usize, usize) = (6 * 24 + 12, 14 * 24);
/// Writes an hour where the account works, which is in two regions, and everywhere else.
const WRITES: (u64, u64) = (200, 2);
/// Of a thousand events so many show up hours late.
const VERY_LATE: u64 = 5;
/// Requests for each region and hour that cannot be fewer: a list each 15 seconds, and a look at the newest writes.
const LEAST: f64 = 240.0 + 240.0;

/// Who works in an account.
fn ci(account: &str) -> Caller<'_> {
    let (user, key, agent) = ("ci", "AKIACI000000EXAMPLE", "aws-sdk-go-v2/1.30");
    Caller { account, user, key, address: "198.51.100.7", agent }
}

/// What happens in all accounts.
struct Happenings {
    dice: Dice,
    delays: Delays,
    /// CloudTrail's id of each urgent call, and from when on it can be read.
    urgent: Vec<(String, Timestamp)>,
    events: u64,
}

impl Happenings {
    fn late(&mut self) -> SignedDuration {
        if self.dice.roll(1_000) < VERY_LATE {
            return SignedDuration::from_mins(30 + i64::try_from(self.dice.roll(330)).expect("small"));
        }
        self.delays.draw()
    }

    /// What happens in an account in the hour that begins now.
    fn hour(&mut self, stage: &Stage, id: &str, regions: &[&str], now: Timestamp, busy: u64) {
        for (n, region) in regions.iter().enumerate() {
            let writes = match n {
                0 if busy > 0 => busy * 3_600,
                0 | 1 => WRITES.0,
                _ => WRITES.1,
            };
            for _ in 0..writes {
                let time = now
                    + SignedDuration::from_millis(i64::try_from(self.dice.roll(3_600_000)).expect("small"));
                let name =
                    self.dice.one(&["CreateTags", "PutMetricAlarm", "CreateLogStream", "RegisterTargets"]);
                let request = object([("name", format!("n{}", self.dice.roll(1_000)).into())]);
                let late = self.late();
                let record = call(&ci(id), time, region, "ec2", name, request, Json::Null);
                stage.world.account(id, |account| record_small(account, record, late));
                self.events += 1;
            }
        }
        // One urgent call in three hours, anywhere.
        if self.dice.roll(3) == 0 {
            let region = *self.dice.one(regions);
            let time = now + SignedDuration::from_secs(i64::try_from(self.dice.roll(3_600)).expect("small"));
            let late = self.late();
            let request = object([("name", format!("trail-{}", self.urgent.len()).into())]);
            let thief = Caller { account: id, ..THIEF };
            let record = call(&thief, time, region, "cloudtrail", "StopLogging", request, Json::Null);
            self.urgent.push((record.text("eventID").expect("an id").to_owned(), time + late));
            stage.world.account(id, |account| account.record(record, late));
        }
        // A machine for an hour.
        let begun = now + SignedDuration::from_mins(7);
        let machine =
            stage.world.account(id, |account| account.launch(&Launch::new(regions[0], "t3.large", begun)));
        stage.world.account(id, |account| account.terminate(&machine, begun + SignedDuration::from_mins(45)));
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let given = |name: &str, default: usize| {
        let at = arguments.iter().position(|one| one == name);
        at.and_then(|at| arguments.get(at + 1)).map_or(default, |text| text.parse().expect("a number"))
    };
    let regions = given("--regions", 17).clamp(2, DEFAULT_REGIONS.len());
    simulated(run(
        given("--hours", 72),
        &DEFAULT_REGIONS[..regions],
        given("--accounts", 1),
        given("--busy", 0),
    ));
}

async fn run(hours: usize, regions: &[&str], accounts: usize, busy: usize) {
    let begun = Instant::now();
    let ids: Vec<String> = match accounts {
        1 => vec![flooded::ACCOUNT.to_owned()],
        _ => (FIRST..).take(accounts).map(|id| id.to_string()).collect(),
    };
    let mut config = CONFIG.to_owned();
    for id in ids.iter().filter(|id| *id != flooded::ACCOUNT) {
        let role = format!("arn:aws:iam::{id}:role/trailnoti");
        config += &format!("[[account]]\nname = \"{id}\"\nrole_arn = \"{role}\"\n");
    }
    let mut stage = Stage::new(regions, &config, Duration::ZERO).await;
    for id in ids.iter().filter(|id| *id != flooded::ACCOUNT) {
        stage.world.add_account(id);
        stage.world.account(id, |account| account.only_regions(regions));
    }
    let mut happenings = Happenings { dice: Dice(7), delays: Delays(7), urgent: Vec::new(), events: 0 };
    stage.start();
    stage.pass(120).await;
    let (first, before) = (stage.clock.now(), asked(&stage));
    let mut grown = vec![(0, stage.store.size(), memory())];
    for hour in 0..hours {
        let now = stage.clock.now();
        progress(&format!("hour {hour} of {hours}, {} s", begun.elapsed().as_secs()));
        let busy = if hour % BUSY_HOUR.1 == BUSY_HOUR.0 { busy as u64 } else { 0 };
        for id in &ids {
            happenings.hour(&stage, id, regions, now, busy);
        }
        stage.pass(3_600).await;
        // What no lane reads any more; the simulated history would be looked through for every request.
        for id in &ids {
            stage.world.account(id, |account| account.forget(now - SignedDuration::from_hours(32)));
        }
        grown.push((hour + 1, stage.store.size(), memory()));
    }
    stage.pass(7 * 3_600).await;
    progress("");
    let passed = stage.clock.now().duration_since(first).as_secs_f64() / 3_600.0;
    let requests = (asked(&stage) - before) as f64;
    println!(
        "{hours} hours of {accounts} accounts of {} regions, {} writes: {} s of this machine for {passed:.0} h",
        regions.len(),
        happenings.events,
        begun.elapsed().as_secs(),
    );
    let an_hour = requests / passed / (accounts * regions.len()) as f64;
    println!(
        "  requests     {requests:.0}: {an_hour:.0} for each region and hour, {:.2} times the least possible",
        an_hour / LEAST
    );
    let told = stage.listener.told();
    let mut waits: Vec<f64> = happenings
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
    let shown = |hour: usize| [0, 1, 24, 48, 96, 192, 384, hours].contains(&hour);
    for (hour, size, memory) in grown.iter().filter(|(hour, ..)| shown(*hour)) {
        println!(
            "  after hour {hour:>3}: state {:.1} MB, memory with the simulated history {memory}",
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
