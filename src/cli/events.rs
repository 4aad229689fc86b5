//! `events`: what EventBridge never shows: the events themselves, as patterns see them.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::future::join_all;

use crate::cli::arguments::{ConfigFile, exit};
use crate::cli::runtime;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::context::Envelope;
use crate::domain::event::Event;
use crate::domain::lookup::cursor::Request;
use crate::domain::lookup::pacer::{Hurry, Pacer};
use crate::domain::lookup::stream::Stream;
use crate::domain::rules::never_fits::unknown_region;
use crate::domain::time::earlier;
use crate::source;
use crate::source::{Account, AccountError, FetchError, RegionAccess};

pub(super) fn run(
    file: &ConfigFile,
    name: Option<String>,
    since: Duration,
    region: Option<&str>,
) -> anyhow::Result<ExitCode> {
    if let Some(why) = region.and_then(unknown_region) {
        eprintln!("trailnoti: --region: {why}");
        return Ok(ExitCode::from(exit::USAGE));
    }
    let config = file.load_without_secrets()?;
    runtime::one_thread()?.block_on(async {
        let sdk = source::from_environment().await?;
        Account::check_credentials(&sdk).await?;
        let clock = Clock::system();
        let stream = name.map_or(Stream::Writes, Stream::Name);
        let mut failed = false;
        for account in accounts(&config, &sdk).await? {
            let regions = match region {
                Some(region) => vec![region.to_owned()],
                None => account
                    .enabled_regions(&[])
                    .await
                    .map_err(|error| AccountError::Regions { account: account.id.clone(), error })?,
            };
            let skew = source::skew(clock);
            let reads = regions.iter().map(|region| {
                read((&account.id, account.region(region, &skew)), &stream, since, &config, clock)
            });
            for (region, outcome) in regions.iter().zip(join_all(reads).await) {
                if let Err(error) = outcome {
                    eprintln!("{} {region}: {error}", account.id);
                    failed = true;
                }
            }
        }
        Ok(if failed { ExitCode::from(exit::UNAVAILABLE) } else { ExitCode::SUCCESS })
    })
}

/// The accounts of the configuration, or the one of the credentials.
pub(super) async fn accounts(config: &Config, sdk: &aws_config::SdkConfig) -> anyhow::Result<Vec<Account>> {
    if config.accounts.is_empty() {
        let account = Account::of_credentials(sdk).await;
        return Ok(vec![account.map_err(AccountError::Fetch)?]);
    }
    Ok(join_all(config.accounts.iter().map(|account| Account::by_role(sdk, account))).await)
}

/// Prints one region's events, newest first, at the configured pace.
async fn read(
    (account, access): (&str, RegionAccess),
    stream: &Stream,
    since: Duration,
    config: &Config,
    clock: Clock,
) -> Result<(), FetchError> {
    let end = clock.now();
    let mut request = Request { stream: stream.clone(), start: earlier(end, since), end, token: None };
    let mut pacer = Pacer::new(config.cloudtrail.requests_per_second, end);
    loop {
        clock.sleep_until(pacer.take(clock.now(), Hurry::None)).await;
        let page = match access.look_up(&request).await {
            Err(FetchError::Throttled(_)) => {
                pacer.throttled(clock.now());
                continue;
            }
            answer => answer?,
        };
        pacer.answered();
        let mut out = std::io::stdout().lock();
        for received in page.events {
            let event = received.record.and_then(|record| Event::from_record_text(record, account));
            let line = match event {
                Ok(event) => writeln!(out, "{}", Envelope::from(event).after(None).text()),
                Err(why) => {
                    eprintln!("{} {}: {why}", access.region, received.id);
                    Ok(())
                }
            };
            if line.is_err() {
                // Whoever reads has enough.
                return Ok(());
            }
        }
        match page.next {
            Some(token) => request.token = Some(token),
            None => return Ok(()),
        }
    }
}
