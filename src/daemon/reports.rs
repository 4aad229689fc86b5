//! What trailnoti reports of itself, as it is found by the loops. Owns that a report is kept before what it says counts as told;
//! what is reported when, and in which words, is `domain::health`'s.

use std::collections::BTreeMap;

use crate::config::SIGN_IN_REGIONS;
use crate::daemon::judging::{Batch, What as Judge};
use crate::daemon::shared::Shared;
use crate::domain::event::scope::Scope;
use crate::domain::health::Health;
use crate::domain::health::coverage::{Region, report};
use crate::domain::health::ledger::Ledger;
use crate::domain::health::outages::{Failure, News};
use crate::domain::health::places::scope_of;
use crate::domain::health::report::Report;
use crate::domain::health::subject::{Api, Place, Subject, What};
use crate::store::{Commit, StoreError};

/// Where other partitions have their global services, which botocore's endpoints say; that IAM and sign-ins are recorded there
/// follows from it, and is written nowhere.
const OTHER_PARTITIONS: [(&str, &str); 2] =
    [("cn-northwest-1", "sign-ins and IAM changes"), ("us-gov-west-1", "sign-ins and IAM changes")];

impl Shared {
    /// Reports something of trailnoti itself.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn report(&self, report: &Report, scope: Scope<'_>, commit: Commit) -> Result<(), StoreError> {
        self.report_all(std::slice::from_ref(report), scope, commit).await
    }

    /// Reports several things of trailnoti itself, all of them or none.
    ///
    /// # Errors
    /// When they cannot be kept.
    pub async fn report_all(
        &self,
        reports: &[Report],
        scope: Scope<'_>,
        commit: Commit,
    ) -> Result<(), StoreError> {
        if reports.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let event = |report: &Report| report.event(scope, self.config.language, now);
        let what = Judge::Reports(reports.iter().map(event).collect());
        let batch = Batch { scope, account_name: self.account_name(scope.account()), own: None, what };
        self.judge_and_commit(batch, commit).await?;
        Ok(())
    }

    /// Writes what changed and belongs to no batch.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub(in crate::daemon) async fn write_changes(&self) -> Result<(), StoreError> {
        let (scope, what) = (Scope::Program, Judge::Reports(Vec::new()));
        let batch = Batch { scope, account_name: "", own: None, what };
        self.judge_and_commit(batch, Commit::default()).await?;
        Ok(())
    }

    /// Takes from the state whether it was reported that a place fails.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(in crate::daemon) async fn remember_outage(&self, place: &Place) -> Result<(), StoreError> {
        if let Health::Reported { since } = self.store.reported(Subject::Place(place)).await? {
            self.outages.places().remember(place.clone(), since);
        }
        Ok(())
    }

    /// Notes how an attempt went, and reports what is to be reported by now.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub(in crate::daemon) async fn note_outage(
        &self,
        place: &Place,
        failure: Option<Failure>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        match failure {
            Some(failure) => self.outages.places().failed(place, failure, now),
            None => self.outages.places().succeeded(place, now),
        }
        self.report_outages().await
    }

    /// Reports what is to be reported by now.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub(in crate::daemon) async fn report_outages(&self) -> Result<(), StoreError> {
        let outages = &self.outages;
        let due = || outages.places().due(self.clock.now());
        while due().is_some() {
            let _turn = outages.turn.lock().await;
            let Some(news) = due() else { return Ok(()) };
            self.report_outage(&news).await?;
            outages.places().told(&news);
        }
        Ok(())
    }

    async fn report_outage(&self, news: &News) -> Result<(), StoreError> {
        let (places, since, reason) = (news.places.clone(), news.since, news.reason.clone());
        let what = places.first().map_or(What::Lag, |place| place.what);
        let report = match (what, news.healed) {
            (What::Reading(_), false) => {
                let unseen_too = lost_with(&places);
                Report::Blind { places, reason, unseen_too, since }
            }
            (What::Reading(_), true) => Report::SeesAgain { places, since },
            (What::Lag, false) => Report::Behind { places, reason },
            (What::Lag, true) => Report::CaughtUp { places },
            (What::Canary, false) => Report::Withheld { places, reason },
            (What::Canary, true) => Report::Shown { places, since },
        };
        let failing = (!news.healed).then_some(since);
        let health = news.places.iter().map(|place| (Subject::Place(place).key(), failing)).collect();
        self.report(&report, scope_of(&news.places), Commit { health, ..Commit::default() }).await
    }
}

/// What is recorded in one of these regions alone, and unseen with it.
fn lost_with(places: &[Place]) -> Option<&'static str> {
    let unseen = |region: &str| {
        places.iter().any(|place| place.what == What::Reading(Api::CloudTrail) && place.region == region)
    };
    let all = SIGN_IN_REGIONS.iter().chain(&OTHER_PARTITIONS);
    all.filter(|(region, _)| unseen(region)).map(|(_, lost)| *lost).next()
}

/// Writes down what changed in the ledgers since the last time, and reports what is to be reported of them.
pub(in crate::daemon) struct Bookkeeper {
    written: BTreeMap<Region, Ledger>,
}

impl Bookkeeper {
    /// Nothing is written yet.
    pub fn new() -> Self {
        Bookkeeper { written: BTreeMap::new() }
    }

    /// Does both.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub async fn settle(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let (coverage, now) = (&shared.coverage, shared.clock.now());
        let mut ledgers = coverage.ledgers();
        while let Some(report) = report(&ledgers, now) {
            let gone = matches!(report, Report::Gap { .. });
            ledgers.values_mut().for_each(|ledger| ledger.told(gone));
            let places = report.places().to_vec();
            let commit = Commit { ledgers: self.changed(&ledgers), ..Commit::default() };
            shared.report(&report, scope_of(&places), commit).await?;
            // What was read meanwhile was noted in them, and not in the copies.
            coverage.told(&ledgers);
            self.written = ledgers;
            ledgers = coverage.ledgers();
        }
        let changed = self.changed(&ledgers);
        if !changed.is_empty() {
            let commit = Commit { ledgers: changed, ..Commit::default() };
            shared.store.commit(Scope::Program, &commit, &shared.routes).await?;
        }
        self.written = ledgers;
        Ok(())
    }

    fn changed(&self, ledgers: &BTreeMap<Region, Ledger>) -> Vec<(Region, Ledger)> {
        let is_new = |(region, ledger): &(&Region, &Ledger)| self.written.get(*region) != Some(*ledger);
        ledgers.iter().filter(is_new).map(|(region, ledger)| (region.clone(), ledger.clone())).collect()
    }
}
