//! Lists the instances of one account and region, again and again, and finds what changed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::daemon::judging::{Batch, What};
use crate::daemon::poll::read_health::ReadHealth;
use crate::daemon::shared::{REQUEST, Shared};
use crate::domain::event::instance::Instance;
use crate::domain::event::scope::Scope;
use crate::domain::health::subject::Api;
use crate::domain::instances::inventory::Known;
use crate::domain::judge::list::Listing;
use crate::domain::judge::overdue::Heard;
use crate::domain::time::later;
use crate::source::{Account, RegionAccess};
use crate::store::{Commit, StoreError};

/// A pause between lists in which an instance may have come and gone unseen.
const GAP: Duration = Duration::from_secs(30 * 60);
/// A decision that is due is not waited for with more requests than this.
const SOON: Duration = Duration::from_secs(2);

/// Runs until `stop`.
pub(in crate::daemon) async fn run(
    shared: Shared,
    account: Arc<Account>,
    access: RegionAccess,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let name = format!("ec2 {} {}", account.id, access.region);
    if !shared.wait_for_turn(&name, shared.config.ec2.poll_interval, &stop).await {
        return Ok(());
    }
    let outcome = shared
        .persist(&name, &stop, || async {
            Lister::new(&shared, &account, &access).await?.list(&name, &stop).await
        })
        .await;
    shared.status.ended(&name);
    outcome?;
    Ok(())
}

struct Lister<'a> {
    shared: &'a Shared,
    account: &'a Account,
    access: &'a RegionAccess,
    read_health: ReadHealth<'a>,
    has_baseline: bool,
    /// The first list of this loop looks at everything that is known.
    first: bool,
    /// From when on no list was missing, and the last one.
    listing: Option<(Timestamp, Timestamp)>,
}

impl<'a> Lister<'a> {
    async fn new(
        shared: &'a Shared,
        account: &'a Account,
        access: &'a RegionAccess,
    ) -> Result<Self, StoreError> {
        let period = shared.config.ec2.poll_interval;
        let scope = Scope::region_of(&account.id, &access.region);
        shared.status.watching(scope, Api::Ec2, (period * 4).max(REQUEST));
        Ok(Lister {
            shared,
            account,
            access,
            read_health: ReadHealth::new(shared, scope, Api::Ec2, period).await?,
            has_baseline: shared.store.has_baseline(scope).await?,
            first: true,
            listing: None,
        })
    }

    async fn list(mut self, name: &str, stop: &CancellationToken) -> Result<(), StoreError> {
        let shared = self.shared;
        let period = shared.config.ec2.poll_interval;
        let mut next = shared.clock.now();
        while shared.wait(name, next, stop).await {
            let asked = shared.clock.now();
            let Some(answer) = shared.ask(name, stop, self.access.list_instances()).await else {
                return Ok(());
            };
            next = match answer {
                Ok(listed) => {
                    self.read_health.succeeded(shared).await?;
                    let regular = later(asked, period);
                    match self.compare(&listed, asked).await {
                        Ok(Some(decide)) => regular.min(decide.max(later(asked, SOON))),
                        Ok(None) => regular,
                        Err(error) => {
                            // What is known stays as it was, so the next list finds the same changes.
                            let region = &self.access.region;
                            tracing::error!(region, "cannot save changes of instances: {error}");
                            regular
                        }
                    }
                }
                Err(error) => self.read_health.failed(shared, &error).await?,
            };
        }
        Ok(())
    }

    /// Finds and commits what changed. The time by which something that waits must be decided is answered.
    async fn compare(
        &mut self,
        listed: &[Instance],
        asked: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let (shared, account, region) = (self.shared, self.account, self.access.region.as_str());
        let known = if self.has_baseline {
            Known::Stories
        } else {
            Known::Nothing { lost: shared.store.lost().await? }
        };
        let listing = match self.listing {
            Some((since, last)) if asked < later(last, GAP) => (since, asked),
            _ => (asked, asked),
        };
        // A list that came early, for a decision that was due, says less of who is missing.
        let regular =
            self.listing.is_none_or(|(_, last)| asked >= later(last, shared.config.ec2.poll_interval));
        let scope = Scope::region_of(&account.id, region);
        let heard = Heard { listing_since: Some(listing.0), read_through: shared.status.through(scope) };
        let listing_now = Listing {
            instances: listed,
            known,
            grace: shared.config.ec2.tag_grace,
            regular,
            heard,
            first: self.first,
        };
        let own = shared.own(account);
        let batch =
            Batch { scope, account_name: &account.name, own: Some(&own), what: What::List(listing_now) };
        let commit = Commit { baseline: !self.has_baseline, ..Commit::default() };
        let decide_at = shared.judge_and_commit(batch, commit).await?.decide_at;
        (self.has_baseline, self.first, self.listing) = (true, false, Some(listing));
        Ok(decide_at)
    }
}
