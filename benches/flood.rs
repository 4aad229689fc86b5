//! How long noise hides an urgent event: `cargo bench --bench flood` prints, for so many writes a second of noise in a region, and
//! for somebody else who spends the region's requests, how long after it could be read each urgent event was delivered.
//! Everything runs on simulated time, so what a request or a page costs this machine is not in it. `-- --rounds N` makes another
//! number of rounds than two; the two hundred a second take a few hundred megabytes and most of the time.

#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a measurement that fails is no measurement"
)]
#![allow(missing_docs, reason = "a measurement")]

#[path = "made/flooded.rs"]
mod flooded;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use flooded::{Delays, NOISY, Stage, THIEF, at, progress, record_small, simulated};
use jiff::{SignedDuration, Timestamp};
use trailnoti::domain::json::{Json, object};
use trailnoti::simulator::records::call;

const REGION: &str = "us-east-1";
/// Alerts go out as they come: what is measured is reading, and not collecting.
const CONFIG: &str =
    "[grouping]\nwait = \"0s\"\ninterval = \"0s\"\n[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n";
/// The noise.
const NOISE: (&str, &str) = ("10:03:00", "10:15:00");
/// The thief's calls: one of each kind in ten seconds.
const THEFT: (&str, &str) = ("10:05:00", "10:15:00");
const EVERY: i64 = 10;
/// When requests are counted: what is in the history is mostly noise then.
const BUSY: (&str, &str) = ("10:07:00", "10:15:00");
/// What was not delivered so long after the last event could be read never was.
const GIVEN_UP: SignedDuration = SignedDuration::from_mins(10);

/// So many a second.
#[derive(Clone, Copy)]
enum Noise {
    Writes(i64),
    Requests(i64),
}

/// Each with the seconds within which everything urgent is to be delivered.
const ROWS: [(Noise, u32); 8] = [
    (Noise::Writes(2), 30),
    (Noise::Writes(5), 30),
    (Noise::Writes(10), 30),
    (Noise::Writes(20), 60),
    (Noise::Writes(40), 60),
    (Noise::Writes(200), 60),
    (Noise::Requests(5), 60),
    (Noise::Requests(20), 60),
];

/// Of one row, all rounds together.
#[derive(Default)]
struct Measured {
    critical: Vec<f64>,
    high: Vec<f64>,
    /// `LookupEvents` a minute, and those of them that were refused.
    requests: f64,
    refused: f64,
    /// After how long each round's noise was reported.
    reported: Vec<Option<f64>>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let given = arguments.iter().position(|one| one == "--rounds").and_then(|at| arguments.get(at + 1));
    let rounds: u64 = given.map_or(2, |text| text.parse().expect("a number"));
    let each = seconds(THEFT) / EVERY * i64::try_from(rounds).expect("few");
    println!(
        "{each} urgent calls of each kind by a key from a new network, in {rounds} rounds, built-in rules; CloudTrail's delay: p50 232 s, p99 554 s"
    );
    println!("seconds from when a call could be read until it was delivered; requests a minute:");
    println!(
        "                           | critical: StopLogging      | high: ScheduleKeyDeletion  | LookupEvents     | noise is"
    );
    println!(
        "noise                 goal | median   99 %   last never | median   99 %   last never |      all refused | reported"
    );
    for (noise, goal) in ROWS {
        let mut measured = Measured::default();
        for round in 0..rounds {
            let what = format!("{noise}, round {} of {rounds}", round + 1);
            simulated(one_round(noise, 7 + round, &what, &mut measured));
        }
        progress("");
        println!(
            "{noise:<20} {goal:>5} | {} | {} | {:>8.0} {:>7.0} | {:>8}",
            columns(&mut measured.critical),
            columns(&mut measured.high),
            measured.requests / rounds as f64,
            measured.refused / rounds as f64,
            reported(&measured.reported)
        );
    }
    println!(
        "reported: seconds after the noise began, the slowest round; it is seen once CloudTrail shows it"
    );
}

/// Median, 99 %, last, and how many never were.
fn columns(waits: &mut [f64]) -> String {
    waits.sort_by(f64::total_cmp);
    let never = waits.iter().filter(|wait| wait.is_infinite()).count();
    let [median, most, last] = [50, 99, 100].map(|percent| {
        let wait = part(waits, percent);
        if wait.is_finite() { format!("{wait:.0}") } else { "never".to_owned() }
    });
    format!("{median:>6} {most:>6} {last:>6} {never:>5}")
}

/// Of waits, the shortest first, the one at a place in a hundred.
fn part(waits: &[f64], percent: usize) -> f64 {
    let at = (waits.len() * percent / 100).min(waits.len().saturating_sub(1));
    waits.get(at).copied().unwrap_or(f64::INFINITY)
}

fn reported(rounds: &[Option<f64>]) -> String {
    let after: Vec<f64> = rounds.iter().flatten().copied().collect();
    match after.iter().copied().reduce(f64::max) {
        None => "no".to_owned(),
        Some(slowest) if after.len() == rounds.len() => format!("{slowest:.0} s"),
        Some(_) => format!("{} of {}", after.len(), rounds.len()),
    }
}

async fn one_round(noise: Noise, seed: u64, what: &str, measured: &mut Measured) {
    let mut stage = Stage::new(&[REGION], CONFIG, Duration::ZERO).await;
    let mut delays = Delays(seed);
    match noise {
        Noise::Writes(per_second) => write(&stage, per_second, &mut delays),
        Noise::Requests(per_second) => request(&stage, per_second, &mut delays),
    }
    let critical = steal(&stage, ("cloudtrail", "StopLogging"), 0, &mut delays);
    let high = steal(&stage, ("kms", "ScheduleKeyDeletion"), EVERY / 2, &mut delays);
    let all = || critical.iter().chain(&high);
    let last = all().map(|(_, visible)| *visible).max().expect("there are some");
    stage.world.keep_calls();
    stage.start();
    let told = loop {
        stage.pass(60).await;
        let now = stage.clock.now();
        progress(&format!("{what}: {}", now.strftime("%H:%M")));
        let told = stage.listener.told();
        let complete = all().all(|(event, _)| told.contains_key(event));
        if now > last + GIVEN_UP || (complete && now > at(NOISE.1)) {
            break told;
        }
    };
    let waits = |events: &BTreeMap<String, Timestamp>| -> Vec<f64> {
        let wait = |(event, visible): (&String, &Timestamp)| {
            told.get(event).map_or(f64::INFINITY, |at| at.duration_since(*visible).as_secs_f64())
        };
        events.iter().map(wait).collect()
    };
    measured.critical.extend(waits(&critical));
    measured.high.extend(waits(&high));
    let calls = stage.world.take_calls();
    let busy = calls.iter().filter(|call| call.operation == "LookupEvents");
    let busy: Vec<_> = busy.filter(|call| at(BUSY.0) <= call.at && call.at < at(BUSY.1)).collect();
    let minutes = seconds(BUSY) as f64 / 60.0;
    measured.requests += busy.len() as f64 / minutes;
    measured.refused += busy.iter().filter(|call| call.outcome != "200").count() as f64 / minutes;
    let rule = match noise {
        Noise::Writes(_) => "trailnoti-flooded",
        Noise::Requests(_) => "trailnoti-quota-spent",
    };
    let first = stage.listener.first_by(rule);
    measured.reported.push(first.map(|first| first.duration_since(at(NOISE.0)).as_secs_f64()));
    stage.stop().await;
}

/// What a rule is about only while the region is new: the first of it may alert, and nothing after.
fn write(stage: &Stage, per_second: i64, delays: &mut Delays) {
    stage.account(|account| {
        for n in 0..seconds(NOISE) * per_second {
            let time = at(NOISE.0) + SignedDuration::from_secs(n / per_second);
            let request = object([("logStreamName", format!("s{n}").into())]);
            let record = call(&NOISY, time, REGION, "logs", "CreateLogStream", request, Json::Null);
            record_small(account, record, delays.draw());
        }
    });
}

/// Somebody else asks, for as long as anything is waited for, and is on record with it.
fn request(stage: &Stage, per_second: i64, delays: &mut Delays) {
    stage.world.spend(REGION, per_second as f64, at(NOISE.0), at("12:00:00"));
    stage.account(|account| {
        for n in 0..seconds(NOISE) * per_second {
            let time = at(NOISE.0) + SignedDuration::from_secs(n / per_second);
            let request = object([("nextToken", format!("t{n}").into())]);
            let record = call(&NOISY, time, REGION, "cloudtrail", "LookupEvents", request, Json::Null);
            record_small(account, record, delays.draw());
        }
    });
}

/// The thief makes a call again and again, each time on another thing; when each of them can be read, by its id.
fn steal(
    stage: &Stage,
    (service, name): (&str, &str),
    first: i64,
    delays: &mut Delays,
) -> BTreeMap<String, Timestamp> {
    let calls = (0..seconds(THEFT) / EVERY).map(|n| {
        let (time, delay) = (at(THEFT.0) + SignedDuration::from_secs(n * EVERY + first), delays.draw());
        let request = match service {
            "kms" => object([("keyId", format!("key-{n:03}").into()), ("pendingWindowInDays", 7i64.into())]),
            _ => object([("name", format!("trail-{n:03}").into())]),
        };
        let record = call(&THIEF, time, REGION, service, name, request, Json::Null);
        let event = record.text("eventID").expect("it has one").to_owned();
        stage.account(|account| account.record(record, delay));
        (event, time + delay)
    });
    calls.collect()
}

fn seconds((from, until): (&str, &str)) -> i64 {
    at(until).duration_since(at(from)).as_secs()
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match self {
            Noise::Writes(per_second) => format!("{per_second} writes/s"),
            Noise::Requests(per_second) => format!("{per_second} requests/s"),
        })
    }
}
