//! The stage of a scenario: the real daemon on tokio's paused clock, a simulated account, and sinks that write
//! down what they are told. Times in scenarios are "10:03" or "10:03:15" of one day, or `d2 10:03` of the next.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trailnoti::clock::Clock;
use trailnoti::config::Config;
use trailnoti::daemon::{Deps, Reload};
use trailnoti::domain::json::Json;
use trailnoti::domain::notify::answer::Failure;
use trailnoti::domain::notify::message::{Message, Receipt};
use trailnoti::domain::severity::Severity;
use trailnoti::ops::status::Status;
use trailnoti::simulator::records::Caller;
use trailnoti::simulator::{Account, World};
use trailnoti::sink::Sink;
use trailnoti::store::Store;
use trailnoti::{daemon, source};

pub const ACCOUNT: &str = "111122223333";

pub const MALLORY: Caller<'static> = Caller {
    account: ACCOUNT,
    user: "mallory",
    key: "AKIAMALLORY0EXAMPLE",
    address: "203.0.113.66",
    agent: "Boto3/1.34.51",
};

/// A configuration with one sink that takes everything, and alerts as they come.
pub const AT_ONCE: &str =
    "[grouping]\nwait = \"0s\"\ninterval = \"0s\"\n[[sink]]\nname = \"slack\"\nkind = \"terminal\"\n";

/// The three rules of a stage for loops.
pub const LOOPS: &str = r#"
[[rule]]
id = "user"
title = "user {detail.requestParameters.userName}"
severity = "medium"
pattern.detail.eventName = ["CreateUser"]

[[rule]]
id = "instance"
title = "instance {detail.instance-id} {detail.state}"
severity = "low"
pattern.detail-type = ["EC2 Instance State-change Notification"]

[[rule]]
id = "sign-in"
title = "sign-in {detail.responseElements.ConsoleLogin} of {principal}"
severity = "medium"
pattern.detail.eventName = ["ConsoleLogin"]
"#;

/// A time of the scenario's day.
pub fn at(text: &str) -> Timestamp {
    let (day, clock) = match text.split_once(' ') {
        Some((day, clock)) => (day.trim_start_matches('d').parse::<i64>().expect("a day") - 1, clock),
        None => (0, text),
    };
    let mut parts = clock.split(':').map(|part| part.parse::<i64>().expect("a number"));
    let seconds = parts.next().expect("hours") * 3600
        + parts.next().expect("minutes") * 60
        + parts.next().unwrap_or_default();
    let midnight: Timestamp = "2026-03-02T00:00:00Z".parse().expect("a time");
    midnight + SignedDuration::from_secs(day * 86_400 + seconds)
}

pub fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

pub fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// How a sink answers in a time.
#[derive(Debug, Clone)]
pub enum Answer {
    Later(Option<std::time::Duration>),
    Refuses,
    /// Only messages in which an alert's title has this.
    RefusesWhat(&'static str),
    Closed,
    Hangs,
}

/// What was delivered.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub at: Timestamp,
    pub sink: String,
    pub digest: Message,
}

/// What the sinks were told, and how they are to answer.
#[derive(Default)]
pub struct Book {
    pub deliveries: Vec<Delivery>,
    /// Every attempt, delivered or not.
    pub attempts: Vec<(Timestamp, String)>,
    pub answers: Vec<(String, Timestamp, Timestamp, Answer)>,
    /// Called before and after each delivery.
    pub step: Option<Arc<dyn Fn() + Send + Sync>>,
    /// The process is dead: nothing is written down any more.
    pub dead: bool,
}

pub struct Recorder {
    pub name: String,
    pub clock: Clock,
    pub book: Arc<Mutex<Book>>,
}

impl Sink for Recorder {
    fn queue(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, digest: &'a Message) -> BoxFuture<'a, Result<Receipt, Failure>> {
        Box::pin(async move {
            let now = self.clock.now();
            let (step, answer) = {
                let mut book = self.book.lock().expect("the book");
                book.attempts.push((now, self.name.clone()));
                let answer = book
                    .answers
                    .iter()
                    .find(|(sink, from, until, _)| *sink == self.name && *from <= now && now < *until)
                    .map(|(_, _, _, answer)| answer.clone());
                (book.step.clone(), answer)
            };
            if let Some(step) = &step {
                step();
            }
            let why = "the test says so".to_owned();
            match answer {
                Some(Answer::Hangs) => std::future::pending().await,
                Some(Answer::Later(after)) => return Err(Failure::Later { after, why }),
                Some(Answer::Refuses) => return Err(Failure::Refused { why }),
                Some(Answer::RefusesWhat(what))
                    if digest.alerts.iter().any(|pending| pending.alert.title.contains(what)) =>
                {
                    return Err(Failure::Refused { why });
                }
                Some(Answer::RefusesWhat(_)) => {}
                Some(Answer::Closed) => return Err(Failure::Closed { why }),
                None => {}
            }
            {
                let mut book = self.book.lock().expect("the book");
                if !book.dead {
                    let delivery = Delivery { at: now, sink: self.name.clone(), digest: digest.clone() };
                    book.deliveries.push(delivery);
                }
            }
            if let Some(step) = &step {
                step();
            }
            // A conversation stands where its first message was put.
            let begins = || self.book.lock().expect("the book").deliveries.len().to_string();
            let thread = digest.conversation().map(|_| digest.thread.clone().unwrap_or_else(begins));
            Ok(Receipt { thread })
        })
    }
}

/// The stage.
pub struct Stage {
    pub world: World,
    pub clock: Clock,
    pub book: Arc<Mutex<Book>>,
    pub status: Arc<Status>,
    pub heard: Arc<Mutex<Vec<String>>>,
    pub state: PathBuf,
    pub config: String,
    pub store: Option<Arc<Store>>,
    /// Where the configuration's own files are.
    pub folder: Option<PathBuf>,
    own_rules: bool,
    key: String,
    _folder: tempfile::TempDir,
    running: Option<Running>,
}

struct Running {
    stop: CancellationToken,
    reload: mpsc::Sender<Reload>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Stage {
    /// A stage at 10:00 with one account of these regions.
    pub fn new(regions: &[&str]) -> Self {
        Stage::at_time("10:00", regions)
    }

    pub fn at_time(time: &str, regions: &[&str]) -> Self {
        let clock = Clock::virtual_from(at(time));
        let world = World::new(clock);
        let key = world.add_account(ACCOUNT);
        if !regions.is_empty() {
            world.account(ACCOUNT, |account| account.only_regions(regions));
        }
        let folder = tempfile::tempdir().expect("a folder");
        Stage {
            world,
            clock,
            book: Arc::default(),
            status: Arc::default(),
            heard: Arc::default(),
            state: folder.path().join("state"),
            config: AT_ONCE.to_owned(),
            store: None,
            folder: None,
            own_rules: false,
            key,
            _folder: folder,
            running: None,
        }
    }

    /// A stage for what the loops do: its three rules are its own, so that no word of a built-in rule matters.
    pub fn of_loops(regions: &[&str]) -> Self {
        Stage::new(regions).under(LOOPS)
    }

    /// A stage whose only rules are these.
    pub fn under(mut self, rules: &str) -> Self {
        self.folder = Some(self._folder.path().to_owned());
        self.own_rules = true;
        self.write_rules(rules);
        self
    }

    /// Writes the stage's own rules anew; a reload reads them.
    pub fn write_rules(&self, rules: &str) {
        let folder = self._folder.path().join("rules.d");
        std::fs::create_dir_all(&folder).expect("made");
        std::fs::write(folder.join("mine.toml"), rules).expect("written");
    }

    /// With another configuration.
    pub fn with(mut self, config: &str) -> Self {
        self.config = config.to_owned();
        self
    }

    pub fn account<T>(&self, change: impl FnOnce(&mut Account) -> T) -> T {
        self.world.account(ACCOUNT, change)
    }

    /// Puts a record into the history.
    pub fn record(&self, record: Json, after: SignedDuration) {
        self.account(|account| account.record(record, after));
    }

    pub fn parse(&self, text: &str) -> Reload {
        let text = if self.own_rules { format!("{text}[rules]\nbuiltin = false\n") } else { text.to_owned() };
        Config::parse("trailnoti.toml", &text, self.folder.as_deref(), BTreeMap::new())
    }

    /// Starts the daemon.
    pub async fn start(&mut self) {
        self.start_by(self.clock).await;
    }

    /// Starts the daemon on a clock of its own.
    pub async fn start_by(&mut self, clock: Clock) {
        assert!(self.running.is_none(), "it runs");
        let config = self.parse(&self.config.clone()).unwrap_or_else(|problems| panic!("{problems}"));
        let (store, opened) = Store::open(&self.state, clock).await.expect("the state opens");
        let store = Arc::new(store);
        self.store = Some(store.clone());
        let (book, world_clock) = (self.book.clone(), self.clock);
        let heard = self.heard.clone();
        let deps = Deps {
            sdk: source::simulated(&self.world, &self.key),
            clock,
            store: (store, opened),
            make_sinks: Box::new(move |config| {
                let sinks = config.routes().into_iter().map(|route| -> Arc<dyn Sink> {
                    Arc::new(Recorder { name: route.sink, clock: world_clock, book: book.clone() })
                });
                Ok(sinks.collect())
            }),
            notifier: Arc::new(move |state| {
                heard
                    .lock()
                    .expect("heard")
                    .extend(state.iter().map(|state| format!("{} {state:?}", time(world_clock.now()))));
            }),
            status: self.status.clone(),
        };
        let stop = CancellationToken::new();
        let (reload, reloads) = mpsc::channel(1);
        let task = tokio::spawn(daemon::run(config, deps, stop.clone(), reloads));
        self.running = Some(Running { stop, reload, task });
    }

    /// Lets time pass.
    pub async fn until(&mut self, time: &str) {
        let end = at(time);
        self.clock.sleep_until(end).await;
        if self.running.as_ref().is_some_and(|running| running.task.is_finished()) {
            let outcome = self.running.take().expect("it ran").task.await.expect("it did not panic");
            panic!("the daemon ended by itself: {outcome:?}");
        }
    }

    /// Stops the daemon as SIGTERM would.
    pub async fn stop(&mut self) {
        let running = self.running.take().expect("it runs");
        running.stop.cancel();
        running.task.await.expect("it did not panic").expect("it ended well");
        self.store = None;
    }

    /// Hands it a new configuration, as SIGHUP would.
    pub async fn reload(&mut self, text: &str) {
        let reload = self.parse(text);
        self.running.as_ref().expect("it runs").reload.send(reload).await.expect("it listens");
    }

    pub fn answers(&self, sink: &str, from: &str, until: &str, answer: Answer) {
        let mut book = self.book.lock().expect("the book");
        book.answers.push((sink.to_owned(), at(from), at(until), answer));
    }

    /// The ids of all alerts that a sink was told, with how often. What is told of an exclusion's use is known by what it
    /// says: its id holds the second in which it was found.
    pub fn told(&self, sink: &str) -> BTreeMap<String, usize> {
        let mut told = BTreeMap::new();
        for delivery in self.book.lock().expect("the book").deliveries.iter().filter(|d| d.sink == sink) {
            for alert in delivery.digest.alerts.iter().map(|pending| &pending.alert) {
                let own = alert.title.contains("carries the tags");
                let id = if own { alert.title.clone() } else { alert.id.clone() };
                *told.entry(id).or_default() += 1;
            }
        }
        told
    }

    /// What was delivered, a line for each alert.
    pub fn transcript(&self) -> String {
        let mut lines = Vec::new();
        for delivery in &self.book.lock().expect("the book").deliveries {
            for (n, pending) in delivery.digest.alerts.iter().enumerate() {
                let alert = &pending.alert;
                let mark = if n == 0 { "→" } else { "+" };
                let update = if n == 0 && delivery.digest.update { " (update)" } else { "" };
                let urgent = if alert.severity == Severity::Critical { "!" } else { "" };
                let reason = alert
                    .facts
                    .iter()
                    .find(|(name, _)| name == "reason")
                    .map(|(_, reason)| format!(" [{reason}]"));
                lines.push(format!(
                    "{} {mark} {}{update}: {urgent}{} · {} {}{}",
                    time(delivery.at),
                    delivery.sink,
                    alert.title,
                    alert.region,
                    time(alert.time),
                    reason.unwrap_or_default()
                ));
            }
        }
        lines.join("\n")
    }
}

pub fn time(time: Timestamp) -> String {
    let day = time.duration_since(at("00:00")).as_hours() / 24;
    let clock = time.strftime("%H:%M:%S");
    if day == 0 { clock.to_string() } else { format!("d{} {clock}", day + 1) }
}

pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("read").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}
