//! The loop that sends, one for each sink: look, decide, deliver, settle. Owns the order of these. A sink that
//! fails or hangs holds up nobody but itself.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::domain::health::{Health, Notice, Patience, salt};
use crate::domain::outbox::{Digest, Due, Failure, LATEST, Next, due, is_over, sent_now, settle};
use crate::domain::pacer::later;
use crate::domain::report::Report;
use crate::metrics::{BySink, Failed};
use crate::poll::Watch;
use crate::sink::Sink;
use crate::store::{Commit, Scope, StoreError};

/// The longest that a delivery may take; every sink ends earlier by itself.
pub const DELIVERY: Duration = Duration::from_secs(35);
/// How long without a nudge until the outbox is looked at all the same.
const LOOK: Duration = Duration::from_secs(30);
const SLACK: Duration = Duration::from_secs(20);
/// A sink that is busy or out of reach is given this long before the others tell of it.
const BUSY: Patience = Patience { times: 4, lasting: Duration::from_secs(3 * 60) };
/// A sink that refuses one alert after the other, each in its simplest form, takes nothing either.
const REFUSING: Patience = Patience { times: 3, lasting: Duration::ZERO };
/// A sink that says it takes nothing any more is told of at once.
const CLOSED: Patience = Patience { times: 1, lasting: Duration::ZERO };
const PROGRAM: Scope<'static> = Scope { account: "", region: "" };

/// Sends through one sink until `stop`. The delivery in hand is finished.
///
/// # Errors
/// When the state cannot be used any more.
pub async fn dispatch(
    watch: Watch,
    sink: Arc<dyn Sink>,
    nudge: Arc<Notify>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let name = format!("sink {}", sink.name());
    let mut dispatch = Dispatch {
        health: match watch.store.told(&name)? {
            Some(since) => Health::Told { since },
            None => Health::Well,
        },
        not_before: watch.store.deferred(sink.name())?.unwrap_or(Timestamp::MIN),
        failures: 0,
        name,
        watch: &watch,
        sink: sink.as_ref(),
    };
    while !stop.is_cancelled() {
        let until = match dispatch.turn().await? {
            Turn::Sent => continue,
            Turn::Wait(until) => until,
        };
        let wait = Duration::try_from(until.duration_since(watch.clock.now())).unwrap_or_default();
        watch.status.expect(&dispatch.name, wait + SLACK);
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = nudge.notified() => {}
            () = watch.clock.sleep_until(until) => {}
        }
    }
    watch.status.ended(&dispatch.name);
    Ok(())
}

enum Turn {
    Sent,
    Wait(Timestamp),
}

struct Dispatch<'a> {
    name: String,
    watch: &'a Watch,
    sink: &'a dyn Sink,
    health: Health,
    not_before: Timestamp,
    failures: u32,
}

impl Dispatch<'_> {
    async fn turn(&mut self) -> Result<Turn, StoreError> {
        let (store, clock) = (&self.watch.store, self.watch.clock);
        let now = clock.now();
        // After the clock was set back, no wait is longer than the longest there is.
        self.not_before = self.not_before.min(later(now, LATEST));
        if now < self.not_before {
            return Ok(Turn::Wait(self.not_before));
        }
        let grouping = &self.watch.config.grouping;
        let (pending, sent) = store.pending(self.sink.name())?;
        let digest = match due(&pending, &sent, grouping, now) {
            Due::Send(digest) => digest,
            Due::Wait(until) => return Ok(Turn::Wait(until)),
            Due::Idle => return Ok(Turn::Wait(later(now, LOOK))),
        };
        self.watch.status.expect(&self.name, DELIVERY + SLACK);
        let answer = match tokio::time::timeout(DELIVERY, self.sink.deliver(&digest)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::Later { after: None, why: "it did not answer in time".to_owned() }),
        };
        let now = clock.now();
        self.not_before = later(now, self.sink.gap());
        self.failures = if answer.is_ok() { 0 } else { self.failures + 1 };
        self.count(&digest, &answer);
        let salt = salt(&self.name);
        match settle(&digest, &answer, self.failures, salt, now) {
            Next::Done => {
                let over: Vec<String> = sent
                    .iter()
                    .filter(|(group, sent)| {
                        is_over(sent, grouping, now) && !pending.iter().any(|p| p.alert.group == **group)
                    })
                    .map(|(group, _)| group.clone())
                    .collect();
                store.delivered(
                    self.sink.name(),
                    &digest,
                    &sent_now(&digest, &sent, grouping, now),
                    &over,
                )?;
            }
            Next::RetryAt(until) => {
                self.not_before = self.not_before.max(until);
                // What the sink itself asked for holds over a restart; a guess of ours may be mended by one.
                if matches!(answer, Err(Failure::Later { after: Some(_), .. })) {
                    store.defer(self.sink.name(), until)?;
                }
            }
            Next::Simplify => store.refused(self.sink.name(), &digest, None)?,
            Next::SetAside(until) => store.refused(self.sink.name(), &digest, Some(until))?,
            Next::Dead(why) => {
                let alert =
                    digest.alerts.first().map(|pending| pending.alert.id.as_str()).unwrap_or_default();
                tracing::error!(
                    sink = self.sink.name(),
                    alert,
                    "an alert was refused for good, and is kept: {why}"
                );
                store.bury(self.sink.name(), &digest)?;
                let labels = BySink { sink: self.sink.name().to_owned() };
                self.watch.status.metrics.dead.get_or_create(&labels).inc();
            }
        }
        self.tell(&digest, &answer)?;
        Ok(Turn::Sent)
    }

    fn count(&self, digest: &Digest, answer: &Result<(), Failure>) {
        let metrics = &self.watch.status.metrics;
        let sink = self.sink.name().to_owned();
        let outcome = answer.clone().map_err(|failure| failure.why().to_owned());
        self.watch.status.sent(&sink, outcome, self.watch.clock.now());
        let reason = match answer {
            Ok(()) => {
                metrics.notifications.get_or_create(&BySink { sink }).inc_by(digest.alerts.len() as u64);
                return;
            }
            Err(Failure::Later { .. }) => "later",
            Err(Failure::Refused { .. }) => "refused",
            Err(Failure::Closed { .. }) => "closed",
        };
        metrics.failures.get_or_create(&Failed { sink, reason }).inc();
    }

    /// Tells, through the other sinks, that this one takes nothing; and through all, that it does again.
    fn tell(&mut self, digest: &Digest, answer: &Result<(), Failure>) -> Result<(), StoreError> {
        let now = self.watch.clock.now();
        let (failed, patience) = match answer {
            Ok(()) => (false, BUSY),
            // The same alerts come again in their simplest form, and only that answer says anything of the sink.
            Err(Failure::Refused { .. }) if !digest.plain => return Ok(()),
            Err(Failure::Refused { .. }) => (true, REFUSING),
            Err(Failure::Later { .. }) => (true, BUSY),
            Err(Failure::Closed { .. }) => (true, CLOSED),
        };
        let sink = self.sink.name().to_owned();
        if let (Err(failure), 1) = (answer, self.failures) {
            tracing::warn!(sink, "a message was not delivered: {}", failure.why());
        }
        let (health, notice) = self.health.after(failed, patience, now);
        self.health = health;
        match notice {
            Some(Notice::Failed(since)) => {
                let reason =
                    answer.as_ref().err().map(|failure| failure.why().to_owned()).unwrap_or_default();
                tracing::error!(sink, "the sink takes nothing: {reason}");
                let commit = Commit {
                    health: vec![(self.name.clone(), Some(since))],
                    not_to: Some(sink.clone()),
                    ..Commit::default()
                };
                self.watch.report(&Report::SinkDead { sink, reason }, PROGRAM, commit)
            }
            Some(Notice::Healed(since)) => {
                tracing::info!(sink, "the sink takes messages again");
                let commit = Commit { health: vec![(self.name.clone(), None)], ..Commit::default() };
                self.watch.report(&Report::SinkWorksAgain { sink, since }, PROGRAM, commit)
            }
            None => Ok(()),
        }
    }
}
