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
use crate::daemon::shared::{AGAIN, Shared};
use crate::domain::event::scope::Scope;
use crate::domain::health::report::Report;
use crate::domain::health::subject::Api;
use crate::domain::text::counted;
use crate::domain::time::later;
use crate::source::Account;
use crate::store::{Commit, StoreError};
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
        None => match shared.persist(&name, &stop, || identify(&shared, &sdk, &name, &stop)).await? {
            Some(Some(account)) => account,
            _ => return Ok(()),
        },
    };
    let account = Arc::new(account);
    let health = || ReadHealth::new(&shared, Scope::Account(&account.id), Api::Regions, IDENTIFY);
    let Some(read_health) = shared.persist(&name, &stop, health).await? else { return Ok(()) };
    let mut watch = Watch {
        name,
        read_health,
        shared: &shared,
        account: &account,
        supervisor: &supervisor,
        running: BTreeMap::new(),
    };
    let mut next = shared.clock.now();
    while shared.wait(&watch.name, next, &stop).await {
        next = match watch.turn(&stop).await {
            Ok(Some(next)) => next,
            Ok(None) => break,
            Err(error) if error.may_pass() => {
                tracing::warn!(account = account.id, "{error}; trying again");
                later(shared.clock.now(), AGAIN)
            }
            Err(error) => return Err(error.into()),
        };
        if config.is_some() && !shared.base.initialized() {
            // What is read by the role shows whether the credentials work: here a failure is asked again, and no more.
            let own = || async { Account::of_credentials(&sdk).await.map(|account| account.own) };
            if let Some(Err(_)) = shared.ask(&watch.name, &stop, shared.base.get_or_try_init(own)).await {
                next = next.min(later(shared.clock.now(), AGAIN));
            }
        }
    }
    shared.status.ended(&watch.name);
    Ok(())
}

/// An account that is watched.
struct Watch<'a> {
    name: String,
    shared: &'a Shared,
    account: &'a Arc<Account>,
    supervisor: &'a Supervisor,
    read_health: ReadHealth<'a>,
    /// Regions that have their loops.
    running: BTreeMap<String, CancellationToken>,
}

impl Watch<'_> {
    /// Looks which regions there are; the time of the next look is answered, or none when told to stop.
    async fn turn(&mut self, stop: &CancellationToken) -> Result<Option<Timestamp>, StoreError> {
        let (shared, account) = (self.shared, self.account);
        let known = shared.store.regions(&account.id).await?;
        let Some(answer) = shared.ask(&self.name, stop, account.enabled_regions(&known)).await else {
            return Ok(None);
        };
        match answer {
            Err(error) => {
                let again = self.read_health.failed(shared, &error).await?;
                if self.running.is_empty() {
                    // What was enabled before is watched meanwhile: a list that is denied must not blind the rest.
                    self.begin(&known, |_| None);
                }
                Ok(Some(again))
            }
            Ok(regions) => {
                self.read_health.succeeded(shared).await?;
                self.listed(&regions).await?;
                Ok(Some(later(shared.clock.now(), DISCOVER)))
            }
        }
    }

    async fn listed(&mut self, regions: &[String]) -> Result<(), StoreError> {
        let (shared, account) = (self.shared, self.account);
        let absent = shared.config.regions.only.iter().filter(|only| !regions.contains(only));
        let absent: Vec<String> = absent.cloned().collect();
        if !absent.is_empty() && self.running.is_empty() {
            tracing::warn!(account = account.id, "configured, but not enabled: {}", absent.join(", "));
        }
        shared.status.discovered(&account.id, absent);
        let (since, appeared) = shared.store.appeared(&account.id, regions).await?.unzip();
        let appeared = appeared.unwrap_or_default();
        for region in &appeared {
            tracing::info!(account = account.id, region, "region enabled");
            let report = Report::RegionAppeared { watched: shared.config.regions.admits(region) };
            shared.report(&report, Scope::region_of(&account.id, region), Commit::default()).await?;
        }
        // Only after it was reported is it known: a kill between the two repeats it.
        shared.store.discovered(&account.id, regions, &appeared).await?;
        if self.running.is_empty() {
            let watched = regions.iter().filter(|region| shared.config.regions.admits(region)).count();
            let name = if account.name.is_empty() { String::new() } else { format!(" ({})", account.name) };
            tracing::info!("watching {}{name}: {}", account.id, counted(watched as u64, "region"));
        }
        self.begin(regions, |region| since.filter(|_| appeared.contains(region)));
        let disabled: Vec<_> = self.running.extract_if(.., |region, _| !regions.contains(region)).collect();
        for (region, stop) in disabled {
            tracing::info!(account = account.id, region, "region disabled");
            stop.cancel();
            let scope = Scope::region_of(&account.id, &region);
            let instances = shared.store.stories(scope).await?;
            let instances = instances.values().filter(|story| story.instance.state.is_on()).count();
            shared.report(&Report::RegionGone { instances }, scope, Commit::default()).await?;
            shared.status.retired(&account.id, &region);
            shared.coverage.retire(&account.id, &region);
            shared.outages.retire(&account.id, &region);
            shared.judge_state.retire(&shared.store, &account.id, &region).await?;
        }
        Ok(())
    }

    /// Starts the loops of regions that have none yet. One that appeared is read from when it had not yet.
    fn begin(&mut self, regions: &[String], since: impl Fn(&String) -> Option<Timestamp>) {
        let (shared, account, supervisor) = (self.shared, self.account, self.supervisor);
        for region in regions {
            if self.running.contains_key(region) || !shared.config.regions.admits(region) {
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
            self.running.insert(region.clone(), stop);
        }
    }
}

/// Asks whose the credentials are until AWS says so; none when told to stop.
async fn identify(
    shared: &Shared,
    sdk: &SdkConfig,
    name: &str,
    stop: &CancellationToken,
) -> Result<Option<Account>, StoreError> {
    let mut read_health = ReadHealth::new(shared, Scope::Program, Api::Identity, IDENTIFY).await?;
    loop {
        let Some(answer) = shared.ask(name, stop, Account::of_credentials(sdk)).await else {
            return Ok(None);
        };
        match answer {
            Ok(account) => {
                read_health.succeeded(shared).await?;
                return Ok(Some(account));
            }
            Err(error) => {
                let again = read_health.failed(shared, &error).await?;
                if !shared.wait(name, again, stop).await {
                    return Ok(None);
                }
            }
        }
    }
}
