//! One account: who it is, which regions it has, and a pair of loops for each. One account's failure is its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::config::AccountConfig;
use crate::daemon::poll::read_health::ReadHealth;
use crate::daemon::poll::{cloudtrail, ec2};
use crate::daemon::shared::Shared;
use crate::domain::event::scope::Scope;
use crate::domain::health::report::Report;
use crate::domain::health::subject::Api;
use crate::domain::time::later;
use crate::source::Account;
use crate::store::Commit;
use crate::supervisor::Supervisor;

/// Between two looks for regions.
const DISCOVER: Duration = Duration::from_secs(10 * 60);
/// Between two attempts to learn whose account it is.
const IDENTIFY: Duration = Duration::from_secs(15);

/// Watches an account until `stop`: the one of the credentials, or one that is entered by a role.
///
/// # Errors
/// When the state cannot be used any more.
pub async fn watch_account(
    shared: Shared,
    sdk: SdkConfig,
    config: Option<AccountConfig>,
    supervisor: Supervisor,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let name = format!("account {}", config.as_ref().map_or("of the credentials", |config| &config.name));
    let account = match &config {
        Some(config) => Account::by_role(&sdk, config).await,
        None => match identify(&shared, &sdk, &name, &stop).await? {
            Some(account) => account,
            None => return Ok(()),
        },
    };
    let account = Arc::new(account);
    let mut read_health = ReadHealth::new(&shared, Scope::Account(&account.id), Api::Regions, IDENTIFY)?;
    let mut running: BTreeMap<String, CancellationToken> = BTreeMap::new();
    let mut next = shared.clock.now();
    while shared.wait(&name, next, &stop).await {
        let known = shared.store.regions(&account.id)?;
        let Some(answer) = shared.ask(&name, &stop, account.enabled_regions(&known)).await else { break };
        next = match answer {
            Err(error) => {
                let again = read_health.failed(&shared, &error)?;
                if running.is_empty() {
                    // What was enabled before is watched meanwhile: a list that is denied must not blind the rest.
                    begin(&shared, &account, &known, |_| None, &mut running, &supervisor);
                }
                again
            }
            Ok(regions) => {
                read_health.succeeded(&shared)?;
                let absent = shared.config.regions.only.iter().filter(|only| !regions.contains(only));
                let absent: Vec<String> = absent.cloned().collect();
                if !absent.is_empty() && running.is_empty() {
                    tracing::warn!(
                        account = account.id,
                        "configured, but not enabled: {}",
                        absent.join(", ")
                    );
                }
                shared.status.discovered(&account.id, absent);
                let (since, appeared) = shared.store.appeared(&account.id, &regions)?.unzip();
                let appeared = appeared.unwrap_or_default();
                for region in &appeared {
                    tracing::info!(account = account.id, region, "region enabled");
                    let report = Report::RegionAppeared { watched: shared.config.regions.admits(region) };
                    shared.report(&report, Scope::region_of(&account.id, region), Commit::default())?;
                }
                // Only after it was told is it known: a kill between the two repeats it.
                shared.store.discovered(&account.id, &regions, &appeared)?;
                let since = |region: &String| since.filter(|_| appeared.contains(region));
                begin(&shared, &account, &regions, since, &mut running, &supervisor);
                running.retain(|region, stop| {
                    let enabled = regions.contains(region);
                    if !enabled {
                        tracing::info!(account = account.id, region, "region disabled");
                        stop.cancel();
                        shared.status.retired(&account.id, region);
                        shared.judge_state.retire(&account.id, region);
                    }
                    enabled
                });
                later(shared.clock.now(), DISCOVER)
            }
        };
    }
    shared.status.ended(&name);
    Ok(())
}

/// Starts the loops of regions that have none yet. One that appeared is read from when it had not yet.
fn begin(
    shared: &Shared,
    account: &Arc<Account>,
    regions: &[String],
    since: impl Fn(&String) -> Option<Timestamp>,
    running: &mut BTreeMap<String, CancellationToken>,
    supervisor: &Supervisor,
) {
    for region in regions {
        if running.contains_key(region) || !shared.config.regions.admits(region) {
            continue;
        }
        let stop = supervisor.child_stop();
        let access = account.region(region, &shared.skew);
        let id = &account.id;
        let events =
            cloudtrail::run(shared.clone(), account.clone(), access.clone(), since(region), stop.clone());
        supervisor.spawn(format!("cloudtrail {id} {region}"), stop.clone(), events);
        let instances = ec2::run(shared.clone(), account.clone(), access, stop.clone());
        supervisor.spawn(format!("ec2 {id} {region}"), stop.clone(), instances);
        running.insert(region.clone(), stop);
    }
}

/// Asks whose the credentials are until AWS says so; none when told to stop.
async fn identify(
    shared: &Shared,
    sdk: &SdkConfig,
    name: &str,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Account>> {
    let mut read_health = ReadHealth::new(shared, Scope::Program, Api::Identity, IDENTIFY)?;
    loop {
        let Some(answer) = shared.ask(name, stop, Account::of_credentials(sdk)).await else {
            return Ok(None);
        };
        match answer {
            Ok(account) => {
                read_health.succeeded(shared)?;
                return Ok(Some(account));
            }
            Err(error) => {
                let again = read_health.failed(shared, &error)?;
                if !shared.wait(name, again, stop).await {
                    return Ok(None);
                }
            }
        }
    }
}
