//! Lists the instances of one account and region, again and again, and finds what changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Watch;
use super::sight::Sight;
use crate::domain::event::Event;
use crate::domain::exclusion::undecided;
use crate::domain::inventory::{Instance, Known, Tracked, observe};
use crate::domain::pacer::later;
use crate::source::{Account, RegionAccess};
use crate::store::{Commit, Scope, StoreError};

/// Runs until `stop`.
pub(super) async fn run(
    watch: Watch,
    account: Arc<Account>,
    access: RegionAccess,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let name = format!("ec2 {} {}", account.id, access.region);
    let outcome = list(&watch, &account, &access, &name, &stop).await;
    watch.status.ended(&name);
    Ok(outcome?)
}

async fn list(
    watch: &Watch,
    account: &Account,
    access: &RegionAccess,
    name: &str,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let config = &watch.config.ec2;
    let mut sight = Sight::new(watch, &account.id, &access.region, "ec2", config.poll_interval)?;
    watch.status.watching(&account.id, &access.region, "ec2", (config.poll_interval * 4).max(super::REQUEST));
    let mut known = watch.store.inventory(Scope { account: &account.id, region: &access.region })?;
    let mut next = watch.clock.now();
    while watch.wait(name, next, stop).await {
        let asked = watch.clock.now();
        let Some(answer) = watch.ask(name, stop, access.list_instances()).await else { return Ok(()) };
        next = match answer {
            Ok(listed) => {
                sight.succeeded(watch)?;
                let regular = later(asked, config.poll_interval);
                match compare(watch, account, access, &mut known, &listed) {
                    Ok(Some(decide)) => {
                        regular.min(decide.max(later(asked, std::time::Duration::from_secs(2))))
                    }
                    Ok(None) => regular,
                    Err(error) => {
                        // What is known stays as it was, so the next list finds the same changes.
                        tracing::error!(
                            region = access.region,
                            "changes of instances cannot be kept: {error}"
                        );
                        regular
                    }
                }
            }
            Err(error) => sight.failed(watch, &error)?,
        };
    }
    Ok(())
}

/// Finds and commits what changed. The time by which a held change must be decided is answered.
fn compare(
    watch: &Watch,
    account: &Account,
    access: &RegionAccess,
    known: &mut Option<BTreeMap<String, Tracked>>,
    listed: &[Instance],
) -> Result<Option<jiff::Timestamp>, StoreError> {
    let (law, region) = (&watch.config.law, access.region.as_str());
    let lost = if known.is_none() { watch.store.lost()? } else { None };
    let seen = observe(
        known.as_ref().map_or(Known::Nothing { lost }, Known::Instances),
        listed,
        |instance| undecided(&law.exclusions, instance, region),
        watch.config.ec2.tag_grace,
        watch.clock.now(),
    );
    let decide_at = seen.decide_at;
    if known.is_some() && seen.put.is_empty() && seen.gone.is_empty() {
        return Ok(decide_at);
    }
    let events: Vec<Event> = seen
        .changes
        .iter()
        .map(|change| {
            Event::instance_state(&account.id, region, change.instance.clone(), change.state, change.time)
        })
        .collect();
    let (put, gone) = (seen.put.clone(), seen.gone.clone());
    let commit = Commit { inventory: Some(seen), ..Commit::default() };
    watch.judge_and_commit(Scope { account: &account.id, region }, &account.name, &events, commit)?;
    let rows = known.get_or_insert_default();
    rows.extend(put.into_iter().map(|tracked| (tracked.instance.id.clone(), tracked)));
    for id in gone {
        rows.remove(&id);
    }
    Ok(decide_at)
}
