//! What a hundred accounts of seventeen regions cost in one process: `cargo bench --bench accounts` prints its memory,
//! descriptors, requests a second at the busiest and on average, and how often a role was taken on. The process is real, and
//! the AWS is simulated on loopback, in this process.

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
use std::fmt::Write as _;
use std::time::Duration;

use trailnoti::clock::Clock;
use trailnoti::simulator::World;

const OWN: &str = "999900000000";
const ACCOUNTS: usize = 100;
/// Every region's history is read, and every list taken, by then.
const BEGUN: Duration = Duration::from_secs(60);
const MEASURED: Duration = Duration::from_secs(60);

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("built");
    runtime.block_on(async {
        let world = World::new(Clock::system());
        let key = world.add_account(OWN);
        let mut config = String::from("[state]\npath = \"state\"\n");
        for n in 0..ACCOUNTS {
            let id = format!("1111{n:08}");
            world.add_account(&id);
            write!(config, "[[account]]\nname = \"a{n}\"\nrole_arn = \"arn:aws:iam::{id}:role/trailnoti\"\n")
                .expect("written");
        }
        let aws = servers::aws(world.clone()).await;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("trailnoti.toml"), config).expect("written");
        let mut child = process::start_with(&aws, &key, folder.path(), Some("trailnoti.toml"));
        tokio::time::sleep(BEGUN).await;
        let before = world.counts();
        world.keep_calls();
        let used = process::processor_time(child.id());
        tokio::time::sleep(MEASURED).await;
        let used = process::processor_time(child.id()) - used;
        let (calls, after) = (world.take_calls(), world.counts());
        let mut by_second: BTreeMap<i64, usize> = BTreeMap::new();
        for call in &calls {
            *by_second.entry(call.at.as_second()).or_default() += 1;
        }
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", child.id())).expect("it runs").count();
        let memory = process::memory(child.id());
        println!("{ACCOUNTS} accounts of 17 regions, after {} s:", (BEGUN + MEASURED).as_secs());
        println!("  memory       {memory}   goal: 250 MB");
        println!("  descriptors  {descriptors}   goal: 400");
        println!(
            "  requests     {:.0} a second, {} in the busiest",
            calls.len() as f64 / MEASURED.as_secs_f64(),
            by_second.values().max().copied().unwrap_or_default()
        );
        println!("  processor    {:.1} % of a core", used * 100.0 / MEASURED.as_secs_f64());
        let assumed = |counts: &BTreeMap<String, u64>| counts.get("AssumeRole").copied().unwrap_or_default();
        println!(
            "  AssumeRole   {} for the start, {} in the minute after it   goal: one an hour and account",
            assumed(&before),
            assumed(&after) - assumed(&before)
        );
        child.kill().expect("killed");
        child.wait().expect("ended");
    });
}
