//! The loop that sends, one for each sink: look, decide, deliver, settle. Owns the order of these. A sink that
//! fails or hangs holds up nobody but itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::daemon::shared::Shared;
use crate::domain::event::scope::Scope;
use crate::domain::health::report::Report;
use crate::domain::health::subject::Subject;
use crate::domain::health::{Health, Notice, Patience};
use crate::domain::judge::decision::Delivery;
use crate::domain::notify::answer::{Failure, LATEST, Next, settle};
use crate::domain::notify::message::{Message, Receipt};
use crate::domain::notify::outbox::{Due, PER_MESSAGE, due, is_over, sent_now, untold};
use crate::domain::notify::overflow;
use crate::domain::retry::salt;
use crate::domain::severity::Severity;
use crate::domain::time::later;
use crate::ops::metrics::{BySink, Failed};
use crate::sink::Sink;
use crate::store::{Commit, StoreError};

/// The longest that a delivery may take; every sink ends earlier by itself.
pub const DELIVERY: Duration = Duration::from_secs(35);
/// How long without a nudge until the outbox is looked at all the same.
const LOOK: Duration = Duration::from_secs(30);
/// Between two looks at more than fits into a message, where only a new alert is the reason: each reads what waits, and a
/// flood is thousands of alerts.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is looked whether more waits than there is room for.
const ROOM: Duration = Duration::from_secs(15);
const SLACK: Duration = Duration::from_secs(20);
/// A queue without room is reported when it is found.
const AT_ONCE: Patience = Patience { times: 1, lasting: Duration::ZERO };
/// A sink that is busy or out of reach is given this long before the others report it.
const BUSY: Patience = Patience { times: 4, lasting: Duration::from_secs(3 * 60) };
/// A sink that refuses one alert after the other, each in its simplest form, takes nothing either.
const REFUSING: Patience = Patience { times: 3, lasting: Duration::ZERO };
/// A sink that says it takes nothing any more is reported at once.
const CLOSED: Patience = Patience { times: 1, lasting: Duration::ZERO };

/// Sends through one sink until `stop`. The delivery in hand is finished.
///
/// # Errors
/// When the state cannot be used any more.
pub async fn dispatch(
    shared: Shared,
    sink: Arc<dyn Sink>,
    nudge: Arc<Notify>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let name = format!("sink {}", sink.queue());
    let outcome = shared
        .persist(&name, &stop, || async {
            let queue = sink.queue();
            let dispatch = Dispatch {
                health: shared.store.reported(Subject::Sink(queue)).await?,
                room: shared.store.reported(Subject::Outbox(queue)).await?,
                room_looked: Timestamp::MIN,
                begun: shared.clock.now(),
                not_before: shared.store.deferred(queue).await?.unwrap_or(Timestamp::MIN),
                failures: 0,
                passed_on: BTreeMap::new(),
                name: &name,
                shared: &shared,
                sink: sink.as_ref(),
            };
            dispatch.run(&nudge, &stop).await
        })
        .await;
    shared.status.ended(&name);
    outcome?;
    Ok(())
}

enum Turn {
    Sent,
    Wait {
        until: Timestamp,
        /// More waits than fits into a message.
        crowded: bool,
    },
}

struct Dispatch<'a> {
    name: &'a str,
    shared: &'a Shared,
    sink: &'a dyn Sink,
    health: Health,
    room: Health,
    room_looked: Timestamp,
    /// When the wait began, and when it is over.
    begun: Timestamp,
    not_before: Timestamp,
    failures: u32,
    /// How far what waits was given to those who stand by.
    passed_on: BTreeMap<Severity, Vec<u8>>,
}

impl Dispatch<'_> {
    async fn run(mut self, nudge: &Notify, stop: &CancellationToken) -> Result<(), StoreError> {
        let Shared { clock, status, .. } = self.shared;
        while !stop.is_cancelled() {
            let (until, crowded) = match self.turn().await? {
                Turn::Sent => continue,
                Turn::Wait { until, crowded } => (until, crowded),
            };
            let looked = clock.now();
            let wait = Duration::try_from(until.duration_since(looked)).unwrap_or_default();
            status.expect(self.name, wait + SLACK);
            let nudge = async {
                nudge.notified().await;
                if crowded {
                    clock.sleep_until(later(looked, PAUSE)).await;
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = nudge => {}
                () = clock.sleep_until(until) => {}
            }
        }
        Ok(())
    }

    async fn turn(&mut self) -> Result<Turn, StoreError> {
        let (store, clock) = (&self.shared.store, self.shared.clock);
        let now = clock.now();
        if now < self.begun {
            // The clock was set back, and what is left of the wait with it.
            let wait = self.not_before.duration_since(self.begun);
            self.not_before = now.saturating_add(wait).unwrap_or(now);
            self.begun = now;
        }
        self.make_room(now).await?;
        // No wait is longer than the longest there is.
        self.not_before = self.not_before.min(later(now, LATEST));
        if now < self.not_before {
            return Ok(Turn::Wait { until: self.not_before, crowded: false });
        }
        let grouping = &self.shared.config.grouping;
        let (mut pending, sent) = store.pending(self.sink.queue()).await?;
        self.shared.judge_state.told.group(&mut pending);
        let untold = untold(&pending, &sent);
        if !untold.is_empty() {
            store.withdraw(self.sink.queue(), &untold).await?;
            let ids: Vec<&str> = untold.iter().map(|pending| pending.alert.id.as_str()).collect();
            let why = Delivery::Refused("it was told nothing of the incident".to_owned());
            self.shared.judge_state.delivered(store, self.sink.queue(), ids.into_iter(), &why).await?;
            return Ok(Turn::Sent);
        }
        let crowded = pending.len() > PER_MESSAGE || pending.iter().any(|pending| !pending.like.is_empty());
        let message = match due(&pending, &sent, grouping, now) {
            Due::Send(mut message) => {
                message.incidents =
                    self.shared.judge_state.told.briefs(&message, now, self.shared.config.language);
                message
            }
            Due::Wait(until) => return Ok(Turn::Wait { until, crowded }),
            Due::Idle => return Ok(Turn::Wait { until: later(now, LOOK), crowded }),
        };
        self.shared.status.expect(self.name, DELIVERY + SLACK);
        let (answer, receipt) = match tokio::time::timeout(DELIVERY, self.sink.deliver(&message)).await {
            Ok(Ok(receipt)) => (Ok(()), receipt),
            Ok(Err(failure)) => (Err(failure), Receipt::default()),
            Err(_) => {
                (Err(Failure::Later { after: None, why: "no answer in time".to_owned() }), Receipt::default())
            }
        };
        let now = clock.now();
        (self.begun, self.not_before) = (now, later(now, self.sink.gap()));
        self.failures = if answer.is_ok() { 0 } else { self.failures + 1 };
        self.count(&message, &answer);
        let salt = salt(self.name);
        let next = settle(&message, &answer, self.failures, salt, now);
        self.note(&message, &answer, &next, now).await?;
        match next {
            Next::Done => {
                let over: Vec<String> = sent
                    .iter()
                    .filter(|(group, sent)| {
                        is_over(group, sent, grouping, now)
                            && !pending.iter().any(|p| p.alert.group == **group)
                    })
                    .map(|(group, _)| group.clone())
                    .collect();
                let told = sent_now(&message, &receipt, &sent, grouping, now);
                store.delivered(self.sink.queue(), &message, &told, &over).await?;
            }
            Next::RetryAt(until) => {
                self.not_before = self.not_before.max(until);
                // What the sink itself asked for holds over a restart; a guess of ours may be mended by one.
                if matches!(answer, Err(Failure::Later { after: Some(_), .. })) {
                    store.defer(self.sink.queue(), until).await?;
                }
            }
            Next::Simplify => store.refused(self.sink.queue(), &message, None).await?,
            Next::SetAside(until) => store.refused(self.sink.queue(), &message, Some(until)).await?,
            Next::Dead(why) => {
                let alert =
                    message.alerts.first().map(|pending| pending.alert.id.as_str()).unwrap_or_default();
                tracing::error!(
                    sink = self.sink.queue(),
                    alert,
                    "alert rejected by the sink; set aside and not retried: {why}"
                );
                store.bury(self.sink.queue(), &message).await?;
                let labels = BySink { sink: self.sink.queue().to_owned() };
                self.shared.status.metrics.dead.get_or_create(&labels).inc();
            }
        }
        self.report(&message, &answer).await?;
        Ok(Turn::Sent)
    }

    /// Where more waits than there is room for, makes counts of the oldest, and reports that; and that there is room again.
    async fn make_room(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if now >= self.room_looked && now < later(self.room_looked, ROOM) {
            return Ok(());
        }
        self.room_looked = now;
        self.shared.status.expect(self.name, DELIVERY + SLACK);
        let (shared, sink) = (self.shared, self.sink.queue().to_owned());
        let mut counted = Vec::new();
        let made = shared.store.make_room(&sink, &mut counted).await;
        if !counted.is_empty() {
            let labels = BySink { sink: sink.clone() };
            shared.status.metrics.counted.get_or_create(&labels).inc_by(counted.len() as u64);
            tracing::warn!(
                sink,
                alerts = counted.len(),
                "too many alerts wait: the oldest below high are counts now"
            );
            let ids = counted.iter().map(String::as_str);
            shared.judge_state.delivered(&shared.store, &sink, ids, &Delivery::Counted(now)).await?;
        }
        made?;
        let waiting = shared.store.queue(&sink).await?;
        let stays_full = self.room.failing_since().is_some() && !overflow::is_over(waiting);
        let is_full = !counted.is_empty() || overflow::excess(waiting) > 0 || stays_full;
        let (health, notice) = self.room.after(is_full, AT_ONCE, now);
        self.room = health;
        let subject = Subject::Outbox(&sink);
        let (report, commit) = match notice {
            Some(Notice::Failed(since)) => {
                (Report::OutboxFull { sink: sink.clone() }, Commit::of_health(subject, Some(since)))
            }
            Some(Notice::Healed(since)) => {
                (Report::OutboxHasRoom { sink: sink.clone(), since }, Commit::of_health(subject, None))
            }
            None => return Ok(()),
        };
        shared.report(&report, Scope::Program, commit).await
    }

    /// Where the sink fails for so long, gives what is urgent to those who stand by.
    async fn fail_over(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let after = self.shared.config.grouping.fail_over_after;
        if self.health.failing_since().is_none_or(|since| now < later(since, after)) {
            return Ok(());
        }
        let (sink, routes) = (self.sink.queue(), &self.shared.routes);
        if routes.iter().any(|route| route.backup && route.sink == sink) {
            return Ok(());
        }
        let backups: Vec<&str> =
            routes.iter().filter(|route| route.backup).map(|route| route.sink.as_str()).collect();
        let passed = match backups.is_empty() {
            true => 0,
            false => self.shared.store.fail_over(sink, &backups, &mut self.passed_on).await?,
        };
        if passed > 0 {
            tracing::warn!(
                sink,
                alerts = passed,
                "the sink is down: what is urgent goes to those who stand by"
            );
            self.shared.nudges.values().for_each(|nudge| nudge.notify_one());
        }
        Ok(())
    }

    /// Notes beside the decision on each alert how far it came. It reaches the disk with what is synced next.
    async fn note(
        &self,
        message: &Message,
        answer: &Result<(), Failure>,
        next: &Next,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let delivery = match next {
            Next::Done => Delivery::Delivered(now),
            Next::RetryAt(_) | Next::Simplify | Next::SetAside(_) => Delivery::Waits(why(answer)),
            Next::Dead(why) => Delivery::Refused(why.clone()),
        };
        let (store, queue) = (&self.shared.store, self.sink.queue());
        self.shared.judge_state.delivered(store, queue, message.ids(), &delivery).await
    }

    fn count(&self, message: &Message, answer: &Result<(), Failure>) {
        let metrics = &self.shared.status.metrics;
        let sink = self.sink.queue().to_owned();
        let outcome = answer.clone().map_err(|failure| failure.why().to_owned());
        self.shared.status.sent(&sink, outcome, self.shared.clock.now());
        let reason = match answer {
            Ok(()) => {
                metrics.notifications.get_or_create(&BySink { sink }).inc_by(message.said());
                return;
            }
            Err(Failure::Later { .. }) => "later",
            Err(Failure::Refused { .. }) => "refused",
            Err(Failure::Closed { .. }) => "closed",
        };
        metrics.failures.get_or_create(&Failed { sink, reason }).inc();
    }

    /// Reports, through the other sinks, that this one takes nothing; and through all, that it does again.
    async fn report(&mut self, message: &Message, answer: &Result<(), Failure>) -> Result<(), StoreError> {
        let now = self.shared.clock.now();
        let (failed, patience) = match answer {
            Ok(()) => (false, BUSY),
            // The same alerts come again in their simplest form, and only that answer says anything of the sink.
            Err(Failure::Refused { .. }) if !message.plain => return Ok(()),
            Err(Failure::Refused { .. }) => (true, REFUSING),
            // One that asks for a long wait says as much.
            Err(Failure::Later { after: Some(after), .. }) if *after >= BUSY.lasting => (true, CLOSED),
            Err(Failure::Later { .. }) => (true, BUSY),
            Err(Failure::Closed { .. }) => (true, CLOSED),
        };
        let sink = self.sink.queue().to_owned();
        if let (Err(failure), 1) = (answer, self.failures) {
            tracing::warn!(sink, "message not delivered: {}", failure.why());
        }
        let (health, notice) = self.health.after(failed, patience, now);
        self.health = health;
        self.fail_over(now).await?;
        match notice {
            Some(Notice::Failed(since)) => {
                let reason = why(answer);
                tracing::error!(sink, "sink is down: {reason}");
                let commit = Commit {
                    not_to: Some(sink.clone()),
                    ..Commit::of_health(Subject::Sink(&sink), Some(since))
                };
                self.shared.report(&Report::SinkDead { sink, reason }, Scope::Program, commit).await
            }
            Some(Notice::Healed(since)) => {
                tracing::info!(sink, "sink is up again");
                let commit = Commit::of_health(Subject::Sink(&sink), None);
                self.shared.report(&Report::SinkWorksAgain { sink, since }, Scope::Program, commit).await
            }
            None => Ok(()),
        }
    }
}

fn why(answer: &Result<(), Failure>) -> String {
    answer.as_ref().err().map(|failure| failure.why().to_owned()).unwrap_or_default()
}
