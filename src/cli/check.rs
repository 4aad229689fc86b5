//! `check`: what `run` would do with a configuration, up to the network; with `--online`, whether AWS would let it.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::join_all;
use serde_json::json;

use crate::cli::arguments::{ConfigFile, exit};
use crate::cli::codes::code_of;
use crate::cli::{events, runtime};
use crate::clock::Clock;
use crate::config::{Config, Problem, Problems, try_tests};
use crate::domain::lookup::cursor::Request;
use crate::domain::lookup::stream::{Stream, derive};
use crate::domain::text::counted;
use crate::domain::text::layout::Table;
use crate::domain::time::{earlier, later};
use crate::ops::limits;
use crate::sink::terminal::columns;
use crate::source;
use crate::source::{Account, AccountError, FetchError, RegionAccess};

/// How often AWS may ask for fewer requests before it is told so.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);

/// What the unit allows at most, in megabytes: `MemoryMax` in `systemd/trailnoti.service`.
const UNIT: u64 = 512;

/// What the command line says.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub no_secrets: bool,
    pub online: bool,
    pub json: bool,
}

pub(super) fn run(file: &ConfigFile, view: View) -> anyhow::Result<ExitCode> {
    let (online, as_json) = (view.online, view.json);
    let config = match load(file, view.no_secrets) {
        Ok(config) => config,
        Err(problems) if as_json => {
            println!("{:#}", json!({ "problems": problems.0.iter().map(problem).collect::<Vec<_>>() }));
            return Ok(ExitCode::from(code_of(&problems.into())));
        }
        Err(problems) => return Err(problems.into()),
    };
    let seen = if online { Some(runtime::one_thread()?.block_on(try_regions(&config))?) } else { None };
    let text = if as_json {
        format!("{:#}\n", as_value(&config, seen.as_deref()))
    } else {
        shown(&config, seen.as_deref())
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
    Ok(if seen.as_deref().is_some_and(is_blind) {
        ExitCode::from(exit::UNAVAILABLE)
    } else {
        ExitCode::SUCCESS
    })
}

/// Whether some region does not let it see.
pub(super) fn is_blind(seen: &[Seen]) -> bool {
    seen.is_empty() || seen.iter().any(|seen| seen.events.is_err() || seen.instances.is_err())
}

fn load(file: &ConfigFile, no_secrets: bool) -> Result<Config, Problems> {
    let config = if no_secrets { file.load_without_secrets()? } else { file.load()? };
    let failed = try_tests(&config.ruleset.rules, &config.rule_tests);
    if failed.is_empty() { Ok(config) } else { Err(Problems(failed)) }
}

fn problem(one: &Problem) -> serde_json::Value {
    json!({ "file": one.place.file, "line": one.place.line, "key": one.place.path, "message": one.message })
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

pub(super) async fn try_regions(config: &Config) -> anyhow::Result<Vec<Seen>> {
    let sdk = source::from_environment().await?;
    Account::check_credentials(&sdk).await?;
    let clock = Clock::system();
    let skew = source::skew(clock);
    let mut seen = Vec::new();
    for account in events::accounts(config, &sdk).await? {
        let regions = account.enabled_regions(&[]).await;
        let regions =
            regions.map_err(|error| AccountError::Regions { account: account.id.clone(), error })?;
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
    let accounts = config.accounts.len().max(1);
    let (memory, files) = (limits::megabytes(accounts), limits::descriptors(accounts));
    let needs = format!(
        "up to {memory} MB of memory, {files} open files for {}",
        counted(accounts as u64, "account")
    );
    row(
        "needs",
        format!(
            "{needs}{}",
            if memory > UNIT { ": more than the unit allows, see docs/operations.md" } else { "" }
        ),
    );
    for warning in &config.warnings {
        row("warning", warning.clone());
    }
    let verdict = match seen {
        None => "configuration OK\n".to_owned(),
        Some(seen) => answers(seen),
    };
    format!("{}{verdict}", table.text(columns()))
}

/// What the regions answered, those that answered the same in one line, and what follows from it.
pub(super) fn answers(seen: &[Seen]) -> String {
    let mut alike: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
    let (mut instances, mut unread) = (0, 0);
    for one in seen {
        let mut failed = Vec::new();
        failed.extend(one.events.as_ref().err().map(|error| format!("no events: {error}")));
        match &one.instances {
            Ok(n) => instances += n,
            Err(error) => failed.push(format!("no instances: {error}")),
        }
        unread += usize::from(!failed.is_empty());
        for why in failed {
            alike.entry((&one.account, why)).or_default().push(&one.region);
        }
    }
    let mut table = Table::default();
    for ((account, why), regions) in &alike {
        table.row([(*account).to_owned(), format!("{why} ({})", regions.join(", "))]);
    }
    let all = counted(seen.len() as u64, "region");
    let is_denied = seen.iter().any(|one| {
        let denied = |error: Option<&FetchError>| matches!(error, Some(FetchError::Denied(_)));
        denied(one.events.as_ref().err()) || denied(one.instances.as_ref().err())
    });
    let advice = if is_denied { ": `trailnoti iam-policy` prints the permissions that it takes" } else { "" };
    let verdict = match unread {
        0 if seen.is_empty() => "NOT ready: there is no region to watch".to_owned(),
        0 => format!("ready: {all} can be read, {} there now", counted(instances as u64, "instance")),
        unread => format!("NOT ready: {unread} of {all} cannot be read{advice}"),
    };
    format!("{}{verdict}\n", table.text(columns()))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Seventeen regions that one missing permission closes were seventeen lines, and "configuration right" behind them.
    #[test]
    fn regions_that_fail_by_the_same_are_one_line_and_the_last_says_that_it_is_not_ready() {
        let denied = || FetchError::Denied("not authorized to perform: cloudtrail:LookupEvents".to_owned());
        let seen = |region: &str, events| Seen {
            account: "1".to_owned(),
            region: region.to_owned(),
            events,
            instances: Ok(2),
        };
        let all =
            [seen("eu-west-1", Err(denied())), seen("us-east-1", Err(denied())), seen("us-west-2", Ok(()))];
        assert_eq!(
            answers(&all),
            "  1  no events: access denied: not authorized to perform: cloudtrail:LookupEvents (eu-west-1, us-east-1)\nNOT ready: 2 of 3 regions cannot be read: `trailnoti iam-policy` prints the permissions that it takes\n"
        );
        assert_eq!(answers(&all[2..]), "ready: 1 region can be read, 2 instances there now\n");
        assert!(is_blind(&all) && is_blind(&[]) && !is_blind(&all[2..]));
    }
}
