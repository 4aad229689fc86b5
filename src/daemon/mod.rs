//! The daemon: wires the loops, and runs them until it is told to stop. Owns the order of beginning and ending;
//! signals are `cli::run`'s.
//!
//! A configuration is run by one generation of loops. A reload ends that generation as a stop would, with every
//! turn committed, and begins the next: cursors and outbox are in the store and survive.

pub mod coverage;
pub mod dispatch;
mod heartbeat;
mod incident_state;
mod judge_state;
mod judging;
#[cfg(test)]
mod judging_tests;
pub mod outages;
mod overview;
pub mod poll;
mod reports;
pub mod shared;
mod upkeep;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aws_config::SdkConfig;
use sd_notify::NotifyState;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Config, Problems};
use crate::daemon::dispatch::{DELIVERY, dispatch};
use crate::daemon::judge_state::JudgeState;
use crate::daemon::overview::Overview;
use crate::daemon::poll::account::watch_account;
use crate::daemon::shared::Shared;
use crate::daemon::upkeep::upkeep;
use crate::domain::event::scope::Scope;
use crate::domain::health::report::Report;
use crate::domain::health::subject::Subject;
use crate::domain::health::{Health, starts};
use crate::domain::lookup::sweep::Sweeps;
use crate::ops::metrics::BySink;
use crate::ops::status::Status;
use crate::ops::systemd::{Notifier, watchdog};
use crate::sink::Sink;
use crate::sink::heartbeat::Heartbeat;
use crate::source::{self, PageSize};
use crate::store::{Commit, Opened, Store};
use crate::supervisor::{Ended, Supervisor};

/// How long turns may take to commit, and deliveries to finish, at the end; together under ten seconds.
const POLL_GRACE: Duration = Duration::from_secs(3);
const SEND_GRACE: Duration = Duration::from_secs(5);
/// How long until systemd hears "ready" although no region was read yet.
const READY: Duration = Duration::from_secs(60);

/// Builds the sinks of a configuration.
pub type MakeSinks = Box<dyn Fn(&Config) -> anyhow::Result<Vec<Arc<dyn Sink>>> + Send + Sync>;

/// The world, as the daemon receives it.
pub struct Deps {
    /// The way to AWS.
    pub sdk: SdkConfig,
    /// The clock: real, or the simulation's.
    pub clock: Clock,
    /// What is kept, and how it was found.
    pub store: (Arc<Store>, Opened),
    /// The way to people.
    pub make_sinks: MakeSinks,
    /// Who hears how it is going.
    pub notifier: Notifier,
    /// What is said to the outside.
    pub status: Arc<Status>,
}

/// What a reload brings.
pub type Reload = Result<Config, Problems>;

/// Runs until `stop`, or until something ends that should not.
///
/// # Errors
/// When a loop ends by itself, or the sinks cannot be built.
pub async fn run(
    mut config: Config,
    deps: Deps,
    stop: CancellationToken,
    mut reloads: mpsc::Receiver<Reload>,
) -> anyhow::Result<()> {
    let mut refused = Health::Well;
    let starts = deps.store.0.note_start().await.unwrap_or_else(|error| {
        tracing::warn!("cannot note this start: {error}");
        Vec::new()
    });
    let mut deaths = starts::deaths(&starts);
    let page = if deaths.is_some() { PageSize::Small } else { PageSize::Whole };
    let mut opened = Some(deps.store.1.clone());
    loop {
        let mut generation = Generation::begin(config, &deps, (opened.is_some(), page), &stop).await?;
        if let Some(Opened::Reset { why, copy }) = opened.take() {
            generation.report_reset(&why, copy.as_deref()).await?;
        }
        if let Some(times) = deaths.take() {
            generation.report_deaths(times).await?;
        }
        let next = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break None,
                Some(ended) = generation.ended.recv() => {
                    generation.end(&deps, &stop).await;
                    deps.store.0.close().await;
                    return Err(ended.into());
                }
                Some(reload) = reloads.recv() => {
                    (deps.notifier)(&reloading());
                    match reload {
                        Ok(new) => break Some(new),
                        Err(problems) => generation.refuse(&problems, &deps, &mut refused).await?,
                    }
                    (deps.notifier)(&[NotifyState::Ready]);
                }
            }
        };
        if next.is_none() {
            (deps.notifier)(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
        }
        generation.end(&deps, &stop).await;
        let Some(new) = next.filter(|_| !stop.is_cancelled()) else { break };
        config = new;
        deps.status.metrics.reload_ok.set(1);
        if std::mem::take(&mut refused) != Health::Well {
            generation.shared.report(&Report::ReloadWorksAgain, Scope::Program, Commit::default()).await?;
        }
        tracing::info!("configuration reloaded");
    }
    if let Err(error) = deps.store.0.note_end().await {
        tracing::warn!("cannot note this end: {error}");
    }
    deps.store.0.close().await;
    tracing::info!("stopped");
    Ok(())
}

fn reloading() -> Vec<NotifyState<'static>> {
    let mut state = vec![NotifyState::Reloading];
    // Newer systemd waits for the time of the reload.
    state.extend(NotifyState::monotonic_usec_now());
    state
}

/// The loops of one configuration.
struct Generation {
    shared: Shared,
    pollers: Supervisor,
    senders: Supervisor,
    ended: mpsc::UnboundedReceiver<Ended>,
}

impl Generation {
    async fn begin(
        config: Config,
        deps: &Deps,
        (first, page): (bool, PageSize),
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let sinks = (deps.make_sinks)(&config).context("cannot set up the sinks")?;
        let nudges = sinks.iter().map(|sink| (sink.queue().to_owned(), Arc::new(Notify::new())));
        let shared = Shared {
            store: deps.store.0.clone(),
            status: deps.status.clone(),
            judge_state: Arc::new(JudgeState::load(&deps.store.0).await?),
            coverage: Arc::default(),
            outages: Arc::default(),
            clock: deps.clock,
            sweeps: Arc::new(Sweeps::new(&config.ruleset.rules)),
            routes: Arc::new(config.routes()),
            nudges: Arc::new(nudges.collect::<BTreeMap<_, _>>()),
            skew: source::skew(deps.clock),
            page,
            base: Arc::default(),
            config: Arc::new(config),
        };
        deps.status.begin(shared.config.accounts.len().max(1));
        for (sink, alerts) in shared.store.retire_sinks(&shared.routes).await? {
            tracing::error!(
                sink,
                alerts,
                "sink no longer configured: the alerts that waited for it are set aside and will not be sent"
            );
            shared.status.metrics.dead.get_or_create(&BySink { sink }).inc_by(alerts as u64);
        }
        // Two supervisors, so that what polling has committed last is still sent. Senders stop by `end` alone.
        let (pollers, mut polling) = Supervisor::new(stop);
        let (senders, mut sending) = Supervisor::new(&CancellationToken::new());
        for sink in sinks {
            let (stop, nudge) = (senders.child_stop(), shared.nudges[sink.queue()].clone());
            let name = format!("sink {}", sink.queue());
            senders.spawn(name, stop.clone(), dispatch(shared.clone(), sink, nudge, stop));
        }
        let accounts: Vec<_> = match shared.config.accounts.as_slice() {
            [] => vec![None],
            accounts => accounts.iter().cloned().map(Some).collect(),
        };
        for account in accounts {
            let name = format!("account {}", account.as_ref().map_or("of the credentials", |a| &a.name));
            let stop = pollers.child_stop();
            let task =
                watch_account(shared.clone(), deps.sdk.clone(), account, pollers.clone(), stop.clone());
            pollers.spawn(name, stop, task);
        }
        let stop = pollers.child_stop();
        pollers.spawn("upkeep", stop.clone(), upkeep(shared.clone(), stop));
        if let Some(config) = &shared.config.heartbeat {
            let (stop, heartbeat) = (pollers.child_stop(), Heartbeat::new(config.clone())?);
            pollers.spawn("heartbeat", stop.clone(), heartbeat::run(shared.clone(), heartbeat, first, stop));
        }
        let stop = pollers.child_stop();
        pollers.spawn("watchdog", stop.clone(), watchdog(deps.notifier.clone(), shared.status.clone(), stop));
        let stop = pollers.child_stop();
        pollers.spawn("ready", stop.clone(), report_ready(deps.notifier.clone(), shared.clone(), stop));
        shared.status.open_pages(Arc::new(Overview::new(shared.clone())));
        let (reports, ended) = mpsc::unbounded_channel();
        let forward = async move {
            loop {
                let ended = tokio::select! {
                    Some(ended) = polling.recv() => ended,
                    Some(ended) = sending.recv() => ended,
                    else => return Ok(()),
                };
                let _nobody_listens_after_the_end = reports.send(ended);
            }
        };
        let stop = senders.child_stop();
        senders.spawn("ends", stop.clone(), async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => Ok(()),
                outcome = forward => outcome,
            }
        });
        Ok(Generation { shared, pollers, senders, ended })
    }

    /// Lets turns commit, then deliveries finish. Before a reload they get all their time: the next generation would
    /// send what is still in flight once more.
    async fn end(&self, deps: &Deps, stop: &CancellationToken) {
        if !self.pollers.stop(POLL_GRACE).await {
            tracing::warn!(
                "a loop did not stop in time: its unfinished work is done again at the next start"
            );
        }
        let finished = tokio::select! {
            biased;
            finished = self.senders.stop(DELIVERY), if !stop.is_cancelled() => finished,
            () = stop.cancelled() => self.senders.stop(SEND_GRACE).await,
        };
        if self.shared.judge_state.told.has_changes()
            && let Err(error) = self.shared.write_changes().await
        {
            tracing::warn!("incidents were not written as they stand: {error}");
        }
        if !finished {
            tracing::warn!("a delivery did not finish in time: it may be repeated at the next start");
        }
        deps.status.begin(0);
    }

    async fn report_reset(&self, why: &str, copy: Option<&std::path::Path>) -> anyhow::Result<()> {
        let kept = copy.map(|copy| format!("; a copy is in {}", copy.display())).unwrap_or_default();
        tracing::error!("the state was damaged ({why}) and has been recreated{kept}");
        let report = Report::StateReset { reason: format!("{why}{kept}") };
        Ok(self.shared.report(&report, Scope::Program, Commit::default()).await?)
    }

    /// Once, until there is an orderly end.
    async fn report_deaths(&self, times: usize) -> anyhow::Result<()> {
        tracing::error!(times, "the process died again and again; reading the history in small pages");
        let shared = &self.shared;
        if shared.store.reported(Subject::Deaths).await? == Health::Well {
            let commit = Commit::of_health(Subject::Deaths, Some(shared.clock.now()));
            shared.report(&Report::Killed { times }, Scope::Program, commit).await?;
        }
        Ok(())
    }

    async fn refuse(&self, problems: &Problems, deps: &Deps, refused: &mut Health) -> anyhow::Result<()> {
        deps.status.metrics.reload_ok.set(0);
        tracing::error!("the new configuration has mistakes, keeping the old one");
        for problem in &problems.0 {
            tracing::error!("{problem}");
        }
        if *refused == Health::Well {
            *refused = Health::Reported { since: deps.clock.now() };
            let report = Report::ReloadRefused { reason: problems.to_string() };
            self.shared.report(&report, Scope::Program, Commit::default()).await?;
        }
        Ok(())
    }
}

/// Says "ready" once a region was read, or after a minute: a start without AWS is a start, and reported as blindness.
async fn report_ready(notifier: Notifier, shared: Shared, stop: CancellationToken) -> anyhow::Result<()> {
    let begun = tokio::time::Instant::now();
    while shared.status.readiness(shared.clock.now()).fresh == 0 && begun.elapsed() < READY {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(Duration::from_millis(250)) => {}
        }
    }
    notifier(&[NotifyState::Ready]);
    loop {
        let readiness = shared.status.readiness(shared.clock.now());
        let line = format!("{} region feeds read, {} not", readiness.fresh, readiness.missing.len());
        notifier(&[NotifyState::Status(&line)]);
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
        }
    }
}
