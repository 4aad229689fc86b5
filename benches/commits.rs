//! What an account waits for while others write: a hundred accounts, each with one write a second that must last, on the disk
//! of this machine. Once with a lock for each account that nobody holds over a flush, as the daemon has it; once with one lock
//! for all that is held until the write lasts, as it had it.
//!
//! `cargo bench --bench commits`

#![allow(clippy::expect_used, clippy::disallowed_methods, missing_docs, reason = "a measurement")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use trailnoti::clock::Clock;
use trailnoti::domain::event::scope::Scope;
use trailnoti::domain::judge::inputs::{Judgement, Mark};
use trailnoti::store::{Commit, Store};

const ACCOUNTS: u64 = 100;
const SECONDS: u32 = 10;

#[derive(Clone, Copy, PartialEq)]
enum Lock {
    OneForAll,
    ForEachAccount,
}

fn main() {
    println!("{ACCOUNTS} accounts, one lasting write a second each, for {SECONDS} s:");
    let before = run(Lock::OneForAll);
    let now = run(Lock::ForEachAccount);
    for (name, waits) in [("one lock, held over the flush", &before), ("a lock an account", &now)] {
        println!(
            "  {name}: until an account may be judged on p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
            part(waits, 50),
            part(waits, 99),
            part(waits, 100)
        );
    }
    println!("  p50: {:.1} times shorter", part(&before, 50) / part(&now, 50));
}

/// Of a hundred waits, how long the one at a place is, in milliseconds.
fn part(waits: &[Duration], percent: usize) -> f64 {
    let at = (waits.len() * percent / 100).min(waits.len() - 1);
    waits.get(at).map_or(0.0, |wait| wait.as_secs_f64() * 1000.0)
}

/// How long each account's lock was asked for and held, of every write; the shortest first.
fn run(lock: Lock) -> Vec<Duration> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let mut waits: Vec<Duration> = runtime.expect("built").block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, _) = Store::open(folder.path(), Clock::system()).await.expect("opened");
        let (store, all) = (Arc::new(store), Arc::new(Mutex::new(())));
        let accounts = (0..ACCOUNTS).map(|n| {
            let (store, all) = (store.clone(), all.clone());
            tokio::spawn(async move {
                let account = format!("{:012}", 111_100_000_000 + n);
                let mut waits = Vec::new();
                // Each account has its own moment in the second.
                tokio::time::sleep(Duration::from_millis(n * 1000 / ACCOUNTS)).await;
                let mut next = tokio::time::interval(Duration::from_secs(1));
                for second in 0..SECONDS {
                    next.tick().await;
                    let asked = Instant::now();
                    let commit = write(&account, second);
                    let scope = Scope::region_of(&account, "us-east-1");
                    if lock == Lock::OneForAll {
                        let _held_over_the_flush = all.lock().await;
                        let written = store.commit(scope, &commit, &[]).await.expect("committed");
                        store.settled(written.expect("it must last")).await.expect("settled");
                        waits.push(asked.elapsed());
                    } else {
                        let written = store.commit(scope, &commit, &[]).await.expect("committed");
                        waits.push(asked.elapsed());
                        store.settled(written.expect("it must last")).await.expect("settled");
                    }
                }
                waits
            })
        });
        let mut waits = Vec::new();
        for account in accounts.collect::<Vec<_>>() {
            waits.extend(account.await.expect("it ended well"));
        }
        waits
    });
    waits.sort();
    waits
}

fn write(account: &str, second: u32) -> Commit {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&second.to_be_bytes());
    let mark = Mark { account: account.to_owned(), second: 1_772_000_000 + i64::from(second), id };
    let judgement = Judgement { marks: [mark].into(), ..Judgement::default() };
    Commit { judgement, ..Commit::default() }
}
