//! `scan`: what the rules would have alerted on in a past, the account's own or one in files. Nothing is sent.

use std::cmp::Reverse;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use indicatif::ProgressBar;

use crate::cli::arguments::{ConfigFile, exit};
use crate::cli::progress::bar;
use crate::cli::scan_report::Found;
use crate::cli::{history, scan_html, scan_report};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::incident::Incident;
use crate::domain::incident::brief::Brief;
use crate::domain::judge::prepared::Item;
use crate::domain::notify::alert::Alert;
use crate::domain::replay::Hindsight;
use crate::domain::replay::trial::{Count, Trial};
use crate::domain::rules::rule::Scratch;
use crate::domain::time::earlier;
use crate::files::scan::{Batch, item, read};
use crate::files::{Input, find};

/// Log files of regions are written every five minutes, and overlap by not much more.
const OUT_OF_ORDER: Duration = Duration::from_secs(3600);

/// What the command line says.
pub(super) struct Wanted {
    pub paths: Vec<PathBuf>,
    pub before: Vec<PathBuf>,
    pub since: Duration,
    pub rule: Option<PathBuf>,
    pub html: Option<PathBuf>,
    pub json: bool,
}

pub(super) fn run(file: &ConfigFile, wanted: &Wanted) -> anyhow::Result<ExitCode> {
    let mut config = file.load_without_secrets()?;
    if let Some(rule) = &wanted.rule {
        config.ruleset.rules = Config::rules_of(rule)?;
    }
    // Nothing is sent here, so a rule on trial is tried.
    config.ruleset.rules = config.ruleset.rules.all_live();
    let stop = Arc::new(AtomicBool::new(false));
    // Whoever presses the keys again does not want to wait. The order matters: both hear the same signal.
    signal_hook::flag::register_conditional_shutdown(signal_hook::consts::SIGINT, 130, stop.clone())?;
    signal_hook::flag::register(signal_hook::consts::SIGINT, stop.clone())?;
    let mut scan = Scan {
        config: &config,
        hindsight: Hindsight::new(&config.ruleset, config.grouping.conversation),
        trial: Trial::default(),
        count: Count::default(),
        json: wanted.json,
        latest: jiff::Timestamp::MIN,
        closed: None,
    };
    if !wanted.before.is_empty() {
        let Some(inputs) = found(&wanted.before) else { return Ok(ExitCode::from(exit::DATA)) };
        scan.learn(&inputs, &stop);
    }
    if wanted.paths.is_empty() {
        let read = history::read(&config, wanted.since, &stop)?;
        scan.count.unread_regions = read.unread;
        scan.account(read, &stop);
    } else {
        let Some(inputs) = found(&wanted.paths) else { return Ok(ExitCode::from(exit::DATA)) };
        scan.files(&inputs, &stop);
    }
    scan.count.interrupted = stop.load(Ordering::Relaxed);
    if let Some(error) = scan.closed {
        return Err(anyhow::Error::new(error).context("cannot write to standard output"));
    }
    let Scan { trial, count, hindsight, latest, .. } = scan;
    let all = hindsight.incidents().all();
    // A part of another is told with that.
    let whole = all.iter().filter(|incident| incident.part_of.is_none());
    let brief = |incident: &&Incident| Brief::of(incident, latest, config.language);
    let mut incidents: Vec<Brief> = whole.map(brief).filter(|incident| incident.alerts > 0).collect();
    incidents.sort_by_key(|incident| Reverse((incident.severity, incident.alerts)));
    let found = Found { trial, count, incidents };
    let count = &found.count;
    if let Some(path) = &wanted.html {
        let now = Clock::system().now();
        scan_html::write(path, &found, (&all, config.language), now)?;
    }
    let mut out = anstream::stdout().lock();
    let text = if wanted.json { scan_report::summary(&found) } else { scan_report::table(&found) };
    out.write_all(text.as_bytes()).context("cannot write to standard output")?;
    Ok(match count.records {
        0 if count.unread_regions > 0 => ExitCode::from(exit::UNAVAILABLE),
        0 if count.problems > 0 => ExitCode::from(exit::DATA),
        _ => ExitCode::SUCCESS,
    })
}

fn found(paths: &[PathBuf]) -> Option<Vec<Input>> {
    match find(paths) {
        Ok(inputs) => Some(inputs),
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("trailnoti: {problem}"));
            None
        }
    }
}

struct Scan<'a> {
    config: &'a Config,
    hindsight: Hindsight<'a>,
    trial: Trial,
    count: Count,
    json: bool,
    /// The latest time so far.
    latest: jiff::Timestamp,
    /// Nobody reads what is printed any more.
    closed: Option<std::io::Error>,
}

impl Scan<'_> {
    fn learn(&mut self, inputs: &[Input], stop: &AtomicBool) {
        let (bar, mut done) = (bar("earlier files", inputs.len()), 0);
        let ended = AtomicBool::new(false);
        let learned = AtomicBool::new(false);
        read(inputs, &self.config.ruleset, cores(), &ended, &learned, |batch| {
            self.show_batch(&batch, &bar);
            self.hindsight.remember(&batch.items);
            done += usize::from(batch.ends);
            bar.set_position(done as u64);
            !stop.load(Ordering::Relaxed)
        });
        if !stop.load(Ordering::Relaxed) {
            self.hindsight.is_learned();
        }
        bar.finish_and_clear();
    }

    fn files(&mut self, inputs: &[Input], stop: &AtomicBool) {
        let bar = bar("files", inputs.len());
        let ended = AtomicBool::new(false);
        let learned = AtomicBool::new(false);
        read(inputs, &self.config.ruleset, cores(), &ended, &learned, |batch| {
            learned.store(self.hindsight.expects_to_know(), Ordering::Relaxed);
            let ends = batch.ends;
            self.judge(batch, &bar);
            self.count.files += usize::from(ends);
            bar.set_position(self.count.files as u64);
            let (records, alerts) = (self.count.records, self.alerts());
            bar.set_message(format!("{records} records, {alerts} alerts"));
            !stop.load(Ordering::Relaxed) && self.closed.is_none()
        });
        bar.finish_and_clear();
    }

    fn account(&mut self, read: history::Spool, stop: &AtomicBool) {
        let bar = bar("records", read.len());
        let mut scratch = Scratch::default();
        let mut batch = Batch::default();
        for record in read.in_order() {
            batch.records += 1;
            match record.map_err(|error| error.to_string()).and_then(|record| {
                item(&record, &self.config.ruleset, self.hindsight.expects_to_know(), &mut scratch)
            }) {
                Ok(item) => batch.items.extend(item),
                Err(why) => batch.problems.push(why),
            }
            if batch.records >= 512 {
                self.judge(std::mem::take(&mut batch), &bar);
                bar.set_position(self.count.records);
                if stop.load(Ordering::Relaxed) || self.closed.is_some() {
                    break;
                }
            }
        }
        self.judge(batch, &bar);
        bar.finish_and_clear();
    }

    fn show_batch(&mut self, batch: &Batch<'_>, bar: &ProgressBar) {
        self.count.problems += batch.problems.len() as u64 + batch.more_problems;
        for problem in &batch.problems {
            bar.suspend(|| eprintln!("trailnoti: {problem}"));
        }
        if batch.more_problems > 0 {
            bar.suspend(|| eprintln!("trailnoti: and {} more", batch.more_problems));
        }
    }

    fn alerts(&self) -> u64 {
        self.trial.rules.values().map(|tally| tally.alerts).sum()
    }

    fn judge(&mut self, batch: Batch<'_>, bar: &ProgressBar) {
        self.count.records += batch.records;
        self.show_batch(&batch, bar);
        let judged = batch.items.iter().any(|item| matches!(item, Item::Judge(_)));
        let judgement = self.hindsight.judge(&batch.items);
        self.count.learned_from = self.hindsight.since();
        self.count.repeated += judgement.repeated as u64;
        let times = || batch.items.iter().map(|item| item.traits().time);
        let first = times().min();
        self.count.out_of_order |= first.is_some_and(|first| first < earlier(self.latest, OUT_OF_ORDER));
        self.latest = times().chain([self.latest]).max().unwrap_or(self.latest);
        if !judged {
            return;
        }
        self.count.undecided +=
            judgement.decisions.iter().filter(|decision| decision.is_learning()).count() as u64;
        let mut out = std::io::stdout().lock();
        for alert in &judgement.alerts {
            self.trial.add(alert, &self.config.grouping);
            if self.json
                && let Err(error) = writeln!(out, "{}", line(alert))
            {
                self.closed = Some(error);
                return;
            }
        }
    }
}

/// One alert as a line of JSON.
fn line(alert: &Alert) -> String {
    let alert = serde_json::json!({
        "rule": alert.rule,
        "severity": alert.severity.name(),
        "event_id": alert.event_id,
        "time": alert.time.to_string(),
        "account": alert.account,
        "region": alert.region,
        "principal": alert.principal,
        "title": alert.title,
        "group": alert.group,
        "incident": alert.part.incident,
    });
    alert.to_string()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
