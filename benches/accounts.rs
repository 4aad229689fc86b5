//! What a hundred accounts of seventeen regions cost in one process: `cargo bench --bench accounts` prints its memory,
//! descriptors, requests a second on average and at the busiest, how often a role was taken on, and how long the daemon takes to say that it
//! is alive, for each of six minutes (`-- --minutes N`). The process is real, and
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
/// What rests is written every five minutes, and that is seen in six.
const MINUTES: u64 = 6;

fn minutes() -> u64 {
    let after = std::env::args().skip_while(|arg| arg != "--minutes").nth(1);
    after.and_then(|minutes| minutes.parse().ok()).unwrap_or(MINUTES)
}

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
        world.keep_calls();
        let mut child = process::start_with(&aws, &key, folder.path(), Some("trailnoti.toml"));
        println!("{ACCOUNTS} accounts of 17 regions   goals: 250 MB, 400 descriptors, one AssumeRole an hour and account");
        println!("minute  memory                        descriptors  requests/s (busiest)  processor  AssumeRole  healthcheck (slowest of 12)");
        let mut assumed = 0;
        for minute in 1..=minutes() {
            let used = process::processor_time(child.id());
            let mut slowest = Duration::ZERO;
            for _ in 0..12 {
                tokio::time::sleep(Duration::from_secs(5)).await;
                let home = folder.path().to_owned();
                let health = tokio::task::spawn_blocking(move || process::health(&home));
                slowest = slowest.max(health.await.expect("it is alive"));
            }
            let used = process::processor_time(child.id()) - used;
            let calls = world.take_calls();
            let mut by_second: BTreeMap<i64, usize> = BTreeMap::new();
            for call in &calls {
                *by_second.entry(call.at.as_second()).or_default() += 1;
            }
            let descriptors = std::fs::read_dir(format!("/proc/{}/fd", child.id())).expect("it runs").count();
            let all = world.counts().get("AssumeRole").copied().unwrap_or_default();
            println!(
                "{minute:6}  {:28}  {descriptors:11}  {:10.0} ({:7})  {:7.1} %  {:10}  {slowest:.0?}",
                process::memory(child.id()),
                calls.len() as f64 / 60.0,
                by_second.values().max().copied().unwrap_or_default(),
                used * 100.0 / 60.0,
                all - assumed
            );
            assumed = all;
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
    });
}
