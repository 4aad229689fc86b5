//! What makes reading one region's history late: more events than can be read, or somebody else who spends the requests. Owns when
//! that is reported; what is read instead is `lookup`'s.

use std::time::Duration;

use jiff::Timestamp;

use crate::daemon::shared::Shared;
use crate::domain::context::principal::principal_of_record;
use crate::domain::event::Received;
use crate::domain::event::scope::Scope;
use crate::domain::health::outages::{Cause, Failure};
use crate::domain::health::report::Report;
use crate::domain::health::subject::{Place, Subject, What};
use crate::domain::health::{Health, Notice, Patience};
use crate::domain::lookup::canary::BACK;
use crate::domain::lookup::flood::{FLOODED, Flood};
use crate::domain::lookup::lanes::Lanes;
use crate::domain::lookup::pacer::Hurry;
use crate::domain::lookup::quota::Quota;
use crate::domain::time::{earlier, later};
use crate::store::{Commit, StoreError};

/// How long a lag lasts before it is reported.
const LAG: Patience = Patience { times: 2, lasting: Duration::from_secs(5 * 60) };
/// How often nothing of its own must be there before that is reported.
const CANARY: Patience = Patience { times: 2, lasting: Duration::ZERO };
/// What is concluded from many answers is reported at once.
const AT_ONCE: Patience = Patience { times: 1, lasting: Duration::ZERO };
/// A flood is over when the newest were read in time for this long.
const CALM: Duration = Duration::from_secs(10 * 60);

/// How late the history of one region is, and why.
pub(super) struct Pressure<'a> {
    shared: &'a Shared,
    scope: Scope<'a>,
    /// As whom trailnoti asks.
    own: &'a str,
    lag: Place,
    canary: Place,
    flooded: Health,
    spent: Health,
    flood: Flood,
    last_busy: Option<Timestamp>,
    quota: Quota,
    /// It was said who spends the quota.
    named: bool,
}

impl<'a> Pressure<'a> {
    /// As the store remembers it.
    pub async fn new(shared: &'a Shared, scope: Scope<'a>, own: &'a str) -> Result<Self, StoreError> {
        let (lag, canary) = (Place::of(scope, What::Lag), Place::of(scope, What::Canary));
        shared.remember_outage(&lag).await?;
        shared.remember_outage(&canary).await?;
        Ok(Pressure {
            shared,
            scope,
            own,
            lag,
            canary,
            flooded: shared.store.reported(Subject::Flood(scope)).await?,
            spent: shared.store.reported(Subject::Quota(scope)).await?,
            flood: Flood::default(),
            last_busy: None,
            quota: Quota::default(),
            named: false,
        })
    }

    /// A request was answered, or refused as one too many.
    pub fn answered(&mut self, refused: bool) {
        self.quota.note(refused, self.shared.clock.now());
    }

    /// Somebody else spends the quota.
    pub fn is_spent(&self) -> bool {
        self.quota.is_spent_by_others()
    }

    /// How much hurry there is, where something is late or not.
    pub fn hurry(&self, behind: bool) -> Hurry {
        self.quota.hurry(behind)
    }

    /// Counts a page of writes in a busy region.
    pub fn count(&mut self, page: &[Received]) {
        self.flood.note(page, |event| principal_of_record(event.record.as_deref().ok()?));
    }

    /// Notes who else asks for the history.
    pub fn note_askers(&mut self, page: &[Received]) {
        let askers = page.iter().filter_map(|event| principal_of_record(event.record.as_deref().ok()?));
        askers.filter(|asker| asker != self.own).for_each(|asker| self.quota.asked_by(asker));
    }

    /// Reports what has begun, or is over. `well` says whether the last request was answered.
    pub async fn check(&mut self, lanes: &Lanes, well: bool) -> Result<(), StoreError> {
        self.check_flood(lanes).await?;
        self.check_quota().await?;
        // A failed answer says nothing of the lag, and a region that cannot be read at all is reported as blind.
        if well { self.check_lag(lanes).await } else { Ok(()) }
    }

    /// Reports that none of trailnoti's own calls is in the history, or that they are again.
    pub async fn check_canary(&self, missing: bool) -> Result<(), StoreError> {
        let withheld = || Failure {
            cause: Cause::Late,
            reason: format!("none of its requests of the last {} minutes is there", BACK.as_secs() / 60),
            patience: CANARY,
        };
        self.shared.note_outage(&self.canary, missing.then(withheld)).await
    }

    async fn check_lag(&mut self, lanes: &Lanes) -> Result<(), StoreError> {
        let lateness = self.shared.config.cloudtrail.policy.lateness;
        let (Some(through), now) = (lanes.all_through(), self.shared.clock.now()) else { return Ok(()) };
        let late = now.duration_since(through).as_mins();
        let behind = || Failure {
            cause: Cause::Late,
            reason: format!("{late} minutes of events are still to be read"),
            patience: LAG,
        };
        self.shared.note_outage(&self.lag, (through < earlier(now, lateness)).then(behind)).await
    }

    async fn check_flood(&mut self, lanes: &Lanes) -> Result<(), StoreError> {
        let now = self.shared.clock.now();
        let busy = lanes.has_many();
        if busy {
            self.last_busy = Some(now);
        }
        let calm = self.last_busy.is_none_or(|last| now >= later(last, CALM));
        let rate = self.flood.per_second().unwrap_or_default();
        let flooded = (busy && rate >= FLOODED) || (matches!(self.flooded, Health::Reported { .. }) && !calm);
        let (health, notice) = self.flooded.after(flooded, AT_ONCE, now);
        self.flooded = health;
        if notice.is_none() {
            return Ok(());
        }
        let (principal, name) = self.flood.mostly();
        let (who, by) = principal.map_or(("not known", 0), |most| most);
        let what = name.map(|(name, _)| format!(", mostly {name}")).unwrap_or_default();
        let reason = format!(
            "about {rate:.0} writes a second{what}; what high rules name is read by name, everything else comes later"
        );
        let subject = self.scope.region().to_owned();
        let begun =
            Report::Flooded { subject: subject.clone(), reason, principal: format!("{who}, {by} % of them") };
        self.report(Subject::Flood(self.scope), notice, begun, Report::FloodOver { subject }).await?;
        if !flooded {
            self.flood.clear();
        }
        Ok(())
    }

    async fn check_quota(&mut self) -> Result<(), StoreError> {
        let spent = self.quota.is_spent_by_others();
        let (health, notice) = self.spent.after(spent, AT_ONCE, self.shared.clock.now());
        self.spent = health;
        let subject = self.scope.region().to_owned();
        let spender = self.quota.spender().map(str::to_owned);
        let is_named = spender.is_some();
        let begun = Report::QuotaSpent { subject: subject.clone(), principal: spender.unwrap_or_default() };
        if notice.is_some() {
            self.named = is_named;
        } else if spent && is_named && !self.named {
            self.named = true;
            return self.shared.report(&begun, self.scope, Commit::default()).await;
        }
        self.report(Subject::Quota(self.scope), notice, begun, Report::QuotaFree { subject }).await
    }

    async fn report(
        &self,
        subject: Subject<'_>,
        notice: Option<Notice>,
        begun: Report,
        over: Report,
    ) -> Result<(), StoreError> {
        let (report, since) = match notice {
            Some(Notice::Failed(since)) => (begun, Some(since)),
            Some(Notice::Healed(_)) => (over, None),
            None => return Ok(()),
        };
        self.shared.report(&report, self.scope, Commit::of_health(subject, since)).await
    }
}
