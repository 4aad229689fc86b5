//! Being blind, and seeing again, for one account, region and API. Owns when it is reported; the failures themselves
//! are not errors of the loop, which goes on.

use std::time::Duration;

use jiff::Timestamp;

use crate::daemon::shared::Shared;
use crate::domain::event::scope::Scope;
use crate::domain::health::Patience;
use crate::domain::health::outages::{Cause, Failure};
use crate::domain::health::subject::{Api, Place, Subject, What};
use crate::domain::retry::{back_off, salt};
use crate::domain::time::later;
use crate::source::FetchError;
use crate::store::StoreError;

/// How long a region may refuse credentials that work elsewhere: enabling one takes minutes to hours.
const NOT_ENABLED: Duration = Duration::from_secs(30 * 60);
/// What passes by itself is given this long at least.
const TRANSIENT: Duration = Duration::from_secs(3 * 60);
/// Between two attempts while AWS does not answer.
const UNANSWERED: Duration = Duration::from_secs(60);
/// Between two attempts while AWS refuses: with its spread at least two minutes, so that the two services of a
/// region together ask at most once a minute.
const REFUSED: Duration = Duration::from_secs(160);

/// How reading one API of one place goes.
pub(in crate::daemon) struct ReadHealth<'a> {
    scope: Scope<'a>,
    api: Api,
    place: Place,
    period: Duration,
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
        let place = Place::of(scope, What::Reading(api));
        shared.remember_outage(&place).await?;
        Ok(ReadHealth { scope, api, place, period, failures: 0 })
    }

    /// Whether the last answer was one.
    pub fn is_well(&self) -> bool {
        self.failures == 0
    }

    /// Whether it is known that nothing is seen.
    pub fn is_blind(&self, shared: &Shared) -> bool {
        shared.outages.is_blind(&self.place)
    }

    /// Notes that an answer came, and reports it where the opposite was reported.
    pub async fn succeeded(&mut self, shared: &Shared) -> Result<(), StoreError> {
        shared.status.asked(self.scope, self.api, Ok(()), shared.clock.now());
        if std::mem::take(&mut self.failures) > 0 {
            tracing::info!("{} can be read again", Subject::Place(&self.place).key());
        }
        shared.note_outage(&self.place, None).await
    }

    /// No answer came; the time of the next attempt is answered.
    pub async fn failed(&mut self, shared: &Shared, error: &FetchError) -> Result<Timestamp, StoreError> {
        let now = shared.clock.now();
        let is_elsewhere_well = self.is_elsewhere_well(shared, now);
        let reason = explain(error, is_elsewhere_well);
        shared.status.asked(self.scope, self.api, Err(reason.clone()), now);
        self.failures += 1;
        if self.api == Api::Identity {
            // Nothing at all is watched meanwhile: that is said again, more and more seldom.
            if self.failures.is_power_of_two() {
                tracing::warn!("nothing is watched yet, and it is tried again every few seconds: {reason}");
            }
        } else if self.failures == 1 {
            tracing::warn!("cannot read {}: {reason}", Subject::Place(&self.place).key());
        }
        let (cause, lasting, most) = match error {
            // Nobody else's credentials are over: it is the region.
            FetchError::Credentials(_) if is_elsewhere_well => (Cause::Unanswered, NOT_ENABLED, REFUSED),
            FetchError::Credentials(_) => (Cause::Credentials, Duration::ZERO, REFUSED),
            FetchError::Denied(_) => (Cause::Denied, Duration::ZERO, REFUSED),
            _ => (Cause::Unanswered, TRANSIENT, UNANSWERED),
        };
        let patience = Patience { times: 3, lasting: lasting.max(self.period * 2) };
        shared.note_outage(&self.place, Some(Failure { cause, reason, patience })).await?;
        let salt = salt(&Subject::Place(&self.place).key());
        Ok(later(now, back_off(self.period.min(most), most.max(self.period), self.failures, salt)))
    }

    /// AWS says the same of bad credentials and of a region that is not enabled. If they have worked elsewhere since
    /// this began, it is the region.
    fn is_elsewhere_well(&self, shared: &Shared, now: Timestamp) -> bool {
        let since = shared.outages.failing_since(&self.place).unwrap_or(now);
        !self.scope.region().is_empty() && shared.status.read_elsewhere(self.scope, since)
    }
}

fn explain(error: &FetchError, is_elsewhere_well: bool) -> String {
    match error {
        FetchError::Credentials(text) if is_elsewhere_well => {
            format!(
                "the region is listed as enabled, but does not accept requests yet; the credentials work in other regions ({text})"
            )
        }
        FetchError::Credentials(text) => format!("{text}; renew the credentials"),
        FetchError::Denied(text) => {
            format!("access denied: {text}; grant what `trailnoti iam-policy` prints, or check for an SCP")
        }
        other => other.to_string(),
    }
}
