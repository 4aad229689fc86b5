//! What nobody else looks after: the clock, the state, old marks, the numbers of the queues.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::daemon::judging::{Batch, What};
use crate::daemon::reports::Bookkeeper;
use crate::daemon::shared::Shared;
use crate::domain::event::scope::Scope;
use crate::domain::health::daily::Day;
use crate::domain::health::report::Report;
use crate::domain::health::subject::{Api, Subject};
use crate::domain::health::{Health, Notice, Patience, daily};
use crate::domain::incident::brief::Brief;
use crate::domain::time::later;
use crate::ops::metrics::BySink;
use crate::ops::status::{Feed, Reading};
use crate::store::{Commit, StoreError};

const EVERY: Duration = Duration::from_secs(15);
/// After a start, every region is read by then.
const SETTLED: Duration = Duration::from_secs(5 * 60);
const HOURLY: Duration = Duration::from_secs(3600);
/// At five minutes AWS refuses every signature (SigV4).
const SKEW_ALERT: i64 = 300;
const SKEW_WARN: i64 = 60;
/// Whatever is reported here is reported when it is found.
const AT_ONCE: Patience = Patience { times: 1, lasting: Duration::ZERO };

/// Runs until `stop`.
///
/// # Errors
/// When the state cannot be used any more.
pub async fn upkeep(shared: Shared, stop: CancellationToken) -> anyhow::Result<()> {
    let outcome = shared
        .persist("upkeep", &stop, || async {
            let (now, store) = (shared.clock.now(), &shared.store);
            let upkeep = Upkeep {
                shared: &shared,
                clock: store.reported(Subject::Clock).await?,
                disk: store.reported(Subject::State).await?,
                warned: false,
                looked: now,
                begun: now,
                places: store.places().await?,
                books: Bookkeeper::new(),
            };
            upkeep.run(&stop).await
        })
        .await;
    shared.status.ended("upkeep");
    outcome?;
    Ok(())
}

struct Upkeep<'a> {
    shared: &'a Shared,
    clock: Health,
    disk: Health,
    /// That the clock is off is in the log.
    warned: bool,
    looked: Timestamp,
    begun: Timestamp,
    /// Accounts and regions of which the state had stories at the start.
    places: Vec<(String, String)>,
    books: Bookkeeper,
}

impl Upkeep<'_> {
    async fn run(mut self, stop: &CancellationToken) -> Result<(), StoreError> {
        let mut next = self.shared.clock.now();
        while self.shared.wait("upkeep", next, stop).await {
            self.look_at_the_clock().await?;
            self.look_at_the_state().await?;
            // What waits for others that fail by the same cause waits no longer than its time.
            self.shared.report_outages().await?;
            self.books.settle(self.shared).await?;
            self.close_incidents().await?;
            self.ask_for_somebody().await?;
            let told = &self.shared.judge_state.told;
            if told.has_changes() {
                self.shared.write_changes().await?;
            }
            told.end_silences(&self.shared.store, self.shared.clock.now()).await?;
            self.hourly().await?;
            self.daily().await?;
            self.release().await?;
            self.count().await?;
            self.shared.store.checkpoint().await;
            next = later(self.shared.clock.now(), EVERY);
        }
        Ok(())
    }

    async fn look_at_the_clock(&mut self) -> Result<(), StoreError> {
        // After a restart, a clock of which nothing is known is not right again.
        let Some(seconds) = self.shared.skew.seconds() else { return Ok(()) };
        self.shared.status.metrics.skew.set(seconds as f64);
        let off = seconds.abs() >= SKEW_WARN;
        if off && !self.warned {
            tracing::warn!(seconds, "this machine's clock differs from AWS's: synchronize it with NTP");
        }
        self.warned = off;
        let (health, notice) =
            self.clock.after(seconds.abs() >= SKEW_ALERT, AT_ONCE, self.shared.clock.now());
        self.clock = health;
        let (report, since) = match notice {
            Some(Notice::Failed(since)) => (Report::Clock { seconds }, Some(since)),
            Some(Notice::Healed(since)) => {
                tracing::info!("this machine's clock is correct again");
                (Report::ClockRight { since }, None)
            }
            None => return Ok(()),
        };
        self.shared.report(&report, Scope::Program, Commit::of_health(Subject::Clock, since)).await
    }

    /// What is critical and nobody looks after is told again, to who stands by too.
    async fn ask_for_somebody(&self) -> Result<(), StoreError> {
        let (shared, now) = (self.shared, self.shared.clock.now());
        let Some(after) = shared.config.grouping.escalate_after else { return Ok(()) };
        let asking = shared.judge_state.told.ask_for_somebody(after, now).into_iter();
        let reports: Vec<Report> = asking
            .map(|incident| Report::IncidentUnattended {
                what: Brief::of(&incident, now, shared.config.language).what,
                incident: incident.id,
                waited: after,
            })
            .collect();
        shared.report_all(&reports, Scope::Program, Commit::default()).await
    }

    async fn close_incidents(&self) -> Result<(), StoreError> {
        let (shared, now) = (self.shared, self.shared.clock.now());
        let quiet = shared.config.grouping.conversation;
        let reports: Vec<Report> = shared
            .judge_state
            .told
            .close(quiet, now)
            .into_iter()
            .map(|over| Report::IncidentOver {
                what: Brief::of(&over, now, shared.config.language).what,
                alerts: over.alerts,
                worst: over.worst,
                incident: over.id,
                quiet,
            })
            .collect();
        // They are written as closed with what says so.
        shared.report_all(&reports, Scope::Program, Commit::default()).await
    }

    async fn look_at_the_state(&mut self) -> Result<(), StoreError> {
        let shared = self.shared;
        let _degraded_says_how_it_went = shared.store.recover();
        let trouble = shared.store.degraded();
        shared.status.metrics.degraded.set(i64::from(trouble.is_some()));
        shared.status.metrics.state_bytes.set(shared.store.size() as f64);
        let (health, notice) = self.disk.after(trouble.is_some(), AT_ONCE, shared.clock.now());
        self.disk = health;
        let (report, since) = match (notice, trouble) {
            (Some(Notice::Failed(since)), Some(reason)) => {
                tracing::error!("cannot write the state to disk; keeping it in memory: {reason}");
                (Report::StateUnwritable { reason }, Some(since))
            }
            (Some(Notice::Healed(since)), _) => {
                tracing::info!("the state is written to disk again");
                (Report::StateWritable { since }, None)
            }
            _ => return Ok(()),
        };
        shared.report(&report, Scope::Program, Commit::of_health(Subject::State, since)).await
    }

    /// Forgets what is old, and says what was hidden.
    async fn hourly(&mut self) -> Result<(), StoreError> {
        let shared = self.shared;
        if shared.clock.now() < later(self.looked, HOURLY) {
            return Ok(());
        }
        self.looked = shared.clock.now();
        let hidden = shared.judge_state.usage(&shared.store).await?;
        for (exclusion, usage) in hidden.iter().filter(|(_, usage)| usage.count > 0) {
            tracing::info!(exclusion, events = usage.count, last = ?usage.last, "hidden so far");
        }
        for (account, oldest) in shared.store.oldest_cursors().await? {
            shared.store.forget(&account, oldest, shared.config.cloudtrail.policy.rescan).await?;
        }
        shared.judge_state.forget(&shared.store, shared.clock.now()).await?;
        // Events of trailnoti itself belong to no account, and no walk goes back to them.
        shared.store.forget("", shared.clock.now(), shared.config.cloudtrail.policy.rescan).await?;
        Ok(())
    }

    /// Tells what waits in regions that nobody watches any more, by configuration or because they are disabled.
    async fn release(&self) -> Result<(), StoreError> {
        let shared = self.shared;
        if shared.clock.now() < later(self.begun, SETTLED) {
            return Ok(());
        }
        let readings = shared.status.readings();
        for (account, region) in shared.judge_state.places(&shared.store, &self.places).await? {
            let is_watched = readings.keys().any(|feed| (&feed.account, &feed.region) == (&account, &region));
            if is_watched || region.is_empty() {
                continue;
            }
            let scope = Scope::region_of(&account, &region);
            let account_name = shared.account_name(&account);
            let batch = Batch { scope, account_name, own: None, what: What::Release };
            shared.judge_and_commit(batch, Commit::default()).await?;
        }
        Ok(())
    }

    /// Sums up the day, to the sinks that ask for it. One that was due while nothing ran is sent late.
    async fn daily(&self) -> Result<(), StoreError> {
        let shared = self.shared;
        let Some(digest) = &shared.config.digest else { return Ok(()) };
        let (now, tally) = (shared.clock.now(), shared.store.tally().await?);
        let Some(since) = tally.since else { return shared.store.begin_tally(now).await };
        if now < daily::next(since, digest.at, &digest.timezone) {
            return Ok(());
        }
        let readiness = shared.status.readiness(now);
        // What was not read yet since the start says nothing of the day.
        if !readiness.missing.is_empty() && now < later(self.begun, SETTLED) {
            return Ok(());
        }
        let lag = |(feed, reading): (&Feed, &Reading)| {
            let through = reading.through.filter(|_| feed.api == Api::CloudTrail)?;
            Some((feed.region.clone(), now.duration_since(through).as_secs()))
        };
        let slowest = shared.status.readings().iter().filter_map(lag).max_by_key(|(_, lag)| *lag);
        let usage = shared.judge_state.usage(&shared.store).await?;
        let names = shared.config.ruleset.exclusions.iter().map(|exclusion| &exclusion.name);
        let usage = names.map(|name| (name.clone(), usage.get(name).cloned().unwrap_or_default()));
        let mut waiting = BTreeMap::new();
        for route in shared.routes.iter() {
            let rows = shared.store.queue(&route.sink).await? as u64;
            waiting.extend((rows > 0).then(|| (route.sink.clone(), rows)));
        }
        let day = Day {
            tally,
            usage: usage.collect(),
            fresh: readiness.fresh,
            missing: readiness.missing,
            coverage: shared.coverage.summary(now),
            slowest,
            waiting,
        };
        shared.report(&day.report(shared.config.language), Scope::Program, Commit::default()).await?;
        shared.store.begin_tally(now).await
    }

    async fn count(&self) -> Result<(), StoreError> {
        let (metrics, now) = (&self.shared.status.metrics, self.shared.clock.now());
        let coverage = self.shared.coverage.summary(now);
        metrics.gaps.set(i64::try_from(coverage.missing).unwrap_or(i64::MAX));
        metrics.in_time.set(i64::try_from(coverage.in_time).unwrap_or(i64::MAX));
        for route in self.shared.routes.iter() {
            let rows = self.shared.store.queue(&route.sink).await?;
            let labels = BySink { sink: route.sink.clone() };
            metrics.outbox.get_or_create(&labels).set(rows as f64);
        }
        Ok(())
    }
}
