//! The configuration: what the file and the environment say, checked. Owns keys, defaults and mistakes; a
//! [`Config`] that exists is one that the program can run by.
//!
//! A file is read in three steps: its text becomes a tree with lines (`document`), each table's keys are read
//! with every mistake noted (`section`), and rules are compiled (`rules`). All mistakes come out together.

mod aws;
mod document;
mod exclude;
mod problem;
mod rule;
mod rule_test;
mod rules;
pub(crate) mod secret;
pub(crate) mod section;
mod sink;
mod warnings;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

pub use aws::{AccountConfig, RegionChoice};
pub use problem::{Place, Problem, Problems};
pub use rule_test::{RuleTest, try_tests};
pub(crate) use section::parse_duration;
pub use sink::{SinkConfig, build_sinks};
pub use warnings::{SIGN_IN_REGIONS, unseen_sign_ins};

use crate::domain::context::own::Own;
use crate::domain::judge::inputs::{Ruleset, Waits};
use crate::domain::lookup::cursor::Policy;
use crate::domain::notify::outbox::Grouping;
use crate::domain::notify::route::{Only, Route};
use crate::domain::rules::rule::{Rule, Rules};
use crate::domain::severity::Severity;
use crate::sink::heartbeat::{self, HeartbeatConfig};
use crate::sink::terminal;
use document::Document;
use rules::Wanted;
use section::{Found, Section};

/// The reference configuration: every key with its default.
pub const REFERENCE: &str = include_str!("../../config/trailnoti.toml");

/// A configuration without mistakes, as the daemon runs it.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which regions are watched.
    pub regions: RegionChoice,
    /// What trailnoti stands on, as its owner says: who changes it changes trailnoti.
    pub stands_on: Own,
    /// Accounts to watch by a role; none means the account of the default credentials.
    pub accounts: Vec<AccountConfig>,
    /// How CloudTrail's history is read.
    pub cloudtrail: CloudTrailConfig,
    /// How the instances are listed.
    pub ec2: Ec2Config,
    /// Where the state is kept, if the configuration says.
    pub state: Option<PathBuf>,
    /// What is alerted on, and what is hidden.
    pub ruleset: Ruleset,
    /// The tests that stand beside the rules.
    pub rule_tests: Vec<RuleTest>,
    /// The rules that are switched off.
    pub disabled: Vec<Rule>,
    /// Where alerts go.
    pub sinks: Vec<SinkConfig>,
    /// How alerts are collected.
    pub grouping: Grouping,
    /// When a day is summed up, if it is.
    pub digest: Option<DigestConfig>,
    /// Whom to tell outside that everything is well, if anybody.
    pub heartbeat: Option<HeartbeatConfig>,
    /// Where the health endpoint listens; none to have none.
    pub http: Option<SocketAddr>,
    /// What is allowed and yet worth a word.
    pub warnings: Vec<String>,
}

/// The `[cloudtrail]` table.
#[derive(Debug, Clone)]
pub struct CloudTrailConfig {
    /// The times that reading is ruled by.
    pub policy: Policy,
    /// Per account and region; AWS allows two, shared by every caller.
    pub requests_per_second: f64,
}

/// The `[ec2]` table.
#[derive(Debug, Clone)]
pub struct Ec2Config {
    /// Between two lists of a region.
    pub poll_interval: Duration,
    /// How long a new instance's tags are waited for, where they could hide it.
    pub tag_grace: Duration,
    /// How long the record of a new instance's launch is waited for, where it could hide it.
    pub launch_grace: Duration,
}

/// The `[digest]` table.
#[derive(Debug, Clone)]
pub struct DigestConfig {
    /// The time of day.
    pub at: jiff::civil::Time,
    /// Whose time of day it is.
    pub timezone: TimeZone,
}

impl Config {
    /// The configuration of a file and the environment; without a file, of the environment alone.
    ///
    /// # Errors
    /// Every mistake, each with its place.
    pub fn load(path: Option<&Path>) -> Result<Self, Problems> {
        without_problems(Config::with_problems(path)?)
    }

    /// The configuration of a file and the environment, also where others can read its secrets: that is what is wrong with it
    /// then, and answered beside it.
    ///
    /// # Errors
    /// Every mistake, each with its place, once there is any other.
    pub fn load_exposed(path: Option<&Path>) -> Result<(Self, Vec<Problem>), Problems> {
        let (config, problems) = Config::with_problems(path)?;
        if problems.iter().all(|problem| problem.exposes_secret) {
            Ok((config, problems))
        } else {
            Err(Problems(problems))
        }
    }

    fn with_problems(path: Option<&Path>) -> Result<(Self, Vec<Problem>), Problems> {
        let environment = environment();
        let Some(path) = path else { return parsed("", "", None, environment) };
        let (name, text) = read_text(path)?;
        parsed(&name, &text, folder_of(path), environment)
    }

    /// Where the daemon that runs by a file keeps its state, if the file says. Nothing else of it is read: whoever asks the
    /// daemon needs no secret of it, and may not be able to read them.
    ///
    /// # Errors
    /// When the file cannot be read, or says nothing usable of this.
    pub fn state_of(path: Option<&Path>) -> Result<Option<PathBuf>, Problems> {
        let (name, text) = path.map(read_text).transpose()?.unwrap_or_default();
        let document = Document::parse(&name, &text)
            .and_then(|document| document.with_environment(&text, environment()))
            .map_err(Problems)?;
        let found = Found::default();
        let here = path.and_then(folder_of).unwrap_or(Path::new("."));
        let state = state(Section::root(&document, &found).section("state"), here);
        let problems = found.into_inner();
        if problems.is_empty() { Ok(state) } else { Err(Problems(problems)) }
    }

    /// The configuration of a text. Relative paths in it are from `folder`.
    ///
    /// # Errors
    /// Every mistake, each with its place.
    pub fn parse(
        name: &str,
        text: &str,
        folder: Option<&Path>,
        environment: BTreeMap<String, String>,
    ) -> Result<Self, Problems> {
        without_problems(parsed(name, text, folder, environment)?)
    }

    /// The rules of one file: `[[rule]]` tables, or a bare EventBridge pattern in a `.json`.
    ///
    /// # Errors
    /// Every mistake, each with its place.
    pub fn rules_of(path: &Path) -> Result<Rules, Problems> {
        let found = Found::default();
        let mut tests = Vec::new();
        let rules = rules::read_file(path, &mut tests, &found);
        let problems = found.into_inner();
        if problems.is_empty() { Ok(Rules::new(rules)) } else { Err(Problems(problems)) }
    }

    /// Where alerts go, as far as choosing.
    pub fn routes(&self) -> Vec<Route> {
        let routes = self.sinks.iter().flat_map(|sink| {
            sink.queues().into_iter().map(|queue| Route {
                sink: queue,
                min_severity: sink.min_severity,
                digest: sink.digest,
                follows: sink.channel.follows(),
                only: sink.only.clone(),
                active: sink.active.clone(),
                backup: sink.backup,
            })
        });
        routes.collect()
    }
}

/// What a text says, as far as it says it, and what is wrong with it.
fn parsed(
    name: &str,
    text: &str,
    folder: Option<&Path>,
    environment: BTreeMap<String, String>,
) -> Result<(Config, Vec<Problem>), Problems> {
    let document = Document::parse(name, text)
        .and_then(|document| document.with_environment(text, environment))
        .map_err(Problems)?;
    let found = Found::default();
    let config = read(&document, folder, &found);
    Ok((config, found.into_inner()))
}

fn without_problems((config, problems): (Config, Vec<Problem>)) -> Result<Config, Problems> {
    if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
}

fn read(document: &Document, folder: Option<&Path>, found: &Found) -> Config {
    let mut root = Section::root(document, found);
    let here = folder.unwrap_or(Path::new("."));
    let aws::Aws { regions, mut own_accounts, stands_on } = aws::aws(root.section("aws"));
    let accounts = aws::accounts(root.sections("account"));
    own_accounts.extend(accounts.iter().map(|account| account.id.clone()));
    let cloudtrail = cloudtrail(root.section("cloudtrail"));
    let ec2 = ec2(root.section("ec2"));
    let state = state(root.section("state"), here);
    let mut settings = root.section("rules");
    let files = if settings.has("files") {
        settings.texts("files")
    } else {
        vec!["rules.d/*.toml".into(), "rules.d/*.json".into()]
    };
    let wanted =
        Wanted { builtin: settings.truth("builtin", true), disable: settings.texts("disable"), files };
    let read = rules::read(&wanted, folder, &settings, found);
    settings.finish();
    let exclusions = exclude::read(root.sections("exclude"), &accounts);
    let mut sinks = sink::read(root.sections("sink"), here);
    if !sinks.is_empty() && sinks.iter().all(|sink| sink.backup) {
        root.problem(
            "sink",
            "every sink stands by (backup = true), so that no alert goes anywhere: let one take them",
        );
    }
    if sinks.is_empty() {
        sinks.push(SinkConfig {
            name: "terminal".to_owned(),
            min_severity: Severity::Info,
            digest: false,
            only: Only::default(),
            active: None,
            backup: false,
            timezone: None,
            channel: terminal(),
        });
    }
    let mut incident = root.section("incident");
    let close_after = incident.duration("close_after", "6h", "5m", "30d");
    let asks = incident.has("escalate_after");
    let escalate_after = asks.then(|| incident.duration("escalate_after", "30m", "1m", "7d"));
    let fail_over_after = incident.duration("fail_over_after", "10m", "1m", "1d");
    incident.finish();
    let mut grouping = root.section("grouping");
    let collected = Grouping {
        wait: grouping.duration("wait", "20s", "0s", "1h"),
        interval: grouping.duration("interval", "5m", "0s", "1d"),
        conversation: close_after,
        escalate_after,
        fail_over_after,
    };
    grouping.finish();
    let digest = digest(root.section("digest"), &sinks);
    let heartbeat = heartbeat::read(root.section("heartbeat"), here);
    let http = http(root.section("http"));
    root.finish();
    let waits = Waits { tags: ec2.tag_grace, launch: ec2.launch_grace, lateness: cloudtrail.policy.lateness };
    let ruleset = Ruleset { rules: read.rules, exclusions, waits, own_accounts: Arc::new(own_accounts) };
    let warnings = warnings::warnings(&regions, &ruleset);
    Config {
        regions,
        stands_on,
        accounts,
        cloudtrail,
        ec2,
        state,
        ruleset,
        rule_tests: read.tests,
        disabled: read.disabled,
        sinks,
        grouping: collected,
        digest,
        heartbeat,
        http,
        warnings,
    }
}

fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// A file's name as problems show it, and its text.
fn read_text(path: &Path) -> Result<(String, String), Problems> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((name, text)),
        Err(error) => {
            let place = Place { file: name, ..Place::default() };
            Err(Problems(vec![Problem::new(place, format!("cannot be read: {error}"))]))
        }
    }
}

/// The folder that relative paths in a file are from.
fn folder_of(file: &Path) -> Option<&Path> {
    Some(file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

fn state(mut section: Section<'_>, here: &Path) -> Option<PathBuf> {
    let path = section.text("path").map(|path| here.join(path));
    section.finish();
    path
}

fn http(mut section: Section<'_>) -> Option<SocketAddr> {
    let listen = section.text("listen").unwrap_or_else(|| "127.0.0.1:9641".to_owned());
    let address = listen.parse().ok();
    if address.is_none() && listen != "off" {
        section.problem(
            "listen",
            format!("\"{listen}\" is neither an address with a port (\"127.0.0.1:9641\") nor \"off\""),
        );
    }
    section.finish();
    address
}

fn digest(mut section: Section<'_>, sinks: &[SinkConfig]) -> Option<DigestConfig> {
    let at = section.text("at");
    let zone = section.text("timezone");
    let timezone = match &zone {
        None => TimeZone::system(),
        Some(name) => TimeZone::get(name).unwrap_or_else(|_| {
            section.problem("timezone", format!("\"{name}\" is not a time zone (try \"Europe/Berlin\")"));
            TimeZone::UTC
        }),
    };
    let asked = sinks.iter().any(|sink| sink.digest);
    let digest = at.as_ref().and_then(|text| match text.parse() {
        Ok(at) => Some(DigestConfig { at, timezone }),
        Err(_) => {
            section.problem("at", format!("\"{text}\" is not a time of day (try \"09:00\")"));
            None
        }
    });
    if at.is_some() && !asked {
        section.problem("at", "no sink is set to send the daily summary: write digest = true in a [[sink]]");
    }
    if at.is_none() && asked {
        section.problem("at", "is missing, but a sink has digest = true: write at = \"09:00\"");
    }
    section.finish();
    digest
}

fn cloudtrail(mut section: Section<'_>) -> CloudTrailConfig {
    let policy = Policy {
        poll_interval: section.duration("poll_interval", "15s", "5s", "1h"),
        lateness: section.duration("lateness", "30m", "5m", "1d"),
        rescan: section.duration("rescan", "24h", "1h", "7d"),
        first_start: section.duration("first_start", "15m", "0s", "90d"),
    };
    let requests_per_second = section.number("requests_per_second", 1.0, 0.05, 2.0);
    section.finish();
    CloudTrailConfig { policy, requests_per_second }
}

fn ec2(mut section: Section<'_>) -> Ec2Config {
    let config = Ec2Config {
        // A terminated instance stays listed for less than an hour, and two lists without it end it.
        poll_interval: section.duration("poll_interval", "15s", "5s", "15m"),
        tag_grace: section.duration("tag_grace", "20s", "0s", "10m"),
        launch_grace: section.duration("launch_grace", "10m", "0s", "1h"),
    };
    section.finish();
    config
}
