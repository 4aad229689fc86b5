//! What every loop of the daemon works with, and how a loop waits and asks so that it is missed when it hangs. Owns no order
//! and no decision.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, OnceCell};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::daemon::coverage::Coverage;
use crate::daemon::judge_state::JudgeState;
use crate::daemon::outages::Outages;
use crate::domain::context::own::Own;
use crate::domain::lookup::sweep::Sweeps;
use crate::domain::notify::route::Route;
use crate::domain::retry::{phase, salt};
use crate::domain::time::later;
use crate::ops::status::Status;
use crate::source::{Account, FetchError, PageSize, Skew};
use crate::store::{Store, StoreError};

/// How long after the state did not answer it is asked again.
pub(in crate::daemon) const AGAIN: Duration = Duration::from_secs(5);
/// How long a loop may take between two signs of life, beside what it says it waits for.
const SLACK: Duration = Duration::from_secs(20);
/// How many loops an account has: two in each of the regions that are enabled without asking (AWS account management guide).
const LOOPS: usize = 34;
/// The longest that a question to AWS takes: one request, or a list of several pages.
pub(in crate::daemon) const REQUEST: Duration = Duration::from_secs(70);

/// What every loop works with.
#[derive(Clone)]
pub struct Shared {
    /// The state, which outlives the process.
    pub store: Arc<Store>,
    /// What is said to the outside.
    pub status: Arc<Status>,
    /// What the loops know together.
    pub judge_state: Arc<JudgeState>,
    /// What of each region was read, and what was not.
    pub coverage: Arc<Coverage>,
    /// What fails in many places at once.
    pub outages: Arc<Outages>,
    /// The clock: real, or the simulation's.
    pub clock: Clock,
    /// The configuration that is in force.
    pub config: Arc<Config>,
    /// What is read by name in a region with more writes than can be read.
    pub sweeps: Arc<Sweeps>,
    /// Every queue that an alert may go to.
    pub routes: Arc<Vec<Route>>,
    /// Wakes the sinks; it saves time and carries nothing.
    pub nudges: Arc<BTreeMap<String, Arc<Notify>>>,
    /// How far the clock is off.
    pub skew: Skew,
    /// How much of the history is read at once.
    pub page: PageSize,
    /// Whose the credentials are with which accounts are entered by a role; nothing before that is known.
    pub base: Arc<OnceCell<Own>>,
}

impl Shared {
    /// What trailnoti itself is in an account.
    pub(in crate::daemon) fn own(&self, account: &Account) -> Own {
        let own = account.own.and(&self.config.stands_on);
        self.base.get().map_or(own.clone(), |base| own.and(base))
    }

    /// Waits until a loop's own moment, so that the loops of many accounts do not all ask at once; and says whether to go on.
    pub(in crate::daemon) async fn wait_for_turn(
        &self,
        name: &str,
        period: Duration,
        stop: &CancellationToken,
    ) -> bool {
        let loops = self.config.accounts.len().max(1) * LOOPS;
        self.wait(name, later(self.clock.now(), phase(period, loops, salt(name))), stop).await
    }

    /// Waits until a time of day, and says whether to go on.
    pub(in crate::daemon) async fn wait(
        &self,
        name: &str,
        until: Timestamp,
        stop: &CancellationToken,
    ) -> bool {
        let wait = Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        self.status.expect(name, wait + SLACK);
        tokio::select! {
            biased;
            () = stop.cancelled() => false,
            () = self.clock.sleep_until(until) => true,
        }
    }

    /// Asks AWS, unless told to stop; an answer that nobody waits for changes nothing.
    pub(in crate::daemon) async fn ask<T>(
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
                Err(FetchError::Transient(format!("no complete answer within {} seconds", REQUEST.as_secs())))
            })),
        };
        self.status.expect(name, SLACK);
        answer
    }

    /// Runs a loop, and begins it again where the state does not answer for a moment: all that a loop must know is in the
    /// state. None is answered when it was told to stop meanwhile.
    pub(in crate::daemon) async fn persist<T, F>(
        &self,
        name: &str,
        stop: &CancellationToken,
        run: impl Fn() -> F + Send + Sync,
    ) -> Result<Option<T>, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        loop {
            match run().await {
                Err(error) if error.may_pass() => {
                    tracing::warn!(name, "{error}; trying again");
                    if !self.wait(name, later(self.clock.now(), AGAIN), stop).await {
                        return Ok(None);
                    }
                }
                ended => return ended.map(Some),
            }
        }
    }

    pub(in crate::daemon) fn account_name(&self, account: &str) -> &str {
        let named = self.config.accounts.iter().find(|configured| configured.id == account);
        named.map_or("", |configured| configured.name.as_str())
    }

    /// By how much `time` is past, in seconds.
    pub(in crate::daemon) fn age(&self, time: Timestamp) -> f64 {
        self.clock.now().duration_since(time).as_secs_f64().max(0.0)
    }
}
