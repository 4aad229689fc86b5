//! Being blind, and seeing again, for one account, region and API. Owns when it is told; the failures themselves
//! are not errors of the loop, which goes on.

use std::time::Duration;

use jiff::Timestamp;

use super::Watch;
use crate::domain::health::{Health, Notice, Patience, back_off, salt};
use crate::domain::pacer::later;
use crate::domain::report::Report;
use crate::source::FetchError;
use crate::store::{Commit, Scope, StoreError};

/// How long a region may refuse credentials that work elsewhere: enabling one takes minutes to hours.
const NOT_ENABLED: Duration = Duration::from_secs(30 * 60);
/// What passes by itself is given this long at least.
const TRANSIENT: Duration = Duration::from_secs(3 * 60);
/// Between two attempts while AWS does not answer.
const UNANSWERED: Duration = Duration::from_secs(60);
/// Between two attempts while AWS refuses: with its spread at least two minutes, so that the two services of a
/// region together ask at most once a minute.
const REFUSED: Duration = Duration::from_secs(160);

/// How one account, region and API is seen.
pub(super) struct Sight {
    account: String,
    region: String,
    api: &'static str,
    period: Duration,
    health: Health,
    failures: u32,
}

impl Sight {
    /// As the store remembers it, so that a restart tells nothing twice.
    pub fn new(
        watch: &Watch,
        account: &str,
        region: &str,
        api: &'static str,
        period: Duration,
    ) -> Result<Self, StoreError> {
        let mut sight = Sight {
            account: account.to_owned(),
            region: region.to_owned(),
            api,
            period,
            health: Health::Well,
            failures: 0,
        };
        if let Some(since) = watch.store.told(&sight.subject())? {
            sight.health = Health::Told { since };
        }
        Ok(sight)
    }

    fn subject(&self) -> String {
        format!("{} {} {}", self.account, self.region, self.api)
    }

    fn scope(&self) -> Scope<'_> {
        Scope { account: &self.account, region: &self.region }
    }

    fn seen(&self) -> String {
        let what = match self.api {
            "cloudtrail" => "CloudTrail events",
            "ec2" => "instances",
            other => other,
        };
        match (self.region.as_str(), self.account.as_str()) {
            ("", "") => "AWS: it does not say whose account this is".to_owned(),
            ("", account) => format!("account {account}: {what}"),
            (region, _) => format!("{what} in {region}"),
        }
    }

    /// Whether the last answer was one.
    pub fn is_well(&self) -> bool {
        self.failures == 0
    }

    /// Whether it was told that nothing is seen.
    pub fn is_blind(&self) -> bool {
        matches!(self.health, Health::Told { .. })
    }

    /// An answer came.
    pub fn succeeded(&mut self, watch: &Watch) -> Result<(), StoreError> {
        let now = watch.clock.now();
        watch.status.asked(&self.account, &self.region, self.api, Ok(()), now);
        self.failures = 0;
        let (health, notice) = self.health.after(false, self.patience(TRANSIENT), now);
        if let Some(Notice::Healed(since)) = notice {
            tracing::info!(
                account = self.account,
                region = self.region,
                api = self.api,
                "reading works again"
            );
            let report = Report::SeesAgain { subject: self.seen(), since };
            let commit = Commit { health: vec![(self.subject(), None)], ..Commit::default() };
            watch.report(&report, self.scope(), commit)?;
        }
        self.health = health;
        Ok(())
    }

    /// No answer came; the time of the next attempt is answered.
    pub fn failed(&mut self, watch: &Watch, error: &FetchError) -> Result<Timestamp, StoreError> {
        let now = watch.clock.now();
        let why = self.explain(watch, error, now);
        watch.status.asked(&self.account, &self.region, self.api, Err(why.clone()), now);
        if self.failures == 0 {
            tracing::warn!(
                account = self.account,
                region = self.region,
                api = self.api,
                "reading failed: {why}"
            );
        }
        self.failures += 1;
        let lasting = match error {
            FetchError::Credentials(_) if self.is_elsewhere_well(watch, now) => NOT_ENABLED,
            FetchError::Credentials(_) | FetchError::Denied(_) => Duration::ZERO,
            _ => TRANSIENT,
        };
        let (health, notice) = self.health.after(true, self.patience(lasting), now);
        if let Some(Notice::Failed(since)) = notice {
            let report = Report::Blind { subject: self.seen(), reason: why, since };
            let commit = Commit { health: vec![(self.subject(), Some(since))], ..Commit::default() };
            watch.report(&report, self.scope(), commit)?;
        }
        self.health = health;
        let salt = salt(&self.subject());
        let most = match error {
            FetchError::Credentials(_) | FetchError::Denied(_) => REFUSED,
            _ => UNANSWERED,
        };
        Ok(later(now, back_off(self.period.min(most), most.max(self.period), self.failures, salt)))
    }

    /// AWS says the same of bad credentials and of a region that is not enabled. If they have worked elsewhere since
    /// this began, it is the region.
    fn is_elsewhere_well(&self, watch: &Watch, now: Timestamp) -> bool {
        let since = self.health.failing_since().unwrap_or(now);
        !self.region.is_empty() && watch.status.read_elsewhere(&self.account, &self.region, since)
    }

    fn explain(&self, watch: &Watch, error: &FetchError, now: Timestamp) -> String {
        match error {
            FetchError::Credentials(text) if self.is_elsewhere_well(watch, now) => {
                format!(
                    "the region is listed as enabled and does not take requests yet; the credentials work elsewhere ({text})"
                )
            }
            FetchError::Credentials(text) => format!("{text}; renew the credentials"),
            FetchError::Denied(text) => {
                format!(
                    "{text}; allow it as `trailnoti iam-policy` prints, or look for a service control policy"
                )
            }
            other => other.to_string(),
        }
    }

    fn patience(&self, lasting: Duration) -> Patience {
        Patience { times: 3, lasting: lasting.max(self.period * 2) }
    }
}
