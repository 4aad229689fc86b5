//! What an idle account costs: `cargo bench --bench idle` prints requests an hour, the size of the binary, and of the process
//! at rest its memory, processor time, what it writes and how often it waits for the disk. The requests are counted over a simulated
//! hour of seventeen regions; the rest is read from the real process with twenty regions and 100,000 remembered events, running against a
//! simulated AWS on loopback. It ends with 1 where a goal of R25 (`docs/promises.md`) is missed; `-- --minutes 10` soaks it.

#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a measurement that fails is no measurement"
)]
#![allow(missing_docs, dead_code, reason = "it shares the tests' servers, and uses one of them")]

#[path = "../tests/it/servers.rs"]
mod servers;

#[path = "made/process.rs"]
mod process;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use trailnoti::clock::Clock;
use trailnoti::config::Config;
use trailnoti::daemon::Deps;
use trailnoti::domain::event::scope::Scope;
use trailnoti::domain::judge::inputs::{Judgement, Mark};
use trailnoti::simulator::World;
use trailnoti::store::{Commit, Store};
use trailnoti::{daemon, source};

const ACCOUNT: &str = "111122223333";
/// How long the process runs before it is measured, and then at rest; `-- --minutes N` rests longer.
const SETTLED: Duration = Duration::from_secs(60);
const AT_REST: u64 = 1;
/// How long the waits for the disk are counted.
const TRACED: Duration = Duration::from_secs(30);
/// What watching may cost: MB of memory, hundredths of a core, waits for the disk in a second.
const GOALS: (f64, f64, f64) = (40.0, 1.0, 2.0);
/// The regions that every account has, and three that are enabled by hand.
const MORE: [&str; 3] = ["af-south-1", "eu-south-1", "me-south-1"];
const REMEMBERED: i64 = 100_000;

fn main() {
    let hour = simulated_hour();
    println!("requests in an idle hour, 17 regions, the default configuration:");
    for (operation, calls) in &hour {
        println!("  {operation:<20} {calls:>6}   {:>6.1} a region", *calls as f64 / 17.0);
    }
    let least = 2 * 3600 / 15;
    let lookups = hour.get("LookupEvents").copied().unwrap_or_default()
        + hour.get("DescribeInstances").copied().unwrap_or_default();
    println!(
        "  least possible at this interval: {least} a region (one page of each every 15 s); measured {:.1}, {:.2} times that",
        lookups as f64 / 17.0,
        lookups as f64 / 17.0 / f64::from(least)
    );
    let size = std::fs::metadata(process::PROGRAM).expect("the binary").len();
    println!("binary: {:.1} MB", size as f64 / 1e6);
    let arguments: Vec<String> = std::env::args().collect();
    let given = arguments.iter().position(|one| one == "--minutes").and_then(|at| arguments.get(at + 1));
    let minutes = given.map_or(AT_REST, |text| text.parse().expect("a number"));
    let rest = at_rest(Duration::from_secs(60 * minutes));
    println!("{minutes} min at rest, 20 regions, {REMEMBERED} remembered events:");
    println!("  memory     {}   goal: {:.0} MB", rest.shown, GOALS.0);
    println!("  processor  {:.2} % of a core   goal: {:.0} %", rest.processor, GOALS.1);
    println!("  written    {:.1} kB/s", rest.written);
    match rest.syncs {
        Some(syncs) => println!("  disk       waited for {syncs:.2} times a second   goal: {:.0}", GOALS.2),
        None => println!("  disk       not counted: strace is not there, or may not trace"),
    }
    let missed =
        rest.memory > GOALS.0 || rest.processor > GOALS.1 || rest.syncs.is_some_and(|syncs| syncs > GOALS.2);
    if missed {
        println!("a goal is missed");
        std::process::exit(1);
    }
}

fn simulated_hour() -> BTreeMap<String, u64> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("built");
    runtime.block_on(async {
        let clock = Clock::virtual_from("2026-03-02T10:00:00Z".parse().expect("a time"));
        let world = World::new(clock);
        let key = world.add_account(ACCOUNT);
        let folder = tempfile::tempdir().expect("a folder");
        let (store, opened) = Store::open(folder.path(), clock).await.expect("opened");
        let deps = Deps {
            sdk: source::simulated(&world, &key),
            clock,
            store: (Arc::new(store), opened),
            make_sinks: Box::new(|config| trailnoti::config::build_sinks(&config.sinks)),
            notifier: Arc::new(|_| {}),
            status: Arc::default(),
        };
        let config = Config::parse("", "", None, BTreeMap::new()).expect("right");
        let stop = CancellationToken::new();
        let (_tell, reloads) = mpsc::channel(1);
        let ended = stop.clone();
        let hour = async {
            // The first minutes read what was before; an idle hour is one after them.
            clock.sleep_until(clock.now() + SignedDuration::from_mins(10)).await;
            let before = world.counts();
            clock.sleep_until(clock.now() + SignedDuration::from_hours(1)).await;
            let after = world.counts();
            ended.cancel();
            after
                .into_iter()
                .map(|(name, calls)| {
                    let before = before.get(&name).copied().unwrap_or_default();
                    (name, calls - before)
                })
                .collect()
        };
        let (outcome, hour) = tokio::join!(daemon::run(config, deps, stop, reloads), hour);
        outcome.expect("it ended well");
        hour
    })
}

/// What the process takes.
struct Rest {
    shown: String,
    /// MB.
    memory: f64,
    /// Hundredths of a core.
    processor: f64,
    /// kB a second.
    written: f64,
    /// A second.
    syncs: Option<f64>,
}

fn at_rest(long: Duration) -> Rest {
    let runtime = tokio::runtime::Runtime::new().expect("built");
    runtime.block_on(async {
        let world = World::new(Clock::system());
        let key = world.add_account(ACCOUNT);
        world.account(ACCOUNT, |account| {
            MORE.iter().for_each(|region| account.enable(region, jiff::Timestamp::UNIX_EPOCH));
        });
        let aws = servers::aws(world).await;
        let folder = tempfile::tempdir().expect("a folder");
        remember(&folder.path().join("state")).await;
        std::fs::write(folder.path().join("trailnoti.toml"), "[state]\npath = \"state\"\n").expect("written");
        let mut child = process::start_with(&aws, &key, folder.path(), Some("trailnoti.toml"));
        tokio::time::sleep(SETTLED).await;
        let before = (process::processor_time(child.id()), process::written(child.id()));
        tokio::time::sleep(long).await;
        let after = (process::processor_time(child.id()), process::written(child.id()));
        let rest = Rest {
            shown: process::memory(child.id()),
            memory: process::resident(child.id()) * 1.048_576,
            processor: (after.0 - before.0) * 100.0 / long.as_secs_f64(),
            written: (after.1 - before.1) as f64 / 1_000.0 / long.as_secs_f64(),
            syncs: process::syncs(child.id(), TRACED).map(|syncs| syncs as f64 / TRACED.as_secs_f64()),
        };
        child.kill().expect("killed");
        child.wait().expect("ended");
        rest
    })
}

/// A state that remembers events of the last hours.
async fn remember(state: &std::path::Path) {
    let (store, _) = Store::open(state, Clock::system()).await.expect("opened");
    let now = Clock::system().now().as_second();
    let mark = |n: i64| Mark {
        account: ACCOUNT.to_owned(),
        second: now - n / 8,
        id: u128::try_from(n).expect("positive").to_be_bytes(),
    };
    let judgement = Judgement { marks: (0..REMEMBERED).map(mark).collect(), ..Judgement::default() };
    let commit = Commit { judgement, ..Commit::default() };
    store.commit(Scope::Program, &commit, &[]).await.expect("written");
    store.close().await;
}
