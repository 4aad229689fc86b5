//! A flood and whoever watches through it: the daemon on tokio's paused clock over a simulated account, records that take
//! little memory, and a sink that notes what it is told.

#![allow(dead_code, reason = "each bench uses a part")]

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trailnoti::clock::Clock;
use trailnoti::config::Config;
use trailnoti::daemon::{Deps, Reload};
use trailnoti::domain::json::Json;
use trailnoti::domain::notify::answer::Failure;
use trailnoti::domain::notify::message::{Message, Receipt};
use trailnoti::simulator::records::Caller;
use trailnoti::simulator::{Account, World};
use trailnoti::sink::Sink;
use trailnoti::store::{Opened, Store};
use trailnoti::{daemon, source};

pub const ACCOUNT: &str = "111122223333";
/// The one sink, as the configuration names it.
pub const SINK: &str = "slack";
/// What a sink that is down asks for.
const LATER: Duration = Duration::from_secs(5);

/// A key that makes noise.
pub const NOISY: Caller<'static> = Caller {
    account: ACCOUNT,
    user: "noisy",
    key: "AKIANOISY000EXAMPLE",
    address: "203.0.113.67",
    agent: "Boto3/1.34.51",
};

/// The thief whom the noise hides: a key and a network that the account never saw.
pub const THIEF: Caller<'static> = Caller {
    account: ACCOUNT,
    user: "thief",
    key: "AKIATHIEF000EXAMPLE",
    address: "198.51.100.66",
    agent: "Boto3/1.34.51",
};

/// A time of the simulated day.
pub fn at(time: &str) -> Timestamp {
    format!("2026-03-02T{time}Z").parse().expect("a time")
}

/// Runs something on a clock that passes by itself while there is nothing to do.
pub fn simulated<T>(what: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("built").block_on(what)
}

/// Says on a terminal what is going on, in a line that the next one takes; nothing in a pipe.
pub fn progress(text: &str) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let _nobody_needs_it = write!(stderr, "\r\x1b[2K{text}").and_then(|()| stderr.flush());
    }
}

/// CloudTrail's delay as it was measured: half within 232 seconds, 99 of 100 within 554 (log-normal).
pub struct Delays(pub u64);

impl Delays {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn draw(&mut self) -> SignedDuration {
        let normal: f64 = (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0;
        SignedDuration::from_secs_f64(232.0 * (0.374 * normal).exp())
    }
}

/// What the simulated CloudTrail looks at of a record, to find it and to put it in order.
const LOOKED_AT: [&str; 6] = ["eventTime", "eventName", "eventSource", "awsRegion", "eventID", "readOnly"];

/// Puts a record into the history that is one of very many: its text whole, and as a tree only what it is found by. That takes
/// little more than half of the memory, and less time to answer with. It is not found by its user or its key.
pub fn record_small(account: &mut Account, mut record: Json, after: SignedDuration) {
    let text = record.to_string();
    if let Json::Object(members) = &mut record {
        members.retain(|(name, _)| LOOKED_AT.contains(&name.as_str()));
        members.shrink_to_fit();
    }
    account.record_text(record, &text, after);
}

/// A sink that takes every message and notes when, or while it is down takes none.
pub struct Listener {
    clock: Clock,
    gap: Duration,
    down: AtomicBool,
    heard: Mutex<Vec<(Timestamp, Message)>>,
}

impl Sink for Listener {
    fn queue(&self) -> &str {
        SINK
    }

    fn gap(&self) -> Duration {
        self.gap
    }

    fn deliver<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Receipt, Failure>> {
        Box::pin(async move {
            if self.down.load(Ordering::Relaxed) {
                return Err(Failure::Later { after: Some(LATER), why: "it is down".to_owned() });
            }
            self.heard().push((self.clock.now(), message.clone()));
            Ok(Receipt::default())
        })
    }
}

impl Listener {
    /// It is down from now on, or up.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    /// Every message that it took, and when.
    pub fn heard(&self) -> MutexGuard<'_, Vec<(Timestamp, Message)>> {
        self.heard.lock().expect("no panic")
    }

    /// When each event was told of first, by CloudTrail's id of it.
    pub fn told(&self) -> BTreeMap<String, Timestamp> {
        let mut told = BTreeMap::new();
        for (at, message) in self.heard().iter() {
            for one in &message.alerts {
                told.entry(one.alert.event_id.clone()).or_insert(*at);
            }
        }
        told
    }

    /// When a rule alerted first.
    pub fn first_by(&self, rule: &str) -> Option<Timestamp> {
        let heard = self.heard();
        let says = |message: &Message| message.alerts.iter().any(|one| one.alert.rule == rule);
        heard.iter().find(|(_, message)| says(message)).map(|(at, _)| *at)
    }
}

struct Running {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
    /// Nothing is reloaded.
    _tell: mpsc::Sender<Reload>,
}

/// A simulated account with its daemon, whose state is on the disk of this machine.
pub struct Stage {
    pub clock: Clock,
    pub world: World,
    pub store: Arc<Store>,
    pub config: Config,
    pub listener: Arc<Listener>,
    key: String,
    opened: Opened,
    running: Option<Running>,
    _folder: TempDir,
}

impl Stage {
    /// At 10:00, with these regions alone. Nothing has happened, and nobody watches yet.
    pub async fn new(regions: &[&str], config: &str, gap: Duration) -> Self {
        let clock = Clock::virtual_from(at("10:00:00"));
        let world = World::new(clock);
        let key = world.add_account(ACCOUNT);
        world.account(ACCOUNT, |account| account.only_regions(regions));
        let folder = tempfile::tempdir().expect("a folder");
        let (store, opened) = Store::open(folder.path(), clock).await.expect("opened");
        let down = AtomicBool::new(false);
        Stage {
            clock,
            world,
            store: Arc::new(store),
            config: Config::parse("", config, None, BTreeMap::new()).expect("right"),
            listener: Arc::new(Listener { clock, gap, down, heard: Mutex::default() }),
            key,
            opened,
            running: None,
            _folder: folder,
        }
    }

    pub fn account<T>(&self, change: impl FnOnce(&mut Account) -> T) -> T {
        self.world.account(ACCOUNT, change)
    }

    /// Starts the daemon.
    pub fn start(&mut self) {
        let listener = self.listener.clone();
        let deps = Deps {
            sdk: source::simulated(&self.world, &self.key),
            clock: self.clock,
            store: (self.store.clone(), self.opened.clone()),
            make_sinks: Box::new(move |_| {
                let sink: Arc<dyn Sink> = listener.clone();
                Ok(vec![sink])
            }),
            notifier: Arc::new(|_| {}),
            status: Arc::default(),
        };
        let stop = CancellationToken::new();
        let (tell, reloads) = mpsc::channel(1);
        let task = tokio::spawn(daemon::run(self.config.clone(), deps, stop.clone(), reloads));
        self.running = Some(Running { stop, task, _tell: tell });
    }

    /// Lets time pass.
    pub async fn until(&self, time: Timestamp) {
        self.clock.sleep_until(time).await;
        let ended = self.running.as_ref().is_some_and(|running| running.task.is_finished());
        assert!(!ended, "the daemon ended by itself");
    }

    /// Lets so many seconds pass.
    pub async fn pass(&self, seconds: i64) {
        self.until(self.clock.now() + SignedDuration::from_secs(seconds)).await;
    }

    /// How many alerts wait for the sink.
    pub async fn waiting(&self) -> usize {
        self.store.queue(SINK).await.expect("read")
    }

    /// Stops the daemon as SIGTERM would.
    pub async fn stop(mut self) {
        let Some(running) = self.running.take() else { return };
        running.stop.cancel();
        running.task.await.expect("no panic").expect("it ended well");
    }
}
