//! `check`: what `run` would do with a configuration, up to the network; with `--online`, whether AWS would let it.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::join_all;
use serde_json::json;

use crate::cli::arguments::{ConfigFile, exit};
use crate::cli::{events, runtime};
use crate::clock::Clock;
use crate::config::{Config, Problems, try_tests};
use crate::domain::lookup::cursor::Request;
use crate::domain::lookup::stream::{Stream, derive};
use crate::domain::text::counted;
use crate::domain::text::layout::Table;
use crate::domain::time::{earlier, later};
use crate::ops::limits;
use crate::sink::terminal::columns;
use crate::source;
use crate::source::{Account, FetchError, RegionAccess};

/// How often AWS may ask for fewer requests before it is told so.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);

pub(super) fn run(file: &ConfigFile, online: bool, as_json: bool) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    let failed = try_tests(&config.ruleset.rules, &config.rule_tests);
    if !failed.is_empty() {
        return Err(Problems(failed).into());
    }
    let seen = if online { Some(runtime::one_thread()?.block_on(try_regions(&config))?) } else { None };
    let text = if as_json {
        format!("{:#}\n", as_value(&config, seen.as_deref()))
    } else {
        shown(&config, seen.as_deref())
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
    let blind = seen.iter().flatten().any(|seen| seen.events.is_err() || seen.instances.is_err());
    Ok(if blind { ExitCode::from(exit::UNAVAILABLE) } else { ExitCode::SUCCESS })
}

/// What one region answers.
pub(super) struct Seen {
    pub account: String,
    pub region: String,
    pub events: Result<(), FetchError>,
    pub instances: Result<usize, FetchError>,
}

/// Asks again in a second where AWS asks for fewer requests: its two a second are everybody's, a running daemon's too.
pub(super) async fn patiently<T>(
    clock: Clock,
    ask: impl AsyncFn() -> Result<T, FetchError>,
) -> Result<T, FetchError> {
    for _ in 1..TRIES {
        match ask().await {
            Err(FetchError::Throttled(_)) => clock.sleep_until(later(clock.now(), PAUSE)).await,
            answer => return answer,
        }
    }
    ask().await
}

/// Asks a region once for each thing that the daemon reads there.
pub(super) async fn look(account: &str, access: &RegionAccess, clock: Clock) -> Seen {
    let now = clock.now();
    let start = earlier(now, Duration::from_secs(60));
    let request = Request { stream: Stream::Writes, start, end: now, token: None };
    Seen {
        account: account.to_owned(),
        region: access.region.clone(),
        events: patiently(clock, async || access.look_up(&request).await).await.map(|_| ()),
        instances: patiently(clock, async || access.list_instances().await)
            .await
            .map(|instances| instances.len()),
    }
}

async fn try_regions(config: &Config) -> anyhow::Result<Vec<Seen>> {
    let sdk = source::from_environment().await;
    Account::check_credentials(&sdk).await?;
    let clock = Clock::system();
    let skew = source::skew(clock);
    let mut seen = Vec::new();
    for account in events::accounts(config, &sdk).await? {
        let regions = account.enabled_regions(&[]).await;
        let regions = regions
            .map_err(|error| anyhow::anyhow!("cannot list the regions of account {}: {error}", account.id))?;
        let watched: Vec<&String> = regions.iter().filter(|region| config.regions.admits(region)).collect();
        if std::io::stderr().is_terminal() {
            eprintln!("checking {} regions of account {} …", watched.len(), account.id);
        }
        let asked = watched.iter().map(|region| async {
            let access = account.region(region, &skew);
            look(&account.id, &access, clock).await
        });
        seen.extend(join_all(asked).await);
    }
    Ok(seen)
}

/// What would be read and alerted on, a line for each.
fn shown(config: &Config, seen: Option<&[Seen]>) -> String {
    let mut table = Table::default();
    let mut row = |name: &str, what: String| table.row([name.to_owned(), what]);
    let only = &config.regions.only;
    row("regions", if only.is_empty() { "all enabled regions".to_owned() } else { only.join(", ") });
    if !config.regions.except.is_empty() {
        row("except", config.regions.except.join(", "));
    }
    for account in &config.accounts {
        row("account", format!("{} ({}) via {}", account.name, account.id, account.role_arn));
    }
    let streams = derive(&config.ruleset.rules).streams;
    let reads = streams.len().saturating_sub(1) as u64;
    row("reads", format!("every change and {} of read (--json lists them)", counted(reads, "kind")));
    // In a pipe there is room for each, and a script that wants them.
    if columns().is_none() {
        streams.iter().skip(1).for_each(|stream| row("", stream.to_string()));
    }
    row("rules", counted(config.ruleset.rules.iter().count() as u64, "rule"));
    for exclusion in &config.ruleset.exclusions {
        row("excludes", exclusion.name.clone());
    }
    for sink in &config.sinks {
        let (name, kind, least) = (&sink.name, sink.channel.kind(), sink.min_severity);
        let limits = match (sink.backup, sink.takes_all()) {
            (true, _) => ", stands by: only what others could not send or nobody looks after",
            (false, true) => "",
            (false, false) => ", not everything and not always",
        };
        row("alerts", format!("{name} ({kind}), severity {least} and above{limits}"));
    }
    if config.accounts.len() > 1 {
        let accounts = config.accounts.len();
        let needs = format!(
            "{} MB of memory, {} open files",
            limits::megabytes(accounts),
            limits::descriptors(accounts)
        );
        row("needs", format!("up to {needs} for {}", counted(accounts as u64, "account")));
    }
    for warning in &config.warnings {
        row("warning", warning.clone());
    }
    let mut online = Table::default();
    for seen in seen.unwrap_or_default() {
        let events = match &seen.events {
            Ok(()) => "events: ok".to_owned(),
            Err(error) => format!("events: {error}"),
        };
        let instances = match &seen.instances {
            Ok(n) => counted(*n as u64, "instance"),
            Err(error) => format!("instances: {error}"),
        };
        online.row([seen.account.clone(), seen.region.clone(), format!("{events}; {instances}")]);
    }
    format!("{}{}configuration OK\n", table.text(columns()), online.text(columns()))
}

fn as_value(config: &Config, seen: Option<&[Seen]>) -> serde_json::Value {
    let streams: Vec<String> =
        derive(&config.ruleset.rules).streams.iter().map(ToString::to_string).collect();
    let sinks: Vec<_> = config
        .sinks
        .iter()
        .map(|sink| json!({ "name": sink.name, "kind": sink.channel.kind(), "min_severity": sink.min_severity.name() }))
        .collect();
    let online: Option<Vec<_>> = seen.map(|seen| {
        seen.iter()
            .map(|seen| {
                json!({
                    "account": seen.account,
                    "region": seen.region,
                    "events": seen.events.as_ref().map_or_else(ToString::to_string, |()| "ok".to_owned()),
                    "instances": seen.instances.as_ref().map_or_else(ToString::to_string, ToString::to_string),
                })
            })
            .collect()
    });
    json!({
        "regions": config.regions.only,
        "exclude_regions": config.regions.except,
        "accounts": config.accounts.iter().map(|account| &account.id).collect::<Vec<_>>(),
        "streams": streams,
        "rules": config.ruleset.rules.iter().map(|rule| &rule.id).collect::<Vec<_>>(),
        "exclusions": config.ruleset.exclusions.iter().map(|exclusion| &exclusion.name).collect::<Vec<_>>(),
        "sinks": sinks,
        "warnings": config.warnings,
        "online": online,
    })
}
