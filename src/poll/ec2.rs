//! Lists the instances of one account and region, again and again, and finds what changed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::sight::Sight;
use super::{Sitting, Watch};
use crate::domain::event::Event;
use crate::domain::halves::Heard;
use crate::domain::instance::Instance;
use crate::domain::inventory::{Known, observe};
use crate::domain::pacer::later;
use crate::source::{Account, RegionAccess};
use crate::store::{Commit, Scope, StoreError};

/// A pause between lists in which an instance may have come and gone unseen.
const GAP: Duration = Duration::from_secs(30 * 60);
/// A decision that is due is not waited for with more requests than this.
const SOON: Duration = Duration::from_secs(2);

/// Runs until `stop`.
pub(super) async fn run(
    watch: Watch,
    account: Arc<Account>,
    access: RegionAccess,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let name = format!("ec2 {} {}", account.id, access.region);
    let lister = Lister::new(&watch, &account, &access)?;
    let outcome = lister.list(&name, &stop).await;
    watch.status.ended(&name);
    Ok(outcome?)
}

struct Lister<'a> {
    watch: &'a Watch,
    account: &'a Account,
    access: &'a RegionAccess,
    sight: Sight,
    has_baseline: bool,
    /// The first list of this loop looks at everything that is known.
    first: bool,
    /// From when on no list was missing, and the last one.
    listing: Option<(Timestamp, Timestamp)>,
}

impl<'a> Lister<'a> {
    fn new(watch: &'a Watch, account: &'a Account, access: &'a RegionAccess) -> Result<Self, StoreError> {
        let period = watch.config.ec2.poll_interval;
        watch.status.watching(&account.id, &access.region, "ec2", (period * 4).max(super::REQUEST));
        Ok(Lister {
            watch,
            account,
            access,
            sight: Sight::new(watch, &account.id, &access.region, "ec2", period)?,
            has_baseline: watch.store.has_baseline(Scope { account: &account.id, region: &access.region })?,
            first: true,
            listing: None,
        })
    }

    async fn list(mut self, name: &str, stop: &CancellationToken) -> Result<(), StoreError> {
        let watch = self.watch;
        let period = watch.config.ec2.poll_interval;
        let mut next = watch.clock.now();
        while watch.wait(name, next, stop).await {
            let asked = watch.clock.now();
            let Some(answer) = watch.ask(name, stop, self.access.list_instances()).await else {
                return Ok(());
            };
            next = match answer {
                Ok(listed) => {
                    self.sight.succeeded(watch)?;
                    let regular = later(asked, period);
                    match self.compare(&listed, asked) {
                        Ok(Some(decide)) => regular.min(decide.max(later(asked, SOON))),
                        Ok(None) => regular,
                        Err(error) => {
                            // What is known stays as it was, so the next list finds the same changes.
                            let region = &self.access.region;
                            tracing::error!(region, "changes of instances cannot be kept: {error}");
                            regular
                        }
                    }
                }
                Err(error) => self.sight.failed(watch, &error)?,
            };
        }
        Ok(())
    }

    /// Finds and commits what changed. The time by which something that waits must be decided is answered.
    fn compare(&mut self, listed: &[Instance], asked: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let (watch, account, region) = (self.watch, self.account, self.access.region.as_str());
        let known =
            if self.has_baseline { Known::Stories } else { Known::Nothing { lost: watch.store.lost()? } };
        let listing = match self.listing {
            Some((since, last)) if asked < later(last, GAP) => (since, asked),
            _ => (asked, asked),
        };
        // A list that came early, for a decision that was due, says less of who is missing.
        let regular =
            self.listing.is_none_or(|(_, last)| asked >= later(last, watch.config.ec2.poll_interval));
        let heard =
            Heard { listing_since: Some(listing.0), read_through: watch.status.through(&account.id, region) };
        let scope = Scope { account: &account.id, region };
        let sitting = Sitting { scope, account_name: &account.name, own: &account.principal };
        let (now, grace) = (watch.clock.now(), watch.config.ec2.tag_grace);
        let commit = Commit { baseline: !self.has_baseline, ..Commit::default() };
        let decide_at = watch.sit(sitting, commit, |desk| {
            let seen = observe(known, &mut desk.stories, listed, grace, regular, now);
            for id in &seen.restarted {
                desk.release(id, "it was started again before that was known");
            }
            let mut events = Vec::new();
            for change in &seen.changes {
                if let Some(story) = desk.stories.get(&change.id) {
                    let instance = Instance { state: change.state, ..story.instance.clone() };
                    events.push(Event::instance_state(&account.id, region, instance, change.starts, now));
                }
            }
            desk.judge(events, |mark| watch.store.seen(mark))?;
            for id in &seen.retagged {
                desk.tags_were_added(id, &Default::default(), "");
            }
            desk.settle(heard, self.first);
            for id in &seen.gone {
                if desk.stories.get(id).is_some_and(|story| story.may_end(now)) {
                    desk.stories.end(id);
                }
            }
            Ok(())
        })?;
        (self.has_baseline, self.first, self.listing) = (true, false, Some(listing));
        Ok(decide_at)
    }
}
