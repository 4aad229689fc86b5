//! `demo`: the real daemon over a simulated account in which a key leaks. Owns the stage: faster time, the
//! narration and the summary.
//!
//! Time is tokio's paused clock, moved by a metronome. Sinks that use sockets deliver on another runtime in real
//! time, and while one does, the metronome waits for it.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cli::arguments::{ConfigFile, exit};
use crate::cli::demo_steps::{First, Steps, alerted_after};
use crate::cli::runtime;
use crate::clock::Clock;
use crate::config::{Config, RegionChoice, SinkConfig};
use crate::daemon::Deps;
use crate::domain::incident::brief::Brief;
use crate::domain::notify::answer::Failure;
use crate::domain::notify::message::{Message, Receipt};
use crate::domain::notify::render::terminal::severity_style;
use crate::domain::notify::route::Only;
use crate::domain::severity::Severity;
use crate::domain::text::layout::{Table, paragraph};
use crate::ops::http;
use crate::ops::status::Status;
use crate::ops::web::Access;
use crate::simulator::story::Beat;
use crate::simulator::{World, story};
use crate::sink::terminal::columns;
use crate::sink::{Sink, terminal};
use crate::store::{Opened, Store};
use crate::{daemon, source};

const BANNER: &str = "[DEMO]";
/// How often the clock is moved.
const TICK: Duration = Duration::from_millis(20);

/// What the command line says.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub speed: u32,
    pub page: bool,
    pub messages: bool,
}

pub(super) fn run(file: &ConfigFile, view: View) -> anyhow::Result<ExitCode> {
    let mut config = file.load_named()?;
    config.regions = RegionChoice::default();
    config.accounts = Vec::new();
    if !config.sinks.iter().any(is_terminal) {
        config.sinks.push(SinkConfig {
            digest: false,
            only: Only::default(),
            active: None,
            backup: false,
            name: "terminal".to_owned(),
            min_severity: Severity::Info,
            timezone: None,
            language: config.language,
            channel: terminal(),
        });
    }
    let real_time = runtime::threads(1)?;
    let stage = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    let alerted = Arc::new(Alerted::default());
    let beats = stage.block_on(perform(config, view, &alerted, real_time.handle().clone()))?;
    let missed = summarize(&beats, &alerted, view.is_stepwise())?;
    Ok(if missed { ExitCode::from(exit::FAILED) } else { ExitCode::SUCCESS })
}

impl View {
    /// On a terminal each step is a line; the messages themselves would scroll away.
    fn is_stepwise(self) -> bool {
        !self.messages && std::io::stdout().is_terminal() && std::io::stderr().is_terminal()
    }
}

fn is_terminal(sink: &SinkConfig) -> bool {
    sink.channel.kind() == terminal().kind()
}

/// When each event or instance was first alerted on, and by which rule.
#[derive(Debug, Default)]
struct Alerted {
    first: Mutex<BTreeMap<String, First>>,
    /// The incident with the most alerts, as it was told last.
    incident: Mutex<Option<Brief>>,
    /// Deliveries under way in real time.
    busy: AtomicUsize,
}

impl Alerted {
    fn remember(&self, incidents: &[Brief]) {
        let mut known = self.incident.lock().unwrap_or_else(PoisonError::into_inner);
        for incident in incidents {
            if known.as_ref().is_none_or(|known| known.alerts <= incident.alerts) {
                *known = Some(incident.clone());
            }
        }
    }
}

async fn perform(
    config: Config,
    view: View,
    alerted: &Arc<Alerted>,
    real_time: Handle,
) -> anyhow::Result<Vec<Beat>> {
    let clock = Clock::virtual_from(Clock::system().now());
    let world = World::new(clock);
    let beats = story::schedule(&world, clock.now());
    let stop = CancellationToken::new();
    let (of_sinks, narrated) = (alerted.clone(), beats.clone());
    let status = Arc::new(Status::default());
    let shown = if view.page { Some(show_page(&config, &status, clock, &stop).await?) } else { None };
    let deps = Deps {
        sdk: source::simulated(&world, &format!("AKIASIM{}", story::ACCOUNT)),
        clock,
        store: (Arc::new(Store::in_memory(clock).await?), Opened::AsItWas),
        make_sinks: Box::new(move |config| {
            let mut sinks: Vec<Arc<dyn Sink>> = Vec::new();
            for one in &config.sinks {
                let sockets = !is_terminal(one);
                for inner in one.build(Some(BANNER))? {
                    let stage = sockets.then(|| real_time.clone());
                    let is_mute = !sockets && view.is_stepwise();
                    sinks.push(Arc::new(Staged { inner, alerted: of_sinks.clone(), clock, stage, is_mute }));
                }
            }
            Ok(sinks)
        }),
        notifier: Arc::new(|_| {}),
        status,
    };
    if std::io::stderr().is_terminal() {
        eprintln!("A simulated account, {} times faster than real time. The thief is marked ▸.", view.speed);
    }
    let (_tell, reloads) = mpsc::channel(1);
    let play = async {
        let end = clock.now() + story::LENGTH;
        metronome(clock, (end, view.speed), alerted, &mut Narrator::of(view, &narrated)).await;
        let nobody = &mut Narrator::of(view, &[]);
        if let Some(address) = shown {
            let _nobody_waits_for_an_exit_code = summarize(&beats, alerted, view.is_stepwise());
            eprintln!("\nThe page stays at http://{address} until Ctrl-C.");
            metronome(clock, (Timestamp::MAX, 1), alerted, nobody).await;
        }
        stop.cancel();
        // The ends of the loops wait in tokio's time too.
        metronome(clock, (end + SignedDuration::from_secs(10), view.speed), alerted, nobody).await;
    };
    tokio::select! {
        outcome = daemon::run(config, deps, stop.clone(), reloads) => outcome?,
        () = play => {}
    }
    Ok(beats)
}

/// Shows the page of the simulated account, where the configuration says; the address is answered. It runs on the stage: its time is
/// the account's.
async fn show_page(
    config: &Config,
    status: &Arc<Status>,
    clock: Clock,
    stop: &CancellationToken,
) -> anyhow::Result<SocketAddr> {
    let http = config.http.as_ref().context("[http] listen is \"off\": the page needs an address")?;
    let listener = http::bind(http.listen).await?;
    let address = listener.local_addr()?;
    let access = Some(Access { token: http.token.clone() });
    runtime::beside(http::serve_machines(listener, status.clone(), clock, access, stop.clone()));
    eprintln!("The page is at http://{address}\n");
    Ok(address)
}

/// Moves the clock, and says what happens when it happens.
async fn metronome(
    clock: Clock,
    (end, speed): (Timestamp, u32),
    alerted: &Alerted,
    narrator: &mut Narrator<'_>,
) {
    while clock.now() < end {
        // A blocking task keeps tokio from moving the paused clock by itself.
        #[allow(clippy::disallowed_methods, reason = "the demonstration is paced for people, in real time")]
        let tick = tokio::task::spawn_blocking(|| std::thread::sleep(TICK));
        if tick.await.is_err() {
            return;
        }
        if alerted.busy.load(Ordering::SeqCst) == 0 {
            tokio::time::advance(TICK * speed).await;
        }
        narrator.look(clock.now(), alerted);
    }
    narrator.end();
}

/// Says what happens when it happens; to nobody where there is no terminal.
struct Narrator<'a> {
    beats: &'a [Beat],
    next: usize,
    steps: Option<Steps>,
}

impl<'a> Narrator<'a> {
    fn of(view: View, beats: &'a [Beat]) -> Self {
        Narrator { beats, next: 0, steps: view.is_stepwise().then(Steps::new) }
    }

    fn look(&mut self, now: Timestamp, alerted: &Alerted) {
        while let Some(beat) = self.beats.get(self.next).filter(|beat| beat.at <= now) {
            self.next += 1;
            match &mut self.steps {
                // What is everybody's work is no step of the story.
                Some(steps) if beat.hostile => steps.begin(beat),
                Some(_) => {}
                None if std::io::stderr().is_terminal() => {
                    let mark = if beat.hostile { "▸" } else { " " };
                    let dim = anstyle::Style::new().dimmed();
                    anstream::eprintln!(
                        "{dim}{} {mark} {}{dim:#}\n",
                        beat.at.strftime("%H:%M:%S"),
                        beat.what
                    );
                }
                None => {}
            }
        }
        if let Some(steps) = &mut self.steps {
            steps.update(&alerted.first.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn end(&self) {
        self.steps.iter().for_each(Steps::end);
    }
}

/// A sink on the stage: it notes what was alerted on when, and does what needs real time elsewhere.
struct Staged {
    inner: Arc<dyn Sink>,
    alerted: Arc<Alerted>,
    clock: Clock,
    stage: Option<Handle>,
    /// The steps say what its messages would.
    is_mute: bool,
}

impl Sink for Staged {
    fn queue(&self) -> &str {
        self.inner.queue()
    }

    fn gap(&self) -> Duration {
        self.inner.gap()
    }

    fn deliver<'a>(&'a self, digest: &'a Message) -> BoxFuture<'a, Result<Receipt, Failure>> {
        Box::pin(async move {
            let answer = match &self.stage {
                None if self.is_mute => Ok(Receipt::default()),
                None => self.inner.deliver(digest).await,
                Some(stage) => {
                    self.alerted.busy.fetch_add(1, Ordering::SeqCst);
                    let (inner, digest) = (self.inner.clone(), digest.clone());
                    let sent = stage.spawn(async move { inner.deliver(&digest).await }).await;
                    self.alerted.busy.fetch_sub(1, Ordering::SeqCst);
                    sent.unwrap_or_else(|error| Err(Failure::Later { after: None, why: error.to_string() }))
                }
            };
            if answer.is_ok() {
                self.alerted.remember(&digest.incidents);
                let now = self.clock.now();
                let mut first = self.alerted.first.lock().unwrap_or_else(PoisonError::into_inner);
                for alert in digest.alerts.iter().map(|pending| &pending.alert) {
                    for id in [&alert.event_id, &alert.instance] {
                        first.entry(id.clone()).or_insert_with(|| (now, alert.rule.clone()));
                    }
                }
            }
            answer
        })
    }
}

/// Says what was alerted on how long after it happened. True when something was missed that a rule is for.
fn summarize(beats: &[Beat], alerted: &Alerted, is_said: bool) -> anyhow::Result<bool> {
    let first = alerted.first.lock().unwrap_or_else(PoisonError::into_inner);
    let terminal = std::io::stdout().is_terminal();
    let mut out = anstream::stdout().lock();
    let (mut missed, mut table) = (false, Table::default());
    let bold = anstyle::Style::new().bold();
    for beat in beats.iter().filter(|beat| beat.hostile) {
        let after = alerted_after(beat, &first);
        missed |= after.is_none() && !beat.ids.is_empty();
        if terminal {
            let delay = match after {
                Some(seconds) => format!("alerted after {}:{:02}", seconds / 60, seconds % 60),
                None if beat.ids.is_empty() => "no alert".to_owned(),
                None => "MISSED".to_owned(),
            };
            table.row([beat.at.strftime("%H:%M:%S").to_string(), beat.what.to_string(), delay]);
        } else {
            let rule = beat.ids.iter().filter_map(|id| first.get(id)).min().map(|(_, rule)| rule);
            let line = serde_json::json!({
                "summary": beat.what,
                "at": beat.at.to_string(),
                "alerted_after_seconds": after,
                "rule": rule,
            });
            writeln!(out, "{line}")?;
        }
    }
    if terminal {
        if !is_said {
            writeln!(out, "{bold}What happened, and how long until trailnoti alerted{bold:#}")?;
            write!(out, "{}", table.text(columns()))?;
        }
        writeln!(out, "CloudTrail shows a call 2 to 4 minutes late; a list shows a machine in seconds.")?;
        let incident = alerted.incident.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(incident) = incident.as_ref() {
            let ink = severity_style(incident.severity);
            let label = format!("{ink} {} {ink:#} ", incident.language.words().label(incident.severity));
            let what = paragraph(columns(), &label, "  ", &format!("{bold}{}{bold:#}", incident.what));
            let so_far = paragraph(columns(), "  ", "  ", &incident.so_far.join(" · "));
            writeln!(out, "{what}\n{so_far}")?;
        }
        writeln!(out, "Nothing was installed in an account. Watch yours: {bold}trailnoti run{bold:#}")?;
        writeln!(out, "The messages themselves: trailnoti demo --messages; the page: --page")?;
    }
    Ok(missed)
}
