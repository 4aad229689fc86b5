//! `test-alert`: one alert through the real sinks, so that the way to people is known before it is needed.

use std::process::ExitCode;

use crate::cli::arguments::{ConfigFile, exit};
use crate::cli::runtime;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::event::scope::Scope;
use crate::domain::health::report::Report;
use crate::domain::judge;
use crate::domain::notify::message::{Message, Pending};

pub(super) fn run(file: &ConfigFile, only: Option<&str>) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    if let Some(only) = only
        && config.sinks.iter().all(|sink| sink.name != only)
    {
        let names: Vec<&str> = config.sinks.iter().map(|sink| sink.name.as_str()).collect();
        eprintln!("trailnoti: there is no sink \"{only}\"; configured sinks: {}", names.join(", "));
        return Ok(ExitCode::from(exit::USAGE));
    }
    Ok(if send(&config, only)? { ExitCode::SUCCESS } else { ExitCode::from(exit::UNAVAILABLE) })
}

/// Sends one alert through each sink, or through one; false where one did not take it, which is said.
pub(super) fn send(config: &Config, only: Option<&str>) -> anyhow::Result<bool> {
    runtime::one_thread()?.block_on(async {
        let now = Clock::system().now();
        let mut failed = false;
        for one in config.sinks.iter().filter(|sink| only.is_none_or(|only| sink.name == only)) {
            let event = Report::Test { sink: one.name.clone() }.event(Scope::Program, config.language, now);
            let Some(alert) = judge::alone(&config.ruleset, vec![event], now).alerts.into_iter().next()
            else {
                anyhow::bail!("the rule \"trailnoti-test\" is disabled, so there is nothing to send");
            };
            let group = alert.group.clone();
            let pending = Pending {
                seq: 1,
                enqueued: now,
                refusals: 0,
                not_before: None,
                like: Vec::new(),
                counted: 0,
                alert,
            };
            let digest = Message { alerts: vec![pending], groups: vec![group], ..Message::default() };
            for sink in one.build(Some("[TEST]"))? {
                match sink.deliver(&digest).await {
                    Ok(_) => eprintln!("{}: delivered", sink.queue()),
                    Err(failure) => {
                        eprintln!("{}: not delivered: {}", sink.queue(), failure.why());
                        failed = true;
                    }
                }
            }
        }
        Ok(!failed)
    })
}
