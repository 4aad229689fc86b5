//! What an idle account of seventeen regions costs: `cargo bench` prints requests an hour, the size of the binary, and of the process
//! at rest its memory, processor time and what it writes. The requests are counted over a simulated hour; the rest is read from the real
//! process, running against a simulated AWS on loopback.

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
use trailnoti::simulator::World;
use trailnoti::store::Store;
use trailnoti::{daemon, source};

const ACCOUNT: &str = "111122223333";
/// How long the process runs before it is measured, and then at rest; `-- --minutes N` rests longer.
const SETTLED: Duration = Duration::from_secs(60);
const AT_REST: u64 = 1;

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
    println!("{minutes} min at rest, 17 regions: {}", at_rest(Duration::from_secs(60 * minutes)));
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

fn at_rest(long: Duration) -> String {
    let runtime = tokio::runtime::Runtime::new().expect("built");
    runtime.block_on(async {
        let world = World::new(Clock::system());
        let key = world.add_account(ACCOUNT);
        let aws = servers::aws(world).await;
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = process::start(&aws, &key, folder.path());
        tokio::time::sleep(SETTLED).await;
        let before = (process::processor_time(child.id()), process::written(child.id()));
        tokio::time::sleep(long).await;
        let after = (process::processor_time(child.id()), process::written(child.id()));
        let memory = process::memory(child.id());
        let used = (after.0 - before.0) * 100.0 / long.as_secs_f64();
        let written = (after.1 - before.1) as f64 / 1_000.0 / long.as_secs_f64();
        let rest = format!("{memory}, {used:.2} % of a core, {written:.1} kB/s written");
        child.kill().expect("killed");
        child.wait().expect("ended");
        rest
    })
}
