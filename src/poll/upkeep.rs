//! What nobody else looks after: the clock, the state, old marks, the numbers of the queues.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Sitting, Watch};
use crate::domain::daily::{self, Day};
use crate::domain::health::{Health, Notice, Patience};
use crate::domain::pacer::later;
use crate::domain::report::Report;
use crate::metrics::BySink;
use crate::status::Reading;
use crate::store::{Commit, Scope, StoreError};

const EVERY: Duration = Duration::from_secs(15);
/// After a start, every region is read by then.
const SETTLED: Duration = Duration::from_secs(5 * 60);
const HOURLY: Duration = Duration::from_secs(3600);
/// At five minutes AWS refuses every signature (SigV4).
const SKEW_ALERT: i64 = 300;
const SKEW_WARN: i64 = 60;
/// What the store remembers of having told.
const CLOCK: &str = "clock";
const DISK: &str = "disk";
/// Whatever is told here is told when it is found.
const AT_ONCE: Patience = Patience { times: 1, lasting: Duration::ZERO };
/// What is about the program and no account.
const PROGRAM: Scope<'static> = Scope { account: "", region: "" };

/// Runs until `stop`.
///
/// # Errors
/// When the state cannot be used any more.
pub async fn upkeep(watch: Watch, stop: CancellationToken) -> anyhow::Result<()> {
    let told = |subject: &str| -> Result<Health, StoreError> {
        Ok(watch.store.told(subject)?.map_or(Health::Well, |since| Health::Told { since }))
    };
    let (clock, disk) = (told(CLOCK)?, told(DISK)?);
    let (now, places) = (watch.clock.now(), watch.store.places()?);
    let mut upkeep = Upkeep { watch: &watch, clock, disk, looked: now, begun: now, places };
    let mut warned = false;
    let mut next = watch.clock.now();
    while watch.wait("upkeep", next, &stop).await {
        upkeep.look_at_the_clock(&mut warned)?;
        upkeep.look_at_the_state()?;
        upkeep.hourly()?;
        upkeep.daily()?;
        upkeep.release()?;
        upkeep.count()?;
        next = later(watch.clock.now(), EVERY);
    }
    watch.status.ended("upkeep");
    Ok(())
}

struct Upkeep<'a> {
    watch: &'a Watch,
    clock: Health,
    disk: Health,
    looked: Timestamp,
    begun: Timestamp,
    /// Accounts and regions of which the state had stories at the start.
    places: Vec<(String, String)>,
}

impl Upkeep<'_> {
    fn look_at_the_clock(&mut self, warned: &mut bool) -> Result<(), StoreError> {
        let seconds = self.watch.skew.seconds();
        self.watch.status.metrics.skew.set(seconds as f64);
        let off = seconds.abs() >= SKEW_WARN;
        if off && !*warned {
            tracing::warn!(seconds, "this machine's clock differs from AWS's: let it keep time by NTP");
        }
        *warned = off;
        let (health, notice) = self.clock.after(seconds.abs() >= SKEW_ALERT, AT_ONCE, self.watch.clock.now());
        self.clock = health;
        match notice {
            Some(Notice::Failed(_)) => {
                self.watch.report(&Report::Clock { seconds }, PROGRAM, Commit::default())
            }
            Some(Notice::Healed(_)) => {
                tracing::info!("this machine's clock is right again");
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn look_at_the_state(&mut self) -> Result<(), StoreError> {
        let watch = self.watch;
        let _degraded_says_how_it_went = watch.store.recover();
        let trouble = watch.store.degraded();
        watch.status.metrics.degraded.set(i64::from(trouble.is_some()));
        watch.status.metrics.state_bytes.set(watch.store.size() as f64);
        let (health, notice) = self.disk.after(trouble.is_some(), AT_ONCE, watch.clock.now());
        self.disk = health;
        let mut told = None;
        let report = match (notice, trouble) {
            (Some(Notice::Failed(since)), Some(reason)) => {
                told = Some(since);
                tracing::error!("the state cannot be written, and is kept in memory: {reason}");
                Report::State {
                    subject:
                        "trailnoti cannot write its state: alerts go on, and some repeat after a restart"
                            .to_owned(),
                    reason,
                }
            }
            (Some(Notice::Healed(since)), _) => {
                tracing::info!("the state is written again");
                Report::State {
                    subject: "trailnoti writes its state again".to_owned(),
                    reason: format!("it could not since {since}; nothing was lost"),
                }
            }
            _ => return Ok(()),
        };
        watch.report(&report, PROGRAM, Commit { health: vec![(DISK.to_owned(), told)], ..Commit::default() })
    }

    /// Forgets what is old, and says what was hidden.
    fn hourly(&mut self) -> Result<(), StoreError> {
        let watch = self.watch;
        if watch.clock.now() < later(self.looked, HOURLY) {
            return Ok(());
        }
        self.looked = watch.clock.now();
        for (exclusion, usage) in watch.store.usage()?.iter().filter(|(_, usage)| usage.count > 0) {
            tracing::info!(exclusion, events = usage.count, last = ?usage.last, "hidden so far");
        }
        for (account, oldest) in watch.store.oldest_cursors()? {
            watch.store.forget(&account, oldest, watch.config.cloudtrail.policy.rescan)?;
        }
        watch.casebook.forget(&watch.store, watch.clock.now())?;
        // Events of trailnoti itself belong to no account, and no walk goes back to them.
        watch.store.forget("", watch.clock.now(), watch.config.cloudtrail.policy.rescan)?;
        Ok(())
    }

    /// Tells what waits in regions that nobody watches any more, by configuration or because they are disabled.
    fn release(&self) -> Result<(), StoreError> {
        let watch = self.watch;
        if watch.clock.now() < later(self.begun, SETTLED) {
            return Ok(());
        }
        let readings = watch.status.readings();
        for (account, region) in watch.casebook.places(&self.places) {
            let is_watched = readings.keys().any(|(a, r, _)| (a, r) == (&account, &region));
            if is_watched || region.is_empty() {
                continue;
            }
            let scope = Scope { account: &account, region: &region };
            let sitting = Sitting { scope, account_name: watch.account_name(&account), own: "" };
            watch.sit(sitting, Commit::default(), |desk| {
                desk.release_all();
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Sums up the day, to the sinks that ask for it. One that was due while nothing ran is told late.
    fn daily(&self) -> Result<(), StoreError> {
        let watch = self.watch;
        let Some(digest) = &watch.config.digest else { return Ok(()) };
        let (now, tally) = (watch.clock.now(), watch.store.tally()?);
        let Some(since) = tally.since else { return watch.store.begin_tally(now) };
        if now < daily::next(since, digest.at, &digest.timezone) {
            return Ok(());
        }
        let readiness = watch.status.readiness(now);
        // What was not read yet since the start says nothing of the day.
        if !readiness.missing.is_empty() && now < later(self.begun, SETTLED) {
            return Ok(());
        }
        let lag = |(key, reading): (&(String, String, &str), &Reading)| {
            let through = reading.through.filter(|_| key.2 == "cloudtrail")?;
            Some((key.1.clone(), now.duration_since(through).as_secs()))
        };
        let slowest = watch.status.readings().iter().filter_map(lag).max_by_key(|(_, lag)| *lag);
        let usage = watch.store.usage()?;
        let names = watch.config.law.exclusions.iter().map(|exclusion| &exclusion.name);
        let usage = names.map(|name| (name.clone(), usage.get(name).cloned().unwrap_or_default()));
        let mut waiting = BTreeMap::new();
        for route in watch.routes.iter() {
            let rows = watch.store.queue(&route.sink)? as u64;
            waiting.extend((rows > 0).then(|| (route.sink.clone(), rows)));
        }
        let day = Day {
            tally,
            usage: usage.collect(),
            fresh: readiness.fresh,
            missing: readiness.missing,
            slowest,
            waiting,
        };
        watch.report(&day.report(), PROGRAM, Commit::default())?;
        watch.store.begin_tally(now)
    }

    fn count(&self) -> Result<(), StoreError> {
        for route in self.watch.routes.iter() {
            let rows = self.watch.store.queue(&route.sink)?;
            let labels = BySink { sink: route.sink.clone() };
            self.watch.status.metrics.outbox.get_or_create(&labels).set(rows as f64);
        }
        Ok(())
    }
}
