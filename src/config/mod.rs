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
pub(crate) mod schema;
pub(crate) mod secret;
pub(crate) mod section;
mod shape;
pub mod sigma;
mod sink;
mod tables;
mod warnings;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use aws::{AccountConfig, RegionChoice};
pub use problem::{Place, Problem, Problems};
pub use rule_test::{RuleTest, try_tests};
pub(crate) use rules::stem;
pub(crate) use section::parse_duration;
pub use sink::{SinkConfig, build_sinks};
pub use tables::{CloudTrailConfig, DigestConfig, Ec2Config, HttpConfig};
pub use warnings::{SIGN_IN_REGIONS, unseen_sign_ins};

use crate::domain::context::own::Own;
use crate::domain::judge::inputs::{Ruleset, Waits};
use crate::domain::language::Language;
use crate::domain::notify::outbox::Grouping;
use crate::domain::notify::route::{Only, Route};
use crate::domain::rules::rule::{Rule, Rules};
use crate::domain::severity::Severity;
use crate::geo::Geo;
use crate::sink::heartbeat::{self, HeartbeatConfig};
use crate::sink::terminal;
use document::Document;
use rules::Wanted;
use section::{Found, Section};
use shape::Shape;

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
    /// In which language trailnoti talks to people.
    pub language: Language,
    /// Where addresses are.
    pub geo: Arc<Geo>,
    /// Where machines and people look at the running daemon; none to have none.
    pub http: Option<HttpConfig>,
    /// What is allowed and yet worth a word.
    pub warnings: Vec<String>,
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

    /// The configuration for who sends nothing: its secrets may be out of reach, or wrong, and its sinks are then not all there.
    ///
    /// # Errors
    /// Every other mistake, each with its place.
    pub fn load_without_secrets(path: Option<&Path>) -> Result<Self, Problems> {
        let (config, mut problems) = Config::with_problems(path)?;
        problems.retain(|problem| !problem.is_of_a_secret());
        without_problems((config, problems))
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
        let here = path.and_then(folder_of).unwrap_or(Path::new("."));
        part_of(path, |root| tables::state(root.section("state"), here))
    }

    /// In which language it talks, if the file says so; nothing else of it is read.
    pub fn language_of(path: Option<&Path>) -> Language {
        part_of(path, tables::language).unwrap_or_default()
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

/// What a file and the environment say of one thing.
fn part_of<T>(path: Option<&Path>, read: impl FnOnce(&mut Section<'_>) -> T) -> Result<T, Problems> {
    let (name, text) = path.map(read_text).transpose()?.unwrap_or_default();
    let document = Document::parse(&name, &text)
        .and_then(|document| document.with_environment(&text, environment()))
        .map_err(Problems)?;
    let found = Found::default();
    let part = read(&mut Section::root(&document, &found));
    let problems = found.into_inner();
    if problems.is_empty() { Ok(part) } else { Err(Problems(problems)) }
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
    let config = read(&document, folder, (&found, None));
    Ok((config, found.into_inner()))
}

fn without_problems((config, problems): (Config, Vec<Problem>)) -> Result<Config, Problems> {
    if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
}

/// Reads a document; what each key may be is noted where somebody wants to know.
fn read(document: &Document, folder: Option<&Path>, (found, shape): (&Found, Option<&Shape>)) -> Config {
    let mut root = match shape {
        Some(shape) => Section::recording(document, found, shape),
        None => Section::root(document, found),
    };
    let here = folder.unwrap_or(Path::new("."));
    let language = tables::language(&mut root);
    let aws::Aws { regions, mut own_accounts, own_networks, stands_on } = aws::aws(root.section("aws"));
    let accounts = aws::accounts(root.sections("account"));
    own_accounts.extend(accounts.iter().map(|account| account.id.clone()));
    let cloudtrail = tables::cloudtrail(root.section("cloudtrail"));
    let ec2 = tables::ec2(root.section("ec2"));
    let state = tables::state(root.section("state"), here);
    let mut settings = root.section("rules");
    let asked = settings.has("files");
    let files =
        if asked { settings.texts("files") } else { vec!["rules.d/*.toml".into(), "rules.d/*.json".into()] };
    let wanted = Wanted {
        builtin: settings.truth("builtin", true),
        disable: settings.texts("disable"),
        files,
        asked,
        language,
    };
    let read = rules::read(&wanted, (folder, &document.file), (&mut root, &settings), found);
    settings.finish();
    let exclusions = exclude::read(root.sections("exclude"), &accounts);
    let mut sinks = sink::read(root.sections("sink"), here, language);
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
            language,
            channel: terminal(),
        });
    }
    let collected = tables::grouping(root.section("incident"), root.section("grouping"));
    let digest = tables::digest(root.section("digest"), &sinks);
    let heartbeat = heartbeat::read(root.section("heartbeat"), here);
    let geo = Arc::new(Geo::read(root.section("geo"), here));
    let http = tables::http(root.section("http"), here);
    root.finish();
    let waits = Waits { tags: ec2.tag_grace, launch: ec2.launch_grace, lateness: cloudtrail.policy.lateness };
    let own_accounts = Arc::new(own_accounts);
    let own_networks = Arc::new(own_networks);
    let ruleset = Ruleset { rules: read.rules, exclusions, waits, own_accounts, own_networks, language };
    let mut warnings = warnings::warnings(&regions, &ruleset);
    warnings.extend(read.warnings);
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
        language,
        geo,
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
