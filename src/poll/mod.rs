//! The loops that watch: plan, wait, ask, judge, commit. Owns the order of these; each decision is the domain's,
//! each answer `source`'s, and what is kept is the store's.

mod account;
mod casebook;
mod cloudtrail;
mod ec2;
mod sight;
mod upkeep;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use account::watch_account;
use casebook::Sitting;
pub use casebook::{Casebook, History};
pub use upkeep::upkeep;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::judge::Judgement;
use crate::domain::outbox::Route;
use crate::domain::pacer::earlier;
use crate::domain::report::Report;
use crate::metrics::{ByExclusion, ByRule};
use crate::source::{FetchError, Skew};
use crate::status::{Status, Told};
use crate::store::{Commit, Scope, Store, StoreError};

/// How long a loop may take between two signs of life, beside what it says it waits for.
const SLACK: Duration = Duration::from_secs(20);
/// The longest that a question to AWS takes: one request, or a list of several pages.
const REQUEST: Duration = Duration::from_secs(70);

/// What every loop works with.
#[derive(Clone)]
pub struct Watch {
    /// What is kept.
    pub store: Arc<Store>,
    /// What is said to the outside.
    pub status: Arc<Status>,
    /// What the loops know together.
    pub casebook: Arc<Casebook>,
    /// The time.
    pub clock: Clock,
    /// The configuration.
    pub config: Arc<Config>,
    /// Where alerts go.
    pub routes: Arc<Vec<Route>>,
    /// Wakes the sinks; it saves time and carries nothing.
    pub nudges: Arc<BTreeMap<String, Arc<Notify>>>,
    /// How far the clock is off.
    pub skew: Skew,
}

impl Watch {
    /// Waits until a time of day, and says whether to go on.
    async fn wait(&self, name: &str, until: Timestamp, stop: &CancellationToken) -> bool {
        let wait = Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        self.status.expect(name, wait + SLACK);
        tokio::select! {
            biased;
            () = stop.cancelled() => false,
            () = self.clock.sleep_until(until) => true,
        }
    }

    /// Asks AWS, unless told to stop; an answer that nobody waits for changes nothing.
    async fn ask<T>(
        &self,
        name: &str,
        stop: &CancellationToken,
        request: impl Future<Output = Result<T, FetchError>>,
    ) -> Option<Result<T, FetchError>> {
        self.status.expect(name, REQUEST + SLACK);
        let answer = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            answer = tokio::time::timeout(REQUEST, request) => Some(answer.unwrap_or_else(|_| {
                Err(FetchError::Transient(format!("no whole answer within {} seconds", REQUEST.as_secs())))
            })),
        };
        self.status.expect(name, SLACK);
        answer
    }

    /// Tells something of trailnoti itself.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn report(&self, report: &Report, scope: Scope<'_>, commit: Commit) -> Result<(), StoreError> {
        let event = report.event(scope.account, scope.region, self.clock.now());
        let sitting = Sitting { scope, account_name: self.account_name(scope.account), own: "" };
        self.sit(sitting, commit, |desk| desk.judge([event], |mark| self.store.seen(mark)))?;
        Ok(())
    }

    fn account_name(&self, account: &str) -> &str {
        let named = self.config.accounts.iter().find(|configured| configured.id == account);
        named.map_or("", |configured| configured.name.as_str())
    }

    fn told(&self, judgement: &Judgement) {
        for alert in &judgement.alerts {
            let labels = ByRule { rule: alert.rule.clone(), severity: alert.severity.name() };
            self.status.metrics.alerts.get_or_create(&labels).inc();
            self.status.told(Told {
                at: self.clock.now(),
                severity: alert.severity,
                title: alert.title.clone(),
                region: alert.region.clone(),
            });
        }
        for exclusion in &judgement.excluded {
            self.status.metrics.excluded.get_or_create(&ByExclusion { exclusion: exclusion.clone() }).inc();
            tracing::debug!(exclusion, "an event was hidden");
        }
        if !judgement.alerts.is_empty() {
            self.nudges.values().for_each(|nudge| nudge.notify_one());
        }
    }

    /// By how much `time` is past, in seconds.
    fn age(&self, time: Timestamp) -> f64 {
        self.clock.now().duration_since(time).as_secs_f64().max(0.0)
    }
}
