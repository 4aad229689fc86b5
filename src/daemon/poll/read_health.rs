//! Being blind, and seeing again, for one account, region and API. Owns when it is reported; the failures themselves
//! are not errors of the loop, which goes on.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::SIGN_IN_REGIONS;
use crate::daemon::shared::Shared;
use crate::domain::event::scope::Scope;
use crate::domain::health::report::Report;
use crate::domain::health::subject::{Api, Subject};
use crate::domain::health::{Health, Notice, Patience};
use crate::domain::retry::{back_off, salt};
use crate::domain::time::later;
use crate::source::FetchError;
use crate::store::{Commit, StoreError};

/// How long a region may refuse credentials that work elsewhere: enabling one takes minutes to hours.
const NOT_ENABLED: Duration = Duration::from_secs(30 * 60);
/// What passes by itself is given this long at least.
const TRANSIENT: Duration = Duration::from_secs(3 * 60);
/// Where other partitions have their global services, which botocore's endpoints say; that IAM and sign-ins are recorded there
/// follows from it, and is written nowhere.
const OTHER_PARTITIONS: [(&str, &str); 2] =
    [("cn-northwest-1", "sign-ins and IAM changes"), ("us-gov-west-1", "sign-ins and IAM changes")];
/// Between two attempts while AWS does not answer.
const UNANSWERED: Duration = Duration::from_secs(60);
/// Between two attempts while AWS refuses: with its spread at least two minutes, so that the two services of a
/// region together ask at most once a minute.
const REFUSED: Duration = Duration::from_secs(160);

/// How reading one API of one place goes.
pub(in crate::daemon) struct ReadHealth<'a> {
    scope: Scope<'a>,
    api: Api,
    period: Duration,
    health: Health,
    failures: u32,
}

impl<'a> ReadHealth<'a> {
    /// As the store remembers it, so that a restart reports nothing twice.
    pub async fn new(
        shared: &Shared,
        scope: Scope<'a>,
        api: Api,
        period: Duration,
    ) -> Result<Self, StoreError> {
        let health = shared.store.reported(Subject::Reading(scope, api)).await?;
        Ok(ReadHealth { scope, api, period, health, failures: 0 })
    }

    fn subject(&self) -> Subject<'a> {
        Subject::Reading(self.scope, self.api)
    }

    /// Whether the last answer was one.
    pub fn is_well(&self) -> bool {
        self.failures == 0
    }

    /// Whether it was reported that nothing is seen.
    pub fn is_blind(&self) -> bool {
        matches!(self.health, Health::Reported { .. })
    }

    /// Notes that an answer came, and reports it where the opposite was reported.
    pub async fn succeeded(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let now = shared.clock.now();
        shared.status.asked(self.scope, self.api, Ok(()), now);
        self.failures = 0;
        let (health, notice) = self.health.after(false, self.patience(TRANSIENT), now);
        if let Some(Notice::Healed(since)) = notice {
            tracing::info!(
                account = self.scope.account(),
                region = self.scope.region(),
                api = self.api.name(),
                "reading works again"
            );
            let report = Report::SeesAgain { subject: self.subject().unseen(), since };
            shared.report(&report, self.scope, Commit::of_health(self.subject(), None)).await?;
        }
        self.health = health;
        Ok(())
    }

    /// No answer came; the time of the next attempt is answered.
    pub async fn failed(&mut self, shared: &Shared, error: &FetchError) -> Result<Timestamp, StoreError> {
        let now = shared.clock.now();
        let why = self.explain(shared, error, now);
        shared.status.asked(self.scope, self.api, Err(why.clone()), now);
        if self.failures == 0 {
            tracing::warn!(
                account = self.scope.account(),
                region = self.scope.region(),
                api = self.api.name(),
                "reading failed: {why}"
            );
        }
        self.failures += 1;
        let lasting = match error {
            FetchError::Credentials(_) if self.is_elsewhere_well(shared, now) => NOT_ENABLED,
            FetchError::Credentials(_) | FetchError::Denied(_) => Duration::ZERO,
            _ => TRANSIENT,
        };
        let (health, notice) = self.health.after(true, self.patience(lasting), now);
        if let Some(Notice::Failed(since)) = notice {
            let reason = why + &self.lost_with_it();
            let report = Report::Blind { subject: self.subject().unseen(), reason, since };
            shared.report(&report, self.scope, Commit::of_health(self.subject(), Some(since))).await?;
        }
        self.health = health;
        let salt = salt(&self.subject().key());
        let most = match error {
            FetchError::Credentials(_) | FetchError::Denied(_) => REFUSED,
            _ => UNANSWERED,
        };
        Ok(later(now, back_off(self.period.min(most), most.max(self.period), self.failures, salt)))
    }

    /// AWS says the same of bad credentials and of a region that is not enabled. If they have worked elsewhere since
    /// this began, it is the region.
    fn is_elsewhere_well(&self, shared: &Shared, now: Timestamp) -> bool {
        let since = self.health.failing_since().unwrap_or(now);
        !self.scope.region().is_empty() && shared.status.read_elsewhere(self.scope, since)
    }

    /// What is recorded in this region alone, and unseen with it.
    fn lost_with_it(&self) -> String {
        let is_here = |(region, _): &&(&str, &str)| *region == self.scope.region();
        let all = SIGN_IN_REGIONS.iter().chain(&OTHER_PARTITIONS);
        let lost = all.filter(|_| self.api == Api::CloudTrail).find(is_here);
        lost.map(|(_, lost)| format!("; unseen meanwhile are also {lost}")).unwrap_or_default()
    }

    fn explain(&self, shared: &Shared, error: &FetchError, now: Timestamp) -> String {
        match error {
            FetchError::Credentials(text) if self.is_elsewhere_well(shared, now) => {
                format!(
                    "the region is listed as enabled, but does not accept requests yet; the credentials work in other regions ({text})"
                )
            }
            FetchError::Credentials(text) => format!("{text}; renew the credentials"),
            FetchError::Denied(text) => {
                format!(
                    "access denied: {text}; grant what `trailnoti iam-policy` prints, or check for an SCP"
                )
            }
            other => other.to_string(),
        }
    }

    fn patience(&self, lasting: Duration) -> Patience {
        Patience { times: 3, lasting: lasting.max(self.period * 2) }
    }
}
