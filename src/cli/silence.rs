//! `silence` and `ack`: what somebody does not want to hear of for a while, and who looks after an incident.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anstyle::Style;
use anyhow::Context;
use clap::Subcommand;
use jiff::Timestamp;

use crate::cli::arguments::{ConfigFile, duration, exit};
use crate::cli::ask;
use crate::clock::Clock;
use crate::domain::incident::brief::Brief;
use crate::domain::incident::{Acknowledged, Incident};
use crate::domain::judge::silence::Silence;
use crate::domain::text::layout::Table;
use crate::domain::text::{clean, counted};
use crate::domain::time::{earlier, later};
use crate::ops::page::Alert;
use crate::sink::terminal::columns;

/// What is done with silences.
#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Add a silence, and show what of the last 7 days it would have hidden
    Add {
        /// A rule's id; * stands for anything
        #[arg(long)]
        rule: Option<String>,
        /// The ARN of a user or role; a * stops at : and /
        #[arg(long)]
        principal: Option<String>,
        /// An account's number
        #[arg(long)]
        account: Option<String>,
        /// A region; * stands for anything
        #[arg(long)]
        region: Option<String>,
        /// For how long, such as 2h or 3d
        #[arg(long = "for", value_name = "TIME", value_parser = duration)]
        wanted_for: Duration,
        /// Why, for others
        #[arg(long)]
        why: String,
        /// Only show what it would have hidden
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// List the silences that are in force
    List {
        #[command(flatten)]
        config: ConfigFile,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// End a silence now
    Expire {
        /// Its id, as `list` shows it
        id: String,
        #[command(flatten)]
        config: ConfigFile,
    },
}

const DIM: Style = Style::new().dimmed();
/// The longest text of another's that is shown, in characters.
const TEXT: usize = 300;
/// How far back it is looked what one would have hidden.
const BACK: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) fn run(action: Action) -> anyhow::Result<ExitCode> {
    match action {
        Action::List { config, json } => list(&config, json),
        Action::Expire { id, config } => expire(&config, &id),
        Action::Add { rule, principal, account, region, wanted_for, why, dry_run, config, json } => {
            let now = Clock::system().now();
            let silence = Silence {
                id: String::new(),
                rule: rule.unwrap_or_default(),
                principal: principal.unwrap_or_default(),
                account: account.unwrap_or_default(),
                region: region.unwrap_or_default(),
                since: now,
                until: later(now, wanted_for),
                owner: who(),
                why,
                hid: 0,
            };
            add(&config, &silence, dry_run, json)
        }
    }
}

/// Who asks: a person behind sudo before root.
fn who() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].iter().filter_map(|name| std::env::var(name).ok());
    let named = named.into_iter().find(|name| !name.is_empty());
    named.unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()))
}

fn add(file: &ConfigFile, silence: &Silence, dry_run: bool, json: bool) -> anyhow::Result<ExitCode> {
    let problems = silence.problems(silence.since);
    if !problems.is_empty() {
        problems.iter().for_each(|problem| eprintln!("trailnoti: {problem}"));
        return Ok(ExitCode::from(exit::USAGE));
    }
    let alerts: Vec<Alert> = match ask::page(file, "/alerts")? {
        Ok(alerts) => alerts,
        Err(code) => return Ok(code),
    };
    if !json {
        print(&preview(silence, &alerts))?;
    }
    if dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    let added: Option<Silence> = ask::tell(file, "/silences", serde_json::to_string(silence)?)?;
    let Some(added) = added else {
        eprintln!("trailnoti: the daemon is starting or stopping: try again in a moment");
        return Ok(ExitCode::from(exit::UNAVAILABLE));
    };
    print(&match json {
        true => format!("{}\n", serde_json::to_string(&added)?),
        false => format!("silence {} until {}\n", added.id, minute(added.until)),
    })
}

/// What it would have hidden of the last days.
fn preview(silence: &Silence, alerts: &[Alert]) -> String {
    let from = earlier(silence.since, BACK);
    let lately = || alerts.iter().filter(|alert| alert.time >= from && alert.subject.is_some());
    let hides = |alert: &&Alert| {
        let place = (alert.account.as_str(), alert.region.as_str());
        alert.subject.as_ref().is_some_and(|subject| silence.would_hide(subject, place))
    };
    let hidden: Vec<&Alert> = lately().filter(hides).collect();
    let mut text = format!(
        "of {} of the last 7 days it would have hidden {}\n",
        counted(lately().count() as u64, "alert"),
        hidden.len()
    );
    const SHOWN: usize = 10;
    for alert in hidden.iter().take(SHOWN) {
        let title = alert.subject.as_ref().map(|subject| clean(&subject.title, TEXT)).unwrap_or_default();
        text += &format!("  {DIM}{}{DIM:#}  {title}\n", minute(alert.time));
    }
    if hidden.len() > SHOWN {
        text += &format!("  and {} more\n", hidden.len() - SHOWN);
    }
    text
}

fn list(file: &ConfigFile, json: bool) -> anyhow::Result<ExitCode> {
    let silences: Vec<Silence> = match ask::page(file, "/silences")? {
        Ok(silences) => silences,
        Err(code) => return Ok(code),
    };
    if json {
        return print(&format!("{}\n", serde_json::to_string(&silences)?));
    }
    if silences.is_empty() {
        return print("no silences\n");
    }
    let mut table = Table::default();
    for silence in &silences {
        let named = [
            ("rule", &silence.rule),
            ("principal", &silence.principal),
            ("account", &silence.account),
            ("region", &silence.region),
        ];
        let named = named.iter().filter(|(_, text)| !text.is_empty());
        let named: Vec<String> = named.map(|(name, text)| format!("{name} {}", clean(text, TEXT))).collect();
        table.row([clean(&silence.id, TEXT), format!("until {}", minute(silence.until)), named.join(", ")]);
        let said = format!("{}: {}; hid {}", silence.owner, silence.why, counted(silence.hid, "alert"));
        table.row([String::new(), String::new(), format!("{DIM}{}{DIM:#}", clean(&said, TEXT))]);
    }
    print(&table.text(columns()))
}

fn expire(file: &ConfigFile, id: &str) -> anyhow::Result<ExitCode> {
    let is_id = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric());
    let ended: Option<bool> = match is_id {
        true => ask::tell(file, &format!("/silences/{id}/expire"), String::new())?,
        false => None,
    };
    if ended.is_none() {
        eprintln!(
            "trailnoti: there is no silence {}: `trailnoti silence list` has those in force",
            clean(id, 40)
        );
        return Ok(ExitCode::from(exit::FAILED));
    }
    print(&format!("silence {id} is over\n"))
}

pub(super) fn acknowledge(file: &ConfigFile, id: &str, note: Option<String>) -> anyhow::Result<ExitCode> {
    let now = Clock::system().now();
    let said = Acknowledged { by: who(), at: now, note: note.unwrap_or_default() };
    let is_id = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric());
    let known: Option<Incident> = match is_id {
        true => ask::tell(file, &format!("/incidents/{id}/acknowledge"), serde_json::to_string(&said)?)?,
        false => None,
    };
    let Some(incident) = known else {
        eprintln!(
            "trailnoti: there is no incident {}: `trailnoti incidents` lists those that are open",
            clean(id, 40)
        );
        return Ok(ExitCode::from(exit::FAILED));
    };
    let brief = Brief::of(&incident, now, file.language());
    print(&format!("{}\n  {}\n", clean(&brief.headline(), TEXT), clean(&brief.state, TEXT)))
}

fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    anstream::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}
